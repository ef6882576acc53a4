// SPDX-License-Identifier: BSD-3-Clause
// The heart of the switch: learns from the source MAC, decides by the destination MAC. Both lookups
// of a batch go to the table in one call, so that their cache misses overlap.
#include "datapath/nodes/node.h"

#include <optional>

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

/// As one word, for the caches. Tunnel indices have 28 bits at most.
std::uint32_t place_of(Origin origin) {
    return origin.place << 1 | (origin.kind == FdbEntry::Kind::tunnel ? 1U : 0U);
}

void report_station(Worker& worker, FdbKey key, Origin origin) {
    if (!worker.learn_filter.admit(key, place_of(origin), worker.tables->fdb->removals(),
                                   worker.now_seconds))
        return;
    if (worker.tables->learn_queue.tell({key, origin.kind, origin.place})) return;
    if (auto* const counters = worker.counters_of(static_cast<std::uint16_t>(key >> 48)))
        counters->learn_queue_full.add(1);
}

/// The tenant of a run of packets, with its counters added up once a run.
class TenantRun {
  public:
    explicit TenantRun(Worker& worker) : worker_(worker) {}
    ~TenantRun() { flush(); }
    TenantRun(const TenantRun&) = delete;
    TenantRun& operator=(const TenantRun&) = delete;

    void enter(std::uint16_t tenant) {
        if (tenant == id_) return;
        flush();
        id_ = tenant;
        view_ = worker_.tables->tenants.get(tenant);
    }
    [[nodiscard]] const TenantView* view() const { return view_; }
    void count_output(std::uint32_t octets) {
        ++packets_;
        octets_ += octets;
    }

  private:
    void flush() {
        if (packets_ == 0) return;
        TenantCounterBlock* const counters = worker_.counters_of(id_);
        counters->tx_packets.add(packets_);
        counters->tx_bytes.add(octets_);
        packets_ = octets_ = 0;
    }

    Worker& worker_;
    std::uint16_t id_ = no_tenant;
    const TenantView* view_ = nullptr;
    std::uint64_t packets_ = 0;
    std::uint64_t octets_ = 0;
};

/// The lookups of a batch. Not all packets need both: a source that was confirmed this second, and
/// a destination that is a group, are not looked up. Packets of one flow come in runs, and share
/// theirs.
class Lookups {
  public:
    explicit Lookups(Worker& worker)
        : worker_(worker), generation_(worker.tables->fdb->generation()) {}

    void add(std::uint16_t index, const rte_mbuf* packet, const PacketMeta& in) {
        const std::uint64_t destination = mac_word(octets(packet));
        destination_[index] = no_lookup;
        if ((destination & multicast_bit) == 0)
            destination_[index] = add(fdb_key(in.tenant, destination), last_destination_);
        const FdbKey source = fdb_key(in.tenant, mac_word(octets(packet) + 6));
        source_[index] = worker_.station_cache.confirmed(source, place_of(origin_of(in)),
                                                         generation_, worker_.now_seconds)
                             ? no_lookup
                             : add(source, last_source_);
    }
    void resolve() {
        if (count_ > 0) hits_ = worker_.tables->fdb->lookup(keys_, count_, words_);
    }

    [[nodiscard]] std::optional<FdbEntry> destination(std::uint16_t index) const {
        return entry(destination_[index]);
    }

    /// @return false: drop, the station has a static entry elsewhere
    bool learn(std::uint16_t index, const TenantView& tenant, Origin origin) {
        const std::uint8_t lookup = source_[index];
        if (lookup == no_lookup) return true;
        const FdbKey key = keys_[lookup];
        if (const auto known = entry(lookup)) {
            if (known->at(origin.kind, origin.place)) {
                worker_.tables->fdb->touch(known->slot, worker_.now_seconds);
                worker_.station_cache.confirm(key, place_of(origin), generation_,
                                              worker_.now_seconds);
                return true;
            }
            if (known->configured) return false;
        }
        if (tenant.learning) report_station(worker_, key, origin);
        return true;
    }

  private:
    static constexpr std::uint8_t no_lookup = 0xff;

