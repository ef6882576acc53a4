// SPDX-License-Identifier: BSD-3-Clause
#include "net/neighbour_frames.h"

#include "net/wire.h"

#include <algorithm>
#include <cstring>

#include <netinet/icmp6.h>
#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_ip.h>

namespace sallyport::net {

namespace {

constexpr std::size_t shortest_frame = RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN;
/// Receivers take no other: it proves that no router passed it on.
constexpr std::uint8_t neighbour_hop_limit = 255;

/// RFC 4861 sections 4.3 and 4.4: a solicitation or advertisement with one link-layer address
/// option (section 4.6.1).
struct NeighbourMessage {
    icmp6_hdr header; // the flags of an advertisement are its data
    std::uint8_t target[16];
    nd_opt_hdr option;
    std::uint8_t option_mac[6];
};
static_assert(sizeof(NeighbourMessage) == 32, "as on the wire");
constexpr std::size_t message_without_options = offsetof(NeighbourMessage, option);

// ff02::1, all nodes on the link.
constexpr IpAddress all_nodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
                              IpFamily::ipv6};

/// ff02::1:ffXX:XXXX (RFC 4291 section 2.7.1).
IpAddress solicited_node(const IpAddress& target) {
    IpAddress group{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}, IpFamily::ipv6};
    std::copy(target.octets.begin() + 13, target.octets.end(), group.octets.begin() + 13);
    return group;
}

/// RFC 2464 section 7.
MacAddress group_mac(const IpAddress& group) {
    MacAddress mac{{0x33, 0x33}};
    std::copy(group.octets.begin() + 12, group.octets.end(), mac.octets.begin() + 2);
    return mac;
}

template<class Header>
void append(std::vector<std::uint8_t>& frame, const Header& header) {
    const auto* const octets = reinterpret_cast<const std::uint8_t*>(&header);
    frame.insert(frame.end(), octets, octets + sizeof header);
}

rte_ether_hdr ethernet(const MacAddress& destination, const MacAddress& source,
                       std::uint16_t type) {
    rte_ether_hdr header{};
    std::memcpy(&header.dst_addr, destination.octets.data(), destination.octets.size());
    std::memcpy(&header.src_addr, source.octets.data(), source.octets.size());
    header.ether_type = rte_cpu_to_be_16(type);
    return header;
}

std::vector<std::uint8_t> neighbour_frame(NeighbourMessage message, const MacAddress& source_mac,
                                          const MacAddress& destination_mac,
                                          const IpAddress& source, const IpAddress& destination) {
    message.option.nd_opt_len = 1; // in units of eight octets
    std::memcpy(message.option_mac, source_mac.octets.data(), source_mac.octets.size());
    rte_ipv6_hdr ip{};
    ip.vtc_flow = rte_cpu_to_be_32(6U << 28);
    ip.payload_len = rte_cpu_to_be_16(sizeof message);
    ip.proto = IPPROTO_ICMPV6;
    ip.hop_limits = neighbour_hop_limit;
    std::memcpy(&ip.src_addr, source.octets.data(), 16);
    std::memcpy(&ip.dst_addr, destination.octets.data(), 16);
    // Named for UDP and TCP, but it sums any payload, with the protocol that the header names.
    message.header.icmp6_cksum = rte_ipv6_udptcp_cksum(&ip, &message);

    std::vector<std::uint8_t> frame;
    append(frame, ethernet(destination_mac, source_mac, RTE_ETHER_TYPE_IPV6));
    append(frame, ip);
    append(frame, message);
    return frame;
}

/// @param flags network byte order
NeighbourMessage advertisement(const IpAddress& address, std::uint32_t flags) {
    NeighbourMessage message{};
    message.header.icmp6_type = ND_NEIGHBOR_ADVERT;
    message.header.icmp6_data32[0] = flags;
    message.option.nd_opt_type = ND_OPT_TARGET_LINKADDR;
    std::memcpy(message.target, address.octets.data(), sizeof message.target);
    return message;
}

std::vector<std::uint8_t> arp_frame(std::uint16_t operation, const MacAddress& source_mac,
                                    const IpAddress& sender, const IpAddress& target,
                                    const MacAddress& target_mac,
                                    const MacAddress& destination_mac) {
    rte_arp_hdr arp{};
    arp.arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
    arp.arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
    arp.arp_hlen = RTE_ETHER_ADDR_LEN;
    arp.arp_plen = sizeof arp.arp_data.arp_sip;
    arp.arp_opcode = rte_cpu_to_be_16(operation);
    std::memcpy(&arp.arp_data.arp_sha, source_mac.octets.data(), source_mac.octets.size());
    std::memcpy(&arp.arp_data.arp_sip, sender.octets.data(), sizeof arp.arp_data.arp_sip);
    std::memcpy(&arp.arp_data.arp_tha, target_mac.octets.data(), target_mac.octets.size());
    std::memcpy(&arp.arp_data.arp_tip, target.octets.data(), sizeof arp.arp_data.arp_tip);

    std::vector<std::uint8_t> frame;
    append(frame, ethernet(destination_mac, source_mac, RTE_ETHER_TYPE_ARP));
    append(frame, arp);
    frame.resize(std::max(frame.size(), shortest_frame));
    return frame;
}

