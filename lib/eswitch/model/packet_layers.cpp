// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/model/packet_layers.h"

#include "net/overhead.h"
#include "net/wire.h"

#include <algorithm>

#include <netinet/in.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

namespace sallyport::eswitch {

namespace {

constexpr unsigned most_tags = 2;
constexpr unsigned most_extensions = 8;
constexpr std::size_t smallest_extension = 8;

using Packet = std::span<const std::uint8_t>;

bool holds(Packet packet, std::size_t offset, std::size_t length) {
    return offset <= packet.size() && packet.size() - offset >= length;
}

void parse_layer4(Headers& headers, Packet packet, std::size_t offset, std::uint8_t protocol) {
    if (protocol == IPPROTO_UDP && holds(packet, offset, sizeof(rte_udp_hdr)))
        headers.layer4 = Layer4::udp;
    else if (protocol == IPPROTO_TCP && holds(packet, offset, sizeof(rte_tcp_hdr)))
        headers.layer4 = Layer4::tcp;
    else
        return;
    headers.l4 = offset;
}

void parse_ipv4(Headers& headers, Packet packet) {
    if (!holds(packet, headers.l3, sizeof(rte_ipv4_hdr))) return;
    headers.layer3 = Layer3::ipv4;
    const std::uint8_t* const ip = packet.data() + headers.l3;
    const std::uint16_t fragment = net::load_be16(ip + offsetof(rte_ipv4_hdr, fragment_offset));
    headers.fragment = (fragment & (RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0;
    const std::size_t length = net::ipv4_header_length(ip[0]);
    if ((ip[0] >> 4) != 4 || length < sizeof(rte_ipv4_hdr)) return;
    // There are no ports in a later fragment.
    if ((fragment & RTE_IPV4_HDR_OFFSET_MASK) != 0) return;
    parse_layer4(headers, packet, headers.l3 + length, ip[offsetof(rte_ipv4_hdr, next_proto_id)]);
}

/// Octets that the extension header at @p offset says it has; 0: it is none, or cut off.
std::size_t extension_length(Packet packet, std::size_t offset, std::uint8_t type) {
    if (!holds(packet, offset, smallest_extension)) return 0;
    switch (type) {
    case IPPROTO_FRAGMENT:
        return smallest_extension;
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
        return smallest_extension * (std::size_t{packet[offset + 1]} + 1);
    default:
        return 0;
    }
}

void parse_ipv6(Headers& headers, Packet packet, const ParserSettings& settings) {
    if (!holds(packet, headers.l3, sizeof(rte_ipv6_hdr))) return;
    headers.layer3 = Layer3::ipv6;
    if ((packet[headers.l3] >> 4) != 6) return;
    std::uint8_t next = packet[headers.l3 + offsetof(rte_ipv6_hdr, proto)];
    std::size_t offset = headers.l3 + sizeof(rte_ipv6_hdr);
    bool later_fragment = false;
    unsigned extensions = 0;
    while (extensions < most_extensions) {
        const std::size_t length = extension_length(packet, offset, next);
        if (length == 0) break;
        if (next == IPPROTO_FRAGMENT) {
            headers.fragment = true;
            later_fragment = (net::load_be16(&packet[offset + 2]) & 0xfff8) != 0;
        }
        next = packet[offset];
        offset += length;
        ++extensions;
    }
    if (later_fragment || (extensions > 0 && !settings.sees_behind_extensions)) return;
    parse_layer4(headers, packet, offset, next);
}

VlanQualifier qualifier(std::uint16_t ether_type) {
    if (ether_type == RTE_ETHER_TYPE_VLAN) return VlanQualifier::customer;
    if (ether_type == RTE_ETHER_TYPE_QINQ) return VlanQualifier::service;
    return VlanQualifier::none;
}

Headers parse_frame_at(Packet packet, std::size_t offset, const ParserSettings& settings) {
    Headers headers;
    if (!holds(packet, offset, net::ethernet_header_length)) return headers;
    headers.present = true;
    headers.ethernet = offset;
    headers.l3 = offset + net::ethernet_header_length;
    headers.ether_type = net::load_be16(&packet[headers.l3 - 2]);
    for (unsigned tags = 0; tags < most_tags; ++tags) {
        const VlanQualifier tag = qualifier(headers.ether_type);
        if (tag == VlanQualifier::none || !holds(packet, headers.l3, net::vlan_tag_length)) break;
        if (tags == 0) {
            headers.vlan = tag;
            headers.tag = headers.l3;
        }
        headers.ether_type = net::load_be16(&packet[headers.l3 + 2]);
        headers.l3 += net::vlan_tag_length;
    }
    if (headers.ether_type == RTE_ETHER_TYPE_IPV4)
        parse_ipv4(headers, packet);
    else if (headers.ether_type == RTE_ETHER_TYPE_IPV6)
        parse_ipv6(headers, packet, settings);
    return headers;
}

} // namespace

PacketLayers parse_layers(Packet packet, const ParserSettings& settings) {
    PacketLayers layers;
    Headers& outer = layers.outer;
    outer = parse_frame_at(packet, 0, settings);
    if (outer.layer4 != Layer4::udp) return layers;
    const std::uint16_t port = net::load_be16(&packet[outer.l4] + offsetof(rte_udp_hdr, dst_port));
    const auto& ports = settings.vxlan_ports;
    if (std::find(ports.begin(), ports.end(), port) == ports.end()) return layers;
    outer.vxlan = outer.l4 + net::udp_header_length;
    outer.has_vxlan = holds(packet, outer.vxlan, net::vxlan_header_length);
    if (outer.has_vxlan)
        layers.inner = parse_frame_at(packet, outer.vxlan + net::vxlan_header_length, settings);
    return layers;
}

} // namespace sallyport::eswitch
