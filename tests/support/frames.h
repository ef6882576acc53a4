// SPDX-License-Identifier: BSD-3-Clause
// Frames for tests, spelt field by field.
#pragma once

#include "net/ip_address.h"
#include "net/mac_address.h"
#include "support/ring_port.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sallyport::testing {

/// What may differ between inner frames.
struct InnerFrame {
    net::MacAddress destination;
    net::MacAddress source;
    net::IpAddress source_ip = *net::IpAddress::parse("10.0.0.1");
    net::IpAddress destination_ip = *net::IpAddress::parse("10.0.0.2");
    std::uint16_t source_port = 1000;
    std::uint16_t destination_port = 2000;
    std::uint8_t traffic_class = 0;
    /// 802.1Q tag, if not zero.
    std::uint16_t vlan = 0;
    /// Octets behind the UDP header.
    std::size_t payload = 26;
};
/// Ethernet, IPv4 or IPv6 by the addresses' family, UDP with checksum 0; header checksums are
/// right.
Octets make_frame(const InnerFrame& inner);

struct OuterFrame {
    net::MacAddress destination;
    net::MacAddress source;
    net::IpAddress source_ip;
    net::IpAddress destination_ip;
    std::uint16_t source_port = 50000;
    std::uint16_t destination_port = 4789;
    std::uint32_t vni = 100;
    std::uint8_t flags = 0x08;
    std::uint8_t traffic_class = 0;
    std::uint8_t ttl = 64;
    /// Real UDP checksum instead of zero.
    bool checksum = false;
};
/// VXLAN over UDP over IPv4 or IPv6, written independently of the code under test.
Octets make_vxlan(const OuterFrame& outer, const Octets& inner);

/// Sum of 16-bit words in ones' complement, folded; 0xffff over a header with a right checksum.
std::uint16_t ones_sum(const std::uint8_t* data, std::size_t length, std::uint32_t start = 0);

/// Recomputes the checksum of the IPv4 header at @p offset.
void fix_ipv4_checksum(Octets& frame, std::size_t offset = 14);

/// "02:..:n" with the last octet @p n.
net::MacAddress mac(std::uint8_t n);

} // namespace sallyport::testing
