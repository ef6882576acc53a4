// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/esp_headers.h"
#include "ipsec/esp_overhead.h"
#include "ipsec/ip_packet.h"
#include "net/ipv4_checksum.h"

#include <cstring>

#include <rte_esp.h>
#include <rte_ether.h>
#include <rte_udp.h>

namespace sallyport::ipsec {

namespace {

constexpr std::uint8_t tunnel_ttl = 64;

void write_ipv4(std::uint8_t* header, const SaSettings& settings) {
    auto* const ip = reinterpret_cast<rte_ipv4_hdr*>(header);
    ip->version_ihl = RTE_IPV4_VHL_DEF;
    // The underlay's MTU is known; a fragment of ESP would cost the receiver a reassembly.
    ip->fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG);
    ip->time_to_live = tunnel_ttl;
    ip->next_proto_id = settings.udp ? protocol_udp : protocol_esp;
    std::memcpy(&ip->src_addr, settings.local.octets.data(), sizeof ip->src_addr);
    std::memcpy(&ip->dst_addr, settings.remote.octets.data(), sizeof ip->dst_addr);
}

void write_ipv6(std::uint8_t* header, const SaSettings& settings) {
    auto* const ip = reinterpret_cast<rte_ipv6_hdr*>(header);
    ip->vtc_flow = rte_cpu_to_be_32(std::uint32_t{6} << 28);
    ip->proto = settings.udp ? protocol_udp : protocol_esp;
    ip->hop_limits = tunnel_ttl;
    std::memcpy(&ip->src_addr, settings.local.octets.data(), sizeof ip->src_addr);
    std::memcpy(&ip->dst_addr, settings.remote.octets.data(), sizeof ip->dst_addr);
}

/// ESP goes behind these (RFC 4303 section 3.1.1), which no sender of ours makes.
bool is_hop_by_hop_or_routing(std::uint8_t protocol) {
    return protocol == 0 || protocol == 43;
}

} // namespace

OutboundHeaders::OutboundHeaders(const SaSettings& settings, std::uint8_t scratch)
    : mode_(settings.mode),
      inner_(settings.mode == Mode::tunnel ? settings.inner_family : settings.local.family),
      outer_(settings.local.family), udp_(settings.udp), block_(info(settings.algorithm).block),
      icv_(info(settings.algorithm).icv) {
    behind_ = static_cast<std::uint8_t>(icv_ + (settings.esn ? 4 : 0) + scratch);
    prepended_ = static_cast<std::uint8_t>(
        esp_prefix_length(settings.algorithm, mode_, outer_, udp_.has_value()));
    if (mode_ != Mode::tunnel) return;
    const bool ipv4 = outer_ == net::IpFamily::ipv4;
    tunnel_length_ = ipv4 ? sizeof(rte_ipv4_hdr) : sizeof(rte_ipv6_hdr);
    if (ipv4)
        write_ipv4(tunnel_.data(), settings);
    else
        write_ipv6(tunnel_.data(), settings);
    if (!udp_) return;
    auto* const udp = reinterpret_cast<rte_udp_hdr*>(&tunnel_[tunnel_length_]);
    udp->src_port = rte_cpu_to_be_16(udp_->source_port);
    udp->dst_port = rte_cpu_to_be_16(udp_->destination_port);
    tunnel_length_ = static_cast<std::uint8_t>(tunnel_length_ + sizeof *udp);
}

MaybeFault OutboundHeaders::admit(rte_mbuf* packet, std::uint16_t l2_length,
                                  std::uint32_t& octets) const {
    if (!is_suitable(packet)) return PacketFault::unsuitable_buffer;
    if (packet->data_len <= l2_length) return PacketFault::malformed;
    std::uint8_t* const frame = octets_of(packet);
    const IpPacket ip = parse_ip(frame + l2_length, packet->data_len - l2_length);
    if (!ip.whole || ip.family != inner_) return PacketFault::malformed;
    if (mode_ == Mode::transport && (ip.fragment || is_hop_by_hop_or_routing(ip.protocol)))
        return PacketFault::malformed;
    octets = ip.length;
    set_length(packet, l2_length + ip.length);

    const std::uint32_t clear = mode_ == Mode::transport ? ip.length - ip.header : ip.length;
    const std::uint32_t cipher = RTE_ALIGN_CEIL(clear + sizeof(rte_esp_tail), block_);
    if (rte_pktmbuf_headroom(packet) < prepended_
        || rte_pktmbuf_tailroom(packet) < cipher - clear + behind_
        || ip.length + prepended_ + (cipher - clear) + icv_ > UINT16_MAX)
        return PacketFault::no_room;

    // librte_ipsec takes this flag for a failure of the cipher.
    packet->ol_flags &= ~(RTE_MBUF_F_RX_SEC_OFFLOAD | RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED);
    // To where it will be in front of what is prepended: finish() has to make room only, and
    // librte_ipsec, which moves headers octet by octet, has less to move.
    move_l2(frame - prepended_, frame, l2_length);
    rte_pktmbuf_adj(packet, l2_length);
    packet->l2_len = 0;
    packet->l3_len = ip.header;
    return std::nullopt;
}

