// SPDX-License-Identifier: BSD-3-Clause
// Source: polls the receive queues of this worker.
#include "datapath/nodes/node.h"

#include <rte_ethdev.h>

namespace sallyport::datapath {

namespace {

constexpr std::uint16_t burst = 32;

enum Edge : rte_edge_t { to_uplink, to_vm_port, to_host };
constexpr const char* next[] = {"sallyport-underlay-input", "sallyport-vm-input",
                                "sallyport-host-input"};

static_assert(to_uplink == static_cast<int>(PortRole::uplink)
              && to_vm_port == static_cast<int>(PortRole::vm_port)
              && to_host == static_cast<int>(PortRole::host));

std::uint16_t process(rte_graph* graph, rte_node* node, void**, std::uint16_t) {
    Worker& worker = worker_of(node);
    const RxQueues* const queues = worker.rx_queues.load(std::memory_order_acquire);
    if (queues == nullptr) return 0;
    std::uint16_t total = 0;
    for (const RxQueue& queue : queues->queues) {
        const auto edge = static_cast<rte_edge_t>(queue.role);
        auto** const packets =
            reinterpret_cast<rte_mbuf**>(rte_node_next_stream_get(graph, node, edge, burst));
        const std::uint16_t received = rte_eth_rx_burst(queue.port, queue.queue, packets, burst);
        for (std::uint16_t i = 0; i < received; ++i) {
            // Not every driver says which port it was (net_ring).
            packets[i]->port = queue.port;
            rte_mbuf_prefetch_part2(packets[i]);
        }
        if (received > 0) rte_node_next_stream_put(graph, node, edge, received);
        total = static_cast<std::uint16_t>(total + received);
    }
    worker.received += total;
    return total;
}

} // namespace

const NodeDefinition port_rx_node{"sallyport-port-rx", process, true, next};

} // namespace sallyport::datapath
