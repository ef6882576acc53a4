// SPDX-License-Identifier: BSD-3-Clause
// Frames from VMs: whose are they, may they send this, does it fit.
#include "datapath/nodes/node.h"
#include "net/overhead.h"

#include <rte_cycles.h>

namespace sallyport::datapath {

namespace {

enum Edge : rte_edge_t { to_fdb_lookup, to_mtu_exceeded, to_drop };
constexpr const char* next[] = {"sallyport-fdb-lookup", "sallyport-mtu-exceeded", "sallyport-drop"};

/// The binding of one port, looked up once for a run of packets from it.
struct Binding {
    std::uint16_t port = no_queue;
    std::uint16_t vm_port_id = 0;
    const VmPortView* vm_port = nullptr;
    const TenantView* tenant = nullptr;
    TenantCounterBlock* counters = nullptr;
    Meter* meter = nullptr;
    /// Of the time stamp counter; the packets of a run count as come at once.
    std::uint64_t now = 0;
    std::uint64_t packets = 0;
    std::uint64_t octets = 0;

    void flush() const {
        if (packets == 0) return;
        counters->rx_packets.add(packets);
        counters->rx_bytes.add(octets);
    }
};

Binding bind(Worker& worker, std::uint16_t port) {
    Binding binding;
    binding.port = port;
    const PortView* const view = worker.tables->ports.get(port);
    if (view == nullptr) return binding;
    binding.vm_port_id = view->vm_port;
    binding.vm_port = worker.tables->vm_ports.get(view->vm_port);
    if (binding.vm_port == nullptr) return binding;
    binding.tenant = worker.tables->tenants.get(binding.vm_port->tenant);
    binding.counters = worker.counters_of(binding.vm_port->tenant);
    binding.meter = binding.vm_port->meter.get();
    if (binding.meter != nullptr) binding.now = rte_get_tsc_cycles();
    return binding;
}

rte_edge_t admit(const Binding& binding, const rte_mbuf* packet, PacketMeta& out) {
    // Before all else, as a NIC does it.
    if (binding.meter != nullptr && !binding.meter->admits(packet->pkt_len, binding.now))
        return drop(out, DropReason::rate_exceeded, to_drop);
    const std::uint8_t* const data = octets(packet);
    const net::Frame frame = net::parse_frame(data, packet->data_len, packet->pkt_len);
    if (frame.fault == net::FrameFault::too_short)
        return drop(out, DropReason::frame_too_short, to_drop);
    const std::uint64_t source = mac_word(data + 6);
    if ((source & multicast_bit) != 0 || source == 0)
        return drop(out, DropReason::source_mac_invalid, to_drop);
    if (!binding.vm_port->allows(source)) return drop(out, DropReason::source_mac_spoofed, to_drop);
    if (frame.tagged && !binding.tenant->pass_inner_vlan)
        return drop(out, DropReason::inner_vlan, to_drop);
    if (frame.fault == net::FrameFault::truncated)
        return drop(out, DropReason::frame_truncated, to_drop);
    out.l3 = frame.l3;
    out.l3_offset = frame.l3_offset;
    out.traffic_class = frame.traffic_class;
    out.flow_hash = frame.flow_hash;
    return frame.l3_length > binding.tenant->mtu ? to_mtu_exceeded : to_fdb_lookup;
}

std::uint16_t process(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count) {
    Worker& worker = worker_of(node);
    Dispatch dispatch(graph, node, packets);
    Binding binding;
    for (std::uint16_t i = 0; i < std::min(count, prefetch_distance); ++i)
        rte_prefetch0(rte_pktmbuf_mtod(static_cast<rte_mbuf*>(packets[i]), void*));
    for (std::uint16_t i = 0; i < count; ++i) {
        auto* const packet = static_cast<rte_mbuf*>(packets[i]);
        prefetch_data(packets, i, count);
        if (packet->port != binding.port) {
            binding.flush();
            binding = bind(worker, packet->port);
        }
        PacketMeta& out = meta(packet);
        if (binding.tenant == nullptr) {
            out.tenant = no_tenant;
            dispatch.to(i, drop(out, DropReason::vm_port_unbound, to_drop));
            continue;
        }
        out.tenant = binding.vm_port->tenant;
        out.source_port = binding.vm_port_id;
        ++binding.packets;
        binding.octets += packet->pkt_len;
        dispatch.to(i, admit(binding, packet, out));
    }
    binding.flush();
    dispatch.finish(count);
    return count;
}

} // namespace

const NodeDefinition vm_input_node{"sallyport-vm-input", process, false, next};

} // namespace sallyport::datapath
