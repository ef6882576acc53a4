// SPDX-License-Identifier: BSD-3-Clause
// Sends by whichever port each packet says, gathered by port over the burst.
#include "datapath/nodes/node.h"

#include <rte_ethdev.h>

namespace sallyport::datapath {

namespace {

enum Edge : rte_edge_t { to_drop };
constexpr const char* next[] = {"sallyport-drop"};

/// Ports that have packets waiting, so that only those are flushed.
struct Touched {
    std::uint16_t count = 0;
    std::uint16_t ports[RTE_MAX_ETHPORTS];
};

void drop_packet(Worker& worker, rte_mbuf* packet, DropReason reason) {
    worker.count_drop(packet->port, meta(packet).tenant, reason);
    rte_pktmbuf_free(packet);
}

void hand_over(Worker& worker, const PortView& port, TxStage& stage) {
    rte_ring* const ring = worker.tables->handover[port.tx_worker];
    for (std::uint16_t i = 0; i < stage.count; ++i)
        meta(stage.packets[i]).stage = Stage::send;
    const unsigned sent = rte_ring_mp_enqueue_burst(
        ring, reinterpret_cast<void**>(stage.packets.data()), stage.count, nullptr);
    for (std::uint16_t i = static_cast<std::uint16_t>(sent); i < stage.count; ++i)
        drop_packet(worker, stage.packets[i], DropReason::handover_full);
}

/// Index of the first packet that is a tenant's, which the driver frees once it has taken it.
/// @return the stage's count: there is none, or nobody awaits one
std::uint16_t first_data_packet(const Tables& tables, const PortView& port, const TxStage& stage) {
    std::uint16_t index = stage.count;
    if (tables.first_packets.awaits_sent() && port.role == PortRole::uplink)
        for (index = 0; index < stage.count && meta(stage.packets[index]).tenant == no_tenant;)
            ++index;
    return index;
}

void transmit(Worker& worker, std::uint16_t port_id, const PortView& port, TxStage& stage,
              std::uint16_t queue) {
    const std::uint16_t first = first_data_packet(*worker.tables, port, stage);
    const std::uint16_t sent = rte_eth_tx_burst(port_id, queue, stage.packets.data(), stage.count);
    if (unlikely(first < sent)) worker.tables->first_packets.sent(port.uplink);
    for (std::uint16_t i = sent; i < stage.count; ++i)
        drop_packet(worker, stage.packets[i], DropReason::transmit_full);
}

void flush(Worker& worker, std::uint16_t port_id) {
    TxStage& stage = worker.tx[port_id];
    const PortView* const port = worker.tables->ports.get(port_id);
    if (port == nullptr) {
        for (std::uint16_t i = 0; i < stage.count; ++i)
            drop_packet(worker, stage.packets[i], DropReason::port_gone);
    } else if (const std::uint16_t queue = port->tx_queue[worker.index]; queue == no_queue) {
        hand_over(worker, *port, stage);
    } else {
        transmit(worker, port_id, *port, stage, queue);
    }
    stage.count = 0;
}

/// @return false: the packet has been dropped
bool fits(Worker& worker, rte_mbuf* packet, const PortView* port) {
    if (port == nullptr) {
        drop_packet(worker, packet, DropReason::port_gone);
        return false;
    }
    if (packet->pkt_len > port->max_frame) {
        drop_packet(worker, packet, DropReason::port_frame_size);
        return false;
    }
    if (packet->nb_segs > 1 && !port->sends_segments && rte_pktmbuf_linearize(packet) != 0) {
        drop_packet(worker, packet, DropReason::no_buffer);
        return false;
    }
    return true;
}

std::uint16_t process(rte_graph*, rte_node* node, void** packets, std::uint16_t count) {
    Worker& worker = worker_of(node);
    Touched touched;
    std::uint16_t port_id = no_queue;
    const PortView* port = nullptr;
    for (std::uint16_t i = 0; i < count; ++i) {
        auto* const packet = static_cast<rte_mbuf*>(packets[i]);
        const std::uint16_t wanted = meta(packet).out_port;
        if (wanted != port_id) {
            port_id = wanted;
            port = worker.tables->ports.get(port_id);
        }
        if (!fits(worker, packet, port)) continue;
        TxStage& stage = worker.tx[port_id];
        if (stage.count == 0) touched.ports[touched.count++] = port_id;
        stage.packets[stage.count++] = packet;
        if (stage.count == stage.packets.size()) {
            flush(worker, port_id);
            // Its next packet lists it again; an idle entry in the list is harmless but must fit.
            for (std::uint16_t t = 0; t < touched.count; ++t)
                if (touched.ports[t] == port_id) touched.ports[t] = touched.ports[--touched.count];
        }
    }
    for (std::uint16_t t = 0; t < touched.count; ++t)
        flush(worker, touched.ports[t]);
    return count;
}

} // namespace

const NodeDefinition port_tx_node{"sallyport-port-tx", process, false, next};

} // namespace sallyport::datapath