std::uint16_t ether_type(std::span<const std::uint8_t> frame) {
    return frame.size() < sizeof(rte_ether_hdr)
               ? std::uint16_t{0}
               : load_be16(&frame[offsetof(rte_ether_hdr, ether_type)]);
}

/// ARP of IPv4 over Ethernet, as far as its header goes.
struct Arp {
    std::uint16_t operation = 0;
    MacAddress sender_mac;
    IpAddress sender, target;
};

/// @param arp what follows the Ethernet header
std::optional<Arp> parse_arp(std::span<const std::uint8_t> arp) {
    if (arp.size() < sizeof(rte_arp_hdr)
        || load_be16(&arp[offsetof(rte_arp_hdr, arp_hardware)]) != RTE_ARP_HRD_ETHER
        || load_be16(&arp[offsetof(rte_arp_hdr, arp_protocol)]) != RTE_ETHER_TYPE_IPV4
        || arp[offsetof(rte_arp_hdr, arp_hlen)] != RTE_ETHER_ADDR_LEN
        || arp[offsetof(rte_arp_hdr, arp_plen)] != 4)
        return std::nullopt;
    const auto address = [&arp](std::size_t offset) {
        return IpAddress::from_octets(IpFamily::ipv4, &arp[offset]);
    };
    return Arp{load_be16(&arp[offsetof(rte_arp_hdr, arp_opcode)]),
               MacAddress::from_octets(&arp[offsetof(rte_arp_hdr, arp_data.arp_sha)]),
               address(offsetof(rte_arp_hdr, arp_data.arp_sip)),
               address(offsetof(rte_arp_hdr, arp_data.arp_tip))};
}

/// A neighbour discovery message with whole headers and a right checksum that no router passed on.
struct NeighbourDiscovery {
    std::uint8_t type = 0;
    /// Network byte order.
    std::uint32_t flags = 0;
    IpAddress source, destination, target;
    std::span<const std::uint8_t> options;
};

/// @param packet what follows the Ethernet header
std::optional<NeighbourDiscovery> parse_discovery(std::span<const std::uint8_t> packet) {
    if (packet.size() < sizeof(rte_ipv6_hdr) + message_without_options) return std::nullopt;
    const std::size_t payload = load_be16(&packet[offsetof(rte_ipv6_hdr, payload_len)]);
    if (packet[0] >> 4 != 6 || packet[offsetof(rte_ipv6_hdr, proto)] != IPPROTO_ICMPV6
        || packet[offsetof(rte_ipv6_hdr, hop_limits)] != neighbour_hop_limit
        || payload < message_without_options || payload > packet.size() - sizeof(rte_ipv6_hdr))
        return std::nullopt;
    const auto message = packet.subspan(sizeof(rte_ipv6_hdr), payload);
    const auto* const header = reinterpret_cast<const rte_ipv6_hdr*>(packet.data());
    if (message[1] != 0 || rte_ipv6_udptcp_cksum_verify(header, message.data()) != 0)
        return std::nullopt;
    const auto address = [](const std::uint8_t* octets) {
        return IpAddress::from_octets(IpFamily::ipv6, octets);
    };
    return NeighbourDiscovery{message[0],
                              load<std::uint32_t>(&message[4]),
                              address(&packet[offsetof(rte_ipv6_hdr, src_addr)]),
                              address(&packet[offsetof(rte_ipv6_hdr, dst_addr)]),
                              address(&message[offsetof(NeighbourMessage, target)]),
                              message.subspan(message_without_options)};
}

/// The last link-layer address of @p type among the options, if there is one.
/// @return false: one of them is malformed, and the message to be discarded
bool read_options(std::span<const std::uint8_t> options, std::uint8_t type,
                  std::optional<MacAddress>& mac) {
    while (!options.empty()) {
        const std::size_t length = options.size() < 2 ? 0 : std::size_t{options[1]} * 8;
        if (length == 0 || length > options.size()) return false;
        if (options[0] == type) mac = MacAddress::from_octets(&options[2]);
        options = options.subspan(length);
    }
    return true;
}

std::optional<NeighbourReply> reply_of(const Arp& arp) {
    if (arp.operation != RTE_ARP_OP_REPLY) return std::nullopt;
    return NeighbourReply{arp.sender, arp.sender_mac, {}};
}

/// @param source of the frame: an advertisement that answers a unicast need not repeat it
std::optional<NeighbourReply> reply_of(const NeighbourDiscovery& message,
                                       const MacAddress& source) {
    std::optional<MacAddress> mac;
    if (message.type != ND_NEIGHBOR_ADVERT || message.destination.is_multicast()
        || (message.flags & ND_NA_FLAG_SOLICITED) == 0 || message.target.is_multicast()
        || !read_options(message.options, ND_OPT_TARGET_LINKADDR, mac))
        return std::nullopt;
    return NeighbourReply{message.target, mac.value_or(source), {}};
}

