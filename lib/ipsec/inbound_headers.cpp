// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/esp_headers.h"
#include "ipsec/ip_packet.h"
#include "net/frame.h"
#include "net/ipv4_checksum.h"

#include <cstring>

#include <rte_esp.h>
#include <rte_ether.h>
#include <rte_udp.h>

namespace sallyport::ipsec {

namespace {

bool checksum_is_right(const rte_mbuf* packet, const std::uint8_t* ip) {
    const std::uint64_t told = packet->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
    if (told == RTE_MBUF_F_RX_IP_CKSUM_GOOD) return true;
    return net::ipv4_checksum_is_right(ip);
}

/// RFC 6040 section 4.2. @return false: to be dropped
bool combine_ecn(std::uint8_t* ip, const IpPacket& inner, std::uint8_t outer_traffic_class) {
    const std::uint8_t before = inner.traffic_class & 0x03;
    const auto ecn = net::decapsulate_ecn(before, outer_traffic_class & 0x03);
    if (ecn.drop) return false;
    if (ecn.inner == before) return true;
    if (inner.family == net::IpFamily::ipv4) {
        ip[1] = static_cast<std::uint8_t>((ip[1] & 0xfcU) | ecn.inner);
        net::write_ipv4_checksum(ip);
    } else {
        ip[1] = static_cast<std::uint8_t>((ip[1] & 0xcfU) | static_cast<unsigned>(ecn.inner) << 4);
    }
    return true;
}

/// Makes what is left a frame, with the L2 header it came with.
void put_l2(const Arrival& arrival, std::uint16_t l2_length) {
    auto* const frame =
        reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(arrival.packet, l2_length));
    move_l2(frame, arrival.frame, l2_length);
    arrival.packet->l2_len = l2_length;
}

/// What a NIC said is about the outer packet.
void forget_receive_flags(rte_mbuf* packet) {
    packet->ol_flags &= ~(RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK
                          | RTE_MBUF_F_RX_SEC_OFFLOAD | RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED);
    packet->packet_type = RTE_PTYPE_UNKNOWN;
}

} // namespace

InboundHeaders::InboundHeaders(const SaSettings& settings, std::uint8_t scratch, bool in_nic)
    : spi_(rte_cpu_to_be_32(settings.spi)), mode_(settings.mode),
      inner_(settings.mode == Mode::tunnel ? settings.inner_family : settings.local.family),
      outer_(settings.local.family), udp_(settings.udp), block_(info(settings.algorithm).block),
      iv_(info(settings.algorithm).iv), icv_(info(settings.algorithm).icv),
      sequence_high_(settings.esn && !in_nic ? 4 : 0), scratch_(scratch) {}

MaybeFault InboundHeaders::admit(rte_mbuf* packet, std::uint16_t l2_length,
                                 Arrival& arrival) const {
    if (!is_suitable(packet)) return PacketFault::unsuitable_buffer;
    if (packet->data_len <= l2_length) return PacketFault::malformed;
    std::uint8_t* const frame = octets_of(packet);
    const IpPacket ip = parse_ip(frame + l2_length, packet->data_len - l2_length);
    if (!ip.whole || ip.family != outer_ || ip.fragment
        || ip.protocol != (udp_ ? protocol_udp : protocol_esp))
        return PacketFault::malformed;
    if (ip.family == net::IpFamily::ipv4 && !checksum_is_right(packet, frame + l2_length))
        return PacketFault::malformed;

    const std::uint16_t in_front = udp_ ? sizeof(rte_udp_hdr) : 0;
    const std::uint32_t headers = std::uint32_t{l2_length} + ip.header + in_front;
    const std::uint32_t shortest = sizeof(rte_esp_hdr) + iv_ + block_ + icv_;
    if (l2_length + ip.length < headers + shortest) return PacketFault::malformed;
    if (udp_) {
        const auto* const udp = reinterpret_cast<const rte_udp_hdr*>(frame + l2_length + ip.header);
        if (udp->dst_port != rte_cpu_to_be_16(udp_->destination_port)
            || rte_be_to_cpu_16(udp->dgram_len) != ip.length - ip.header)
            return PacketFault::malformed;
    }
    const std::uint32_t esp = l2_length + ip.length - headers;
    if (((esp - sizeof(rte_esp_hdr) - iv_ - icv_) & (block_ - 1U)) != 0)
        return PacketFault::malformed;
    rte_esp_hdr header;
    std::memcpy(&header, frame + headers, sizeof header);
    if (header.spi != spi_) return PacketFault::malformed;
    set_length(packet, l2_length + ip.length);
    if (rte_pktmbuf_tailroom(packet) < static_cast<unsigned>(sequence_high_ + scratch_))
        return PacketFault::no_room;

    arrival.packet = packet;
    arrival.low_sequence = rte_be_to_cpu_32(header.seq);
    arrival.traffic_class = ip.traffic_class;
    arrival.frame = frame;
    // librte_ipsec would look for extension headers in UDP's octets (IPv6).
    if (udp_) std::memmove(frame + l2_length + in_front, frame + l2_length, ip.header);
    // It moves what is in front of ESP octet by octet.
    rte_pktmbuf_adj(packet, static_cast<std::uint16_t>(l2_length + in_front));
    packet->l2_len = 0;
    packet->l3_len = ip.header;
    return std::nullopt;
}

