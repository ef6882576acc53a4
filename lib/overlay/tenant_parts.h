// SPDX-License-Identifier: BSD-3-Clause
// The rows that the parts of a wanted tenant come to, with numbers given. For the tenants' plans.
#pragma once

#include "base/error.h"
#include "overlay/fdb_target.h"
#include "overlay/forwarding_state.h"
#include "overlay/row_tables.h"
#include "overlay/tenant_spec.h"

#include <vector>

namespace sallyport::overlay {

struct PlannedVteps {
    /// Ascending.
    std::vector<VtepId> all;
    /// Those that no tenant has yet.
    std::vector<VtepRow> added;
};
/// Adds them to @p targets.
Expected<PlannedVteps> plan_vteps(const TenantSpec& spec, RowTables& tables, const Limits& limits,
                                  FdbTargets& targets);

/// Beside spec.vm_ports: those that the tenant has keep their numbers. Adds them to @p targets.
Expected<std::vector<VmPortRow>> plan_vm_ports(const TenantSpec& spec, TenantId tenant,
                                               RowTables& tables, const Limits& limits,
                                               FdbTargets& targets);

/// Configured entries, the vm ports' own ones among them where nothing is learned.
Expected<std::vector<FdbRow>> plan_fdb(const TenantSpec& spec, TenantId tenant,
                                       const FdbTargets& targets);

} // namespace sallyport::overlay
