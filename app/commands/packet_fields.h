// SPDX-License-Identifier: BSD-3-Clause
// A packet spelt by its fields: "ip 10.0.0.1 10.0.0.2 udp 1000 53 length 1400".
#pragma once

#include "base/error.h"
#include "net/ip_address.h"
#include "net/mac_address.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sallyport::commands {

/// What is not said is absent; then it is the shortest IPv4 packet, without protocol.
struct PacketFields {
    struct Addresses {
        net::IpAddress source, destination; // of one family
    };
    struct Ports {
        bool tcp = false; // else UDP
        std::uint16_t source = 0, destination = 0;
    };
    std::optional<Addresses> ip;
    std::optional<Ports> ports;
    /// Of the IP packet, octets.
    std::optional<std::uint16_t> length;
    /// Of an 802.1Q tag.
    std::optional<std::uint16_t> vlan;
    /// In VXLAN, from that remote vtep; both or none.
    std::optional<std::uint32_t> vni;
    std::optional<net::IpAddress> vtep;
};

/// Fields in any order, each once at most, words separated by blanks.
Expected<PacketFields> parse_packet_fields(std::string_view text);

/// The frame between two stations, without what is around it. IP's header checksum is right.
Expected<std::vector<std::uint8_t>> make_frame(const net::MacAddress& source,
                                               const net::MacAddress& destination,
                                               const PacketFields& fields);

/// Where a tenant's VXLAN packets arrive.
struct VxlanEnd {
    net::MacAddress mac;
    net::IpAddress vtep;
    std::uint16_t udp_port = 0;
};

/// @param fields with vni and vtep; the vtep is of the end's family
Expected<std::vector<std::uint8_t>> encapsulate(const PacketFields& fields, const VxlanEnd& end,
                                                const std::vector<std::uint8_t>& frame);

} // namespace sallyport::commands
