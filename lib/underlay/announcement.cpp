// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/announcement.h"

#include <algorithm>
#include <cstring>

#include <netinet/icmp6.h>
#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_ip.h>

namespace sallyport::underlay {

namespace {

constexpr std::size_t shortest_frame = RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN;

/// RFC 4861 section 4.4 with the target link-layer address option of section 4.6.1.
struct NeighbourAdvertisement {
    nd_neighbor_advert header;
    nd_opt_hdr option;
    std::uint8_t option_mac[6];
};
static_assert(sizeof(NeighbourAdvertisement) == 32, "as on the wire");

// ff02::1, all nodes on the link, and the Ethernet group it maps to (RFC 2464 section 7).
constexpr std::uint8_t all_nodes[16] = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr std::uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
constexpr std::uint8_t broadcast_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

template<class Header>
void append(std::vector<std::uint8_t>& frame, const Header& header) {
    const auto* const octets = reinterpret_cast<const std::uint8_t*>(&header);
    frame.insert(frame.end(), octets, octets + sizeof header);
}

rte_ether_hdr ethernet(const std::uint8_t (&destination)[6], const net::MacAddress& source,
                       std::uint16_t type) {
    rte_ether_hdr header{};
    std::memcpy(&header.dst_addr, destination, sizeof destination);
    std::memcpy(&header.src_addr, source.octets.data(), source.octets.size());
    header.ether_type = rte_cpu_to_be_16(type);
    return header;
}

// A request, not a reply: RFC 5227 section 3 tells that all implementations take it.
std::vector<std::uint8_t> gratuitous_arp(const net::IpAddress& address,
                                         const net::MacAddress& mac) {
    rte_arp_hdr arp{};
    arp.arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
    arp.arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
    arp.arp_hlen = RTE_ETHER_ADDR_LEN;
    arp.arp_plen = sizeof arp.arp_data.arp_sip;
    arp.arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REQUEST);
    std::memcpy(&arp.arp_data.arp_sha, mac.octets.data(), mac.octets.size());
    std::memcpy(&arp.arp_data.arp_sip, address.octets.data(), sizeof arp.arp_data.arp_sip);
    std::memcpy(&arp.arp_data.arp_tip, address.octets.data(), sizeof arp.arp_data.arp_tip);

    std::vector<std::uint8_t> frame;
    append(frame, ethernet(broadcast_mac, mac, RTE_ETHER_TYPE_ARP));
    append(frame, arp);
    frame.resize(std::max(frame.size(), shortest_frame));
    return frame;
}

std::vector<std::uint8_t> unsolicited_advertisement(const net::IpAddress& address,
                                                    const net::MacAddress& mac) {
    NeighbourAdvertisement advertisement{};
    advertisement.header.nd_na_type = ND_NEIGHBOR_ADVERT;
    advertisement.header.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
    std::memcpy(&advertisement.header.nd_na_target, address.octets.data(), 16);
    advertisement.option.nd_opt_type = ND_OPT_TARGET_LINKADDR;
    advertisement.option.nd_opt_len = 1; // in units of eight octets
    std::memcpy(advertisement.option_mac, mac.octets.data(), mac.octets.size());

    rte_ipv6_hdr ip{};
    ip.vtc_flow = rte_cpu_to_be_32(6U << 28);
    ip.payload_len = rte_cpu_to_be_16(sizeof advertisement);
    ip.proto = IPPROTO_ICMPV6;
    ip.hop_limits = 255; // receivers take no other: it proves that no router passed it on
    std::memcpy(&ip.src_addr, address.octets.data(), 16);
    std::memcpy(&ip.dst_addr, all_nodes, sizeof all_nodes);
    // Named for UDP and TCP, but it sums any payload, with the protocol that the header names.
    advertisement.header.nd_na_cksum = rte_ipv6_udptcp_cksum(&ip, &advertisement);

    std::vector<std::uint8_t> frame;
    append(frame, ethernet(all_nodes_mac, mac, RTE_ETHER_TYPE_IPV6));
    append(frame, ip);
    append(frame, advertisement);
    return frame;
}

} // namespace

std::vector<std::uint8_t> announcement(const net::IpAddress& address, const net::MacAddress& mac) {
    return address.is_ipv4() ? gratuitous_arp(address, mac)
                             : unsolicited_advertisement(address, mac);
}

} // namespace sallyport::underlay
