// SPDX-License-Identifier: BSD-3-Clause
// Source: packets that others left to this worker, because it owns the port's queue or the SA.
#include "datapath/nodes/node.h"

namespace sallyport::datapath {

namespace {

constexpr std::uint16_t burst = 64;

enum Edge : rte_edge_t { to_port_tx, to_esp_inbound, to_esp_outbound };
constexpr const char* next[] = {"sallyport-port-tx", "sallyport-esp-inbound",
                                "sallyport-esp-outbound"};

rte_edge_t edge_of(Stage stage) {
    switch (stage) {
    case Stage::send:
        return to_port_tx;
    case Stage::open:
        return to_esp_inbound;
    case Stage::protect:
        return to_esp_outbound;
    }
    return to_port_tx;
}

std::uint16_t process(rte_graph* graph, rte_node* node, void**, std::uint16_t) {
    Worker& worker = worker_of(node);
    // An empty ring is the rule: one look costs less than preparing anything.
    if (rte_ring_empty(worker.handover)) return 0;
    void* packets[burst];
    const auto count = static_cast<std::uint16_t>(
        rte_ring_sc_dequeue_burst(worker.handover, packets, burst, nullptr));
    std::uint16_t first = 0;
    while (first < count) {
        const rte_edge_t edge = edge_of(meta(static_cast<rte_mbuf*>(packets[first])).stage);
        std::uint16_t end = first;
        while (end < count && edge_of(meta(static_cast<rte_mbuf*>(packets[end])).stage) == edge)
            ++end;
        rte_node_enqueue(graph, node, edge, &packets[first],
                         static_cast<std::uint16_t>(end - first));
        first = end;
    }
    worker.received += count;
    return count;
}

} // namespace

const NodeDefinition handover_rx_node{"sallyport-handover-rx", process, true, next};

} // namespace sallyport::datapath
