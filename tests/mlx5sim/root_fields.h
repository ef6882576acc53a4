// SPDX-License-Identifier: BSD-3-Clause
// What a root table may match of a packet, as the manual's fte_match_param lays it out.
#pragma once

#include "packet.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mlx5sim {

using RootFields = std::array<std::uint8_t, 512>;

RootFields root_fields_of(const Packet& packet);

/// Where the words of 32 bits are that @p mask asks about. Ends the process with the place of what
/// is not simulated.
std::vector<std::size_t> words_of_mask(std::span<const std::uint8_t> mask);

} // namespace mlx5sim
