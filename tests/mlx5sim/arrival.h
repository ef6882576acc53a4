// SPDX-License-Identifier: BSD-3-Clause
// A sender on the same machine leaves to the network card what a network card can do: its packets
// come with checksums not computed, in pieces too large for the wire, and with the VLAN tag beside
// them. What arrives at a card from a wire has all of it done.
#pragma once

#include "offloads.h"

#include <cstdint>
#include <optional>

namespace mlx5sim {

/// virtio_net_hdr of Linux, whose own header C++ cannot read: a member of it is called class. In
/// the host's order.
struct LeftToDo {
    enum : std::uint8_t { needs_checksum = 1 };
    enum : std::uint8_t { tcp_ipv4 = 1, tcp_ipv6 = 4, udp = 5, has_ecn = 0x80 };
    std::uint8_t flags = 0;
    /// 0: not to be segmented.
    std::uint8_t segmentation = 0;
    std::uint16_t header_size = 0;
    std::uint16_t segment_size = 0;
    std::uint16_t checksum_start = 0, checksum_offset = 0;
};

struct Tag {
    std::uint16_t type = 0, value = 0;
};

/// Hands @p frame to @p sink as it would have come by a wire, in several if it is to be segmented.
/// False: it is to be done what is not known here; nothing has been handed over.
bool arrive(FrameBuffer& frame, const LeftToDo& todo, std::optional<Tag> tag, const Sink& sink);

} // namespace mlx5sim
