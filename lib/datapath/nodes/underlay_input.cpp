// SPDX-License-Identifier: BSD-3-Clause
// What arrives by an uplink: VXLAN for a tenant, in clear, in ESP, or opened by the NIC; Linux's
// own traffic, or nothing of ours. The fast path is one lookup; why a packet found no tunnel is
// worked out off it.
#include "datapath/nodes/lookups.h"
#include "datapath/nodes/node.h"
#include "ipsec/security_port.h"
#include "net/outer.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace sallyport::datapath {

namespace {

constexpr std::uint16_t batch = lookup_batch;

enum Edge : rte_edge_t { to_vxlan_decap, to_esp_inbound, to_port_tx, to_detector_input, to_drop };
constexpr const char* next[] = {"sallyport-vxlan-decap", "sallyport-esp-inbound",
                                "sallyport-port-tx", "sallyport-detector-input", "sallyport-drop"};

rte_edge_t to_host(const Tables& tables, PacketMeta& out) {
    out.out_port = tables.host_port.load(std::memory_order_acquire);
    return out.out_port == no_queue ? drop(out, DropReason::host_port_absent, to_drop)
                                    : rte_edge_t{to_port_tx};
}

/// Why a packet to one of our endpoints belongs to no tunnel.
DropReason explain_miss(const LocalEndpointsView& local, const LocalEndpoint& endpoint,
                        const net::Outer& outer) {
    if (outer.fragment) return DropReason::outer_fragment;
    if (!outer.has_vxlan_header) return DropReason::outer_udp_length;
    if (!outer.vni_valid) return DropReason::vxlan_flags;
    const auto segment =
        std::lower_bound(local.segments.begin(), local.segments.end(), outer.vni,
                         [](const auto& left, std::uint32_t vni) { return left.vni < vni; });
    if (segment == local.segments.end() || segment->vni != outer.vni)
        return DropReason::vni_unknown;
    return segment->endpoint == endpoint ? DropReason::vtep_unknown : DropReason::vni_wrong_vtep;
}

rte_edge_t miss(const Tables& tables, const net::Outer& outer, PacketMeta& out) {
    if (outer.kind == net::OuterKind::malformed)
        return drop(out, DropReason::outer_malformed, to_drop);
    const LocalEndpointsView* const local = tables.local_endpoints.get(0);
    if (outer.kind != net::OuterKind::udp || local == nullptr) return to_host(tables, out);
    const LocalEndpoint endpoint{net::IpAddress::from_octets(outer.family, outer.destination),
                                 outer.destination_port};
    if (!std::binary_search(local->endpoints.begin(), local->endpoints.end(), endpoint))
        return to_host(tables, out);
    return drop(out, explain_miss(*local, endpoint, outer), to_drop);
}

rte_edge_t miss_again(const Tables& tables, const rte_mbuf* packet, PacketMeta& out) {
    return miss(tables, net::parse_outer(octets(packet), packet->data_len, packet->pkt_len), out);
}

rte_edge_t hit(const Tables& tables, std::uint32_t tunnel_index, PacketMeta& out) {
    const TunnelView* const tunnel = tables.tunnels.get(tunnel_index);
    if (tunnel == nullptr) return drop(out, DropReason::tenant_gone, to_drop);
    out.tenant = tunnel->tenant;
    out.tunnel = tunnel_index;
    if (tunnel->is_protected) return drop(out, DropReason::clear_text, to_drop);
    return to_vxlan_decap;
}

/// What is the same for a burst.
struct Burst {
    const Tables& tables;
    int active;
    int draining;
    std::uint64_t underlay_mac;
    std::uint16_t port = no_queue;
    bool from_active = false;
    bool from_draining = false;
    const net::DetectorStation* detectors = nullptr;
    /// Some of it is tenants' traffic by the active uplink.
    bool has_data = false;
    /// Of the last packet with ESP for one of our SAs.
    const net::IpAddress* protected_vtep = nullptr;

