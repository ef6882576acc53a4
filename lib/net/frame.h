// SPDX-License-Identifier: BSD-3-Clause
// The one parser of inner Ethernet frames: what VMs send and what comes out of VXLAN.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sallyport::net {

enum class FrameFault : std::uint8_t {
    none,
    /// Shorter than an Ethernet header, or a tag that is cut off.
    too_short,
    /// IP header cut off or malformed, or the IP length exceeds the frame.
    truncated,
};

enum class L3 : std::uint8_t { other, ipv4, ipv6 };

/// What the data path needs to know of a frame. Offsets count from the Ethernet header.
struct Frame {
    FrameFault fault = FrameFault::none;
    L3 l3 = L3::other;
    /// IPv4 TOS or IPv6 traffic class: DSCP in the upper six bits, ECN in the lower two; else 0.
    std::uint8_t traffic_class = 0;
    /// An 802.1Q or 802.1ad tag is present.
    bool tagged = false;
    /// Start of what the (innermost) EtherType announces.
    std::uint16_t l3_offset = 0;
    /// Octets of the IP packet as its header counts them, Ethernet padding left out; else all that
    /// follow l3_offset.
    std::uint32_t l3_length = 0;
    /// Equal for all packets of a flow, fragments of one datagram included: addresses and protocol,
    /// and ports where no fragment header hides them; MACs and EtherType where it is not IP.
    std::uint32_t flow_hash = 0;
};

/// @param data first octets of the frame, contiguous; only @p contiguous of them are read
/// @param contiguous octets readable at @p data
/// @param length octets of the whole frame without FCS, at least @p contiguous
Frame parse_frame(const std::uint8_t* data, std::size_t contiguous, std::size_t length);

/// RFC 6040 section 4.2, decapsulation: what the inner ECN field becomes. Both in 0..3.
struct EcnResult {
    bool drop = false;
    std::uint8_t inner = 0;
};
constexpr EcnResult decapsulate_ecn(std::uint8_t inner, std::uint8_t outer) {
    constexpr std::uint8_t not_ect = 0, ect1 = 1, ect0 = 2, ce = 3;
    if (outer == ce) return inner == not_ect ? EcnResult{true, inner} : EcnResult{false, ce};
    if (outer == ect1 && inner == ect0) return {false, ect1};
    return {false, inner};
}

/// RFC 6040 section 4.1, normal mode: the ECN field is copied to the outer header.
constexpr std::uint8_t encapsulate_ecn(std::uint8_t inner) {
    return inner;
}

/// Sets the ECN field of the frame's IP header, and mends the IPv4 header checksum (RFC 1624).
/// @param frame from parse_frame() on the same @p data, without fault
void set_ecn(std::uint8_t* data, const Frame& frame, std::uint8_t ecn);

} // namespace sallyport::net
