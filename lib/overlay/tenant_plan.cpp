// SPDX-License-Identifier: BSD-3-Clause
#include "overlay/tenant_plan.h"

#include "overlay/tenant_parts.h"

namespace sallyport::overlay {

namespace {

constexpr std::uint32_t largest_vni = 0xffffff;

} // namespace

Expected<TenantPlan> TenantPlan::make(const TenantSpec& spec, RowTables& tables,
                                      const Limits& limits) {
    TenantPlan plan(spec, tables, limits);
    auto done = plan.check_tenant();
    if (done) done = plan.add_vteps();
    if (done) plan.transaction_.put(plan.row_);
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
    auto vteps = plan_vteps(spec_, tables_, limits_, targets_);
    if (!vteps) return tl::unexpected(vteps.error());
    row_.remote_vteps = std::move(vteps->all);
    for (const VtepRow& row : vteps->added) {
        transaction_.put(row);
        new_vteps_.push_back(row.address);
    }
    return {};
}

Expected<void> TenantPlan::add_vm_ports() {
    auto rows = plan_vm_ports(spec_, row_.id, tables_, limits_, targets_);
    if (!rows) return tl::unexpected(rows.error());
    for (VmPortRow& row : *rows)
        transaction_.put(std::move(row));
    return {};
}

Expected<void> TenantPlan::add_fdb() {
    const auto rows = plan_fdb(spec_, row_.id, targets_);
    if (!rows) return tl::unexpected(rows.error());
    if (tables_.fdb.size() + rows->size() > limits_.fdb_entries)
        return fdb_full(spec_.name, limits_);
    transaction_.reserve(transaction_.changes().size() + rows->size());
    for (const FdbRow& row : *rows)
        transaction_.put(row);
    return {};
}

} // namespace sallyport::overlay
