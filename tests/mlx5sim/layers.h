// SPDX-License-Identifier: BSD-3-Clause
// Where the headers of a frame lie, as far as the card's parser finds them: Ethernet, up to two
// VLAN tags, IPv4 or IPv6, TCP or UDP or ESP, and the same again within VXLAN.
#pragma once

#include <cstdint>
#include <span>

namespace mlx5sim {

constexpr std::uint8_t protocol_tcp = 6, protocol_udp = 17, protocol_esp = 50;

inline std::uint16_t load16(const std::uint8_t* at) {
    return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

inline void store16(std::uint8_t* at, std::size_t value) {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}

/// One IP header and what it carries. Offsets are from the frame's first octet.
struct Level {
    /// 4 or 6; 0: no IP header that is whole.
    unsigned version = 0;
    std::size_t network = 0;
    /// Of the header of TCP, UDP or ESP; 0: none that is whole, or a fragment.
    std::size_t transport = 0;
    std::uint8_t protocol = 0;
    bool is_fragment = false;
    /// Options, or extension headers.
    bool has_options = false;
    /// Where the packet ends by its own length; what follows is padding of the frame.
    std::size_t end = 0;

    bool is(std::uint8_t wanted) const { return transport != 0 && protocol == wanted; }
};

struct Layers {
    /// Of the EtherType behind all VLAN tags.
    std::size_t ether_type = 0;
    Level outer;
    /// Set where is_tunnel.
    Level inner;
    bool is_tunnel = false;

    /// The one that a program sees as the packet's.
    const Level& innermost() const { return is_tunnel ? inner : outer; }
};

/// Whether a packet's own length counts. That of one that is to be segmented says nothing yet.
enum class Lengths { trusted, ignored };

Layers layers_of(std::span<const std::uint8_t> frame, Lengths lengths = Lengths::trusted);

/// The IP packet at @p network alone, with all that layers_of() finds in one.
Level level_of(std::span<const std::uint8_t> frame, std::size_t network, unsigned version,
               Lengths lengths = Lengths::trusted);

} // namespace mlx5sim
