// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/model/checksum.h"
#include "eswitch/model/packet_layers.h"
#include "net/wire.h"

#include <netinet/in.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

namespace sallyport::eswitch {

namespace {

using Packet = std::span<const std::uint8_t>;

/// The octets of the IP packet, without what Ethernet padded; empty: lengths are wrong.
Packet ip_packet(Packet packet, const Headers& headers) {
    const Packet l3 = packet.subspan(headers.l3);
    if (headers.layer3 == Layer3::ipv6) {
        const std::size_t length =
            sizeof(rte_ipv6_hdr) + net::load_be16(&l3[offsetof(rte_ipv6_hdr, payload_len)]);
        return (l3[0] >> 4) == 6 && length <= l3.size() ? l3.first(length) : Packet();
    }
    const std::size_t header = net::ipv4_header_length(l3[0]);
    const std::size_t length = net::load_be16(&l3[offsetof(rte_ipv4_hdr, total_length)]);
    const bool right = (l3[0] >> 4) == 4 && header >= sizeof(rte_ipv4_hdr) && header <= length
                       && length <= l3.size();
    return right ? l3.first(length) : Packet();
}

/// RFC 768 and RFC 8200 section 8.1.
std::uint64_t pseudo_header(Packet ip, Layer3 layer3, std::size_t length, std::uint8_t protocol) {
    const std::size_t addresses = layer3 == Layer3::ipv4 ? 8 : 32;
    const std::size_t offset = layer3 == Layer3::ipv4 ? offsetof(rte_ipv4_hdr, src_addr)
                                                      : offsetof(rte_ipv6_hdr, src_addr);
    return std::uint64_t{ones_sum(ip.subspan(offset, addresses))} + (length >> 16)
           + (length & 0xffff) + protocol;
}

bool checksum_right(Packet ip, Layer3 layer3, Packet l4, std::uint8_t protocol) {
    return ones_sum(l4, pseudo_header(ip, layer3, l4.size(), protocol)) == 0xffff;
}

void check_udp(Integrity& integrity, Packet ip, Layer3 layer3, Packet l4) {
    if (l4.size() < sizeof(rte_udp_hdr)
        || net::load_be16(&l4[offsetof(rte_udp_hdr, dgram_len)]) != l4.size())
        return;
    integrity.l4 = true;
    integrity.l4_checksum = net::load_be16(&l4[offsetof(rte_udp_hdr, dgram_cksum)]) == 0
                            || checksum_right(ip, layer3, l4, IPPROTO_UDP);
}

void check_tcp(Integrity& integrity, Packet ip, Layer3 layer3, Packet l4) {
    if (l4.size() < sizeof(rte_tcp_hdr)) return;
    const std::size_t header = std::size_t{4} * (l4[offsetof(rte_tcp_hdr, data_off)] >> 4);
    if (header < sizeof(rte_tcp_hdr) || header > l4.size()) return;
    integrity.l4 = true;
    integrity.l4_checksum = checksum_right(ip, layer3, l4, IPPROTO_TCP);
}

} // namespace

Integrity check_integrity(Packet packet, const Headers& headers) {
    Integrity integrity;
    if (headers.layer3 == Layer3::other) return integrity;
    const Packet ip = ip_packet(packet, headers);
    if (ip.empty()) return integrity;
    integrity.l3 = true;
    integrity.ipv4_checksum = headers.layer3 == Layer3::ipv4
                              && ones_sum(ip.first(net::ipv4_header_length(ip[0]))) == 0xffff;
    if (headers.layer4 == Layer4::other || headers.fragment) return integrity;
    const std::size_t offset = headers.l4 - headers.l3;
    if (offset > ip.size()) return integrity;
    if (headers.layer4 == Layer4::udp)
        check_udp(integrity, ip, headers.layer3, ip.subspan(offset));
    else
        check_tcp(integrity, ip, headers.layer3, ip.subspan(offset));
    return integrity;
}

} // namespace sallyport::eswitch
