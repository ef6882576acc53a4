// SPDX-License-Identifier: BSD-3-Clause
// What the firmware says that it can do.
#pragma once

#include <cstdint>
#include <span>

namespace mlx5sim {

/// Whether the card has capabilities of that group.
bool has_capabilities(unsigned group);

/// The operation of the WQE that reads counters; a number that the firmware chooses.
constexpr std::uint8_t counter_access_operation = 0x6;

/// The range of the UDP source ports that the card chooses.
constexpr std::uint16_t lowest_roce_port = 0xc000, highest_roce_port = 0xffff;

/// Answers QUERY_HCA_CAP: @p answer is the whole of the output, with room for the capability.
void answer_capabilities(std::uint16_t op_mod, std::span<std::uint8_t> answer);

} // namespace mlx5sim
