// SPDX-License-Identifier: BSD-3-Clause
// Checks all of the outer headers that can be wrong, takes them off (RFC 7348, ECN by RFC 6040),
// and checks the inner frame.
#include "datapath/nodes/node.h"
#include "net/ipv4_checksum.h"
#include "net/overhead.h"

#include <rte_ip.h>
#include <rte_udp.h>

namespace sallyport::datapath {

namespace {

enum Edge : rte_edge_t { to_fdb_lookup, to_drop };
constexpr const char* next[] = {"sallyport-fdb-lookup", "sallyport-drop"};

constexpr std::uint16_t ip_offset = net::ethernet_header_length;

/// The outer headers, as underlay_input left word of them in the metadata.
struct OuterHeaders {
    std::uint8_t* data;
    std::uint16_t udp_offset;
    std::uint32_t end;
    bool ipv4;

    [[nodiscard]] const rte_udp_hdr* udp() const {
        return reinterpret_cast<const rte_udp_hdr*>(data + udp_offset);
    }
    [[nodiscard]] std::uint32_t udp_length() const { return rte_be_to_cpu_16(udp()->dgram_len); }
};

bool ipv4_checksum_wrong(const rte_mbuf* packet, const OuterHeaders& outer) {
    const auto verdict = packet->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
    if (verdict == RTE_MBUF_F_RX_IP_CKSUM_GOOD) return false;
    return !net::ipv4_checksum_is_right(outer.data + ip_offset);
}

/// Right only once the packet ends where the UDP datagram does.
bool udp_checksum_wrong(const rte_mbuf* packet, const OuterHeaders& outer) {
    if ((packet->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
        return false;
    const void* const ip = outer.data + ip_offset;
    return (outer.ipv4 ? rte_ipv4_udptcp_cksum_mbuf_verify(
                packet, static_cast<const rte_ipv4_hdr*>(ip), outer.udp_offset)
                       : rte_ipv6_udptcp_cksum_mbuf_verify(
                           packet, static_cast<const rte_ipv6_hdr*>(ip), outer.udp_offset))
           != 0;
}

/// @return false: @p reason says why
bool outer_valid(const Tables& tables, rte_mbuf* packet, const OuterHeaders& outer,
                 DropReason& reason) {
    if (outer.ipv4) {
        if (ipv4_checksum_wrong(packet, outer)) {
            reason = DropReason::outer_ip_checksum;
            return false;
        }
        const auto* const ip = reinterpret_cast<const rte_ipv4_hdr*>(outer.data + ip_offset);
        if ((ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG)) != 0) {
            reason = DropReason::outer_fragment;
            return false;
        }
    }
    constexpr std::uint32_t shortest = net::udp_header_length + net::vxlan_header_length;
    if (outer.udp_length() < shortest || outer.udp_offset + outer.udp_length() != outer.end) {
        reason = DropReason::outer_udp_length;
        return false;
    }
    // Ethernet pads short frames.
    if (packet->pkt_len > outer.end)
        rte_pktmbuf_trim(packet, static_cast<std::uint16_t>(packet->pkt_len - outer.end));
    if (outer.udp()->dgram_cksum == 0) {
        if (!outer.ipv4 && !tables.accept_udp6_zero_checksum) {
            reason = DropReason::outer_udp6_zero_checksum;
            return false;
        }
    } else if (udp_checksum_wrong(packet, outer)) {
        reason = DropReason::outer_udp_checksum;
        return false;
    }
    if ((outer.data[outer.udp_offset + net::udp_header_length] & net::vxlan_flag_i) == 0) {
        reason = DropReason::vxlan_flags;
        return false;
    }
    return true;
}

rte_edge_t inner_valid(const TenantView& tenant, rte_mbuf* packet, PacketMeta& out,
                       std::uint8_t outer_traffic_class) {
    auto* const data = rte_pktmbuf_mtod(packet, std::uint8_t*);
    const net::Frame frame = net::parse_frame(data, packet->data_len, packet->pkt_len);
    if (frame.fault == net::FrameFault::too_short)
        return drop(out, DropReason::frame_too_short, to_drop);
    const std::uint64_t source = mac_word(data + 6);
    if ((source & multicast_bit) != 0 || source == 0)
        return drop(out, DropReason::source_mac_invalid, to_drop);
    if (frame.tagged && !tenant.pass_inner_vlan) return drop(out, DropReason::inner_vlan, to_drop);
    if (frame.fault == net::FrameFault::truncated)
        return drop(out, DropReason::frame_truncated, to_drop);
    if (frame.l3 != net::L3::other) {
        const auto inner = static_cast<std::uint8_t>(frame.traffic_class & 0x03);
        const auto ecn = net::decapsulate_ecn(inner, outer_traffic_class & 0x03);
        if (ecn.drop) return drop(out, DropReason::ecn_invalid, to_drop);
        if (ecn.inner != inner) net::set_ecn(data, frame, ecn.inner);
    }
    out.l3 = frame.l3;
    out.l3_offset = frame.l3_offset;
    out.traffic_class = frame.traffic_class;
    out.flow_hash = frame.flow_hash;
    return to_fdb_lookup;
}

rte_edge_t decapsulate(Worker& worker, rte_mbuf* packet, PacketMeta& out) {
    const Tables& tables = *worker.tables;
    const TenantView* const tenant = tables.tenants.get(out.tenant);
    if (tenant == nullptr) return drop(out, DropReason::tenant_gone, to_drop);
    const OuterHeaders outer{rte_pktmbuf_mtod(packet, std::uint8_t*), out.l3_offset, out.flow_hash,
                             out.l3 == net::L3::ipv4};
    DropReason reason{};
    if (!outer_valid(tables, packet, outer, reason)) return drop(out, reason, to_drop);
    rte_pktmbuf_adj(packet, static_cast<std::uint16_t>(outer.udp_offset + net::udp_header_length
                                                       + net::vxlan_header_length));
    // What the driver said of the outer headers is not true of the inner ones.
    packet->ol_flags &= ~(RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK);
    const rte_edge_t edge = inner_valid(*tenant, packet, out, out.traffic_class);
    if (edge == to_fdb_lookup) {
        TenantCounterBlock* const counters = worker.counters_of(out.tenant);
        counters->decap_packets.add(1);
        counters->decap_bytes.add(packet->pkt_len);
    }
    return edge;
}

std::uint16_t process(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count) {
    Worker& worker = worker_of(node);
    Dispatch dispatch(graph, node, packets);
    for (std::uint16_t i = 0; i < count; ++i) {
        auto* const packet = static_cast<rte_mbuf*>(packets[i]);
        dispatch.to(i, decapsulate(worker, packet, meta(packet)));
    }
    dispatch.finish(count);
    return count;
}

} // namespace

const NodeDefinition vxlan_decap_node{"sallyport-vxlan-decap", process, false, next};

} // namespace sallyport::datapath
