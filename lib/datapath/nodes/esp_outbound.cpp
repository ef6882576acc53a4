// SPDX-License-Identifier: BSD-3-Clause
// VXLAN packets of protected tenants go into ESP (RFC 4303 section 3.3), each worker by an SA of
// its own; where there are fewer SAs than workers, the SA's worker gets the packet.
#include "datapath/nodes/esp_burst.h"
#include "ipsec/ip_packet.h"

#include <cstddef>
#include <cstring>
#include <utility>

#include <rte_ip.h>

namespace sallyport::datapath {

namespace {

enum Edge : rte_edge_t { to_port_tx, to_drop };
constexpr const char* next[] = {"sallyport-port-tx", "sallyport-drop"};

/// @return null, with the packet untouched: no buffer, or none so large
rte_mbuf* copy_with_room(const Worker& worker, const rte_mbuf* packet, std::uint16_t headroom) {
    if (packet->pkt_len > UINT16_MAX) return nullptr;
    rte_mbuf* const copy = rte_pktmbuf_alloc(worker.pool);
    if (copy == nullptr) return nullptr;
    copy->data_off = static_cast<std::uint16_t>(copy->data_off + headroom);
    const auto length = static_cast<std::uint16_t>(packet->pkt_len);
    char* const room = rte_pktmbuf_append(copy, length);
    if (room == nullptr) {
        rte_pktmbuf_free(copy);
        return nullptr;
    }
    const void* const octets = rte_pktmbuf_read(packet, 0, length, room);
    if (octets != room) std::memcpy(room, octets, length);
    copy->port = packet->port;
    copy->ol_flags = 0;
    return copy;
}

/// Whether the headers that the packet has are the tunnel's. A packet that waited for this worker
/// may have outlived its tunnel, whose number, and its tenant's, then means another's.
bool is_of(const rte_mbuf* packet, const TunnelView& tunnel) {
    const std::uint8_t* const have = octets(packet);
    const std::uint8_t* const want = tunnel.header.data();
    constexpr std::size_t ipv4_source = RTE_ETHER_HDR_LEN + offsetof(rte_ipv4_hdr, src_addr);
    constexpr std::size_t ipv6_source = RTE_ETHER_HDR_LEN + offsetof(rte_ipv6_hdr, src_addr);
    const bool ipv4 = tunnel.family == net::IpFamily::ipv4;
    const std::size_t vni = tunnel.header_length - sizeof(std::uint32_t);
    return packet->data_len >= tunnel.header_length
           && net::load<std::uint16_t>(have + 12) == net::load<std::uint16_t>(want + 12)
           && (ipv4 ? std::memcmp(have + ipv4_source, want + ipv4_source, 8)
                    : std::memcmp(have + ipv6_source, want + ipv6_source, 32))
                  == 0
           && net::load<std::uint32_t>(have + vni) == net::load<std::uint32_t>(want + vni);
}

class Protection {
  public:
    Protection(Worker& worker, rte_graph* graph, rte_node* node)
        : worker_(worker), graph_(graph), node_(node) {}

    void take(rte_mbuf* packet) {
        const TunnelView* const tunnel = worker_.tables->tunnels.get(meta(packet).tunnel);
        if (tunnel == nullptr || tunnel->tenant != meta(packet).tenant || !is_of(packet, *tunnel))
            return refuse(packet, DropReason::tenant_gone);
        if (tunnel->outbound_sas.empty()) return refuse(packet, DropReason::no_sa);
        const WorkerSa& sa = tunnel->outbound_sas[worker_.index % tunnel->outbound_sas.size()];
        if (sa.worker != worker_.index) {
            if (!hand_over(worker_, sa.worker, packet, Stage::protect))
                refuse(packet, DropReason::handover_full);
            return;
        }
        if (!ipsec::is_suitable(packet) || rte_pktmbuf_headroom(packet) < sa.headroom) {
            rte_mbuf* const copy = copy_with_room(worker_, packet, sa.headroom);
            if (copy == nullptr) return refuse(packet, DropReason::no_buffer);
            meta(copy) = meta(packet);
            rte_pktmbuf_free(std::exchange(packet, copy));
        }
        const std::uint16_t port = meta(packet).out_port;
        if (burst_.is_other(sa.session.get()) || port != out_port_) flush();
        out_port_ = port;
        burst_.add(sa.session.get(), packet);
    }

    void flush() {
        if (burst_.count == 0) return;
        // A port that has gone sends nothing, whichever uplink it was.
        const PortView* const port = worker_.tables->ports.get(out_port_);
        const auto result =
            burst_.session->protect(burst_.packets.data(), burst_.faults.data(), burst_.count,
                                    underlay_l2_length, port == nullptr ? 0 : port->uplink);
        burst_.drop_refused(graph_, node_, result, to_drop);
        if (result.good > 0)
            rte_node_enqueue(graph_, node_, to_port_tx,
                             reinterpret_cast<void**>(burst_.packets.data()), result.good);
    }

  private:
    void refuse(rte_mbuf* packet, DropReason reason) {
        meta(packet).reason = reason;
        rte_node_enqueue_x1(graph_, node_, to_drop, packet);
    }

    Worker& worker_;
    rte_graph* graph_;
    rte_node* node_;
    EspBurst burst_;
    /// Of the burst's packets: what waited for this worker over a failover leaves by the uplink
    /// that was active before.
    std::uint16_t out_port_ = no_queue;
};

std::uint16_t process(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count) {
    Protection protection(worker_of(node), graph, node);
    for (std::uint16_t i = 0; i < count; ++i)
        protection.take(static_cast<rte_mbuf*>(packets[i]));
    protection.flush();
    return count;
}

} // namespace

const NodeDefinition esp_outbound_node{"sallyport-esp-outbound", process, false, next};

} // namespace sallyport::datapath
