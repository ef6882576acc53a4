// SPDX-License-Identifier: BSD-3-Clause
#include "net/too_big.h"

#include "net/ip_address.h"
#include "net/ipv4_checksum.h"
#include "net/wire.h"

#include <algorithm>
#include <cstring>

#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>

namespace sallyport::net {

namespace {

constexpr std::size_t icmp_header_length = 8;
constexpr std::uint8_t icmp_unreachable = 3, icmp_fragmentation_needed = 4;
constexpr std::uint8_t icmp6_packet_too_big = 2;
/// RFC 1812 4.3.2.3: as much of the original as fits without exceeding 576 octets.
constexpr std::size_t largest_ipv4_answer = 576;
constexpr std::size_t largest_ipv6_answer = 1280;
constexpr std::uint8_t answer_ttl = 64;

bool is_icmp_error(std::uint8_t type) {
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

bool may_answer(const IpAddress& source, const IpAddress& destination) {
    return !source.is_unspecified() && !source.is_multicast() && !source.is_loopback()
           && !destination.is_multicast() && !destination.is_unspecified();
}

bool may_answer_ipv4(std::span<const std::uint8_t> ip) {
    const std::size_t header_length = ipv4_header_length(ip[0]);
    if (load_be16(&ip[offsetof(rte_ipv4_hdr, fragment_offset)]) & RTE_IPV4_HDR_OFFSET_MASK)
        return false;
    if (ip[offsetof(rte_ipv4_hdr, next_proto_id)] == IPPROTO_ICMP
        && (ip.size() <= header_length || is_icmp_error(ip[header_length])))
        return false;
    return may_answer(
        IpAddress::from_octets(IpFamily::ipv4, &ip[offsetof(rte_ipv4_hdr, src_addr)]),
        IpAddress::from_octets(IpFamily::ipv4, &ip[offsetof(rte_ipv4_hdr, dst_addr)]));
}

bool may_answer_ipv6(std::span<const std::uint8_t> ip) {
    // Types below 128 are errors (RFC 4443 2.1).
    if (ip[offsetof(rte_ipv6_hdr, proto)] == IPPROTO_ICMPV6
        && (ip.size() <= sizeof(rte_ipv6_hdr) || ip[sizeof(rte_ipv6_hdr)] < 128))
        return false;
    return may_answer(
        IpAddress::from_octets(IpFamily::ipv6, &ip[offsetof(rte_ipv6_hdr, src_addr)]),
        IpAddress::from_octets(IpFamily::ipv6, &ip[offsetof(rte_ipv6_hdr, dst_addr)]));
}

std::size_t write_ipv4(std::span<const std::uint8_t> original, std::uint16_t mtu,
                       std::uint8_t* out) {
    const std::size_t quoted =
        std::min(original.size(), largest_ipv4_answer - sizeof(rte_ipv4_hdr) - icmp_header_length);
    const std::size_t total = sizeof(rte_ipv4_hdr) + icmp_header_length + quoted;
    std::memset(out, 0, sizeof(rte_ipv4_hdr) + icmp_header_length);
    auto* const ip = reinterpret_cast<rte_ipv4_hdr*>(out);
    ip->version_ihl = RTE_IPV4_VHL_DEF;
    ip->total_length = rte_cpu_to_be_16(static_cast<std::uint16_t>(total));
    ip->time_to_live = answer_ttl;
    ip->next_proto_id = IPPROTO_ICMP;
    std::memcpy(&ip->src_addr, &original[offsetof(rte_ipv4_hdr, dst_addr)], 4);
    std::memcpy(&ip->dst_addr, &original[offsetof(rte_ipv4_hdr, src_addr)], 4);
    write_ipv4_checksum(out);

    std::uint8_t* const icmp = out + sizeof(rte_ipv4_hdr);
    icmp[0] = icmp_unreachable;
    icmp[1] = icmp_fragmentation_needed;
    store_be16(icmp + 6, mtu);
    std::memcpy(icmp + icmp_header_length, original.data(), quoted);
    const std::uint16_t sum = rte_raw_cksum(icmp, icmp_header_length + quoted);
    store<std::uint16_t>(icmp + 2, static_cast<std::uint16_t>(~sum));
    return total;
}

std::size_t write_ipv6(std::span<const std::uint8_t> original, std::uint16_t mtu,
                       std::uint8_t* out) {
    const std::size_t quoted =
        std::min(original.size(), largest_ipv6_answer - sizeof(rte_ipv6_hdr) - icmp_header_length);
    const std::size_t payload = icmp_header_length + quoted;
    std::memset(out, 0, sizeof(rte_ipv6_hdr) + icmp_header_length);
    auto* const ip = reinterpret_cast<rte_ipv6_hdr*>(out);
    ip->vtc_flow = rte_cpu_to_be_32(6U << 28);
    ip->payload_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(payload));
    ip->proto = IPPROTO_ICMPV6;
    ip->hop_limits = answer_ttl;
    std::memcpy(out + offsetof(rte_ipv6_hdr, src_addr), &original[offsetof(rte_ipv6_hdr, dst_addr)],
                16);
    std::memcpy(out + offsetof(rte_ipv6_hdr, dst_addr), &original[offsetof(rte_ipv6_hdr, src_addr)],
                16);

    std::uint8_t* const icmp = out + sizeof(rte_ipv6_hdr);
    icmp[0] = icmp6_packet_too_big;
    store_be32(icmp + 4, mtu);
    std::memcpy(icmp + icmp_header_length, original.data(), quoted);
    store<std::uint16_t>(icmp + 2, rte_ipv6_udptcp_cksum(ip, icmp));
    return sizeof(rte_ipv6_hdr) + payload;
}

} // namespace

std::size_t write_too_big(std::span<const std::uint8_t> original, const Frame& parsed,
                          std::uint16_t mtu, std::span<std::uint8_t> answer) {
    constexpr std::size_t multicast_bit = 1;
    if (parsed.fault != FrameFault::none || answer.size() < largest_too_big_answer
        || original.size() <= parsed.l3_offset || (original[0] & multicast_bit) != 0)
        return 0;
    const auto ip = original.subspan(parsed.l3_offset);
    const bool ipv4 = parsed.l3 == L3::ipv4;
    if (ipv4 ? ip.size() < sizeof(rte_ipv4_hdr) || !may_answer_ipv4(ip)
             : parsed.l3 != L3::ipv6 || ip.size() < sizeof(rte_ipv6_hdr) || !may_answer_ipv6(ip))
        return 0;
    // The tags, if any, lead back to where the frame came from.
    std::memcpy(answer.data(), original.data(), parsed.l3_offset);
    std::memcpy(answer.data(), original.data() + RTE_ETHER_ADDR_LEN, RTE_ETHER_ADDR_LEN);
    std::memcpy(answer.data() + RTE_ETHER_ADDR_LEN, original.data(), RTE_ETHER_ADDR_LEN);
    std::uint8_t* const out = answer.data() + parsed.l3_offset;
    return parsed.l3_offset + (ipv4 ? write_ipv4(ip, mtu, out) : write_ipv6(ip, mtu, out));
}

} // namespace sallyport::net
