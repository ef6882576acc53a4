// SPDX-License-Identifier: BSD-3-Clause
// Which rules the rows call for, and what the NIC has of them.
#include "eswitch/hardware_path.h"
#include "eswitch/tag.h"

namespace sallyport::eswitch {

void HardwarePath::want(WantedRules& out, overlay::UplinkIndex index) const {
    if (closed_.empty() && active_ == index) want_uplink(out, uplinks_[index], underlay_mac_);
}

void HardwarePath::want(WantedRules& out, const TenantState& tenant) const {
    want_tenant(out, tenant, settings_);
}

void HardwarePath::want(WantedRules& out, const VmPortState& vm_port) const {
    if (!closed_.empty()) return;
    const auto& limit = vm_port.row.rate_limit;
    want_vm_port(out, vm_port, representor(vm_port.row.id), limit ? meters_.find(*limit) : nullptr);
}

void HardwarePath::want(WantedRules& out, TunnelId id, const TunnelState& tunnel) const {
    const TenantState* const tenant = tenants_.find(tunnel.tenant);
    const VtepState* const vtep = vteps_.find(tunnel.vtep);
    if (tenant == nullptr || vtep == nullptr) return out.missing("the tenant or vtep is unknown");
    want_tunnel(out, id, *tenant, vtep->row.address, settings_);
}

void HardwarePath::want(WantedRules& out, std::uint32_t id,
                        const LengthClassState& length_class) const {
    want_length_class(out, id, length_class);
}

void HardwarePath::want(WantedRules& out, const NextHopState& next_hop) const {
    want_next_hop(out, next_hop, active_, active_ ? uplinks_[*active_].port : no_port);
}

void HardwarePath::want(WantedRules& out, const FdbEntry& entry) const {
    const TenantState* const tenant = tenants_.find(entry.tenant);
    if (tenant == nullptr) return out.missing("the tenant is unknown");
    if (!entry.remote) {
        const auto id = static_cast<overlay::VmPortId>(entry.place);
        const VmPortState* const vm_port = vm_ports_.find(id);
        if (vm_port == nullptr) return out.missing("the vm port is unknown");
        return want_local_entry(out, entry, *tenant, *vm_port, representor(id), settings_);
    }
    const TunnelState* const tunnel = tunnels_.find(entry.place);
    if (tunnel == nullptr) return out.missing("the vtep is none of the tenant's");
    const overlay::VtepRow& vtep = vteps_.find(tunnel->vtep)->row;
    want_remote_entry(out, entry, *tenant, vtep,
                      vtep.next_hop ? next_hops_.find(*vtep.next_hop) : nullptr, settings_);
}

HardwarePath::TrafficReport HardwarePath::traffic() const {
    auto accounts = rules_.traffic();
    const auto since_reset = [&](TrafficAccount account) {
        return this->since_reset(account, accounts[account]);
    };
    TrafficReport report;
    tenants_.for_each([&](const TenantState& tenant) {
        report.tenants[tenant.row.id].encapsulated = since_reset(encapsulated_for(tenant.row.id));
    });
    vm_ports_.for_each([&](const VmPortState& vm_port) {
        const overlay::VmPortId id = vm_port.row.id;
        const Traffic switched = since_reset(switched_to(id));
        const Traffic decapsulated = since_reset(decapsulated_for(id));
        PortTraffic& port = report.vm_ports[id];
        port.sent = since_reset(sent_by(id));
        port.delivered = switched;
        port.delivered += decapsulated;
        port.over_rate = since_reset(policed_of(id));
        TenantTraffic& tenant = report.tenants[vm_port.row.tenant];
        tenant.switched += switched;
        tenant.decapsulated += decapsulated;
    });
    return report;
}

Traffic HardwarePath::since_reset(TrafficAccount account, Traffic traffic) const {
    if (const auto base = traffic_base_.find(account); base != traffic_base_.end()) {
        traffic.packets -= base->second.packets;
        traffic.bytes -= base->second.bytes;
    }
    return traffic;
}

HardwarePath::DroppedTraffic HardwarePath::dropped() const {
    std::vector<RuleId> slots;
    next_hops_.for_each([&](const NextHopState& next_hop) { slots.push_back(next_hop.rules[0]); });
    const auto of = [&](TrafficAccount account) {
        return since_reset(account, rules_.traffic(account, slots));
    };
    return {of(without_uplink), of(without_neighbour)};
}

void HardwarePath::forget(TrafficAccount account) {
    rules_.forget(account);
    traffic_base_.erase(account);
}

/// Tells of the rules of one owner after another.
class HardwarePath::Teller {
  public:
    Teller(const HardwarePath& path, const RuleVisit& visit) : path_(path), visit_(visit) {}

    void belongs_to(std::optional<overlay::TenantId> tenant,
                    std::optional<overlay::VmPortId> vm_port = std::nullopt) {
        report_.tenant = tenant;
        report_.vm_port = vm_port;
    }
    void tell(const WantedRules& wanted, std::span<const RuleId> slots, std::string_view refused) {
        report_.refused = refused;
        for (const RuleSpec& spec : wanted.specs()) {
            const RuleId id = path_.rules_.find(slots, spec);
            report_.spec = spec;
            report_.in_hardware = path_.rules_.in_hardware(id);
            report_.handle = path_.rules_.handle(id);
            report_.count = path_.rules_.query(id);
            visit_(report_);
        }
    }
    /// @param what as the want() of the state takes it
    template<class State, class... What>
    void tell_of(const State& state, const What&... what) {
        WantedRules wanted;
        path_.want(wanted, what...);
        tell(wanted, state.rules, state.refused);
    }

  private:
    const HardwarePath& path_;
    const RuleVisit& visit_;
    RuleReport report_;
};

void HardwarePath::for_each_rule(const RuleVisit& visit) const {
    Teller teller(*this, visit);
    for (const overlay::UplinkIndex index : overlay::all_uplinks)
        teller.tell_of(uplinks_[index], index);
    next_hops_.for_each([&](const NextHopState& next_hop) { teller.tell_of(next_hop, next_hop); });
    for (std::uint32_t id = 0; id < most_length_classes; ++id) {
        const LengthClassState* const length_class = length_classes_.find(id);
        if (length_class != nullptr) teller.tell_of(*length_class, id, *length_class);
    }
    vm_ports_.for_each([&](const VmPortState& vm_port) {
        teller.belongs_to(vm_port.row.tenant, vm_port.row.id);
        teller.tell_of(vm_port, vm_port);
    });
    tenants_.for_each([&](const TenantState& tenant) {
        teller.belongs_to(tenant.row.id);
        teller.tell_of(tenant, tenant);
        for (const TunnelId id : tenant.tunnels)
            teller.tell_of(*tunnels_.find(id), id, *tunnels_.find(id));
    });
    entries_.for_each([&](FdbEntryId id) {
        const FdbEntry& entry = entries_[id];
        teller.belongs_to(entry.tenant);
        if (!entry.remote)
            teller.belongs_to(entry.tenant, static_cast<overlay::VmPortId>(entry.place));
        WantedRules wanted;
        want(wanted, entry);
        teller.tell(wanted, entry.rules, reasons_[entry.reason]);
    });
}

} // namespace sallyport::eswitch
