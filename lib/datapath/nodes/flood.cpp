// SPDX-License-Identifier: BSD-3-Clause
// Broadcast, unknown unicast and multicast: a copy to every local vm port and, if the frame came
// from a VM, to every remote vtep (head-end replication); never back to where it came from.
#include "datapath/nodes/node.h"

namespace sallyport::datapath {

namespace {

enum Edge : rte_edge_t { to_port_tx, to_vxlan_encap, to_drop };
constexpr const char* next[] = {"sallyport-port-tx", "sallyport-vxlan-encap", "sallyport-drop"};

/// Up to this size copying the octets is cheaper than a second buffer that shares them.
constexpr std::uint32_t copied_whole = 256;

/// A copy to be encapsulated. A long frame's octets are shared: the header that encapsulation puts
/// in front goes into a segment of its own, so no copy sees another's.
rte_mbuf* copy_for_tunnel(Worker& worker, rte_mbuf* packet) {
    if (packet->pkt_len <= copied_whole)
        return rte_pktmbuf_copy(packet, worker.pool, 0, UINT32_MAX);
    rte_mbuf* const header = rte_pktmbuf_alloc(worker.pool);
    if (header == nullptr) return nullptr;
    rte_mbuf* const payload = rte_pktmbuf_clone(packet, worker.pool);
    if (payload == nullptr) {
        rte_pktmbuf_free(header);
        return nullptr;
    }
    header->next = payload;
    header->nb_segs = static_cast<std::uint16_t>(payload->nb_segs + 1);
    header->pkt_len = payload->pkt_len;
    header->port = packet->port;
    header->ol_flags = 0;
    return header;
}

/// Hands out copies of one frame; the last taker gets the frame itself.
class Copies {
  public:
    Copies(Worker& worker, rte_graph* graph, rte_node* node, rte_mbuf* packet, std::size_t takers)
        : worker_(worker), graph_(graph), node_(node), packet_(packet), takers_(takers) {}

    void to_tunnel(std::uint32_t tunnel) {
        rte_mbuf* const copy = --takers_ == 0 ? packet_ : copy_for_tunnel(worker_, packet_);
        hand_out(copy, to_vxlan_encap, [tunnel](PacketMeta& out) { out.tunnel = tunnel; });
    }
    void to_port(std::uint16_t port) {
        rte_mbuf* const copy = --takers_ == 0 ? packet_ : rte_pktmbuf_clone(packet_, worker_.pool);
        hand_out(copy, to_port_tx, [port](PacketMeta& out) { out.out_port = port; });
    }

  private:
    template<class Change>
    void hand_out(rte_mbuf* copy, rte_edge_t edge, Change change) {
        if (copy == nullptr) {
            worker_.count_drop(packet_->port, meta(packet_).tenant, DropReason::no_buffer);
            return;
        }
        PacketMeta& out = meta(copy);
        out = meta(packet_);
        change(out);
        rte_node_enqueue_x1(graph_, node_, edge, copy);
    }

    Worker& worker_;
    rte_graph* graph_;
    rte_node* node_;
    rte_mbuf* packet_;
    std::size_t takers_;
};

bool takes(const Tables& tables, const PacketMeta& packet, overlay::VmPortId vm_port,
           std::uint16_t& port) {
    if (packet.source_port == vm_port) return false;
    const VmPortView* const view = tables.vm_ports.get(vm_port);
    if (view == nullptr || view->tenant != packet.tenant || view->dpdk_port == no_queue)
        return false;
    port = view->dpdk_port;
    return true;
}

rte_edge_t enqueue_drop(rte_graph* graph, rte_node* node, rte_mbuf* packet, DropReason reason) {
    meta(packet).reason = reason;
    rte_node_enqueue_x1(graph, node, to_drop, packet);
    return to_drop;
}

void flood(Worker& worker, rte_graph* graph, rte_node* node, rte_mbuf* packet) {
    const Tables& tables = *worker.tables;
    const PacketMeta in = meta(packet);
    const TenantView* const tenant = tables.tenants.get(in.tenant);
    if (tenant == nullptr) {
        enqueue_drop(graph, node, packet, DropReason::tenant_gone);
        return;
    }
    const bool from_vm = in.source_port != from_underlay;
    // Nobody in the overlay has the underlay's MAC; a VM that knows it is looking for a way out.
    if (from_vm
        && mac_word(octets(packet)) == tables.underlay_mac.load(std::memory_order_relaxed)) {
        enqueue_drop(graph, node, packet, DropReason::underlay_mac);
        return;
    }
    std::uint16_t ports[RTE_MAX_ETHPORTS];
    std::size_t port_count = 0;
    for (const overlay::VmPortId vm_port : tenant->vm_ports)
        if (port_count < RTE_MAX_ETHPORTS && takes(tables, in, vm_port, ports[port_count]))
            ++port_count;
    const std::size_t tunnel_count = from_vm ? tenant->tunnels.size() : 0;
    if (port_count + tunnel_count == 0) {
        enqueue_drop(graph, node, packet, DropReason::flood_no_target);
        return;
    }
    TenantCounterBlock* const counters = worker.counters_of(in.tenant);
    counters->flooded_packets.add(1);
    counters->tx_packets.add(port_count);
    counters->tx_bytes.add(port_count * packet->pkt_len);
    Copies copies(worker, graph, node, packet, port_count + tunnel_count);
    for (std::size_t i = 0; i < port_count; ++i)
        copies.to_port(ports[i]);
    for (std::size_t i = 0; i < tunnel_count; ++i)
        copies.to_tunnel(tenant->tunnels[i]);
}

std::uint16_t process(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count) {
    Worker& worker = worker_of(node);
    for (std::uint16_t i = 0; i < count; ++i)
        flood(worker, graph, node, static_cast<rte_mbuf*>(packets[i]));
    return count;
}

} // namespace

const NodeDefinition flood_node{"sallyport-flood", process, false, next};

} // namespace sallyport::datapath
