// SPDX-License-Identifier: BSD-3-Clause
// Changes of whole tenants.
#include "overlay/forwarding_state.h"
#include "overlay/next_hop_release.h"
#include "overlay/tenant_difference.h"
#include "overlay/tenant_plan.h"

namespace sallyport::overlay {

Expected<ForwardingState::AddedTenant> ForwardingState::add_tenant(const TenantSpec& spec) {
    const auto plan = TenantPlan::make(spec, *tables_, limits_);
    if (!plan) return tl::unexpected(plan.error());
    if (auto done = commit(plan->transaction()); !done) return tl::unexpected(done.error());
    TenantEntry& entry = *tables_->tenants.find(plan->id());
    entry.max_learned = spec.max_learned;
    entry.ageing_time = spec.ageing_time;
    return AddedTenant{plan->id(), plan->new_vteps()};
}

Expected<ForwardingState::RemovedTenant> ForwardingState::remove_tenant(std::string_view name) {
    const TenantEntry* tenant = tables_->find_tenant(name);
    if (tenant == nullptr) return failure("there is no such tenant", "tenant " + std::string(name));
    RemovedTenant removed;
    removed.id = tenant->row.id;
    Transaction transaction;
    transaction.reserve(tenant->learned + tenant->configured + tenant->vm_ports.size() + 1);
    tables_->fdb.for_each(removed.id, [&](const FdbRow& row) { transaction.remove(row); });
    for (VmPortId id : tenant->vm_ports) {
        removed.vm_ports.push_back(*tables_->vm_ports.find(id));
        transaction.remove(removed.vm_ports.back());
    }
    transaction.remove(tenant->row);
    NextHopRelease release;
    for (VtepId id : tenant->row.remote_vteps) {
        const VtepEntry& vtep = *tables_->vteps.find(id);
        if (vtep.tenants > 1) continue;
        transaction.remove(vtep.row);
        release.leave(vtep.row);
        removed.gone_vteps.push_back(vtep.row.address);
    }
    release.add_to(transaction, *tables_);
    if (auto done = commit(transaction); !done) return tl::unexpected(done.error());
    return removed;
}

Expected<std::vector<net::IpAddress>> ForwardingState::widen_tenant(const TenantSpec& spec) {
    const auto plan = TenantDifference::widen(spec, *tables_, limits_);
    if (!plan) return tl::unexpected(plan.error());
    if (auto done = commit(plan->transaction()); !done) return tl::unexpected(done.error());
    return plan->new_vteps();
}

Expected<ForwardingState::ChangedTenant> ForwardingState::change_tenant(const TenantSpec& spec) {
    const auto plan = TenantDifference::make(spec, *tables_, limits_);
    if (!plan) return tl::unexpected(plan.error());
    if (auto done = commit(plan->transaction()); !done) return tl::unexpected(done.error());
    TenantEntry& entry = *tables_->tenants.find(plan->id());
    entry.max_learned = spec.max_learned;
    entry.ageing_time = spec.ageing_time;
    return plan->changed();
}

} // namespace sallyport::overlay
