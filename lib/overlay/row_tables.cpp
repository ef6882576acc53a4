// SPDX-License-Identifier: BSD-3-Clause
#include "overlay/row_tables.h"

#include <algorithm>
#include <variant>

namespace sallyport::overlay {

namespace {

template<class Names, class Key, class Table>
auto find_by(const Names& names, const Key& key, Table& table) -> decltype(table.find(0)) {
    const auto found = names.find(key);
    return found == names.end() ? nullptr : table.find(found->second);
}

template<class... Visitors>
struct Overloaded : Visitors... {
    using Visitors::operator()...;
};
template<class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

} // namespace

TenantEntry* RowTables::find_tenant(std::string_view name) {
    return find_by(tenant_names_, name, tenants);
}

TenantEntry* RowTables::find_tenant_by_vni(std::uint32_t vni) {
    return find_by(tenant_vnis_, vni, tenants);
}

VmPortRow* RowTables::find_vm_port(std::string_view name) {
    return find_by(vm_port_names_, name, vm_ports);
}

VtepEntry* RowTables::find_vtep(const net::IpAddress& address) {
    return find_by(vtep_addresses_, address, vteps);
}

NextHopEntry* RowTables::find_next_hop(const net::IpAddress& address) {
    return find_by(next_hop_addresses_, address, next_hops);
}

void RowTables::apply(const RowChange& change, FdbTable::TimePoint now) {
    const bool put_it = change.kind == RowChange::Kind::put;
    std::visit(Overloaded{
                   [&](const FdbRow& row) { put_it ? put_fdb(row, now) : remove_fdb(row); },
                   [&](const UplinkRow& row) { uplink = put_it ? row : UplinkRow{}; },
                   [&](const auto& row) { put_it ? put(row) : remove(row); },
               },
               change.row);
}

std::optional<Row> RowTables::find(const Row& row) const {
    const auto found = [](const auto* entry) -> std::optional<Row> {
        if (entry == nullptr) return std::nullopt;
        return *entry;
    };
    const auto found_row = [](const auto* entry) -> std::optional<Row> {
        if (entry == nullptr) return std::nullopt;
        return entry->row;
    };
    return std::visit(
        Overloaded{
            [&](const TenantRow& key) { return found_row(tenants.find(key.id)); },
            [&](const VmPortRow& key) { return found(vm_ports.find(key.id)); },
            [&](const VtepRow& key) { return found_row(vteps.find(key.id)); },
            [&](const NextHopRow& key) { return found_row(next_hops.find(key.id)); },
            [&](const FdbRow& key) -> std::optional<Row> { return fdb.find(key.tenant, key.mac); },
            [&](const UplinkRow&) -> std::optional<Row> { return uplink; },
        },
        row);
}

std::vector<Row> RowTables::rows() const {
    std::vector<Row> all;
    const auto add_row = [&](const auto& entry) { all.emplace_back(entry.row); };
    all.emplace_back(uplink);
    next_hops.for_each(add_row);
    vteps.for_each(add_row);
    tenants.for_each(add_row);
    vm_ports.for_each([&](const VmPortRow& row) { all.emplace_back(row); });
    for (std::size_t tenant = 0; tenant < fdb.tenant_bound(); ++tenant)
        fdb.for_each(static_cast<TenantId>(tenant),
                     [&](const FdbRow& row) { all.emplace_back(row); });
    return all;
}

void RowTables::put(const TenantRow& row) {
    remove_names_of(row.id);
    TenantEntry& entry = tenants.put(row.id);
    entry.row = row;
    tenant_names_.emplace(row.name, row.id);
    tenant_vnis_.emplace(row.vni, row.id);
    count_tunnels(row, 1);
}

void RowTables::remove(const TenantRow& key) {
    remove_names_of(key.id);
    tenants.remove(key.id);
}

void RowTables::remove_names_of(TenantId tenant) {
    const TenantEntry* entry = tenants.find(tenant);
    if (entry == nullptr) return;
    tenant_names_.erase(entry->row.name);
    tenant_vnis_.erase(entry->row.vni);
    count_tunnels(entry->row, -1);
}

void RowTables::count_tunnels(const TenantRow& row, std::int32_t change) {
    for (VtepId id : row.remote_vteps)
        vteps.find(id)->tenants += static_cast<std::uint32_t>(change);
    tunnels_ += static_cast<std::size_t>(change) * row.remote_vteps.size();
}

void RowTables::put(const VmPortRow& row) {
    remove(row);
    vm_ports.put(row.id) = row;
    vm_port_names_.emplace(row.name, row.id);
    std::vector<VmPortId>& ports = tenants.find(row.tenant)->vm_ports;
    ports.insert(std::lower_bound(ports.begin(), ports.end(), row.id), row.id);
}

void RowTables::remove(const VmPortRow& key) {
    const VmPortRow* row = vm_ports.find(key.id);
    if (row == nullptr) return;
    std::erase(tenants.find(row->tenant)->vm_ports, key.id);
    vm_port_names_.erase(row->name);
    vm_ports.remove(key.id);
}

void RowTables::put(const VtepRow& row) {
    if (row.next_hop) ++next_hops.find(*row.next_hop)->vteps;
    VtepEntry& entry = vteps.put(row.id);
    leave_next_hop(entry.row.next_hop);
    entry.row = row;
    vtep_addresses_[row.address] = row.id;
}

void RowTables::remove(const VtepRow& key) {
    const VtepEntry* entry = vteps.find(key.id);
    if (entry == nullptr) return;
    leave_next_hop(entry->row.next_hop);
    vtep_addresses_.erase(entry->row.address);
    vteps.remove(key.id);
}

void RowTables::leave_next_hop(std::optional<NextHopId> next_hop) {
    if (!next_hop) return;
    NextHopEntry& entry = *next_hops.find(*next_hop);
    // Nobody tells any more when the kernel's neighbour changes.
    if (--entry.vteps == 0) entry.kernel = {};
}

void RowTables::put(const NextHopRow& row) {
    next_hops.put(row.id).row = row;
    next_hop_addresses_[row.address] = row.id;
}

void RowTables::remove(const NextHopRow& key) {
    const NextHopEntry* entry = next_hops.find(key.id);
    if (entry == nullptr) return;
    next_hop_addresses_.erase(entry->row.address);
    next_hops.remove(key.id);
}

void RowTables::put_fdb(const FdbRow& row, FdbTable::TimePoint now) {
    if (const auto old = fdb.find(row.tenant, row.mac)) count_fdb(*old, -1);
    fdb.put(row, now);
    count_fdb(row, 1);
}

void RowTables::remove_fdb(const FdbRow& key) {
    if (const auto old = fdb.find(key.tenant, key.mac)) count_fdb(*old, -1);
    fdb.remove(key.tenant, key.mac);
}

void RowTables::count_fdb(const FdbRow& row, std::int32_t change) {
    TenantEntry& tenant = *tenants.find(row.tenant);
    std::uint32_t& count = row.origin == FdbOrigin::learned ? tenant.learned : tenant.configured;
    count += static_cast<std::uint32_t>(change);
}

} // namespace sallyport::overlay
