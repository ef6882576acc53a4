// SPDX-License-Identifier: BSD-3-Clause
// Changes of fdb entries of tenants that exist.
#include "overlay/fdb_target.h"
#include "overlay/forwarding_state.h"
#include "overlay/row_tables.h"
#include "overlay/transaction.h"

#include <unordered_set>

namespace sallyport::overlay {

namespace {

std::string place(std::string_view tenant) {
    return "tenant " + std::string(tenant);
}

tl::unexpected<Error> unknown_tenant(std::string_view name) {
    return failure("there is no such tenant", place(name));
}

} // namespace

Expected<void> ForwardingState::add_fdb(std::string_view name, std::span<const FdbSpec> entries) {
    const TenantEntry* tenant = tables_->find_tenant(name);
    if (tenant == nullptr) return unknown_tenant(name);
    FdbTargets targets(tenant->row.name);
    for (VmPortId id : tenant->vm_ports)
        targets.add(tables_->vm_ports.find(id)->name, id);
    for (VtepId id : tenant->row.remote_vteps)
        targets.add(tables_->vteps.find(id)->row.address, id);

    Transaction transaction;
    transaction.reserve(entries.size());
    std::unordered_set<net::MacAddress> macs;
    macs.reserve(entries.size());
    std::size_t added = 0;
    for (const FdbSpec& entry : entries) {
        const auto target = targets.find(entry);
        if (!target) return tl::unexpected(target.error());
        if (!macs.insert(entry.mac).second)
            return failure("MAC address " + entry.mac.to_string() + " is given twice", place(name));
        const FdbRow row{tenant->row.id, entry.mac, *target, FdbOrigin::configured};
        const auto present = tables_->fdb.find(row.tenant, row.mac);
        if (present == row) continue;
        if (!present) ++added;
        transaction.put(row);
    }
    if (added + fdb_size() > limits_.fdb_entries) return fdb_full(tenant->row.name, limits_);
    return commit(transaction);
}

Expected<void> ForwardingState::remove_fdb(std::string_view name, const net::MacAddress& mac) {
    const TenantEntry* tenant = tables_->find_tenant(name);
    if (tenant == nullptr) return unknown_tenant(name);
    return remove_fdb(tenant->row.id, std::span(&mac, 1));
}

Expected<void> ForwardingState::remove_fdb(TenantId id, std::span<const net::MacAddress> macs) {
    const TenantEntry* tenant = tables_->tenants.find(id);
    if (tenant == nullptr) return unknown_tenant(std::to_string(id));
    Transaction transaction;
    transaction.reserve(macs.size());
    std::unordered_set<net::MacAddress> seen;
    seen.reserve(macs.size());
    for (const net::MacAddress& mac : macs) {
        if (!tables_->fdb.find(id, mac))
            return failure("there is no fdb entry of " + mac.to_string(), place(tenant->row.name));
        if (seen.insert(mac).second) transaction.remove(FdbRow{id, mac, {}, {}});
    }
    return commit(transaction);
}

Expected<void> ForwardingState::put_learned(std::span<const FdbRow> rows,
                                            std::chrono::steady_clock::time_point now) {
    Transaction transaction;
    transaction.reserve(rows.size());
    for (const FdbRow& row : rows)
        transaction.put(row);
    return commit(transaction, now);
}

} // namespace sallyport::overlay
