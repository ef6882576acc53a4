// SPDX-License-Identifier: BSD-3-Clause
// From a tenant as it is wanted to the rows that make it, with numbers given.
#pragma once

#include "base/error.h"
#include "overlay/fdb_target.h"
#include "overlay/forwarding_state.h"
#include "overlay/row_tables.h"
#include "overlay/transaction.h"

#include <string>
#include <vector>

namespace sallyport::overlay {

/// Changes nothing: what it plans is done by committing transaction().
class TenantPlan {
  public:
    /// Complains about what is wrong in the spec itself, or beside the tenants that exist.
    static Expected<TenantPlan> make(const TenantSpec& spec, RowTables& tables,
                                     const Limits& limits);

    [[nodiscard]] const Transaction& transaction() const { return transaction_; }
    [[nodiscard]] TenantId id() const { return row_.id; }
    [[nodiscard]] const std::vector<net::IpAddress>& new_vteps() const { return new_vteps_; }

  private:
    TenantPlan(const TenantSpec& spec, RowTables& tables, const Limits& limits);

    Expected<void> check_tenant() const;
    Expected<void> add_vteps();
    Expected<void> add_vm_ports();
    Expected<void> add_fdb();

    const TenantSpec& spec_;
    RowTables& tables_;
    const Limits& limits_;
    std::string place_;
    Transaction transaction_;
    TenantRow row_;
    FdbTargets targets_;
    std::vector<net::IpAddress> new_vteps_;
};

} // namespace sallyport::overlay
