// SPDX-License-Identifier: BSD-3-Clause
// What the driver sends: packets taken out of its work requests.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mlx5sim {

using Frame = std::vector<std::uint8_t>;

/// Operations of work requests that carry packets.
constexpr std::uint8_t operation_send = 0x0a, operation_segment = 0x0e,
                       operation_many_packets = 0x29;

/// The packets of a request, @p request being all of it. One of operation_send has one; one of
/// operation_many_packets as many as it has data segments. A request that asks for what is not
/// simulated, as segmentation, ends the process.
std::vector<Frame> packets_of(std::span<const std::uint8_t> request, std::uint8_t operation);

} // namespace mlx5sim
