// SPDX-License-Identifier: BSD-3-Clause
// The way of ARP, neighbour discovery and BFD to the failover detectors, by either uplink.
#include "datapath/nodes/node.h"

#include <algorithm>

namespace sallyport::datapath {

namespace {

enum Edge : rte_edge_t { to_drop };
constexpr const char* next[] = {"sallyport-drop"};

DetectorRecord record_of(const Tables& tables, const rte_mbuf* packet) {
    DetectorRecord record;
    const PortView* const port = tables.ports.get(packet->port);
    record.uplink = port == nullptr ? overlay::UplinkIndex{0} : port->uplink;
    record.length = static_cast<std::uint8_t>(packet->data_len);
    std::copy_n(octets(packet), record.length, record.octets.begin());
    return record;
}

std::uint16_t process(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count) {
    Tables& tables = *worker_of(node).tables;
    for (std::uint16_t i = 0; i < count; ++i) {
        auto* const packet = static_cast<rte_mbuf*>(packets[i]);
        if (tables.detector_queue.tell(record_of(tables, packet))) {
            rte_pktmbuf_free(packet);
            continue;
        }
        rte_node_enqueue_x1(graph, node,
                            drop(meta(packet), DropReason::detector_queue_full, to_drop), packet);
    }
    return count;
}

} // namespace

const NodeDefinition detector_input_node{"sallyport-detector-input", process, false, next};

} // namespace sallyport::datapath
