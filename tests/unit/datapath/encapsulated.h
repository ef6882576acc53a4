// SPDX-License-Identifier: BSD-3-Clause
// Reads the VXLAN packets that the software path sends, and checks all that a checksum or a length
// can say.
#pragma once

#include "support/frames.h"

#include <cstdint>

namespace sallyport::testing {

struct Encapsulated {
    net::MacAddress destination, source;
    net::IpAddress source_ip, destination_ip;
    std::uint8_t traffic_class = 0;
    std::uint8_t ttl = 0;
    /// IPv4 only.
    std::uint16_t id = 0;
    bool dont_fragment = false;
    /// IPv6 only.
    std::uint32_t flow_label = 0;
    std::uint16_t source_port = 0, destination_port = 0;
    std::uint16_t udp_checksum = 0;
    std::uint8_t flags = 0;
    std::uint32_t vni = 0;
    Octets inner;
};

/// Throws std::runtime_error saying what is wrong: a length that does not fit, a checksum that is
/// not right, a reserved field that is not zero.
Encapsulated decode(const Octets& packet);

/// decode() with nothing lost: make_vxlan() of what was read, with what it cannot set filled in.
Octets encode(const Encapsulated& packet);

} // namespace sallyport::testing
