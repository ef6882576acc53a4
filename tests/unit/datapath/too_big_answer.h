// SPDX-License-Identifier: BSD-3-Clause
// The answers to frames that are too large, written down from the RFCs.
#pragma once

#include "support/ring_port.h"

#include <cstddef>
#include <cstdint>

namespace sallyport::testing {

/// ICMP: RFC 792, RFC 1191, RFC 1812 4.3.2.3.
/// @param l3 where the IP header of @p original starts
Octets fragmentation_needed(const Octets& original, std::size_t l3, std::uint16_t mtu);

/// ICMPv6: RFC 4443 3.2 and 2.4 (c).
Octets packet_too_big(const Octets& original, std::size_t l3, std::uint16_t mtu);

} // namespace sallyport::testing