    std::uint8_t add(FdbKey key, std::uint8_t& last) {
        if (last == no_lookup || keys_[last] != key) {
            last = count_++;
            keys_[last] = key;
        }
        return last;
    }
    [[nodiscard]] std::optional<FdbEntry> entry(std::uint8_t lookup) const {
        if (lookup == no_lookup || (hits_ >> lookup & 1) == 0) return std::nullopt;
        return FdbEntry::unpack(words_[lookup]);
    }

    Worker& worker_;
    std::uint32_t generation_;
    std::uint8_t count_ = 0;
    std::uint8_t last_destination_ = no_lookup;
    std::uint8_t last_source_ = no_lookup;
    std::uint64_t hits_ = 0;
    std::uint8_t destination_[batch];
    std::uint8_t source_[batch];
    FdbKey keys_[RTE_HASH_LOOKUP_BULK_MAX];
    std::uint64_t words_[RTE_HASH_LOOKUP_BULK_MAX];
};

rte_edge_t to_vm_port(const Tables& tables, TenantRun& tenant, const rte_mbuf* packet,
                      PacketMeta& out, std::uint32_t vm_port_id) {
    if (out.source_port == vm_port_id) return drop(out, DropReason::same_port, to_drop);
    const VmPortView* const vm_port = tables.vm_ports.get(vm_port_id);
    // The fdb can not lead across tenants; should it ever, the packet ends here.
    if (vm_port == nullptr || vm_port->tenant != out.tenant || vm_port->dpdk_port == no_queue)
        return drop(out, DropReason::port_gone, to_drop);
    out.out_port = vm_port->dpdk_port;
    tenant.count_output(packet->pkt_len);
    return to_port_tx;
}

rte_edge_t unknown_or_group(const TenantView& tenant, const rte_mbuf* packet, PacketMeta& out) {
    if ((mac_word(octets(packet)) & reserved_multicast_mask) == reserved_multicast)
        return drop(out, DropReason::reserved_multicast, to_drop);
    if (!tenant.flooding) return drop(out, DropReason::flooding_off, to_drop);
    return to_flood;
}

rte_edge_t forward(const Tables& tables, TenantRun& tenant, Lookups& lookups, std::uint16_t index,
                   const rte_mbuf* packet, PacketMeta& out) {
    if (tenant.view() == nullptr) return drop(out, DropReason::tenant_gone, to_drop);
    if (!lookups.learn(index, *tenant.view(), origin_of(out)))
        return drop(out, DropReason::source_mac_static, to_drop);
    const auto destination = lookups.destination(index);
    if (!destination) return unknown_or_group(*tenant.view(), packet, out);
    if (destination->kind == FdbEntry::Kind::vm_port)
        return to_vm_port(tables, tenant, packet, out, destination->target);
    if (out.source_port == from_underlay) return drop(out, DropReason::split_horizon, to_drop);
    out.tunnel = destination->target;
    return to_vxlan_encap;
}

std::uint16_t process(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count) {
    Worker& worker = worker_of(node);
    Dispatch dispatch(graph, node, packets);
    TenantRun tenant(worker);
    for (std::uint16_t first = 0; first < count;
         first = static_cast<std::uint16_t>(first + batch)) {
        const auto size = std::min<std::uint16_t>(batch, static_cast<std::uint16_t>(count - first));
        Lookups lookups(worker);
        for (std::uint16_t i = 0; i < size; ++i) {
            auto* const packet = static_cast<rte_mbuf*>(packets[first + i]);
            lookups.add(i, packet, meta(packet));
        }
        lookups.resolve();
        for (std::uint16_t i = 0; i < size; ++i) {
            auto* const packet = static_cast<rte_mbuf*>(packets[first + i]);
            PacketMeta& out = meta(packet);
            tenant.enter(out.tenant);
            dispatch.to(static_cast<std::uint16_t>(first + i),
                        forward(*worker.tables, tenant, lookups, i, packet, out));
        }
    }
    dispatch.finish(count);
    return count;
}

} // namespace

const NodeDefinition fdb_lookup_node{"sallyport-fdb-lookup", process, false, next};

} // namespace sallyport::datapath
