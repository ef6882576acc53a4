// SPDX-License-Identifier: BSD-3-Clause
// Encapsulation overhead and MTU arithmetic (RFC 7348 section 5).
#pragma once

#include "net/ip_address.h"

#include <cstdint>

namespace sallyport::net {

inline constexpr std::uint16_t ethernet_header_length = 14;
inline constexpr std::uint16_t vlan_tag_length = 4;
inline constexpr std::uint16_t udp_header_length = 8;
inline constexpr std::uint16_t vxlan_header_length = 8;
/// UDP destination port that IANA gave to VXLAN, host byte order.
inline constexpr std::uint16_t vxlan_udp_port = 4789;
/// First octet of the VXLAN header, the I flag: the VNI is valid. The only one defined; the others
/// are ignored on receipt.
inline constexpr std::uint8_t vxlan_flag_i = 0x08;

constexpr std::uint16_t ip_header_length(IpFamily family) {
    return family == IpFamily::ipv4 ? 20 : 40;
}

/// Octets that VXLAN adds in front of an inner Ethernet frame, outer Ethernet header included.
constexpr std::uint16_t vxlan_encap_length(IpFamily underlay) {
    return static_cast<std::uint16_t>(ethernet_header_length + ip_header_length(underlay)
                                      + udp_header_length + vxlan_header_length);
}

/// Octets of an outer IP packet that are not the inner IP packet: 50 over IPv4, 70 over IPv6.
/// What must fit into the underlay's MTU is this plus the overlay's MTU.
constexpr std::uint16_t vxlan_mtu_overhead(IpFamily underlay) {
    return static_cast<std::uint16_t>(ip_header_length(underlay) + udp_header_length
                                      + vxlan_header_length + ethernet_header_length);
}

/// Largest overlay MTU that an underlay of @p underlay_mtu carries unfragmented; 0 if none.
constexpr std::uint16_t largest_overlay_mtu(std::uint16_t underlay_mtu, IpFamily underlay) {
    std::uint16_t overhead = vxlan_mtu_overhead(underlay);
    return underlay_mtu > overhead ? static_cast<std::uint16_t>(underlay_mtu - overhead) : 0;
}

} // namespace sallyport::net
