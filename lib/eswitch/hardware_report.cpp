// SPDX-License-Identifier: BSD-3-Clause
// Which rules the rows call for, and what the NIC has of them.
#include "eswitch/hardware_path.h"
#include "eswitch/tag.h"

namespace sallyport::eswitch {

void HardwarePath::want(WantedRules& out, overlay::UplinkIndex index) const {
    if (active_ != index) return;
    if (!closed_.empty()) return out.missing(closed_.c_str());
    want_uplink(out, uplinks_[index], underlay_mac_);
}

void HardwarePath::want(WantedRules& out, const TenantState& tenant) const {
    want_tenant(out, tenant, settings_);
}

void HardwarePath::want(WantedRules& out, const VmPortState& vm_port) const {
    if (!closed_.empty()) return out.missing(closed_.c_str());
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

/// Whose the rules are that are told of.
struct Belonging {
    std::optional<overlay::TenantId> tenant;
    std::optional<overlay::VmPortId> vm_port;
};

class HardwarePath::RuleTeller {
  public:
    RuleTeller(const HardwarePath& path, const RuleVisit& visit) : path_(path), visit_(visit) {}

    /// @param what as the want() of the state takes it
    template<class State, class... What>
    void tell(const Belonging& belonging, const State& state, const What&... what) {
        tell_of(belonging, state.rules, state.refused, what...);
    }
    void tell(const Belonging& belonging, const FdbEntry& entry) {
        tell_of(belonging, entry.rules, entry.refused ? path_.reasons_[entry.reason] : "", entry);
    }

  private:
    template<class... What>
    void tell_of(const Belonging& belonging, std::span<const RuleId> slots,
                 std::string_view refused, const What&... what) {
        WantedRules wanted;
        path_.want(wanted, what...);
        for (const RuleSpec& spec : wanted.specs()) {
            const RuleId id = path_.rules_.find(slots, spec);
            visit_({.spec = spec,
                    .in_hardware = path_.rules_.in_hardware(id),
                    .handle = path_.rules_.handle(id),
                    .refused = refused,
                    .count = path_.rules_.query(id),
                    .tenant = belonging.tenant,
                    .vm_port = belonging.vm_port});
        }
    }

    const HardwarePath& path_;
    const RuleVisit& visit_;
};

class HardwarePath::GapTeller {
  public:
    GapTeller(const HardwarePath& path, const GapVisit& visit) : path_(path), visit_(visit) {}

    template<class State, class... What>
    void tell(const Belonging& belonging, const State&, const What&... what) {
        tell_of(belonging, what...);
    }
    void tell(const Belonging& belonging, const FdbEntry& entry) { tell_of(belonging, entry); }

  private:
    template<class... What>
    void tell_of(const Belonging& belonging, const What&... what) {
        WantedRules wanted;
        path_.want(wanted, what...);
        if (wanted.why_missing() != nullptr)
            visit_({text(what...), wanted.why_missing(), belonging.tenant, belonging.vm_port});
    }
    static std::string text(overlay::UplinkIndex) { return "packets from the active uplink"; }
    static std::string text(const NextHopState& next_hop) {
        return "next hop " + next_hop.row.address.to_string();
    }
    static std::string text(std::uint32_t, const LengthClassState& length_class) {
        return "packets of an MTU of " + std::to_string(length_class.mtu);
    }
    static std::string text(const VmPortState& vm_port) {
        return "packets from vm port " + vm_port.row.name;
    }
    static std::string text(const TenantState& tenant) {
        return "vni " + std::to_string(tenant.row.vni) + " to " + tenant.row.local_vtep.to_string();
    }
    [[nodiscard]] std::string text(TunnelId, const TunnelState& tunnel) const {
        const VtepState* const vtep = path_.vteps_.find(tunnel.vtep);
        return "from vtep " + (vtep == nullptr ? "" : vtep->row.address.to_string());
    }
    static std::string text(const FdbEntry& entry) { return "station " + entry.mac.to_string(); }

    const HardwarePath& path_;
    const GapVisit& visit_;
};

template<class Teller>
void HardwarePath::tell_all_but_entries(Teller& teller) const {
    for (const overlay::UplinkIndex index : overlay::all_uplinks)
        teller.tell({}, uplinks_[index], index);
    next_hops_.for_each([&](const NextHopState& next_hop) { teller.tell({}, next_hop, next_hop); });
    for (std::uint32_t id = 0; id < most_length_classes; ++id) {
        const LengthClassState* const length_class = length_classes_.find(id);
        if (length_class != nullptr) teller.tell({}, *length_class, id, *length_class);
    }
    vm_ports_.for_each([&](const VmPortState& vm_port) {
        teller.tell({vm_port.row.tenant, vm_port.row.id}, vm_port, vm_port);
    });
    tenants_.for_each([&](const TenantState& tenant) {
        teller.tell({tenant.row.id, std::nullopt}, tenant, tenant);
        for (const TunnelId id : tenant.tunnels)
            teller.tell({tenant.row.id, std::nullopt}, *tunnels_.find(id), id, *tunnels_.find(id));
    });
}

template<class Teller>
void HardwarePath::tell_entry(Teller& teller, const FdbEntry& entry) const {
    Belonging belonging{entry.tenant, std::nullopt};
    if (!entry.remote) belonging.vm_port = static_cast<overlay::VmPortId>(entry.place);
    teller.tell(belonging, entry);
}

template<class Teller>
void HardwarePath::tell_all(Teller&& teller) const {
    tell_all_but_entries(teller);
    entries_.for_each([&](FdbEntryId id) { tell_entry(teller, entries_[id]); });
}

void HardwarePath::for_each_rule(const RuleVisit& visit) const {
    tell_all(RuleTeller(*this, visit));
}

void HardwarePath::for_each_rule(std::span<const net::MacAddress> stations,
                                 const RuleVisit& visit) const {
    RuleTeller teller(*this, visit);
    tell_all_but_entries(teller);
    tenants_.for_each([&](const TenantState& tenant) {
        for (const net::MacAddress& mac : stations)
            if (const FdbEntryId id = entries_.find(tenant.row.id, mac); id != no_entry)
                tell_entry(teller, entries_[id]);
    });
}

void HardwarePath::for_each_gap(const GapVisit& visit) const {
    tell_all(GapTeller(*this, visit));
}

} // namespace sallyport::eswitch
