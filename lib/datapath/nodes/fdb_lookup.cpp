// SPDX-License-Identifier: BSD-3-Clause
// The heart of the switch: learns from the source MAC, decides by the destination MAC. Both lookups
// of a batch go to the table in one call, so that their cache misses overlap.
#include "datapath/nodes/node.h"

#include <unistd.h>

namespace sallyport::datapath {

namespace {

constexpr std::uint16_t batch = RTE_HASH_LOOKUP_BULK_MAX / 2;

enum Edge : rte_edge_t { to_port_tx, to_vxlan_encap, to_flood, to_drop };
constexpr const char* next[] = {"sallyport-port-tx", "sallyport-vxlan-encap", "sallyport-flood",
                                "sallyport-drop"};

/// IEEE 802.1Q table 8-1: these never leave the link.
constexpr std::uint64_t reserved_multicast = 0x0180c2000000;
constexpr std::uint64_t reserved_multicast_mask = 0xfffffffffff0;

/// Where the packet came from, in the terms of the fdb.
struct Origin {
    FdbEntry::Kind kind;
    std::uint32_t place;
};
Origin origin_of(const PacketMeta& packet) {
    return packet.source_port == from_underlay
               ? Origin{FdbEntry::Kind::tunnel, packet.tunnel}
               : Origin{FdbEntry::Kind::vm_port, packet.source_port};
}

void report_station(Worker& worker, FdbKey key, Origin origin) {
    const std::uint32_t place = origin.place << 1 | (origin.kind == FdbEntry::Kind::tunnel);
    if (!worker.learn_filter.admit(key, place, worker.now_seconds)) return;
    LearnQueue& queue = worker.tables->learn_queue;
    LearnRecord record{key, origin.kind, origin.place};
    if (rte_ring_mp_enqueue_elem(queue.ring, &record, sizeof record) != 0) {
        if (auto* const counters = worker.counters_of(static_cast<std::uint16_t>(key >> 48)))
            counters->learn_queue_full.add(1);
    }
    if (!queue.signalled.exchange(true, std::memory_order_acq_rel)) {
        const std::uint64_t one = 1;
        // The counter can not overflow: it is read before it is signalled again.
        [[maybe_unused]] const auto written = write(queue.event_fd, &one, sizeof one);
    }
}

/// @return false: drop, the station has a static entry elsewhere
bool learn(Worker& worker, const TenantView& tenant, FdbKey key, Origin origin, bool known,
           std::uint64_t word) {
    if (known) {
        const FdbEntry entry = FdbEntry::unpack(word);
        if (entry.at(origin.kind, origin.place)) {
            worker.tables->fdb->touch(entry.slot, worker.now_seconds);
            return true;
        }
        if (entry.configured) return false;
    }
    if (tenant.learning) report_station(worker, key, origin);
    return true;
}

rte_edge_t to_vm_port(Worker& worker, TenantCounterBlock& counters, const rte_mbuf* packet,
                      PacketMeta& out, std::uint32_t vm_port_id) {
    if (out.source_port == vm_port_id) return drop(out, DropReason::same_port, to_drop);
    const VmPortView* const vm_port = worker.tables->vm_ports.get(vm_port_id);
    // The fdb can not lead across tenants; should it ever, the packet ends here.
    if (vm_port == nullptr || vm_port->tenant != out.tenant || vm_port->dpdk_port == no_queue)
        return drop(out, DropReason::port_gone, to_drop);
    out.out_port = vm_port->dpdk_port;
    counters.tx_packets.add(1);
    counters.tx_bytes.add(packet->pkt_len);
    return to_port_tx;
}

rte_edge_t forward(Worker& worker, const TenantView& tenant, TenantCounterBlock& counters,
                   const rte_mbuf* packet, PacketMeta& out, std::uint64_t destination, bool known,
                   std::uint64_t word) {
    if (!known || (destination & multicast_bit) != 0) {
        if ((destination & reserved_multicast_mask) == reserved_multicast)
            return drop(out, DropReason::reserved_multicast, to_drop);
        if (!tenant.flooding) return drop(out, DropReason::flooding_off, to_drop);
        return to_flood;
    }
    const FdbEntry entry = FdbEntry::unpack(word);
    if (entry.kind == FdbEntry::Kind::vm_port)
        return to_vm_port(worker, counters, packet, out, entry.target);
    if (out.source_port == from_underlay) return drop(out, DropReason::split_horizon, to_drop);
    out.tunnel = entry.target;
    return to_vxlan_encap;
}

void process_batch(Worker& worker, Dispatch& dispatch, void** packets, std::uint16_t first,
                   std::uint16_t count) {
    if (count == 0) return;
    FdbKey keys[RTE_HASH_LOOKUP_BULK_MAX];
    std::uint64_t words[RTE_HASH_LOOKUP_BULK_MAX];
    for (std::uint16_t i = 0; i < count; ++i) {
        auto* const packet = static_cast<rte_mbuf*>(packets[first + i]);
        const std::uint16_t tenant = meta(packet).tenant;
        keys[2 * i] = fdb_key(tenant, mac_word(octets(packet)));
        keys[2 * i + 1] = fdb_key(tenant, mac_word(octets(packet) + 6));
    }
    const std::uint64_t hits = worker.tables->fdb->lookup(keys, 2U * count, words);

    std::uint16_t tenant_id = no_tenant;
    const TenantView* tenant = nullptr;
    TenantCounterBlock* counters = nullptr;
    for (std::uint16_t i = 0; i < count; ++i) {
        auto* const packet = static_cast<rte_mbuf*>(packets[first + i]);
        PacketMeta& out = meta(packet);
        if (out.tenant != tenant_id) {
            tenant_id = out.tenant;
            tenant = worker.tables->tenants.get(tenant_id);
            counters = worker.counters_of(tenant_id);
        }
        const auto index = static_cast<std::uint16_t>(first + i);
        if (tenant == nullptr) {
            dispatch.to(index, drop(out, DropReason::tenant_gone, to_drop));
            continue;
        }
        const bool destination_known = (hits >> (2 * i) & 1) != 0;
        const bool source_known = (hits >> (2 * i + 1) & 1) != 0;
        if (!learn(worker, *tenant, keys[2 * i + 1], origin_of(out), source_known,
                   words[2 * i + 1])) {
            dispatch.to(index, drop(out, DropReason::source_mac_static, to_drop));
            continue;
        }
        dispatch.to(index, forward(worker, *tenant, *counters, packet, out,
                                   keys[2 * i] & 0xffffffffffff, destination_known, words[2 * i]));
    }
}

std::uint16_t process(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count) {
    Worker& worker = worker_of(node);
    Dispatch dispatch(graph, node, packets);
    for (std::uint16_t first = 0; first < count; first = static_cast<std::uint16_t>(first + batch))
        process_batch(worker, dispatch, packets, first,
                      std::min<std::uint16_t>(batch, static_cast<std::uint16_t>(count - first)));
    dispatch.finish(count);
    return count;
}

} // namespace

const NodeDefinition fdb_lookup_node{"sallyport-fdb-lookup", process, false, next};

} // namespace sallyport::datapath
