// SPDX-License-Identifier: BSD-3-Clause
// What a card does to a frame on its way: checksums, segmentation, VLAN tags.
#pragma once

#include "layers.h"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace mlx5sim {

using FrameBuffer = std::vector<std::uint8_t>;
/// Takes a packet, which may be changed, and is the caller's again afterwards.
using Sink = std::function<void(FrameBuffer&)>;

struct ChecksumWork {
    bool outer_network = false, outer_transport = false;
    bool inner_network = false, inner_transport = false;
};

/// Writes the checksums that @p work asks for. What the frame does not have is left out.
void write_checksums(std::span<std::uint8_t> frame, const Layers& layers, ChecksumWork work);

enum class Check { none, right, wrong };

/// Of the IPv4 header; an IPv6 header, which has none, is right. None: no IP.
Check check_network(std::span<const std::uint8_t> frame, const Level& level);
/// Of TCP or UDP. A UDP packet that has none is right, as RFC 768 has it. None: neither of these.
Check check_transport(std::span<const std::uint8_t> frame, const Level& level);

/// Cuts the payload of a TCP or UDP packet, the innermost one, into parts of at most @p size
/// octets. Lengths, IPv4 identifications, TCP's sequence and flags are set in each; checksums are
/// not. False: there is no such packet, or @p size is 0.
bool segment(std::span<const std::uint8_t> frame, const Layers& layers, std::size_t size,
             const Sink& sink);

/// Puts a tag of EtherType @p type behind the addresses.
void insert_tag(FrameBuffer& frame, std::uint16_t type, std::uint16_t tag);

} // namespace mlx5sim
