// SPDX-License-Identifier: BSD-3-Clause
// Puts the outer headers in front of a frame (RFC 7348 section 5) and sends it by the active
// uplink.
#include "datapath/nodes/node.h"
#include "net/ipv4_checksum.h"
#include "net/overhead.h"

#include <rte_ip.h>
#include <rte_udp.h>

namespace sallyport::datapath {

namespace {

enum Edge : rte_edge_t { to_port_tx, to_esp_outbound, to_drop };
constexpr const char* next[] = {"sallyport-port-tx", "sallyport-esp-outbound", "sallyport-drop"};

/// What is the same for the whole burst.
struct Underlay {
    const Tables* tables;
    std::size_t uplink;
    std::uint16_t port;
};

std::uint8_t outer_traffic_class(const Tables& tables, std::uint8_t inner) {
    const std::uint8_t ecn = net::encapsulate_ecn(inner & 0x03);
    return tables.fixed_dscp ? static_cast<std::uint8_t>(tables.dscp | ecn)
                             : static_cast<std::uint8_t>((inner & 0xfc) | ecn);
}

/// Kept out of the way of those who have nobody to ask.
[[gnu::noinline]] std::uint16_t ask_source_port(const net::EncapEntropy& entropy,
                                                const rte_mbuf* packet, const PacketMeta& in) {
    // A flooded copy may have its first segment for the outer headers alone.
    const rte_mbuf* const frame = packet->data_len == 0 ? packet->next : packet;
    return entropy.source_port(octets(frame) + in.l3_offset,
                               std::size_t{frame->data_len} - in.l3_offset, in.l3);
}

/// @param packet not yet encapsulated
std::uint16_t source_port(const Tables& tables, const rte_mbuf* packet, const PacketMeta& in) {
    if (tables.encap_entropy != nullptr && in.l3 != net::L3::other)
        if (const auto port = ask_source_port(*tables.encap_entropy, packet, in); port != 0)
            return port;
    return static_cast<std::uint16_t>(
        tables.source_port_first + (std::uint64_t{in.flow_hash} * tables.source_port_count >> 32));
}

void finish_ipv4(Worker& worker, const TunnelView& tunnel, std::uint8_t* ip, std::uint32_t length,
                 std::uint8_t traffic_class) {
    auto* const header = reinterpret_cast<rte_ipv4_hdr*>(ip);
    header->type_of_service = traffic_class;
    header->total_length = rte_cpu_to_be_16(static_cast<std::uint16_t>(length));
    // RFC 6864: with DF set the ID means nothing; without it must tell datagrams apart.
    if (!worker.tables->dont_fragment) header->packet_id = rte_cpu_to_be_16(worker.ipv4_id++);
    const std::uint32_t sum =
        tunnel.ipv4_sum + net::load<std::uint16_t>(ip) + header->total_length + header->packet_id;
    header->hdr_checksum = static_cast<std::uint16_t>(~net::fold_sum(sum));
}

void finish_ipv6(std::uint8_t* ip, std::uint32_t payload, std::uint8_t traffic_class,
                 std::uint32_t flow_hash) {
    auto* const header = reinterpret_cast<rte_ipv6_hdr*>(ip);
    // RFC 6438: the flow label spreads tunnelled flows where routers do not look at ports.
    header->vtc_flow =
        rte_cpu_to_be_32(6U << 28 | std::uint32_t{traffic_class} << 20 | (flow_hash & 0xfffff));
    header->payload_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(payload));
}

void compute_udp_checksum(const rte_mbuf* packet, const TunnelView& tunnel, std::uint8_t* ip,
                          rte_udp_hdr* udp) {
    const auto offset =
        static_cast<std::uint16_t>(reinterpret_cast<std::uint8_t*>(udp) - octets(packet));
    udp->dgram_cksum =
        tunnel.family == net::IpFamily::ipv4
            ? rte_ipv4_udptcp_cksum_mbuf(packet, reinterpret_cast<rte_ipv4_hdr*>(ip), offset)
            : rte_ipv6_udptcp_cksum_mbuf(packet, reinterpret_cast<rte_ipv6_hdr*>(ip), offset);
}

void write_headers(Worker& worker, rte_mbuf* packet, const PacketMeta& out,
                   const TunnelView& tunnel, const NextHopView::Link& link,
                   std::uint16_t source_port) {
    std::uint8_t* const header = rte_pktmbuf_mtod(packet, std::uint8_t*);
    // A fixed size lets the compiler unroll; longest_encap fits into any headroom.
    if (tunnel.family == net::IpFamily::ipv4)
        std::memcpy(header, tunnel.header.data(), net::vxlan_encap_length(net::IpFamily::ipv4));
    else
        std::memcpy(header, tunnel.header.data(), net::vxlan_encap_length(net::IpFamily::ipv6));
    std::memcpy(header, link.addresses.data(), link.addresses.size());

    std::uint8_t* const ip = header + net::ethernet_header_length;
    const std::uint32_t ip_length = packet->pkt_len - net::ethernet_header_length;
    const std::uint16_t ip_header = net::ip_header_length(tunnel.family);
    const std::uint8_t traffic_class = outer_traffic_class(*worker.tables, out.traffic_class);
    if (tunnel.family == net::IpFamily::ipv4)
        finish_ipv4(worker, tunnel, ip, ip_length, traffic_class);
    else
        finish_ipv6(ip, ip_length - ip_header, traffic_class, out.flow_hash);

    auto* const udp = reinterpret_cast<rte_udp_hdr*>(ip + ip_header);
    udp->src_port = rte_cpu_to_be_16(source_port);
    udp->dgram_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(ip_length - ip_header));
    if (tunnel.computes_udp_checksum) compute_udp_checksum(packet, tunnel, ip, udp);
}

