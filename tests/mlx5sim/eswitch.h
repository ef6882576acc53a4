// SPDX-License-Identifier: BSD-3-Clause
// Where frames enter the E-Switch.
#pragma once

#include "topology.h"

#include <cstdint>
#include <span>

namespace mlx5sim {

/// A frame that comes from a wire (uplink) or a VM (VF) into the E-Switch. card_lock() is held.
void enter_from_outside(const Port& port, std::span<const std::uint8_t> frame);

/// A frame that the driver sent by the send queue @p sqn. card_lock() is held.
void enter_from_queue(std::uint32_t sqn, std::span<const std::uint8_t> frame);

} // namespace mlx5sim
