// SPDX-License-Identifier: BSD-3-Clause
// A VM sent more than its tenant's MTU: IP gets an answer with the MTU that fits, all else is
// counted.
#include "datapath/nodes/node.h"
#include "net/too_big.h"

namespace sallyport::datapath {

namespace {

enum Edge : rte_edge_t { to_port_tx, to_drop };
constexpr const char* next[] = {"sallyport-port-tx", "sallyport-drop"};

rte_mbuf* answer(Worker& worker, const rte_mbuf* packet, const PacketMeta& in) {
    const TenantView* const tenant = worker.tables->tenants.get(in.tenant);
    if (tenant == nullptr) return nullptr;
    rte_mbuf* const reply = rte_pktmbuf_alloc(worker.pool);
    if (reply == nullptr) return nullptr;
    const net::Frame parsed = net::parse_frame(octets(packet), packet->data_len, packet->pkt_len);
    const std::size_t length =
        net::write_too_big({octets(packet), packet->data_len}, parsed, tenant->mtu,
                           {rte_pktmbuf_mtod(reply, std::uint8_t*), rte_pktmbuf_tailroom(reply)});
    if (length == 0) {
        rte_pktmbuf_free(reply);
        return nullptr;
    }
    rte_pktmbuf_append(reply, static_cast<std::uint16_t>(length));
    reply->port = packet->port;
    PacketMeta& out = meta(reply);
    out = in;
    // Straight back by the port it came from, which needs no fdb entry.
    out.out_port = packet->port;
    return reply;
}

std::uint16_t process(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count) {
    Worker& worker = worker_of(node);
    for (std::uint16_t i = 0; i < count; ++i) {
        auto* const packet = static_cast<rte_mbuf*>(packets[i]);
        PacketMeta& in = meta(packet);
        rte_mbuf* const reply = answer(worker, packet, in);
        in.reason = reply ? DropReason::mtu_exceeded_answered : DropReason::mtu_exceeded;
        if (reply != nullptr) rte_node_enqueue_x1(graph, node, to_port_tx, reply);
    }
    rte_node_next_stream_move(graph, node, to_drop);
    return count;
}

} // namespace

const NodeDefinition mtu_exceeded_node{"sallyport-mtu-exceeded", process, false, next};

} // namespace sallyport::datapath
