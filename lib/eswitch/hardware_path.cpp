// SPDX-License-Identifier: BSD-3-Clause
// What rows mean to each other: which rules a change of one calls into question.
#include "eswitch/hardware_path.h"

#include "eswitch/rule_owner.h"
#include "eswitch/tag.h"

#include <algorithm>
#include <utility>

namespace sallyport::eswitch {

HardwarePath::HardwarePath(FlowApi& flow, Pipeline pipeline, const Settings& settings,
                           const FlowQueue::Options& queue)
    : pipeline_(std::move(pipeline)), settings_(settings), meters_(flow, pipeline_.proxy()),
      rules_(flow, pipeline_, queue), representors_(settings.vm_ports, no_port), reasons_{""} {}

HardwarePath::~HardwarePath() {
    // As the rows would go: what packets meet first goes first.
    entries_.for_each([this](FdbEntryId id) {
        rules_.change(entries_[id].rules, {}, owner_of(OwnerKind::entry, id));
    });
    const auto give_back = [this](auto& state) { rules_.change(state.rules, {}, 0); };
    for (UplinkState& uplink : uplinks_)
        give_back(uplink);
    tenants_.for_each(give_back);
    vm_ports_.for_each(give_back);
    tunnels_.for_each(give_back);
    length_classes_.for_each(give_back);
    next_hops_.for_each(give_back);
    rules_.make();
    rules_.break_retired();
}

// Ports.

Expected<void> HardwarePath::attach_uplink(overlay::UplinkIndex index, std::uint16_t port) {
    uplinks_[index].port = port;
    mark_uplinks();
    return reconcile();
}

Expected<void> HardwarePath::attach_vm_port(overlay::VmPortId id, std::uint16_t port) {
    if (id >= representors_.size())
        return failure("vm port number " + std::to_string(id) + " is beyond the tables",
                       "hardware path");
    representors_[id] = port;
    retry_pacing_.changed();
    if (const VmPortState* const vm_port = vm_ports_.find(id)) {
        marked_vm_ports_.add(id);
        mark(vm_port->entries);
    }
    return reconcile();
}

Expected<void> HardwarePath::detach(std::uint16_t port) {
    for (UplinkState& uplink : uplinks_) {
        if (uplink.port != port) continue;
        uplink.port = no_port;
        mark_uplinks();
    }
    const auto found = std::find(representors_.begin(), representors_.end(), port);
    if (found == representors_.end()) return reconcile();
    return attach_vm_port(static_cast<overlay::VmPortId>(found - representors_.begin()), no_port);
}

Expected<void> HardwarePath::set_underlay_mac(const net::MacAddress& mac) {
    underlay_mac_ = mac;
    uplinks_marked_ = true;
    return reconcile();
}

std::uint16_t HardwarePath::representor(overlay::VmPortId id) const {
    return id < representors_.size() ? representors_[id] : no_port;
}

// Rows.

// A NIC that takes no more changes must not hold back what else leaves a dead uplink: its own rules
// stay behind, which death() tells.
Expected<void> HardwarePath::apply(std::span<const overlay::RowChange> changes,
                                   std::size_t* applied) {
    if (applied != nullptr) *applied = 0;
    const bool is_failover =
        !changes.empty() && std::ranges::all_of(changes, [](const overlay::RowChange& change) {
            return std::holds_alternative<overlay::UplinkRow>(change.row);
        });
    if (auto able = alive(); !able && !is_failover) return able;
    for (const overlay::RowChange& change : changes) {
        std::visit(
            [&](const auto& row) {
                change.kind == overlay::RowChange::Kind::put ? put(row) : remove(row);
            },
            change.row);
    }
    if (applied != nullptr) *applied = changes.size();
    const auto reconciled = reconcile();
    return is_failover ? Expected<void>() : reconciled;
}

void HardwarePath::put(const overlay::TenantRow& row) {
    TenantState& tenant = tenants_.put(row.id);
    if (tenant.length_class == no_length_class || tenant.row.mtu != row.mtu)
        set_length_class(tenant, row.mtu);
    tenant.row = row;
    set_tunnels(tenant, row.remote_vteps);
    marked_tenants_.add(row.id);
    if (tenant.length_class != no_length_class) marked_classes_.add(tenant.length_class);
    mark_tenant(tenant);
}

void HardwarePath::remove(const overlay::TenantRow& key) {
    TenantState* const tenant = tenants_.find(key.id);
    if (tenant == nullptr) return;
    set_tunnels(*tenant, {});
    leave_length_class(*tenant);
    rules_.change(tenant->rules, {}, owner_of(OwnerKind::tenant, key.id));
    forget(encapsulated_for(key.id));
    tenants_.remove(key.id);
}

void HardwarePath::put(const overlay::VmPortRow& row) {
    VmPortState& vm_port = vm_ports_.put(row.id);
    meters_marked_ |= vm_port.row.rate_limit != row.rate_limit;
    vm_port.row = row;
    marked_vm_ports_.add(row.id);
    mark(vm_port.entries);
}

void HardwarePath::remove(const overlay::VmPortRow& key) {
    VmPortState* const vm_port = vm_ports_.find(key.id);
    if (vm_port == nullptr) return;
    strand(vm_port->entries);
    rules_.change(vm_port->rules, {}, owner_of(OwnerKind::vm_port, key.id));
    meters_marked_ |= vm_port->row.rate_limit.has_value();
    for (const TrafficAccount account :
         {sent_by(key.id), switched_to(key.id), decapsulated_for(key.id), policed_of(key.id)})
        forget(account);
    vm_ports_.remove(key.id);
}

void HardwarePath::put(const overlay::VtepRow& row) {
    VtepState& vtep = vteps_.put(row.id);
    leave_next_hop(vtep.row);
    vtep.row = row;
    if (row.next_hop) {
        NextHopState& next_hop = next_hops_.put(*row.next_hop);
        next_hop.row.id = *row.next_hop;
        next_hop.vteps.push_back(row.id);
    }
    for (const TunnelId tunnel : vtep.tunnels)
        mark(tunnels_.find(tunnel)->entries);
}

void HardwarePath::remove(const overlay::VtepRow& key) {
    VtepState* const vtep = vteps_.find(key.id);
    if (vtep == nullptr) return;
    leave_next_hop(vtep->row);
    vteps_.remove(key.id);
}

void HardwarePath::leave_next_hop(const overlay::VtepRow& vtep) {
    if (!vtep.next_hop) return;
    if (NextHopState* const next_hop = next_hops_.find(*vtep.next_hop))
        std::erase(next_hop->vteps, vtep.id);
}

void HardwarePath::put(const overlay::NextHopRow& row) {
    next_hops_.put(row.id).row = row;
    marked_next_hops_.add(row.id);
}

void HardwarePath::remove(const overlay::NextHopRow& key) {
    NextHopState* const next_hop = next_hops_.find(key.id);
    if (next_hop == nullptr) return;
    rules_.change(next_hop->rules, {}, owner_of(OwnerKind::next_hop, key.id));
    next_hops_.remove(key.id);
}

void HardwarePath::put(const overlay::UplinkRow& row) {
    active_ = row.active;
    mark_uplinks();
}

void HardwarePath::remove(const overlay::UplinkRow&) {
    active_.reset();
    mark_uplinks();
}

void HardwarePath::put(const overlay::FdbRow& row) {
    FdbEntryId id = entries_.find(row.tenant, row.mac);
    if (id == no_entry)
        id = entries_.add(row.tenant, row.mac);
    else
        unlink(id);
    FdbEntry& entry = entries_[id];
    entry.remote = std::holds_alternative<overlay::VtepRef>(row.target);
    entry.place = entry.remote ? find_tunnel(row.tenant, std::get<overlay::VtepRef>(row.target).id)
                               : std::get<overlay::VmPortRef>(row.target).id;
    if (FdbList* const list = list_of(entry)) entries_.link(*list, id);
    marked_entries_.add(id);
}

void HardwarePath::remove(const overlay::FdbRow& key) {
    const FdbEntryId id = entries_.find(key.tenant, key.mac);
    if (id == no_entry) return;
    rules_.change(entries_[id].rules, {}, owner_of(OwnerKind::entry, id));
    unlink(id);
    entries_.remove(id);
}

FdbList* HardwarePath::list_of(const FdbEntry& entry) {
    if (entry.remote) {
        TunnelState* const tunnel = tunnels_.find(entry.place);
        return tunnel == nullptr ? nullptr : &tunnel->entries;
    }
    VmPortState* const vm_port = vm_ports_.find(static_cast<overlay::VmPortId>(entry.place));
    return vm_port == nullptr ? nullptr : &vm_port->entries;
}

void HardwarePath::unlink(FdbEntryId id) {
    if (FdbList* const list = list_of(entries_[id])) entries_.unlink(*list, id);
}

void HardwarePath::strand(FdbList& list) {
    while (list.first != no_entry) {
        const FdbEntryId id = list.first;
        entries_.unlink(list, id);
        entries_[id].remote = true;
        entries_[id].place = nowhere;
        marked_entries_.add(id);
    }
}

// Tunnels.

TunnelId HardwarePath::find_tunnel(overlay::TenantId tenant, overlay::VtepId vtep) const {
    if (const TenantState* const present = tenants_.find(tenant))
        for (const TunnelId id : present->tunnels)
            if (tunnels_.find(id)->vtep == vtep) return id;
    return nowhere;
}

void HardwarePath::set_tunnels(TenantState& tenant, const std::vector<overlay::VtepId>& vteps) {
    std::vector<TunnelId> kept;
    for (const TunnelId id : tenant.tunnels) {
        if (std::binary_search(vteps.begin(), vteps.end(), tunnels_.find(id)->vtep))
            kept.push_back(id);
        else
            remove_tunnel(id);
    }
    tenant.tunnels = std::move(kept);
    for (const overlay::VtepId vtep : vteps)
        if (find_tunnel(tenant.row.id, vtep) == nowhere)
            tenant.tunnels.push_back(add_tunnel(tenant.row.id, vtep));
}

TunnelId HardwarePath::add_tunnel(overlay::TenantId tenant, overlay::VtepId vtep) {
    const TunnelId id = decltype(tunnels_)::FreeIds(tunnels_).next();
    TunnelState& tunnel = tunnels_.put(id);
    tunnel.tenant = tenant;
    tunnel.vtep = vtep;
    vteps_.put(vtep).tunnels.push_back(id);
    marked_tunnels_.add(id);
    return id;
}

void HardwarePath::remove_tunnel(TunnelId id) {
    TunnelState& tunnel = *tunnels_.find(id);
    strand(tunnel.entries);
    rules_.change(tunnel.rules, {}, owner_of(OwnerKind::tunnel, id));
    if (VtepState* const vtep = vteps_.find(tunnel.vtep)) std::erase(vtep->tunnels, id);
    tunnel.gone = true;
    gone_tunnels_.push_back(id);
}

// Length classes.

void HardwarePath::set_length_class(TenantState& tenant, std::uint16_t mtu) {
    leave_length_class(tenant);
    std::uint32_t chosen = no_length_class;
    for (std::uint32_t id = 0; id < most_length_classes && chosen == no_length_class; ++id) {
        const LengthClassState* const present = length_classes_.find(id);
        if (present != nullptr && present->tenants > 0 && present->mtu == mtu) chosen = id;
    }
    if (chosen == no_length_class) {
        chosen = decltype(length_classes_)::FreeIds(length_classes_).next();
        if (chosen >= most_length_classes) return;
        length_classes_.put(chosen).mtu = mtu;
    }
    ++length_classes_.find(chosen)->tenants;
    tenant.length_class = chosen;
}

void HardwarePath::leave_length_class(TenantState& tenant) {
    const std::uint32_t id = std::exchange(tenant.length_class, no_length_class);
    if (id == no_length_class) return;
    LengthClassState& length_class = *length_classes_.find(id);
    if (--length_class.tenants > 0) return;
    rules_.change(length_class.rules, {}, owner_of(OwnerKind::length_class, id));
    gone_classes_.push_back(id);
}

// Marks.

void HardwarePath::mark(const FdbList& list) {
    entries_.for_each(list, [this](FdbEntryId id) { marked_entries_.add(id); });
}

void HardwarePath::mark_tenant(const TenantState& tenant) {
    for (const TunnelId id : tenant.tunnels) {
        marked_tunnels_.add(id);
        mark(tunnels_.find(id)->entries);
    }
    vm_ports_.for_each([&](const VmPortState& vm_port) {
        if (vm_port.row.tenant == tenant.row.id) mark(vm_port.entries);
    });
}

void HardwarePath::mark_uplinks() {
    uplinks_marked_ = true;
    retry_pacing_.changed();
    next_hops_.for_each(
        [this](const NextHopState& next_hop) { marked_next_hops_.add(next_hop.row.id); });
}

// Questions.

std::optional<std::chrono::seconds> HardwarePath::idle_time(overlay::TenantId tenant,
                                                            const net::MacAddress& mac) {
    const FdbEntryId id = entries_.find(tenant, mac);
    if (id == no_entry) return std::nullopt;
    FdbEntry& entry = entries_[id];
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::steady_clock::now().time_since_epoch());
    const auto station = std::find_if(entry.rules.begin(), entry.rules.end(), [this](RuleId rule) {
        return rules_.in_hardware(rule)
               && (rules_.stage_of(rule) == StageId::vm_station
                   || rules_.stage_of(rule) == StageId::remote_station);
    });
    if (station == entry.rules.end()) return std::nullopt;
    const std::uint64_t packets = rules_.query(*station).hits;
    if (entry.heard_at == 0 || packets != entry.heard_packets) {
        entry.heard_packets = packets;
        entry.heard_at = static_cast<std::uint32_t>(now.count());
    }
    return now - std::chrono::seconds(entry.heard_at);
}

std::optional<std::string_view> HardwarePath::why_in_software(overlay::TenantId tenant,
                                                              const net::MacAddress& mac) const {
    const FdbEntryId id = entries_.find(tenant, mac);
    if (id == no_entry) return std::nullopt;
    return reasons_[entries_[id].reason];
}

std::size_t HardwarePath::entries_in_hardware() const {
    std::size_t count = 0;
    entries_.for_each([&](FdbEntryId id) { count += entries_[id].reason == 0 ? 1 : 0; });
    return count;
}

} // namespace sallyport::eswitch
