// SPDX-License-Identifier: BSD-3-Clause
// What the model's E-Switch sees in a packet: where each header lies, and whether it is sound.
// Written for any octets of any length, and apart from lib/net, whose parsers the model is to
// check.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sallyport::eswitch {

/// What the first tag is, as mlx5's first_vlan_qualifier has it.
enum class VlanQualifier : std::uint8_t { none, customer, service };
enum class Layer3 : std::uint8_t { other, ipv4, ipv6 };
enum class Layer4 : std::uint8_t { other, udp, tcp };

/// One Ethernet frame's headers. Offsets count from the packet's first octet; each is set if its
/// header is wholly there.
struct Headers {
    bool present = false;
    VlanQualifier vlan = VlanQualifier::none;
    Layer3 layer3 = Layer3::other;
    Layer4 layer4 = Layer4::other;
    /// IPv4 with an offset or more to come, or IPv6 with a fragment header.
    bool fragment = false;
    /// UDP to a VXLAN port, and eight octets behind it.
    bool has_vxlan = false;
    /// Behind up to two tags.
    std::uint16_t ether_type = 0;
    std::size_t ethernet = 0;
    /// Control information of the first tag; 0: there is none.
    std::size_t tag = 0;
    /// Where what ether_type announces begins, also if it is not IP.
    std::size_t l3 = 0;
    std::size_t l4 = 0;
    std::size_t vxlan = 0;
};

struct PacketLayers {
    Headers outer;
    /// What VXLAN carries.
    Headers inner;
};

/// What differs between NICs and their set-up.
struct ParserSettings {
    /// UDP ports whose payload is parsed as VXLAN.
    std::vector<std::uint16_t> vxlan_ports{4789};
    /// UDP and TCP are found behind IPv6 extension headers, and in a first IPv6 fragment.
    bool sees_behind_extensions = false;
};

PacketLayers parse_layers(std::span<const std::uint8_t> packet, const ParserSettings& settings);

/// The checks of the INTEGRITY item; false where there is no such layer.
struct Integrity {
    bool l3 = false;
    /// Of IPv6: false, which is the harsher.
    bool ipv4_checksum = false;
    bool l4 = false;
    /// A UDP checksum of zero counts as right.
    bool l4_checksum = false;
};

/// @param headers of the same @p packet
Integrity check_integrity(std::span<const std::uint8_t> packet, const Headers& headers);

} // namespace sallyport::eswitch