std::optional<NeighbourRequest> request_of(const Arp& arp) {
    if (arp.operation != RTE_ARP_OP_REQUEST) return std::nullopt;
    return NeighbourRequest{arp.target, arp.sender, arp.sender_mac};
}

/// @param source of the frame
std::optional<NeighbourRequest> request_of(const NeighbourDiscovery& message,
                                           const MacAddress& source) {
    std::optional<MacAddress> mac;
    if (message.type != ND_NEIGHBOR_SOLICIT || message.target.is_multicast()
        || message.source.is_multicast()
        || !read_options(message.options, ND_OPT_SOURCE_LINKADDR, mac))
        return std::nullopt;
    // Who has no address yet has nobody to be answered as, and asks the group.
    if (message.source.is_unspecified()
        && (mac || message.destination != solicited_node(message.target)))
        return std::nullopt;
    return NeighbourRequest{message.target, message.source, mac.value_or(source)};
}

bool is_station(const MacAddress& mac) {
    return !mac.is_multicast() && !mac.is_zero();
}

} // namespace

IpAddress link_local_address(const MacAddress& mac) {
    const auto& octet = mac.octets;
    return {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(octet[0] ^ 2U), octet[1],
             octet[2], 0xff, 0xfe, octet[3], octet[4], octet[5]},
            IpFamily::ipv6};
}

std::vector<std::uint8_t> arp_request(const MacAddress& source_mac, const IpAddress& sender,
                                      const IpAddress& target, const MacAddress& destination_mac) {
    return arp_frame(RTE_ARP_OP_REQUEST, source_mac, sender, target, {}, destination_mac);
}

std::vector<std::uint8_t> arp_reply(const MacAddress& source_mac, const IpAddress& address,
                                    const IpAddress& destination,
                                    const MacAddress& destination_mac) {
    return arp_frame(RTE_ARP_OP_REPLY, source_mac, address, destination, destination_mac,
                     destination_mac);
}

std::vector<std::uint8_t> neighbour_solicitation(const MacAddress& source_mac,
                                                 const IpAddress& source, const IpAddress& target,
                                                 const std::optional<MacAddress>& destination_mac) {
    NeighbourMessage message{};
    message.header.icmp6_type = ND_NEIGHBOR_SOLICIT;
    message.option.nd_opt_type = ND_OPT_SOURCE_LINKADDR;
    std::memcpy(message.target, target.octets.data(), sizeof message.target);
    const IpAddress group = solicited_node(target);
    return neighbour_frame(message, source_mac, destination_mac.value_or(group_mac(group)), source,
                           destination_mac ? target : group);
}

std::vector<std::uint8_t> solicited_advertisement(const MacAddress& source_mac,
                                                  const IpAddress& address,
                                                  const IpAddress& destination,
                                                  const MacAddress& destination_mac) {
    return neighbour_frame(advertisement(address, ND_NA_FLAG_SOLICITED | ND_NA_FLAG_OVERRIDE),
                           source_mac, destination_mac, address, destination);
}

std::vector<std::uint8_t> unsolicited_advertisement(const MacAddress& source_mac,
                                                    const IpAddress& address) {
    return neighbour_frame(advertisement(address, ND_NA_FLAG_OVERRIDE), source_mac,
                           group_mac(all_nodes), address, all_nodes);
}

std::optional<NeighbourReply> parse_neighbour_reply(std::span<const std::uint8_t> frame) {
    std::optional<NeighbourReply> reply;
    switch (ether_type(frame)) {
    case RTE_ETHER_TYPE_ARP:
        if (const auto arp = parse_arp(frame.subspan(sizeof(rte_ether_hdr))))
            reply = reply_of(*arp);
        break;
    case RTE_ETHER_TYPE_IPV6:
        if (const auto message = parse_discovery(frame.subspan(sizeof(rte_ether_hdr))))
            reply = reply_of(*message, MacAddress::from_octets(&frame[RTE_ETHER_ADDR_LEN]));
        break;
    default:
        break;
    }
    if (!reply || !is_station(reply->mac)) return std::nullopt;
    reply->destination_mac = MacAddress::from_octets(frame.data());
    return reply;
}

std::optional<NeighbourRequest> parse_neighbour_request(std::span<const std::uint8_t> frame) {
    std::optional<NeighbourRequest> request;
    switch (ether_type(frame)) {
    case RTE_ETHER_TYPE_ARP:
        if (const auto arp = parse_arp(frame.subspan(sizeof(rte_ether_hdr))))
            request = request_of(*arp);
        break;
    case RTE_ETHER_TYPE_IPV6:
        if (const auto message = parse_discovery(frame.subspan(sizeof(rte_ether_hdr))))
            request = request_of(*message, MacAddress::from_octets(&frame[RTE_ETHER_ADDR_LEN]));
        break;
    default:
        break;
    }
    if (!request || !is_station(request->sender_mac)) return std::nullopt;
    return request;
}

} // namespace sallyport::net
