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

/// Answers QUERY_HCA_CAP: @p answer is the whole of the output, with room for the capability.
void answer_capabilities(std::uint16_t op_mod, std::span<std::uint8_t> answer);

} // namespace mlx5sim
