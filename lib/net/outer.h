// SPDX-License-Identifier: BSD-3-Clause
// The one parser of what arrives from the underlay, as far as VXLAN goes (RFC 7348 section 5).
#pragma once

#include "net/ip_address.h"

#include <cstddef>
#include <cstdint>

namespace sallyport::net {

enum class OuterKind : std::uint8_t {
    /// Neither UDP nor ESP over IP, or a fragment that is not the first: nothing VXLAN could be
    /// recognised by.
    other,
    /// UDP; the members of Outer below are set.
    udp,
    /// ESP over IP, a first fragment included (RFC 4303).
    esp,
    /// Says IP, but its header or a length is wrong.
    malformed,
};

/// The outer headers of a packet. Offsets count from the Ethernet header.
struct Outer {
    OuterKind kind = OuterKind::other;
    IpFamily family = IpFamily::ipv4;
    /// More fragments follow.
    bool fragment = false;
    /// DSCP and ECN.
    std::uint8_t traffic_class = 0;
    std::uint16_t ip_offset = 0;
    /// Of UDP, or of ESP by itself.
    std::uint16_t udp_offset = 0;
    /// End of the IP packet: octets beyond are Ethernet padding.
    std::uint32_t end = 0;
    /// Host byte order.
    std::uint16_t destination_port = 0;
    /// As the UDP header says, host byte order.
    std::uint16_t udp_length = 0;
    std::uint16_t udp_checksum = 0;
    /// Network byte order, in the packet: 4 or 16 octets.
    const std::uint8_t* source = nullptr;
    const std::uint8_t* destination = nullptr;
    /// A whole VXLAN header follows UDP: the two members below are set.
    bool has_vxlan_header = false;
    bool vni_valid = false;
    std::uint32_t vni = 0;
    /// ESP, by itself or in UDP to port 4500 without the marker of IKE (RFC 3948): the SPI, host
    /// byte order.
    bool has_spi = false;
    std::uint32_t spi = 0;

    [[nodiscard]] std::uint32_t vxlan_offset() const { return udp_offset + 8U; }
    [[nodiscard]] std::uint32_t inner_offset() const { return udp_offset + 16U; }
};

/// @param data first octets of the frame, contiguous; only @p contiguous of them are read
/// @param length octets of the whole frame without FCS, at least @p contiguous
Outer parse_outer(const std::uint8_t* data, std::size_t contiguous, std::size_t length);

} // namespace sallyport::net