MaybeFault OutboundHeaders::admit_for_nic(rte_mbuf* packet, std::uint16_t l2_length,
                                          std::uint32_t& octets) const {
    if (!is_suitable(packet)) return PacketFault::unsuitable_buffer;
    if (packet->data_len <= l2_length) return PacketFault::malformed;
    const IpPacket ip = parse_ip(octets_of(packet) + l2_length, packet->data_len - l2_length);
    if (!ip.whole || ip.family != inner_) return PacketFault::malformed;
    if (mode_ == Mode::transport && (ip.fragment || is_hop_by_hop_or_routing(ip.protocol)))
        return PacketFault::malformed;
    octets = ip.length;
    set_length(packet, l2_length + ip.length);
    packet->l2_len = l2_length;
    packet->l3_len = ip.header;
    return std::nullopt;
}

void OutboundHeaders::finish_udp(rte_mbuf* packet, std::uint8_t* ip,
                                 std::uint16_t ip_length) const {
    auto* const udp = reinterpret_cast<rte_udp_hdr*>(ip + ip_length);
    const auto length = static_cast<std::uint16_t>(
        packet->pkt_len - static_cast<std::uint32_t>(ip + ip_length - octets_of(packet)));
    udp->src_port = rte_cpu_to_be_16(udp_->source_port);
    udp->dst_port = rte_cpu_to_be_16(udp_->destination_port);
    udp->dgram_len = rte_cpu_to_be_16(length);
    // RFC 3948 section 2.1 wants zero; IPv6 does not allow it (RFC 8200 section 8.1), and Linux
    // computes it there.
    udp->dgram_cksum = 0;
    if (outer_ == net::IpFamily::ipv6)
        udp->dgram_cksum = rte_ipv6_udptcp_cksum(reinterpret_cast<const rte_ipv6_hdr*>(ip), udp);
}

void OutboundHeaders::finish(rte_mbuf* packet, std::uint16_t l2_length) const {
    const bool ipv4 = outer_ == net::IpFamily::ipv4;
    std::uint16_t ip_length = packet->l3_len;
    if (mode_ == Mode::tunnel) {
        ip_length = ipv4 ? sizeof(rte_ipv4_hdr) : sizeof(rte_ipv6_hdr);
        const rte_be16_t type = rte_cpu_to_be_16(ipv4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
        std::memcpy(octets_of(packet) - sizeof type, &type, sizeof type);
    } else if (udp_) {
        std::uint8_t* const header =
            reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(packet, sizeof(rte_udp_hdr)));
        std::memmove(header, header + sizeof(rte_udp_hdr), ip_length);
    }
    std::uint8_t* const ip = octets_of(packet);
    rte_pktmbuf_prepend(packet, l2_length);
    packet->l2_len = l2_length;
    packet->l3_len = ip_length;
    const auto length = static_cast<std::uint16_t>(packet->pkt_len - l2_length);
    if (ipv4) {
        auto* const header = reinterpret_cast<rte_ipv4_hdr*>(ip);
        header->total_length = rte_cpu_to_be_16(length);
        header->next_proto_id = udp_ ? protocol_udp : protocol_esp;
        net::write_ipv4_checksum(ip);
    } else {
        auto* const header = reinterpret_cast<rte_ipv6_hdr*>(ip);
        header->payload_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(length - ip_length));
        header->proto = udp_ ? protocol_udp : protocol_esp;
    }
    if (udp_) finish_udp(packet, ip, ip_length);
}

} // namespace sallyport::ipsec
