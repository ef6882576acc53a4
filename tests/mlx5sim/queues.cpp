// SPDX-License-Identifier: BSD-3-Clause
#include "queues.h"

#include "faults.h"
#include "fields.h"
#include "report.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

namespace mlx5sim {

namespace {

// Places in a completion.
constexpr std::size_t byte_count_at = 44, syndrome_at = 55, queue_number_at = 56, counter_at = 60,
                      owner_at = 63;
/// In the count of octets: the request to the table failed.
constexpr std::uint32_t access_failed = 1U << 31;
/// A queue entry of a receive queue: length, key, address.
constexpr std::size_t data_segment = 16;

void set_counter(std::span<std::uint8_t, CompletionQueue::entry_size> entry, std::uint16_t index) {
    entry[counter_at] = static_cast<std::uint8_t>(index >> 8);
    entry[counter_at + 1] = static_cast<std::uint8_t>(index);
}

std::uint32_t read_doorbell(const std::uint8_t* record) {
    const auto* const word = reinterpret_cast<const std::uint32_t*>(record);
    return be32toh(__atomic_load_n(word, __ATOMIC_ACQUIRE));
}

} // namespace

CompletionQueue::CompletionQueue(std::uint32_t number, std::uint8_t* buffer, unsigned log_size,
                                 std::uint8_t* doorbell)
    : Indexed("completion queue", number), buffer_(buffer), log_size_(log_size),
      doorbell_(doorbell) {
    for (std::size_t i = 0; i < entries(); ++i)
        buffer_[i * entry_size + owner_at] = static_cast<std::uint8_t>(Completion::none) << 4 | 1;
}

bool CompletionQueue::has_room() const {
    constexpr std::uint32_t mask = 0xffffff;
    return ((produced_ - read_doorbell(doorbell_)) & mask) + waiting_.size() < entries();
}

// The owner's bit changes with each turn around the ring; it is what hands the entry over.
void CompletionQueue::push(std::span<const std::uint8_t, entry_size> entry, Completion opcode) {
    std::uint8_t* const slot = buffer_ + (produced_ & (entries() - 1)) * entry_size;
    std::memcpy(slot, entry.data(), owner_at);
    const auto owner = static_cast<std::uint8_t>(produced_ >> log_size_ & 1);
    const auto last = static_cast<std::uint8_t>(static_cast<std::uint8_t>(opcode) << 4 | owner);
    __atomic_store_n(slot + owner_at, last, __ATOMIC_RELEASE);
    ++produced_;
}

void CompletionQueue::push_late(std::chrono::steady_clock::time_point due,
                                std::span<const std::uint8_t, entry_size> entry,
                                Completion opcode) {
    Waiting& last = waiting_.emplace_back(Waiting{due, {}, opcode});
    std::copy(entry.begin(), entry.end(), last.entry.begin());
    ++late_;
}

unsigned CompletionQueue::deliver_due(std::chrono::steady_clock::time_point now, unsigned most) {
    unsigned delivered = 0;
    for (; delivered < most && !waiting_.empty() && waiting_.front().due <= now; ++delivered) {
        push(waiting_.front().entry, waiting_.front().opcode);
        waiting_.pop_front();
    }
    late_ -= delivered;
    return delivered;
}

// The record is not the driver's to clear: a card looks at it only once it has been rung for.
SendQueue::SendQueue(std::uint32_t number, std::uint32_t cqn, std::uint8_t* buffer,
                     unsigned log_size, std::uint8_t* doorbell)
    : Indexed("send queue", number), cqn_(cqn), buffer_(buffer), log_size_(log_size),
      doorbell_(doorbell) {
    std::memset(doorbell_ + 4, 0, 4);
}

std::uint16_t SendQueue::posted() const {
    return static_cast<std::uint16_t>(read_doorbell(doorbell_ + 4));
}

void SendQueue::copy(std::uint16_t index, std::size_t offset, void* to, std::size_t size) const {
    const std::size_t ring = unit << log_size_;
    const std::size_t start = (index * unit + offset) & (ring - 1);
    const std::size_t first = std::min(size, ring - start);
    std::memcpy(to, buffer_ + start, first);
    std::memcpy(static_cast<std::uint8_t*>(to) + first, buffer_, size - first);
}

bool SendQueue::can_complete() const {
    const CompletionQueue* const queue = CompletionQueue::find(cqn_);
    return queue == nullptr || queue->has_room();
}

void SendQueue::complete(std::uint16_t index, bool failed) {
    std::array<std::uint8_t, CompletionQueue::entry_size> entry{};
    store32(entry.data() + byte_count_at, failed ? access_failed : 0);
    complete_as(index, entry, Completion::request);
}

void SendQueue::complete_as(std::uint16_t index,
                            std::span<std::uint8_t, CompletionQueue::entry_size> entry,
                            Completion opcode) {
    CompletionQueue* const queue = CompletionQueue::find(cqn_);
    if (queue == nullptr) refuse("send queue %u completes into no queue, %u", id, cqn_);
    store32(entry.data() + queue_number_at, std::uint32_t{entry[queue_number_at]} << 24 | id);
    set_counter(entry, index);
    if (faults().completions_are_late() || queue->is_late())
        queue->push_late(std::chrono::steady_clock::now() + faults().completion_delay, entry,
                         opcode);
    else
        queue->push(entry, opcode);
}

void SendQueue::fail(std::uint16_t index, std::uint8_t operation, Syndrome syndrome) {
    ready = false;
    in_error = true;
    std::array<std::uint8_t, CompletionQueue::entry_size> entry{};
    entry[syndrome_at] = static_cast<std::uint8_t>(syndrome);
    entry[queue_number_at] = operation;
    complete_as(index, entry, Completion::request_error);
}

// In the record stands what was posted before; a card would not look until the next ring.
void SendQueue::set_state(QueueState state) {
    ready = state == QueueState::ready;
    in_error = state == QueueState::error;
    if (state != QueueState::reset) return;
    consumed_ = 0;
    std::memset(doorbell_ + 4, 0, 4);
}

ReceiveQueue::ReceiveQueue(std::uint32_t number, const ReceiveRing& ring, MayWrite may_write)
    : Indexed("receive queue", number), ring_(ring), may_write_(std::move(may_write)) {}

const std::uint8_t* ReceiveQueue::request() const {
    return ring_.buffer + ((consumed_ & ((1U << ring_.log_size) - 1)) << ring_.log_stride);
}

void ReceiveQueue::finish(CompletionQueue& queue,
                          std::span<std::uint8_t, CompletionQueue::entry_size> entry,
                          std::size_t size, Completion opcode) {
    store32(entry.data() + byte_count_at, static_cast<std::uint32_t>(size));
    set_counter(entry, consumed_);
    ++consumed_;
    queue.push(entry, opcode);
}

Delivery ReceiveQueue::deliver(std::span<const std::uint8_t> packet,
                               std::span<std::uint8_t, CompletionQueue::entry_size> entry) {
    CompletionQueue* const queue = CompletionQueue::find(ring_.cqn);
    if (!ready || queue == nullptr) return Delivery::queue_not_ready;
    const auto posted = static_cast<std::uint16_t>(read_doorbell(ring_.doorbell));
    if (posted == consumed_ || !queue->has_room()) return Delivery::no_buffer;
    const std::uint8_t* segment = request();
    const std::uint8_t* const end = segment + (std::size_t{1} << ring_.log_stride);
    std::size_t done = 0;
    auto result = Delivery::done;
    for (; segment < end && done < packet.size(); segment += data_segment) {
        const std::size_t room = std::min<std::size_t>(load32(segment), packet.size() - done);
        const std::uint64_t address = get(segment, Field{64, 64});
        if (room == 0) break;
        if (!may_write_(load32(segment + 4), address, room)) {
            result = Delivery::protected_memory;
            break;
        }
        std::memcpy(reinterpret_cast<void*>(address), packet.data() + done, room);
        done += room;
    }
    if (result == Delivery::done && done < packet.size()) result = Delivery::too_long;
    if (result == Delivery::done) {
        finish(*queue, entry, packet.size(), Completion::received);
        return result;
    }
    const bool is_fatal = result == Delivery::protected_memory;
    entry[syndrome_at] =
        static_cast<std::uint8_t>(is_fatal ? Syndrome::protection : Syndrome::length);
    finish(*queue, entry, packet.size(), Completion::receive_error);
    if (is_fatal) set_state(QueueState::error);
    return result;
}

Delivery ReceiveQueue::fail(std::span<std::uint8_t, CompletionQueue::entry_size> entry) {
    CompletionQueue* const queue = CompletionQueue::find(ring_.cqn);
    if (!ready || queue == nullptr) return Delivery::queue_not_ready;
    entry[syndrome_at] = static_cast<std::uint8_t>(Syndrome::protection);
    finish(*queue, entry, 0, Completion::receive_error);
    set_state(QueueState::error);
    return Delivery::protected_memory;
}

void ReceiveQueue::set_state(QueueState state) {
    ready = state == QueueState::ready;
    if (state == QueueState::reset) consumed_ = 0;
}

bool ReceiveQueue::uses(const std::uint8_t* start, std::size_t size) const {
    const auto lies_in = [&](const void* at) {
        return at >= static_cast<const void*>(start) && at < static_cast<const void*>(start + size);
    };
    const CompletionQueue* const queue = CompletionQueue::find(ring_.cqn);
    if (lies_in(ring_.buffer) || lies_in(ring_.doorbell)) return true;
    if (queue != nullptr && lies_in(queue->buffer())) return true;
    const std::size_t octets = std::size_t{1} << (ring_.log_size + ring_.log_stride);
    for (std::size_t at = 0; at < octets; at += data_segment)
        if (lies_in(reinterpret_cast<const void*>(get(ring_.buffer + at, Field{64, 64}))))
            return true;
    return false;
}

} // namespace mlx5sim
