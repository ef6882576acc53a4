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
    if (closed_.empty()) want_vm_port(out, vm_port, representor(vm_port.row.id));
}

void HardwarePath::want(WantedRules& out, TunnelId id, const TunnelState& tunnel) const {
    const TenantState* const tenant = tenants_.find(tunnel.tenant);
    const VtepState* const vtep = vteps_.find(tunnel.vtep);
    if (tenant == nullptr || vtep == nullptr) return out.missing("the tenant or vtep is unknown");
    want_tunnel(out, id, *tenant, vtep->row.address, settings_);
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

void HardwarePath::for_each_rule(const std::function<void(const RuleReport&)>& visit) const {
    RuleReport report;
    const auto tell = [&](const WantedRules& wanted, std::span<const RuleId> slots) {
        for (const RuleSpec& spec : wanted.specs()) {
            const RuleId id = rules_.find(slots, spec);
            report.spec = spec;
            report.in_hardware = rules_.in_hardware(id);
            report.handle = rules_.handle(id);
            report.count = rules_.query(id);
            visit(report);
        }
    };
    const auto tell_state = [&](const auto& state, auto... id) {
        WantedRules wanted;
        want(wanted, id..., state);
        report.refused = state.refused;
        tell(wanted, state.rules);
    };
    for (const overlay::UplinkIndex index : overlay::all_uplinks) {
        WantedRules wanted;
        want(wanted, index);
        report.refused = uplinks_[index].refused;
        tell(wanted, uplinks_[index].rules);
    }
    vm_ports_.for_each([&](const VmPortState& vm_port) {
        report.tenant = vm_port.row.tenant;
        report.vm_port = vm_port.row.id;
        tell_state(vm_port);
    });
    report.vm_port.reset();
    tenants_.for_each([&](const TenantState& tenant) {
        report.tenant = tenant.row.id;
        tell_state(tenant);
        for (const TunnelId id : tenant.tunnels)
            tell_state(*tunnels_.find(id), id);
    });
    report.tenant.reset();
    for (std::uint32_t id = 0; id < most_length_classes; ++id) {
        const LengthClassState* const length_class = length_classes_.find(id);
        if (length_class == nullptr) continue;
        WantedRules wanted;
        want_length_class(wanted, id, *length_class);
        report.refused = length_class->refused;
        tell(wanted, length_class->rules);
    }
    entries_.for_each([&](FdbEntryId id) {
        const FdbEntry& entry = entries_[id];
        report.tenant = entry.tenant;
        report.vm_port.reset();
        if (!entry.remote) report.vm_port = static_cast<overlay::VmPortId>(entry.place);
        report.refused = reasons_[entry.reason];
        WantedRules wanted;
        want(wanted, entry);
        tell(wanted, entry.rules);
    });
    report.tenant.reset();
    report.vm_port.reset();
    next_hops_.for_each([&](const NextHopState& next_hop) { tell_state(next_hop); });
}

} // namespace sallyport::eswitch
