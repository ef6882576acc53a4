// SPDX-License-Identifier: BSD-3-Clause
#include "net/outer.h"

#include "net/overhead.h"
#include "net/wire.h"

#include <algorithm>

#include <rte_esp.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>
#include <rte_vxlan.h>

namespace sallyport::net {

namespace {

/// RFC 3948.
constexpr std::uint16_t esp_in_udp_port = 4500;

OuterKind kind_of(std::uint8_t protocol) {
    return protocol == IPPROTO_UDP ? OuterKind::udp : OuterKind::esp;
}

/// @return false: neither UDP nor ESP, or malformed; kind is set
bool parse_ipv4(Outer& outer, const std::uint8_t* ip, std::size_t readable, std::size_t length) {
    outer.kind = OuterKind::malformed;
    if (readable < sizeof(rte_ipv4_hdr)) return false;
    const std::size_t header_length = ipv4_header_length(ip[0]);
    const std::size_t total_length = load_be16(ip + offsetof(rte_ipv4_hdr, total_length));
    if ((ip[0] >> 4) != 4 || header_length < sizeof(rte_ipv4_hdr) || header_length > readable
        || total_length < header_length || total_length > length)
        return false;
    const std::uint16_t fragment = load_be16(ip + offsetof(rte_ipv4_hdr, fragment_offset));
    outer.kind = OuterKind::other;
    const std::uint8_t protocol = ip[offsetof(rte_ipv4_hdr, next_proto_id)];
    if ((protocol != IPPROTO_UDP && protocol != IPPROTO_ESP)
        || (fragment & RTE_IPV4_HDR_OFFSET_MASK) != 0)
        return false;
    outer.kind = kind_of(protocol);
    outer.family = IpFamily::ipv4;
    outer.fragment = (fragment & RTE_IPV4_HDR_MF_FLAG) != 0;
    outer.traffic_class = ip[offsetof(rte_ipv4_hdr, type_of_service)];
    outer.source = ip + offsetof(rte_ipv4_hdr, src_addr);
    outer.destination = ip + offsetof(rte_ipv4_hdr, dst_addr);
    outer.udp_offset = static_cast<std::uint16_t>(outer.ip_offset + header_length);
    outer.end = static_cast<std::uint32_t>(outer.ip_offset + total_length);
    return true;
}

bool parse_ipv6(Outer& outer, const std::uint8_t* ip, std::size_t readable, std::size_t length) {
    outer.kind = OuterKind::malformed;
    if (readable < sizeof(rte_ipv6_hdr) || (ip[0] >> 4) != 6) return false;
    const std::size_t payload = load_be16(ip + offsetof(rte_ipv6_hdr, payload_len));
    if (sizeof(rte_ipv6_hdr) + payload > length) return false;
    outer.kind = OuterKind::other;
    // Extension headers, the fragment header among them, are Linux's business.
    const std::uint8_t protocol = ip[offsetof(rte_ipv6_hdr, proto)];
    if (protocol != IPPROTO_UDP && protocol != IPPROTO_ESP) return false;
    outer.kind = kind_of(protocol);
    outer.family = IpFamily::ipv6;
    outer.traffic_class = static_cast<std::uint8_t>((load_be16(ip) >> 4) & 0xff);
    outer.source = ip + offsetof(rte_ipv6_hdr, src_addr);
    outer.destination = ip + offsetof(rte_ipv6_hdr, dst_addr);
    outer.udp_offset = static_cast<std::uint16_t>(outer.ip_offset + sizeof(rte_ipv6_hdr));
    outer.end = static_cast<std::uint32_t>(outer.udp_offset + payload);
    return true;
}

/// @param esp sequence number and SPI can be read
void read_spi(Outer& outer, const std::uint8_t* esp) {
    outer.spi = rte_be_to_cpu_32(load<std::uint32_t>(esp));
    // Zero marks IKE (RFC 3948 section 2.2), and by itself is no SPI (RFC 4303 section 2.1).
    outer.has_spi = outer.spi != 0;
}

void parse_esp(Outer& outer, const std::uint8_t* data, std::size_t readable) {
    if (readable < sizeof(rte_esp_hdr))
        outer.kind = OuterKind::malformed;
    else
        read_spi(outer, data + outer.udp_offset);
}

void parse_udp(Outer& outer, const std::uint8_t* data, std::size_t readable) {
    if (readable < sizeof(rte_udp_hdr)) {
        outer.kind = OuterKind::malformed;
        return;
    }
    const std::uint8_t* const udp = data + outer.udp_offset;
    outer.destination_port = load_be16(udp + offsetof(rte_udp_hdr, dst_port));
    outer.udp_length = load_be16(udp + offsetof(rte_udp_hdr, dgram_len));
    outer.udp_checksum = load_be16(udp + offsetof(rte_udp_hdr, dgram_cksum));
    if (readable < sizeof(rte_udp_hdr) + sizeof(rte_vxlan_hdr)) return;
    const std::uint8_t* const vxlan = udp + sizeof(rte_udp_hdr);
    if (outer.destination_port == esp_in_udp_port) read_spi(outer, vxlan);
    outer.has_vxlan_header = true;
    outer.vni_valid = (vxlan[0] & vxlan_flag_i) != 0;
    outer.vni = load_be24(vxlan + 4);
}

} // namespace

Outer parse_outer(const std::uint8_t* data, std::size_t contiguous, std::size_t length) {
    Outer outer;
    if (contiguous < ethernet_header_length) {
        outer.kind = OuterKind::malformed;
        return outer;
    }
    outer.ip_offset = ethernet_header_length;
    const std::uint8_t* const ip = data + ethernet_header_length;
    const std::size_t readable = contiguous - ethernet_header_length;
    const std::size_t ip_length = length - ethernet_header_length;
    bool has_payload = false;
    switch (load_be16(data + 12)) {
    case RTE_ETHER_TYPE_IPV4:
        has_payload = parse_ipv4(outer, ip, readable, ip_length);
        break;
    case RTE_ETHER_TYPE_IPV6:
        has_payload = parse_ipv6(outer, ip, readable, ip_length);
        break;
    default:
        break;
    }
    if (!has_payload) return outer;
    const std::size_t end = std::min<std::size_t>(contiguous, outer.end);
    const std::size_t payload = end > outer.udp_offset ? end - outer.udp_offset : 0;
    if (outer.kind == OuterKind::esp)
        parse_esp(outer, data, payload);
    else
        parse_udp(outer, data, payload);
    return outer;
}

} // namespace sallyport::net
