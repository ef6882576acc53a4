// SPDX-License-Identifier: BSD-3-Clause
#include "overlay/tenant_plan.h"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace sallyport::overlay {

namespace {

constexpr std::uint32_t largest_vni = 0xffffff;

} // namespace

Expected<TenantPlan> TenantPlan::make(const TenantSpec& spec, RowTables& tables,
                                      const Limits& limits) {
    TenantPlan plan(spec, tables, limits);
    auto done = plan.check_tenant();
    if (done) done = plan.add_vteps();
    if (done) plan.add_tenant();
    if (done) done = plan.add_vm_ports();
    if (done) done = plan.add_fdb();
    if (!done) return tl::unexpected(done.error());
    return plan;
}

TenantPlan::TenantPlan(const TenantSpec& spec, RowTables& tables, const Limits& limits)
    : spec_(spec), tables_(tables), limits_(limits), place_("tenant " + spec.name),
      row_{.id = decltype(tables.tenants)::FreeIds(tables.tenants).next(),
           .name = spec.name,
           .vni = spec.vni,
           .local_vtep = spec.local_vtep,
           .udp_port = spec.udp_port,
           .mtu = spec.mtu,
           .learning = spec.learning,
           .flooding = spec.flooding,
           .pass_inner_vlan = spec.pass_inner_vlan,
           .is_protected = spec.is_protected,
           .remote_vteps = {}},
      targets_(spec.name) {}

Expected<void> TenantPlan::check_tenant() const {
    if (spec_.name.empty()) return failure("the tenant has no name");
    if (tables_.find_tenant(spec_.name) != nullptr)
        return failure("a tenant of this name exists already", place_, "remove it first");
    if (spec_.vni == 0 || spec_.vni > largest_vni)
        return failure("VNI " + std::to_string(spec_.vni) + " is not from 1 to 16777215", place_);
    if (const TenantEntry* other = tables_.find_tenant_by_vni(spec_.vni))
        return failure("VNI " + std::to_string(spec_.vni) + " belongs to tenant " + other->row.name,
                       place_);
    if (tables_.tenants.size() >= limits_.tenants)
        return failure("no room for another tenant, the limit is "
                           + std::to_string(limits_.tenants),
                       place_, "raise limits.tenants");
    if (tables_.tunnels() + spec_.remote_vteps.size() > limits_.tunnels)
        return failure("no room for its remote vteps, the limit of pairs of tenant and vtep is "
                           + std::to_string(limits_.tunnels),
                       place_, "raise limits.tunnels");
    return {};
}

Expected<void> TenantPlan::add_vteps() {
    decltype(tables_.vteps)::FreeIds ids(tables_.vteps);
    std::set<net::IpAddress> addresses;
    for (const net::IpAddress& address : spec_.remote_vteps) {
        if (!addresses.insert(address).second)
            return failure("remote vtep " + address.to_string() + " is given twice", place_);
        if (address == spec_.local_vtep)
            return failure("remote vtep " + address.to_string() + " is the local one", place_);
        if (const VtepEntry* vtep = tables_.find_vtep(address)) {
            row_.remote_vteps.push_back(vtep->row.id);
        } else {
            const NextHopEntry* own = tables_.find_next_hop(address);
            VtepRow row{ids.next(), address, std::nullopt};
            if (own != nullptr && own->is_static) row.next_hop = own->row.id;
            transaction_.put(row);
            row_.remote_vteps.push_back(row.id);
            new_vteps_.push_back(address);
        }
        targets_.add(address, row_.remote_vteps.back());
    }
    if (tables_.vteps.size() + new_vteps_.size() > limits_.vteps)
        return failure("no room for its remote vteps, the limit is "
                           + std::to_string(limits_.vteps),
                       place_, "raise limits.tunnels");
    return {};
}

void TenantPlan::add_tenant() {
    std::sort(row_.remote_vteps.begin(), row_.remote_vteps.end());
    transaction_.put(row_);
}

Expected<void> TenantPlan::add_vm_ports() {
    if (tables_.vm_ports.size() + spec_.vm_ports.size() > limits_.vm_ports)
        return failure("no room for its vm ports, the limit is " + std::to_string(limits_.vm_ports),
                       place_);
    decltype(tables_.vm_ports)::FreeIds ids(tables_.vm_ports);
    std::set<std::string_view> names;
    for (const VmPortSpec& spec : spec_.vm_ports) {
        if (!names.insert(spec.name).second || tables_.find_vm_port(spec.name) != nullptr)
            return failure("a vm port " + spec.name + " exists already", place_,
                           "vm ports of all tenants must differ in name");
        VmPortRow row{ids.next(), row_.id, spec.name, spec.macs, spec.rate_limit};
        std::sort(row.allowed_macs.begin(), row.allowed_macs.end());
        const auto repeated = std::unique(row.allowed_macs.begin(), row.allowed_macs.end());
        row.allowed_macs.erase(repeated, row.allowed_macs.end());
        targets_.add(spec.name, row.id);
        transaction_.put(std::move(row));
    }
    return {};
}

Expected<void> TenantPlan::add_fdb() {
    std::unordered_map<net::MacAddress, FdbTarget> targets;
    std::vector<FdbRow> rows;
    const auto add = [&](const FdbSpec& entry) -> Expected<bool> {
        const auto target = targets_.find(entry);
        if (!target) return tl::unexpected(target.error());
        if (!targets.emplace(entry.mac, *target).second) return false;
        rows.push_back({row_.id, entry.mac, *target, FdbOrigin::configured});
        return true;
    };
    for (const FdbSpec& entry : spec_.fdb) {
        const auto added = add(entry);
        if (!added) return tl::unexpected(added.error());
        if (!*added)
            return failure("MAC address " + entry.mac.to_string() + " has two fdb entries", place_);
    }
    for (const VmPortSpec& port : spec_.vm_ports) {
        if (spec_.learning) break;
        for (const net::MacAddress& mac : port.macs)
            // Where an fdb entry places the MAC, the operator's word stands.
            if (const auto added = add({mac, port.name}); !added)
                return tl::unexpected(added.error());
    }
    if (tables_.fdb.size() + rows.size() > limits_.fdb_entries)
        return fdb_full(spec_.name, limits_);
    transaction_.reserve(transaction_.changes().size() + rows.size());
    for (const FdbRow& row : rows)
        transaction_.put(row);
    return {};
}

} // namespace sallyport::overlay
