// SPDX-License-Identifier: BSD-3-Clause
// Frames that tell the underlay where a vtep address now is.
#pragma once

#include "net/ip_address.h"
#include "net/mac_address.h"

#include <cstdint>
#include <vector>

namespace sallyport::underlay {

/// A whole Ethernet frame without FCS, padded to 60 octets: for IPv4 a gratuitous ARP request
/// (RFC 5227 section 3, RFC 826), for IPv6 an unsolicited neighbour advertisement to all nodes with
/// the override flag (RFC 4861 section 7.2.6).
std::vector<std::uint8_t> announcement(const net::IpAddress& address, const net::MacAddress& mac);

} // namespace sallyport::underlay
