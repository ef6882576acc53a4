// SPDX-License-Identifier: BSD-3-Clause
// The outer headers of a VXLAN tunnel (RFC 7348 section 5), as far as they are the same for all of
// its packets.
#pragma once

#include "net/ip_address.h"

#include <cstddef>
#include <cstdint>

namespace sallyport::net {

struct VxlanTunnel {
    /// Of one family.
    IpAddress local;
    IpAddress remote;
    /// UDP destination port, host byte order.
    std::uint16_t udp_port = 0;
    std::uint32_t vni = 0;
    /// TTL or hop limit.
    std::uint8_t ttl = 0;
    /// DSCP and ECN, where they are the same for all packets.
    std::uint8_t traffic_class = 0;
    /// IPv4 only.
    bool dont_fragment = false;
};

/// Left zero: the Ethernet addresses, lengths, checksums, flow label and UDP source port.
/// @param out vxlan_encap_length() octets, zeroed by the caller
void write_vxlan_headers(const VxlanTunnel& tunnel, std::uint8_t* out);

} // namespace sallyport::net
