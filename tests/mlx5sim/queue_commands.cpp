// SPDX-License-Identifier: BSD-3-Clause
#include "queue_commands.h"

#include "fields.h"
#include "memory_keys.h"
#include "queues.h"
#include "receive_side.h"
#include "report.h"

#include <algorithm>

namespace mlx5sim {

namespace {

// Completion queues have numbers of their own: completions name no queue of another kind.
std::uint32_t next_queue_number() {
    static Numbers numbers(1);
    return numbers.take();
}

std::uint8_t* queue_doorbell(const std::uint8_t* in, unsigned base) {
    return memory_at(get32(in, work_queue::doorbell_umem.in(base)),
                     get(in, work_queue::doorbell_offset.in(base)), 8);
}

std::uint8_t* queue_buffer(const std::uint8_t* in, unsigned base) {
    const unsigned log_octets =
        get32(in, work_queue::log_size.in(base)) + get32(in, work_queue::log_stride.in(base));
    return memory_at(get32(in, work_queue::buffer_umem.in(base)),
                     get(in, work_queue::buffer_offset.in(base)), std::size_t{1} << log_octets);
}

QueueState state_of(std::uint64_t value) {
    switch (const QueueState state{static_cast<std::uint8_t>(value)}) {
    case QueueState::reset:
    case QueueState::ready:
    case QueueState::error:
        return state;
    default:
        refuse("a queue's state %u is not simulated", static_cast<unsigned>(value));
    }
}

HashFields fields_of(const std::uint8_t* in, unsigned base) {
    const auto selected = get32(in, tir::selected.in(base));
    const auto has = [&](unsigned number) { return (selected >> number & 1) != 0; };
    HashFields fields;
    fields.is_ipv6 = get(in, tir::is_ipv6.in(base)) != 0;
    fields.is_udp = get(in, tir::is_udp.in(base)) != 0;
    fields.source = has(0);
    fields.destination = has(1);
    fields.source_port = has(2);
    fields.destination_port = has(3);
    fields.spi = has(4);
    return fields;
}

HashRules hash_of(const std::uint8_t* in) {
    HashRules rules;
    rules.function = HashFunction{static_cast<std::uint8_t>(get(in, tir::hash_function))};
    rules.is_symmetric = get(in, tir::is_symmetric) != 0;
    std::copy_n(octets_at(in, tir::key), rules.key.size(), rules.key.begin());
    rules.outer = fields_of(in, tir::outer);
    rules.inner = fields_of(in, tir::inner);
    return rules;
}

std::vector<std::uint32_t> queues_of(const std::uint8_t* in) {
    std::vector<std::uint32_t> queues(get(in, rqt::actual_size));
    for (std::size_t i = 0; i < queues.size(); ++i)
        queues[i] = get32(in, rqt::rqn.in(rqt::first_rq + 32 * i));
    return queues;
}

} // namespace

std::unique_ptr<Object> make_completion_queue(const std::uint8_t* in) {
    const unsigned log_size = get32(in, completion_queue::log_size);
    std::uint8_t* const buffer = memory_at(get32(in, completion_queue::buffer_umem),
                                           get(in, completion_queue::buffer_offset),
                                           CompletionQueue::entry_size << log_size);
    std::uint8_t* const doorbell = memory_at(get32(in, completion_queue::doorbell_umem),
                                             get(in, completion_queue::doorbell_offset), 8);
    return std::make_unique<CompletionQueue>(next_queue_number(), buffer, log_size, doorbell);
}

std::unique_ptr<Object> make_send_queue(const std::uint8_t* in) {
    return std::make_unique<SendQueue>(
        next_queue_number(), get32(in, send_queue::cqn), queue_buffer(in, send_queue::work),
        get32(in, work_queue::log_size.in(send_queue::work)), queue_doorbell(in, send_queue::work));
}

std::unique_ptr<Object> make_receive_queue(const std::uint8_t* in) {
    constexpr std::uint64_t cyclic = 1;
    const auto type = get(in, work_queue::type.in(receive_queue::work));
    if (type != cyclic)
        refuse("CREATE_RQ: a work queue of type %u is not simulated", static_cast<unsigned>(type));
    ReceiveRing ring;
    ring.cqn = get32(in, receive_queue::cqn);
    ring.buffer = queue_buffer(in, receive_queue::work);
    ring.log_size = get32(in, work_queue::log_size.in(receive_queue::work));
    ring.log_stride = get32(in, work_queue::log_stride.in(receive_queue::work));
    ring.doorbell = queue_doorbell(in, receive_queue::work);
    auto queue = std::make_unique<ReceiveQueue>(next_queue_number(), ring, covers);
    queue->options.strips_vlan = get(in, receive_queue::keeps_vlan) == 0;
    queue->options.appends_fcs = get(in, receive_queue::appends_fcs) != 0;
    queue->options.user_index = get32(in, receive_queue::user_index);
    queue->options.counter = static_cast<std::uint8_t>(get(in, receive_queue::counter));
    return queue;
}

std::unique_ptr<Object> make_tir(const std::uint8_t* in) {
    static Numbers numbers(1);
    constexpr std::uint64_t direct = 0;
    auto made = std::make_unique<Tir>(numbers.take());
    made->is_direct = get(in, tir::dispatch) == direct;
    made->queue = get32(in, tir::inline_rqn);
    made->table = get32(in, tir::indirect_table);
    made->hash = hash_of(in);
    return made;
}

std::unique_ptr<Object> make_queue_table(const std::uint8_t* in) {
    static Numbers numbers(1);
    auto table = std::make_unique<QueueTable>(numbers.take());
    table->queues = queues_of(in);
    return table;
}

// Receive queues name it in 8 bits; 0 is none.
std::unique_ptr<Object> make_queue_counter() {
    for (std::uint32_t number = 1; number < 256; ++number)
        if (QueueCounter::find(number) == nullptr) return std::make_unique<QueueCounter>(number);
    refuse("more than 255 queue counters are alive");
}

void modify_send_queue(Object& queue, const std::uint8_t* in) {
    static_cast<SendQueue&>(queue).set_state(state_of(get(in, send_queue::state)));
}

void modify_receive_queue(Object& queue, const std::uint8_t* in) {
    constexpr std::uint64_t vlan = 1U << 1, fcs = 1U << 2, counter = 1U << 3;
    auto& receive_queue = static_cast<ReceiveQueue&>(queue);
    const auto select = get(in, receive_queue::modify_select);
    if ((select & ~(vlan | fcs | counter)) != 0)
        refuse("MODIFY_RQ: the selection 0x%llx is not simulated",
               static_cast<unsigned long long>(select));
    ReceiveOptions& options = receive_queue.options;
    if ((select & vlan) != 0) options.strips_vlan = get(in, receive_queue::keeps_vlan) == 0;
    if ((select & fcs) != 0) options.appends_fcs = get(in, receive_queue::appends_fcs) != 0;
    if ((select & counter) != 0)
        options.counter = static_cast<std::uint8_t>(get(in, receive_queue::counter));
    receive_queue.set_state(state_of(get(in, receive_queue::state)));
}

void modify_tir_object(Object& object, const std::uint8_t* in) {
    constexpr std::uint64_t table = 1U << 1, hash = 1U << 2, loopback = 1U << 4;
    auto& modified = static_cast<Tir&>(object);
    const auto select = get(in, tir::modify_select);
    if ((select & ~(table | hash | loopback)) != 0)
        refuse("MODIFY_TIR: the selection 0x%llx is not simulated",
               static_cast<unsigned long long>(select));
    if ((select & table) != 0) modified.table = get32(in, tir::indirect_table);
    if ((select & hash) != 0) modified.hash = hash_of(in);
}

void modify_queue_table(Object& table, const std::uint8_t* in) {
    static_cast<QueueTable&>(table).queues = queues_of(in);
}

void query_queue_counter(Object& counter, const std::uint8_t* in, std::uint8_t* out) {
    auto& queried = static_cast<QueueCounter&>(counter);
    set(out, queue_counter::out_of_buffer, queried.out_of_buffer);
    if (get(in, queue_counter::clear) != 0) queried.out_of_buffer = 0;
}

} // namespace mlx5sim
