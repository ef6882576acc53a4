// SPDX-License-Identifier: BSD-3-Clause
// Source: packets that others left for this worker to send, because it owns the port's queue.
#include "datapath/nodes/node.h"

namespace sallyport::datapath {

namespace {

constexpr std::uint16_t burst = 64;

enum Edge : rte_edge_t { to_port_tx };
constexpr const char* next[] = {"sallyport-port-tx"};

std::uint16_t process(rte_graph* graph, rte_node* node, void**, std::uint16_t) {
    Worker& worker = worker_of(node);
    // An empty ring is the rule: one look costs less than preparing the stream.
    if (rte_ring_empty(worker.handover)) return 0;
    void** const packets = rte_node_next_stream_get(graph, node, to_port_tx, burst);
    const auto count = static_cast<std::uint16_t>(
        rte_ring_sc_dequeue_burst(worker.handover, packets, burst, nullptr));
    if (count > 0) rte_node_next_stream_put(graph, node, to_port_tx, count);
    worker.received += count;
    return count;
}

} // namespace

const NodeDefinition handover_rx_node{"sallyport-handover-rx", process, true, next};

} // namespace sallyport::datapath
