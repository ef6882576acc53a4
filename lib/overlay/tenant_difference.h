// SPDX-License-Identifier: BSD-3-Clause
// From a tenant that runs to the same tenant as it is wanted: what must change, and in which order.
#pragma once

#include "base/error.h"
#include "overlay/fdb_target.h"
#include "overlay/forwarding_state.h"
#include "overlay/row_tables.h"
#include "overlay/transaction.h"

#include <unordered_map>
#include <vector>

namespace sallyport::overlay {

/// Changes nothing: what it plans is done by committing transaction().
class TenantDifference {
  public:
    /// As ForwardingState::widen_tenant() has it.
    static Expected<TenantDifference> widen(const TenantSpec& spec, RowTables& tables,
                                            const Limits& limits);
    /// As ForwardingState::change_tenant() has it.
    static Expected<TenantDifference> make(const TenantSpec& spec, RowTables& tables,
                                           const Limits& limits);

    [[nodiscard]] const Transaction& transaction() const { return transaction_; }
    [[nodiscard]] TenantId id() const { return row_.id; }
    [[nodiscard]] const std::vector<net::IpAddress>& new_vteps() const { return new_vteps_; }
    [[nodiscard]] const ForwardingState::ChangedTenant& changed() const { return changed_; }

  private:
    TenantDifference(const TenantSpec& spec, RowTables& tables, const Limits& limits)
        : spec_(spec), tables_(tables), limits_(limits), targets_(spec.name) {}

    Expected<void> begin();
    Expected<void> widen();
    Expected<void> change();
    Expected<void> change_fdb();
    void change_entry(const FdbRow& present, std::unordered_map<net::MacAddress, FdbRow>& wanted);
    [[nodiscard]] bool may_stay(const FdbRow& learned) const;
    void change_vm_ports();
    void change_row();
    void remove_vm_ports();
    void remove_vteps();

    const TenantSpec& spec_;
    RowTables& tables_;
    const Limits& limits_;
    FdbTargets targets_;
    const TenantEntry* tenant_ = nullptr;
    /// As it is wanted.
    TenantRow row_;
    std::vector<VtepRow> added_vteps_;
    std::vector<VmPortRow> vm_ports_;
    Transaction transaction_;
    std::vector<net::IpAddress> new_vteps_;
    ForwardingState::ChangedTenant changed_;
};

} // namespace sallyport::overlay
