// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/model/encap_hash.h"

#include "net/wire.h"

#include <algorithm>
#include <cstddef>

#include <netinet/in.h>
#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

namespace sallyport::eswitch {

namespace {

constexpr std::size_t ipv4_length = 4;
/// The range that mlx5 reads from a card's capabilities has a width of a power of two, and sets
/// these bits.
constexpr std::uint16_t lowest_port = 0xc000;

void set_ipv4(EncapFlow& flow, const std::uint8_t* ip) {
    std::copy_n(ip + offsetof(rte_ipv4_hdr, dst_addr), ipv4_length,
                flow.destination.end() - ipv4_length);
    std::copy_n(ip + offsetof(rte_ipv4_hdr, src_addr), ipv4_length,
                flow.source.end() - ipv4_length);
    flow.protocol = ip[offsetof(rte_ipv4_hdr, next_proto_id)];
}

void set_ipv6(EncapFlow& flow, const std::uint8_t* ip) {
    std::copy_n(ip + offsetof(rte_ipv6_hdr, dst_addr), flow.destination.size(),
                flow.destination.begin());
    std::copy_n(ip + offsetof(rte_ipv6_hdr, src_addr), flow.source.size(), flow.source.begin());
    flow.protocol = ip[offsetof(rte_ipv6_hdr, proto)];
}

/// UDP and TCP have them at the same place.
void set_ports(EncapFlow& flow, const std::uint8_t* l4) {
    static_assert(offsetof(rte_udp_hdr, dst_port) == offsetof(rte_tcp_hdr, dst_port));
    std::copy_n(l4 + offsetof(rte_udp_hdr, src_port), 2, flow.source_port.begin());
    std::copy_n(l4 + offsetof(rte_udp_hdr, dst_port), 2, flow.destination_port.begin());
}

// The header is what a spec begins with.
static_assert(offsetof(rte_flow_item_ipv4, hdr) == 0 && offsetof(rte_flow_item_ipv6, hdr) == 0
              && offsetof(rte_flow_item_udp, hdr) == 0 && offsetof(rte_flow_item_tcp, hdr) == 0);

/// @return false: the item says nothing of a flow
bool add_item(EncapFlow& flow, const rte_flow_item& item, bool& has_ip) {
    const auto* const spec = static_cast<const std::uint8_t*>(item.spec);
    switch (item.type) {
    case RTE_FLOW_ITEM_TYPE_IPV4:
        has_ip = true;
        set_ipv4(flow, spec);
        return true;
    case RTE_FLOW_ITEM_TYPE_IPV6:
        has_ip = true;
        set_ipv6(flow, spec);
        return true;
    case RTE_FLOW_ITEM_TYPE_UDP:
        flow.protocol = IPPROTO_UDP;
        set_ports(flow, spec);
        return true;
    case RTE_FLOW_ITEM_TYPE_TCP:
        flow.protocol = IPPROTO_TCP;
        set_ports(flow, spec);
        return true;
    case RTE_FLOW_ITEM_TYPE_ICMP:
        flow.protocol = IPPROTO_ICMP;
        return true;
    case RTE_FLOW_ITEM_TYPE_ICMP6:
        flow.protocol = IPPROTO_ICMPV6;
        return true;
    default:
        return false;
    }
}

} // namespace

std::optional<EncapFlow> encap_flow(std::span<const std::uint8_t> packet, const Headers& headers) {
    if (headers.layer3 == Layer3::other) return std::nullopt;
    EncapFlow flow;
    const std::uint8_t* const ip = packet.data() + headers.l3;
    if (headers.layer3 == Layer3::ipv4)
        set_ipv4(flow, ip);
    else
        set_ipv6(flow, ip);
    // Behind IPv6 extension headers nothing is looked for: whether a card does is not known.
    const std::uint8_t wanted = headers.layer4 == Layer4::udp ? IPPROTO_UDP : IPPROTO_TCP;
    if (headers.layer4 != Layer4::other && !headers.fragment && flow.protocol == wanted)
        set_ports(flow, packet.data() + headers.l4);
    return flow;
}

std::optional<EncapFlow> encap_flow(const rte_flow_item* items, std::string& complaint) {
    EncapFlow flow;
    bool has_ip = false;
    for (; items->type != RTE_FLOW_ITEM_TYPE_END; ++items) {
        if (items->type == RTE_FLOW_ITEM_TYPE_ETH) continue;
        if (items->spec != nullptr && add_item(flow, *items, has_ip)) continue;
        complaint = "an item without a spec, or that says nothing of a flow";
        return std::nullopt;
    }
    if (has_ip) return flow;
    complaint = "no IP in the pattern";
    return std::nullopt;
}

std::uint16_t encap_source_port(const EncapFlow& flow) {
    std::array<std::uint8_t, 37> fields{};
    auto end = std::copy(flow.destination.begin(), flow.destination.end(), fields.begin());
    end = std::copy(flow.source.begin(), flow.source.end(), end);
    *end++ = flow.protocol;
    end = std::copy(flow.destination_port.begin(), flow.destination_port.end(), end);
    std::copy(flow.source_port.begin(), flow.source_port.end(), end);
    const std::uint32_t hash = rte_hash_crc(fields.data(), fields.size(), 0);
    return static_cast<std::uint16_t>(lowest_port | hash >> 16);
}

} // namespace sallyport::eswitch
