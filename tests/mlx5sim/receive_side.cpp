// SPDX-License-Identifier: BSD-3-Clause
#include "receive_side.h"

#include "faults.h"
#include "offloads.h"
#include "queues.h"
#include "receive_completion.h"
#include "report.h"

#include <ctime>

#include <boost/crc.hpp>

namespace mlx5sim {

namespace {

using Frame = std::span<const std::uint8_t>;

ReceiveCounts counts;

/// The clock that query_rt_values tells too, at the frequency of 1 GHz that is told of.
std::uint64_t now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

ReceiveQueue* queue_of(const Tir& tir, std::uint32_t hash) {
    if (tir.is_direct) return ReceiveQueue::find(tir.queue);
    const QueueTable* const table = QueueTable::find(tir.table);
    if (table == nullptr || table->queues.empty()) return nullptr;
    return ReceiveQueue::find(table->queues[hash % table->queues.size()]);
}

/// The C-VLAN tag; none where the frame has none or has another in front of it.
std::optional<std::uint16_t> strip_tag(FrameBuffer& frame) {
    constexpr std::size_t addresses = 12, size = 4;
    constexpr std::uint16_t type = 0x8100;
    if (frame.size() < addresses + size || load16(frame.data() + addresses) != type)
        return std::nullopt;
    const std::uint16_t tag = load16(frame.data() + addresses + 2);
    frame.erase(frame.begin() + addresses, frame.begin() + addresses + size);
    return tag;
}

// In the order of the wire: the lowest octet first (IEEE 802.3, clause 3.2.9).
void append_fcs(FrameBuffer& frame) {
    boost::crc_32_type crc;
    crc.process_bytes(frame.data(), frame.size());
    for (unsigned shift = 0; shift < 32; shift += 8)
        frame.push_back(static_cast<std::uint8_t>(crc.checksum() >> shift));
}

bool count(Delivery delivery, const ReceiveQueue& queue) {
    switch (delivery) {
    case Delivery::done:
        ++counts.delivered;
        return true;
    case Delivery::queue_not_ready:
        ++counts.queue_not_ready;
        return false;
    case Delivery::no_buffer:
        ++counts.no_buffer;
        if (QueueCounter* const counter = QueueCounter::find(queue.options.counter))
            ++counter->out_of_buffer;
        return false;
    case Delivery::too_long:
    case Delivery::protected_memory:
        ++counts.failed;
        return false;
    }
    return false;
}

} // namespace

bool deliver_to_tir(std::uint32_t tir, Frame frame, const Received& about) {
    const Tir* const found = Tir::find(tir);
    if (found == nullptr) {
        ++counts.no_tir;
        return false;
    }
    Layers layers = layers_of(frame);
    ReceivedAs as;
    as.hash = hash_of(frame, layers, found->hash);
    ReceiveQueue* const queue = queue_of(*found, as.hash.value);
    if (queue == nullptr) {
        ++counts.no_tir;
        return false;
    }
    as.flow_tag = about.has_flow_tag ? about.flow_tag : 0;
    as.metadata = about.metadata;
    as.user_index = queue->options.user_index;
    as.timestamp = now();
    thread_local FrameBuffer written;
    written.assign(frame.begin(), frame.end());
    if (queue->options.strips_vlan) as.vlan = strip_tag(written);
    if (as.vlan) layers = layers_of(written);
    auto entry = completion_of(written, layers, as);
    if (queue->options.appends_fcs) append_fcs(written);
    const Delivery delivery =
        faults().receive_queues.draw() ? queue->fail(entry) : queue->deliver(written, entry);
    trace("receive queue %u: %zu octets, hash 0x%x, tag 0x%x: %d", queue->id, written.size(),
          as.hash.value, as.flow_tag, static_cast<int>(delivery));
    return count(delivery, *queue);
}

const ReceiveCounts& receive_counts() {
    return counts;
}

} // namespace mlx5sim
