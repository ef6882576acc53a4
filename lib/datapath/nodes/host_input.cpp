// SPDX-License-Identifier: BSD-3-Clause
// What Linux sends by the host port leaves by the active uplink.
#include "datapath/nodes/node.h"

namespace sallyport::datapath {

namespace {

enum Edge : rte_edge_t { to_port_tx, to_drop };
constexpr const char* next[] = {"sallyport-port-tx", "sallyport-drop"};

std::uint16_t process(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count) {
    const Tables& tables = *worker_of(node).tables;
    const int active = tables.active_uplink.load(std::memory_order_acquire);
    const std::uint16_t port =
        active == no_uplink
            ? no_queue
            : tables.uplink_ports[static_cast<std::size_t>(active)].load(std::memory_order_acquire);
    Dispatch dispatch(graph, node, packets);
    for (std::uint16_t i = 0; i < count; ++i) {
        PacketMeta& out = meta(static_cast<rte_mbuf*>(packets[i]));
        out.tenant = no_tenant;
        out.out_port = port;
        dispatch.to(i, port == no_queue ? drop(out, DropReason::no_active_uplink, to_drop)
                                        : rte_edge_t{to_port_tx});
    }
    dispatch.finish(count);
    return count;
}

} // namespace

const NodeDefinition host_input_node{"sallyport-host-input", process, false, next};

} // namespace sallyport::datapath