rte_edge_t encapsulate(Worker& worker, const Underlay& underlay, rte_mbuf* packet,
                       PacketMeta& out) {
    const TunnelView* const tunnel = underlay.tables->tunnels.get(out.tunnel);
    // The fdb can not lead across tenants; should it ever, the packet ends here.
    if (tunnel == nullptr || tunnel->tenant != out.tenant)
        return drop(out, DropReason::tenant_gone, to_drop);
    if (tunnel->is_protected && tunnel->outbound_sas.empty())
        return drop(out, DropReason::no_sa, to_drop);
    if (underlay.port == no_queue) return drop(out, DropReason::no_active_uplink, to_drop);
    const NextHopView* const next_hop =
        tunnel->next_hop ? underlay.tables->next_hops.get(*tunnel->next_hop) : nullptr;
    if (next_hop == nullptr || !next_hop->links[underlay.uplink].known)
        return drop(out, DropReason::next_hop_unresolved, to_drop);
    const std::uint32_t inner_length = packet->pkt_len;
    const std::uint16_t port = source_port(*underlay.tables, packet, out);
    if (rte_pktmbuf_prepend(packet, tunnel->header_length) == nullptr)
        return drop(out, DropReason::no_buffer, to_drop);
    write_headers(worker, packet, out, *tunnel, next_hop->links[underlay.uplink], port);
    out.out_port = underlay.port;
    TenantCounterBlock* const counters = worker.counters_of(out.tenant);
    counters->encap_packets.add(1);
    counters->encap_bytes.add(inner_length);
    return tunnel->is_protected ? rte_edge_t{to_esp_outbound} : rte_edge_t{to_port_tx};
}

std::uint16_t process(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count) {
    Worker& worker = worker_of(node);
    const Tables& tables = *worker.tables;
    const int active = tables.active_uplink.load(std::memory_order_acquire);
    const auto uplink = static_cast<std::size_t>(active == no_uplink ? 0 : active);
    const Underlay underlay{&tables, uplink,
                            active == no_uplink
                                ? no_queue
                                : tables.uplink_ports[uplink].load(std::memory_order_acquire)};
    Dispatch dispatch(graph, node, packets);
    for (std::uint16_t i = 0; i < count; ++i) {
        auto* const packet = static_cast<rte_mbuf*>(packets[i]);
        dispatch.to(i, encapsulate(worker, underlay, packet, meta(packet)));
    }
    dispatch.finish(count);
    return count;
}

} // namespace

const NodeDefinition vxlan_encap_node{"sallyport-vxlan-encap", process, false, next};

} // namespace sallyport::datapath
