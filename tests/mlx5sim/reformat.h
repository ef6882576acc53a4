// SPDX-License-Identifier: BSD-3-Clause
// Headers that go into a packet and out of it.
#pragma once

#include "packet.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace mlx5sim {

/// Places in a packet from which actions count.
enum class Anchor : std::uint8_t {
    packet_start = 0x00,
    first_vlan = 0x02,
    network = 0x07,
    transport = 0x09,
    inner_mac = 0x13,
    inner_network = 0x19
};

/// Nothing where the packet has no such place. Ends the process with the number of an anchor that
/// is not simulated.
std::optional<std::size_t> place_of(const Packet& packet, Anchor anchor);

/// Puts @p header before the packet, and into it what depends on the packet: the lengths and the
/// checksum of IPv4, IPv6 and UDP, and the UDP source port.
void encapsulate(Packet& packet, std::span<const std::uint8_t> header);

/// The UDP source port for a packet that is about to be encapsulated: the driver computes the same
/// for those who ask it (rte_flow_calc_encap_hash).
std::uint16_t entropy_port(const Packet& packet);

} // namespace mlx5sim