    void enter(std::uint16_t packet_port) {
        if (packet_port == port) return;
        port = packet_port;
        const PortView* const view = tables.ports.get(port);
        from_active = view != nullptr && view->uplink == active;
        from_draining = view != nullptr && view->uplink == draining;
        detectors = view == nullptr ? nullptr : &tables.detectors[view->uplink];
    }
};

bool is_for_detectors(const Burst& burst, const rte_mbuf* packet) {
    return burst.detectors != nullptr && packet->nb_segs == 1
           && net::is_for_detectors(*burst.detectors, {octets(packet), packet->data_len});
}

/// @return the edge of a packet that can be no tenant's; absent: look at its headers
std::optional<rte_edge_t> refuse(const Burst& burst, const rte_mbuf* packet, PacketMeta& out) {
    const bool whole = packet->data_len >= RTE_ETHER_HDR_LEN;
    const std::uint64_t destination = whole ? mac_word(octets(packet)) : 0;
    const bool from_either = burst.from_active || burst.from_draining;
    if (whole && from_either && destination == burst.underlay_mac) return std::nullopt;
    if (is_for_detectors(burst, packet)) return to_detector_input;
    // By the one that drains it would come a second time.
    if (!burst.from_active) return drop(out, DropReason::backup_uplink, to_drop);
    if (!whole) return drop(out, DropReason::frame_too_short, to_drop);
    if ((destination & multicast_bit) != 0) return to_host(burst.tables, out);
    return drop(out, DropReason::not_for_us, to_drop);
}

bool is_to(const net::Outer& outer, const net::IpAddress& address) {
    if (outer.family != address.family) return false;
    return outer.family == net::IpFamily::ipv4
               ? std::memcmp(outer.destination, address.octets.data(), 4) == 0
               : std::memcmp(outer.destination, address.octets.data(), 16) == 0;
}

/// Whether ESP to this address is for one of our SAs, if for anybody.
bool is_protected(Burst& burst, const net::Outer& outer) {
    if (burst.protected_vtep != nullptr && is_to(outer, *burst.protected_vtep)) return true;
    const LocalEndpointsView* const local = burst.tables.local_endpoints.get(0);
    if (local == nullptr) return false;
    const auto& vteps = local->protected_vteps;
    const auto found = std::lower_bound(
        vteps.begin(), vteps.end(), net::IpAddress::from_octets(outer.family, outer.destination));
    if (found == vteps.end() || !is_to(outer, *found)) return false;
    burst.protected_vtep = &*found;
    return true;
}

enum class Found : std::uint8_t { edge, key4, key6 };

/// First pass over a packet: its edge, or its key.
Found classify(Burst& burst, std::uint16_t index, rte_mbuf* packet, PacketMeta& out,
               Lookups<TunnelKey4>& lookups4, Lookups<TunnelKey6>& lookups6, rte_edge_t& edge) {
    out.tenant = no_tenant;
    out.source_port = from_underlay;
    if (const auto refused = refuse(burst, packet, out)) {
        edge = *refused;
        return Found::edge;
    }
    const net::Outer outer = net::parse_outer(octets(packet), packet->data_len, packet->pkt_len);
    if (outer.has_spi && is_protected(burst, outer)) {
        out.tunnel = outer.spi;
        edge = outer.fragment ? drop(out, DropReason::outer_fragment, to_drop)
                              : rte_edge_t{to_esp_inbound};
        return Found::edge;
    }
    // Of inline protocol: what is left of the packet is for the SA's selectors to judge.
    if (ipsec::was_in_nic(packet)) {
        out.tunnel = ipsec::spi_from_nic(packet);
        edge = to_esp_inbound;
        return Found::edge;
    }
    if (outer.kind != net::OuterKind::udp || !outer.has_vxlan_header) {
        edge = miss(burst.tables, outer, out);
        return Found::edge;
    }
    set_outer(out, outer);
    if (outer.family == net::IpFamily::ipv4) {
        lookups4.add(index, tunnel_key<TunnelKey4>(outer));
        return Found::key4;
    }
    lookups6.add(index, tunnel_key<TunnelKey6>(outer));
    return Found::key6;
}

void process_batch(Burst& burst, Dispatch& dispatch, void** packets, std::uint16_t first,
                   std::uint16_t count) {
    Found found[batch];
    rte_edge_t edges[batch];
    bool by_active[batch];
    Lookups<TunnelKey4> lookups4;
    Lookups<TunnelKey6> lookups6;
    for (std::uint16_t i = 0; i < count; ++i) {
        auto* const packet = static_cast<rte_mbuf*>(packets[first + i]);
        prefetch_data(packets, static_cast<std::uint16_t>(first + i),
                      static_cast<std::uint16_t>(first + count));
        burst.enter(packet->port);
        by_active[i] = burst.from_active;
        found[i] = classify(burst, i, packet, meta(packet), lookups4, lookups6, edges[i]);
    }
    lookups4.resolve(*burst.tables.tunnels_by_key4);
    lookups6.resolve(*burst.tables.tunnels_by_key6);
    for (std::uint16_t i = 0; i < count; ++i) {
        if (found[i] != Found::edge) {
            auto* const packet = static_cast<rte_mbuf*>(packets[first + i]);
            const std::uint32_t tunnel =
                found[i] == Found::key4 ? lookups4.found(i) : lookups6.found(i);
            edges[i] = tunnel == nothing_found ? miss_again(burst.tables, packet, meta(packet))
                                               : hit(burst.tables, tunnel, meta(packet));
        }
        burst.has_data |=
            by_active[i] && (edges[i] == to_vxlan_decap || edges[i] == to_esp_inbound);
        dispatch.to(static_cast<std::uint16_t>(first + i), edges[i]);
    }
}

std::uint16_t process(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count) {
    const Tables& tables = *worker_of(node).tables;
    Burst burst{tables, tables.active_uplink.load(std::memory_order_acquire),
                tables.draining_uplink.load(std::memory_order_relaxed),
                tables.underlay_mac.load(std::memory_order_relaxed)};
    Dispatch dispatch(graph, node, packets);
    for (std::uint16_t i = 0; i < std::min(count, prefetch_distance); ++i)
        rte_prefetch0(rte_pktmbuf_mtod(static_cast<rte_mbuf*>(packets[i]), void*));
    for (std::uint16_t first = 0; first < count; first = static_cast<std::uint16_t>(first + batch))
        process_batch(burst, dispatch, packets, first,
                      std::min<std::uint16_t>(batch, static_cast<std::uint16_t>(count - first)));
    if (burst.has_data) tables.first_packets.received(burst.active);
    dispatch.finish(count);
    return count;
}

} // namespace

const NodeDefinition underlay_input_node{"sallyport-underlay-input", process, false, next};

} // namespace sallyport::datapath
