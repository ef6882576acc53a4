// SPDX-License-Identifier: BSD-3-Clause
// What all graph nodes share: how they are described, and how they hand packets on.
#pragma once

#include "datapath/packet_meta.h"
#include "datapath/worker.h"
#include "net/outer.h"
#include "net/wire.h"

#include <cstdint>
#include <span>

#include <rte_graph.h>
#include <rte_graph_worker.h>
#include <rte_mbuf.h>

namespace sallyport::datapath {

/// One node of the graph, as its file describes it. Edges are numbered in the order of @p next.
struct NodeDefinition {
    const char* name;
    rte_node_process_t process;
    bool source = false;
    std::span<const char* const> next;
};

// One per file in this folder.
extern const NodeDefinition port_rx_node;
extern const NodeDefinition handover_rx_node;
extern const NodeDefinition vm_input_node;
extern const NodeDefinition host_input_node;
extern const NodeDefinition underlay_input_node;
extern const NodeDefinition detector_input_node;
extern const NodeDefinition esp_inbound_node;
extern const NodeDefinition esp_outbound_node;
extern const NodeDefinition vxlan_decap_node;
extern const NodeDefinition fdb_lookup_node;
extern const NodeDefinition flood_node;
extern const NodeDefinition vxlan_encap_node;
extern const NodeDefinition mtu_exceeded_node;
extern const NodeDefinition port_tx_node;
extern const NodeDefinition drop_node;

/// Hands a node's packets to the next nodes in runs of the same edge; when all take one edge, which
/// is the rule, the whole stream moves without a copy.
class Dispatch {
  public:
    Dispatch(rte_graph* graph, rte_node* node, void** packets)
        : graph_(graph), node_(node), packets_(packets) {}

    /// To be called for every packet of the node, in order.
    void to(std::uint16_t index, rte_edge_t edge) {
        if (edge == edge_) return;
        flush(index);
        edge_ = edge;
    }
    void finish(std::uint16_t count) {
        if (start_ == 0 && count != 0)
            rte_node_next_stream_move(graph_, node_, edge_);
        else
            flush(count);
    }

  private:
    void flush(std::uint16_t end) {
        if (end > start_)
            rte_node_enqueue(graph_, node_, edge_, &packets_[start_],
                             static_cast<std::uint16_t>(end - start_));
        start_ = end;
    }

    rte_graph* graph_;
    rte_node* node_;
    void** packets_;
    rte_edge_t edge_ = 0;
    std::uint16_t start_ = 0;
};

inline constexpr std::uint16_t prefetch_distance = 4;

inline void prefetch_data(void** packets, std::uint16_t index, std::uint16_t count) {
    if (index + prefetch_distance < count)
        rte_prefetch0(
            rte_pktmbuf_mtod(static_cast<rte_mbuf*>(packets[index + prefetch_distance]), void*));
}

inline const std::uint8_t* octets(const rte_mbuf* packet) {
    return rte_pktmbuf_mtod(packet, const std::uint8_t*);
}

/// The MAC address at @p from, as MacAddress::to_u64() has it. Reads two octets beyond it, which in
/// an Ethernet header are there.
inline std::uint64_t mac_word(const std::uint8_t* from) {
    return rte_be_to_cpu_64(net::load<std::uint64_t>(from)) >> 16;
}
constexpr std::uint64_t multicast_bit = std::uint64_t{1} << 40;

/// What decapsulation needs of the outer headers travels in the metadata.
inline void set_outer(PacketMeta& out, const net::Outer& outer) {
    out.l3 = outer.family == net::IpFamily::ipv4 ? net::L3::ipv4 : net::L3::ipv6;
    out.l3_offset = outer.udp_offset;
    out.flow_hash = outer.end;
    out.traffic_class = outer.traffic_class;
}

inline rte_edge_t drop(PacketMeta& packet, DropReason reason, rte_edge_t drop_edge) {
    packet.reason = reason;
    return drop_edge;
}

} // namespace sallyport::datapath
