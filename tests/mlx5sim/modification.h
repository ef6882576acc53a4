// SPDX-License-Identifier: BSD-3-Clause
// Changes of a packet's fields and registers: the set, add and copy actions of the manual, 8 octets
// each.
#pragma once

#include "packet.h"

#include <cstdint>
#include <span>

namespace mlx5sim {

/// One change. @p data replaces what a set or an add action has in its second word: the value.
/// Checksums are corrected by the difference, so that a wrong one stays wrong. A field that the
/// packet has not is left alone. Ends the process with the name of what is not simulated.
/// @return whether it was the packet's octets that changed, and not a register
bool modify(Packet& packet, std::span<const std::uint8_t, 8> action, std::uint32_t data);

} // namespace mlx5sim