MaybeFault InboundHeaders::finish(const Arrival& arrival, std::uint16_t l2_length,
                                  std::uint32_t& octets) const {
    return mode_ == Mode::transport ? finish_transport(arrival, l2_length, octets)
                                    : finish_tunnel(arrival, l2_length, octets);
}

MaybeFault InboundHeaders::finish_transport(const Arrival& arrival, std::uint16_t l2_length,
                                            std::uint32_t& octets) const {
    rte_mbuf* const packet = arrival.packet;
    std::uint8_t* const ip = octets_of(packet);
    const bool ipv4 = outer_ == net::IpFamily::ipv4;
    // The header is the one that admit() took, and librte_ipsec has written length and protocol.
    const std::uint8_t protocol = ipv4 ? reinterpret_cast<const rte_ipv4_hdr*>(ip)->next_proto_id
                                       : reinterpret_cast<const rte_ipv6_hdr*>(ip)->proto;
    if (protocol == protocol_none) return PacketFault::dummy;
    forget_receive_flags(packet);
    if (ipv4) {
        net::write_ipv4_checksum(ip);
        packet->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    }
    octets = packet->data_len;
    put_l2(arrival, l2_length);
    return std::nullopt;
}

MaybeFault InboundHeaders::finish_tunnel(const Arrival& arrival, std::uint16_t l2_length,
                                         std::uint32_t& octets) const {
    rte_mbuf* const packet = arrival.packet;
    std::uint8_t* const ip = octets_of(packet);
    const IpPacket inner = parse_ip(ip, packet->data_len);
    if (!inner.whole || inner.family != inner_) return PacketFault::malformed;
    // Behind the inner packet there may be padding that hides its length (RFC 4303 section 2.7).
    set_length(packet, inner.length);
    if (!combine_ecn(ip, inner, arrival.traffic_class)) return PacketFault::ecn_invalid;
    put_l2(arrival, l2_length);
    const rte_be16_t type = rte_cpu_to_be_16(
        inner.family == net::IpFamily::ipv4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
    std::memcpy(ip - sizeof type, &type, sizeof type);
    packet->l3_len = inner.header;
    forget_receive_flags(packet);
    octets = inner.length;
    return std::nullopt;
}

MaybeFault InboundHeaders::admit_from_nic(rte_mbuf* packet, std::uint16_t l2_length,
                                          std::uint32_t& octets) const {
    if ((packet->ol_flags & RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED) != 0) return PacketFault::bad_icv;
    // Not opened by the NIC that should have, if ESP at all.
    if ((packet->ol_flags & RTE_MBUF_F_RX_SEC_OFFLOAD) == 0) return PacketFault::engine_failure;
    if (packet->data_len <= l2_length) return PacketFault::malformed;
    const IpPacket ip = parse_ip(octets_of(packet) + l2_length, packet->data_len - l2_length);
    if (!ip.whole || ip.family != inner_) return PacketFault::malformed;
    packet->l2_len = l2_length;
    packet->l3_len = ip.header;
    forget_receive_flags(packet);
    octets = ip.length;
    return std::nullopt;
}

PacketFault InboundHeaders::trailer_fault(const rte_mbuf* packet) const {
    const std::uint32_t behind = icv_ + sequence_high_ + sizeof(rte_esp_tail);
    if (packet->data_len < behind) return PacketFault::malformed;
    rte_esp_tail tail;
    std::memcpy(&tail, rte_pktmbuf_mtod_offset(packet, const void*, packet->data_len - behind),
                sizeof tail);
    return tail.next_proto == protocol_none ? PacketFault::dummy : PacketFault::bad_padding;
}

} // namespace sallyport::ipsec
