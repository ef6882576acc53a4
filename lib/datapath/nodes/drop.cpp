// SPDX-License-Identifier: BSD-3-Clause
// The end of every packet that is not forwarded: counted under its reason, by port and tenant.
#include "datapath/nodes/node.h"

namespace sallyport::datapath {

namespace {

std::uint16_t process(rte_graph*, rte_node* node, void** packets, std::uint16_t count) {
    Worker& worker = worker_of(node);
    auto** const mbufs = reinterpret_cast<rte_mbuf**>(packets);
    for (std::uint16_t i = 0; i < count; ++i) {
        const PacketMeta& dropped = meta(mbufs[i]);
        worker.count_drop(mbufs[i]->port, dropped.tenant, dropped.reason);
    }
    rte_pktmbuf_free_bulk(mbufs, count);
    return count;
}

} // namespace

const NodeDefinition drop_node{"sallyport-drop", process, false, {}};

} // namespace sallyport::datapath
