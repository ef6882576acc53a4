// SPDX-License-Identifier: BSD-3-Clause
// The way of a packet from the NIC's receive tables into the driver's memory: TIRs, which name
// queues, and the counters of what found no buffer there.
#pragma once

#include "objects.h"
#include "rss.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace mlx5sim {

/// What the NIC's receive tables have found out about a packet.
struct Received {
    std::uint32_t flow_tag = 0;
    bool has_flow_tag = false;
    std::array<std::uint32_t, 8> registers{};
    /// REG_B, which the completion shows.
    std::uint32_t metadata = 0;
};

/// Hands a frame to a TIR: a queue by RSS or the one it names, a buffer, a completion. False: no
/// buffer or no such TIR (counted). card_lock() is held.
bool deliver_to_tir(std::uint32_t tir, std::span<const std::uint8_t> frame, const Received& about);

/// "Transport interface receive": where rules send packets that are for the driver.
struct Tir : Indexed<Tir> {
    explicit Tir(std::uint32_t number) : Indexed("TIR", number) {}
    bool is_direct = false;
    /// Of a direct one.
    std::uint32_t queue = 0;
    /// Of the others: the table whose entry the hash chooses.
    std::uint32_t table = 0;
    HashRules hash;
};

/// "Receive queue table".
struct QueueTable : Indexed<QueueTable> {
    explicit QueueTable(std::uint32_t number) : Indexed("RQT", number) {}
    std::vector<std::uint32_t> queues;
};

struct QueueCounter : Indexed<QueueCounter> {
    explicit QueueCounter(std::uint32_t number) : Indexed("queue counter", number) {}
    std::uint32_t out_of_buffer = 0;
};

/// Since the card came up. Under the card's lock.
struct ReceiveCounts {
    std::uint64_t delivered = 0;
    std::uint64_t no_tir = 0, queue_not_ready = 0, no_buffer = 0, failed = 0;
};

const ReceiveCounts& receive_counts();

} // namespace mlx5sim
