// SPDX-License-Identifier: BSD-3-Clause
// What both ESP nodes share: packets of one SA, gathered for one call of its session.
#pragma once

#include "datapath/nodes/node.h"
#include "ipsec/session.h"

#include <array>
#include <cstdint>

namespace sallyport::datapath {

/// Of the Ethernet header of underlay packets: they have no tag.
inline constexpr std::uint16_t underlay_l2_length = RTE_ETHER_HDR_LEN;

constexpr DropReason reason_of(ipsec::PacketFault fault) {
    switch (fault) {
#define X(id, name, text)                                                                          \
    case ipsec::PacketFault::id:                                                                   \
        return DropReason::id;
        SALLYPORT_PACKET_FAULTS(X)
#undef X
    }
    return DropReason::engine_failure;
}

struct EspBurst {
    ipsec::SaSession* session = nullptr;
    std::uint16_t count = 0;
    std::array<rte_mbuf*, ipsec::largest_burst> packets{};
    std::array<ipsec::PacketFault, ipsec::largest_burst> faults{};

    /// Whether the packet of @p of must wait for the next burst.
    [[nodiscard]] bool is_other(const ipsec::SaSession* of) const {
        return count == packets.size() || (count > 0 && session != of);
    }
    void add(ipsec::SaSession* of, rte_mbuf* packet) {
        session = of;
        packets[count++] = packet;
    }
    /// Ends the burst: what was refused is dropped, each packet for its reason. Packets that are
    /// neither good nor refused are the engine's.
    void drop_refused(rte_graph* graph, rte_node* node, ipsec::BurstResult result,
                      rte_edge_t drop_edge) {
        count = 0;
        if (result.refused == 0) return;
        for (std::uint16_t i = 0; i < result.refused; ++i)
            meta(packets[result.good + i]).reason = reason_of(faults[result.good + i]);
        rte_node_enqueue(graph, node, drop_edge, reinterpret_cast<void**>(&packets[result.good]),
                         result.refused);
    }
};

/// Leaves a packet to the worker whose SA it needs. @return false: there is no room
inline bool hand_over(const Worker& worker, std::uint16_t to, rte_mbuf* packet, Stage stage) {
    meta(packet).stage = stage;
    return rte_ring_mp_enqueue(worker.tables->handover[to], packet) == 0;
}

} // namespace sallyport::datapath
