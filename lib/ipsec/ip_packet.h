// SPDX-License-Identifier: BSD-3-Clause
// An IP packet in one buffer, as far as ESP needs to know it.
#pragma once

#include "net/ip_address.h"

#include <cstdint>
#include <cstring>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

namespace sallyport::ipsec {

inline constexpr std::uint8_t protocol_ipv4 = 4;
inline constexpr std::uint8_t protocol_udp = 17;
inline constexpr std::uint8_t protocol_ipv6 = 41;
inline constexpr std::uint8_t protocol_esp = 50;
inline constexpr std::uint8_t protocol_none = 59;

struct IpPacket {
    /// False: not a whole IP packet; the other members mean nothing.
    bool whole = false;
    net::IpFamily family = net::IpFamily::ipv4;
    bool fragment = false;
    /// IPv4 protocol or IPv6 next header.
    std::uint8_t protocol = 0;
    /// DSCP and ECN.
    std::uint8_t traffic_class = 0;
    /// Of the header, octets: IPv4 with options, IPv6 without extension headers.
    std::uint16_t header = 0;
    /// Of the whole packet, octets.
    std::uint32_t length = 0;
};

inline IpPacket parse_ipv4(const std::uint8_t* data, std::uint32_t room) {
    const auto* const ip = reinterpret_cast<const rte_ipv4_hdr*>(data);
    if (room < sizeof *ip) return {};
    IpPacket packet;
    packet.header = static_cast<std::uint16_t>((ip->version_ihl & 0x0fU) * 4U);
    packet.length = rte_be_to_cpu_16(ip->total_length);
    packet.whole =
        packet.header >= sizeof *ip && packet.length >= packet.header && packet.length <= room;
    packet.protocol = ip->next_proto_id;
    packet.traffic_class = ip->type_of_service;
    packet.fragment = (rte_be_to_cpu_16(ip->fragment_offset) & 0x3fffU) != 0;
    return packet;
}

inline IpPacket parse_ipv6(const std::uint8_t* data, std::uint32_t room) {
    const auto* const ip = reinterpret_cast<const rte_ipv6_hdr*>(data);
    if (room < sizeof *ip) return {};
    IpPacket packet;
    packet.family = net::IpFamily::ipv6;
    packet.header = sizeof *ip;
    packet.length = static_cast<std::uint32_t>(sizeof *ip + rte_be_to_cpu_16(ip->payload_len));
    packet.whole = packet.length <= room;
    packet.protocol = ip->proto;
    packet.traffic_class =
        static_cast<std::uint8_t>(rte_be_to_cpu_32(ip->vtc_flow) >> RTE_IPV6_HDR_TC_SHIFT);
    packet.fragment = ip->proto == 44;
    return packet;
}

/// @param data of the IP header @param room octets from there
inline IpPacket parse_ip(const std::uint8_t* data, std::uint32_t room) {
    if (room == 0) return {};
    if (data[0] >> 4 == 4) return parse_ipv4(data, room);
    if (data[0] >> 4 == 6) return parse_ipv6(data, room);
    return {};
}

/// In one segment, and of nobody else: may be encrypted where it lies.
inline bool is_suitable(const rte_mbuf* packet) {
    return packet->nb_segs == 1 && RTE_MBUF_DIRECT(packet) && rte_mbuf_refcnt_read(packet) == 1;
}

inline std::uint8_t* octets_of(rte_mbuf* packet) {
    return rte_pktmbuf_mtod(packet, std::uint8_t*);
}

/// The Ethernet header in front of a packet, which rarely has a tag. The two may overlap.
inline void move_l2(std::uint8_t* to, const std::uint8_t* from, std::uint16_t length) {
    if (length == RTE_ETHER_HDR_LEN)
        std::memmove(to, from, RTE_ETHER_HDR_LEN);
    else
        std::memmove(to, from, length);
}

/// Cuts the end; a packet in one segment.
inline void set_length(rte_mbuf* packet, std::uint32_t length) {
    packet->pkt_len = length;
    packet->data_len = static_cast<std::uint16_t>(length);
}

} // namespace sallyport::ipsec
