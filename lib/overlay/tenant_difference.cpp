// SPDX-License-Identifier: BSD-3-Clause
#include "overlay/tenant_difference.h"

#include "overlay/next_hop_release.h"
#include "overlay/tenant_parts.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <variant>

namespace sallyport::overlay {

Expected<TenantDifference> TenantDifference::widen(const TenantSpec& spec, RowTables& tables,
                                                   const Limits& limits) {
    TenantDifference difference(spec, tables, limits);
    auto done = difference.begin();
    if (done) done = difference.widen();
    if (!done) return tl::unexpected(done.error());
    return difference;
}

Expected<TenantDifference> TenantDifference::make(const TenantSpec& spec, RowTables& tables,
                                                  const Limits& limits) {
    TenantDifference difference(spec, tables, limits);
    auto done = difference.begin();
    if (done) done = difference.change();
    if (!done) return tl::unexpected(done.error());
    return difference;
}

Expected<void> TenantDifference::begin() {
    const std::string place = "tenant " + spec_.name;
    tenant_ = tables_.find_tenant(spec_.name);
    if (tenant_ == nullptr) return failure("there is no such tenant", place);
    const TenantRow& running = tenant_->row;
    if (running.vni != spec_.vni || running.local_vtep != spec_.local_vtep
        || running.udp_port != spec_.udp_port || running.is_protected != spec_.is_protected)
        return failure("its VNI, local vtep, UDP port and protection cannot change", place,
                       "remove it first");
    auto vteps = plan_vteps(spec_, tables_, limits_, targets_);
    if (!vteps) return tl::unexpected(vteps.error());
    auto vm_ports = plan_vm_ports(spec_, running.id, tables_, limits_, targets_);
    if (!vm_ports) return tl::unexpected(vm_ports.error());
    row_ = running;
    row_.remote_vteps = std::move(vteps->all);
    added_vteps_ = std::move(vteps->added);
    vm_ports_ = std::move(*vm_ports);
    return {};
}

Expected<void> TenantDifference::widen() {
    for (const VtepRow& row : added_vteps_) {
        transaction_.put(row);
        new_vteps_.push_back(row.address);
    }
    TenantRow wide = tenant_->row;
    wide.mtu = std::min(wide.mtu, spec_.mtu);
    wide.remote_vteps.clear();
    std::set_union(row_.remote_vteps.begin(), row_.remote_vteps.end(),
                   tenant_->row.remote_vteps.begin(), tenant_->row.remote_vteps.end(),
                   std::back_inserter(wide.remote_vteps));
    const std::size_t more = wide.remote_vteps.size() - tenant_->row.remote_vteps.size();
    if (tables_.tunnels() + more > limits_.tunnels)
        return failure("no room for its remote vteps, the limit of pairs of tenant and vtep is "
                           + std::to_string(limits_.tunnels),
                       "tenant " + spec_.name, "raise limits.tunnels");
    if (wide != tenant_->row) transaction_.put(std::move(wide));
    for (const VmPortRow& row : vm_ports_)
        if (tables_.vm_ports.find(row.id) == nullptr) transaction_.put(row);
    return {};
}

// What refers to a row goes before it. Nothing that the software path can refuse comes after the
// first row that leaves, so that what must be undone has lost nothing.
Expected<void> TenantDifference::change() {
    const bool has_all =
        added_vteps_.empty()
        && std::includes(tenant_->row.remote_vteps.begin(), tenant_->row.remote_vteps.end(),
                         row_.remote_vteps.begin(), row_.remote_vteps.end())
        && std::all_of(vm_ports_.begin(), vm_ports_.end(), [this](const VmPortRow& row) {
               return tables_.vm_ports.find(row.id) != nullptr;
           });
    if (!has_all)
        return failure("it lacks remote vteps or vm ports of the change", "tenant " + spec_.name);
    if (auto done = change_fdb(); !done) return done;
    change_vm_ports();
    change_row();
    remove_vm_ports();
    remove_vteps();
    return {};
}

Expected<void> TenantDifference::change_fdb() {
    const auto rows = plan_fdb(spec_, tenant_->row.id, targets_);
    if (!rows) return tl::unexpected(rows.error());
    std::unordered_map<net::MacAddress, FdbRow> wanted;
    for (const FdbRow& row : *rows)
        wanted.emplace(row.mac, row);
    tables_.fdb.for_each(tenant_->row.id,
                         [&](const FdbRow& present) { change_entry(present, wanted); });
    changed_.fdb.added += wanted.size();
    // The most that there are at any time.
    if (tables_.fdb.size() + wanted.size() > limits_.fdb_entries)
        return fdb_full(spec_.name, limits_);
    for (const auto& [mac, row] : wanted)
        transaction_.put(row);
    return {};
}

void TenantDifference::change_entry(const FdbRow& present,
                                    std::unordered_map<net::MacAddress, FdbRow>& wanted) {
    const bool is_learned = present.origin == FdbOrigin::learned;
    if (const auto found = wanted.find(present.mac); found != wanted.end()) {
        if (found->second != present) {
            transaction_.put(found->second);
            ++(is_learned ? changed_.fdb.added : changed_.fdb.changed);
        }
        wanted.erase(found);
        return;
    }
    if (is_learned && may_stay(present)) return;
    transaction_.remove(present);
    if (!is_learned) ++changed_.fdb.removed;
}

bool TenantDifference::may_stay(const FdbRow& learned) const {
    if (!spec_.learning) return false;
    if (const auto* const vtep = std::get_if<VtepRef>(&learned.target))
        return std::binary_search(row_.remote_vteps.begin(), row_.remote_vteps.end(), vtep->id);
    const VmPortId id = std::get<VmPortRef>(learned.target).id;
    const auto port = std::find_if(vm_ports_.begin(), vm_ports_.end(),
                                   [id](const VmPortRow& row) { return row.id == id; });
    return port != vm_ports_.end()
           && (port->allowed_macs.empty()
               || std::binary_search(port->allowed_macs.begin(), port->allowed_macs.end(),
                                     learned.mac));
}

void TenantDifference::change_vm_ports() {
    for (const VmPortRow& row : vm_ports_) {
        if (row == *tables_.vm_ports.find(row.id)) continue;
        transaction_.put(row);
        ++changed_.vm_ports.changed;
    }
}

void TenantDifference::change_row() {
    row_.mtu = spec_.mtu;
    row_.learning = spec_.learning;
    row_.flooding = spec_.flooding;
    row_.pass_inner_vlan = spec_.pass_inner_vlan;
    if (row_ != tenant_->row) transaction_.put(row_);
}

void TenantDifference::remove_vm_ports() {
    for (const VmPortId id : tenant_->vm_ports) {
        const bool stays = std::any_of(vm_ports_.begin(), vm_ports_.end(),
                                       [id](const VmPortRow& row) { return row.id == id; });
        if (stays) continue;
        changed_.gone_vm_ports.push_back(*tables_.vm_ports.find(id));
        transaction_.remove(changed_.gone_vm_ports.back());
        ++changed_.vm_ports.removed;
    }
}

void TenantDifference::remove_vteps() {
    NextHopRelease release;
    for (const VtepId id : tenant_->row.remote_vteps) {
        if (std::binary_search(row_.remote_vteps.begin(), row_.remote_vteps.end(), id)) continue;
        ++changed_.remote_vteps.removed;
        const VtepEntry& vtep = *tables_.vteps.find(id);
        if (vtep.tenants > 1) continue;
        transaction_.remove(vtep.row);
        release.leave(vtep.row);
        changed_.gone_vteps.push_back(vtep.row.address);
    }
    release.add_to(transaction_, tables_);
}

} // namespace sallyport::overlay
