// SPDX-License-Identifier: BSD-3-Clause
// What a completion tells of a packet that was received.
#pragma once

#include "layers.h"
#include "queues.h"
#include "rss.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace mlx5sim {

struct ReceivedAs {
    Hash hash;
    std::uint32_t flow_tag = 0;
    /// REG_B.
    std::uint32_t metadata = 0;
    std::uint32_t user_index = 0;
    /// Nanoseconds of the card's clock.
    std::uint64_t timestamp = 0;
    /// The tag that was taken off.
    std::optional<std::uint16_t> vlan;
};

/// All but the length, the place and the owner, which the queue fills. @p frame is as it is written
/// to memory.
std::array<std::uint8_t, CompletionQueue::entry_size>
completion_of(std::span<const std::uint8_t> frame, const Layers& layers, const ReceivedAs& as);

} // namespace mlx5sim
