// SPDX-License-Identifier: BSD-3-Clause
// What the driver sends: packets taken out of its work requests, with all done to them that these
// ask for.
#pragma once

#include "offloads.h"
#include "queues.h"

#include <cstdint>
#include <functional>
#include <span>

namespace mlx5sim {

/// Operations of work requests that carry packets.
constexpr std::uint8_t operation_send = 0x0a, operation_segment = 0x0e,
                       operation_many_packets = 0x29;

/// Whether the card may read @p size octets at @p address by the memory key @p key.
using MayRead = std::function<bool(std::uint32_t key, std::uint64_t address, std::size_t size)>;

/// Hands the packets of a request to @p sink, @p request being all of it. One of operation_send has
/// one; one of operation_many_packets as many as it has data segments; one of operation_segment as
/// many as its payload needs. What is returned but Syndrome::none says what is wrong with the
/// request; packets before the wrong place have been handed over.
Syndrome send_packets(std::span<const std::uint8_t> request, std::uint8_t operation,
                      const MayRead& may_read, const Sink& sink);

} // namespace mlx5sim
