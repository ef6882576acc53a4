// SPDX-License-Identifier: BSD-3-Clause
// ESP to a vtep of ours: the SPI finds the SA (RFC 4303 section 3.4.2), the SA's worker opens the
// packet, or takes it from the NIC that did, and what comes out must be VXLAN of the SA's tunnel
// and nothing else (RFC 4301 section 5.2).
#include "datapath/nodes/esp_burst.h"
#include "datapath/nodes/lookups.h"
#include "net/outer.h"

namespace sallyport::datapath {

namespace {

enum Edge : rte_edge_t { to_vxlan_decap, to_drop };
constexpr const char* next[] = {"sallyport-vxlan-decap", "sallyport-drop"};

constexpr std::uint16_t batch = lookup_batch;

bool is_selected(const InboundSaView& view, const net::Outer& outer) {
    if (outer.kind != net::OuterKind::udp || !outer.has_vxlan_header || outer.fragment
        || outer.family != view.family)
        return false;
    return view.family == net::IpFamily::ipv4 ? tunnel_key<TunnelKey4>(outer) == view.key4
                                              : tunnel_key<TunnelKey6>(outer) == view.key6;
}

class Opening {
  public:
    Opening(Worker& worker, rte_graph* graph, rte_node* node)
        : worker_(worker), graph_(graph), node_(node) {}

    void take(rte_mbuf* packet, std::uint32_t sa) {
        // Packets of one SA come in runs, and what is true of the burst's is true of this one.
        if (burst_.count > 0 && sa == sa_ && !burst_.is_other(burst_.session)) {
            meta(packet).tenant = tenant_;
            burst_.add(burst_.session, packet);
            return;
        }
        const InboundSaView* const view = worker_.tables->inbound_sas.get(sa);
        if (view == nullptr) return refuse(packet, reason_of_no_sa(packet));
        const TunnelView* const tunnel = worker_.tables->tunnels.get(view->tunnel);
        if (tunnel == nullptr) return refuse(packet, DropReason::tenant_gone);
        meta(packet).tenant = tunnel->tenant;
        const std::uint16_t owner = view->worker_for(worker_.index);
        if (owner != worker_.index) {
            if (!hand_over(worker_, owner, packet, Stage::open))
                refuse(packet, DropReason::handover_full);
            return;
        }
        if (burst_.is_other(view->session.get())) flush();
        burst_.add(view->session.get(), packet);
        view_ = view;
        sa_ = sa;
        tenant_ = tunnel->tenant;
    }

    void flush() {
        if (burst_.count == 0) return;
        const auto result = burst_.session->unprotect(burst_.packets.data(), burst_.faults.data(),
                                                      burst_.count, underlay_l2_length);
        burst_.drop_refused(graph_, node_, result, to_drop);
        std::uint16_t selected = 0;
        for (std::uint16_t i = 0; i < result.good; ++i) {
            rte_mbuf* const packet = burst_.packets[i];
            if (select(packet))
                burst_.packets[selected++] = packet;
            else
                refuse(packet, DropReason::selector_mismatch);
        }
        if (selected < result.good)
            burst_.session->count_selector_mismatches(result.good - selected);
        if (selected > 0)
            rte_node_enqueue(graph_, node_, to_vxlan_decap,
                             reinterpret_cast<void**>(burst_.packets.data()), selected);
    }

  private:
    static DropReason reason_of_no_sa(const rte_mbuf* packet) {
        return (packet->ol_flags & RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED) != 0 ? DropReason::bad_icv
                                                                          : DropReason::unknown_spi;
    }
    bool select(rte_mbuf* packet) {
        const net::Outer outer =
            net::parse_outer(octets(packet), packet->data_len, packet->pkt_len);
        if (!is_selected(*view_, outer)) return false;
        meta(packet).tunnel = view_->tunnel;
        set_outer(meta(packet), outer);
        return true;
    }
    void refuse(rte_mbuf* packet, DropReason reason) {
        meta(packet).reason = reason;
        rte_node_enqueue_x1(graph_, node_, to_drop, packet);
    }

    Worker& worker_;
    rte_graph* graph_;
    rte_node* node_;
    EspBurst burst_;
    // Of the burst's packets.
    const InboundSaView* view_ = nullptr;
    std::uint32_t sa_ = 0;
    overlay::TenantId tenant_ = 0;
};

void process_batch(const Tables& tables, Opening& opening, void** packets, std::uint16_t count) {
    Lookups<SpiKey> lookups;
    for (std::uint16_t i = 0; i < count; ++i)
        lookups.add(i, {meta(static_cast<rte_mbuf*>(packets[i])).tunnel});
    lookups.resolve(*tables.inbound_sas_by_spi);
    for (std::uint16_t i = 0; i < count; ++i)
        opening.take(static_cast<rte_mbuf*>(packets[i]), lookups.found(i));
}

std::uint16_t process(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count) {
    Worker& worker = worker_of(node);
    Opening opening(worker, graph, node);
    for (std::uint16_t first = 0; first < count; first = static_cast<std::uint16_t>(first + batch))
        process_batch(*worker.tables, opening, packets + first,
                      std::min<std::uint16_t>(batch, static_cast<std::uint16_t>(count - first)));
    opening.flush();
    return count;
}

} // namespace

const NodeDefinition esp_inbound_node{"sallyport-esp-inbound", process, false, next};

} // namespace sallyport::datapath
