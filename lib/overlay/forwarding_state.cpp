// SPDX-License-Identifier: BSD-3-Clause
#include "overlay/forwarding_state.h"

#include "overlay/row_tables.h"
#include "overlay/transaction.h"

#include <algorithm>

namespace sallyport::overlay {

namespace {

template<class Entry>
auto* row_of(Entry* entry) {
    return entry ? &entry->row : nullptr;
}

template<class Row, class Table>
std::vector<const Row*> by_address(const Table& table) {
    std::vector<const Row*> rows;
    table.for_each([&](const auto& entry) { rows.push_back(&entry.row); });
    std::sort(rows.begin(), rows.end(),
              [](const Row* left, const Row* right) { return left->address < right->address; });
    return rows;
}

} // namespace

ForwardingState::ForwardingState(const Limits& limits, std::vector<Path*> paths)
    : limits_(limits), paths_(std::move(paths)), tables_(std::make_unique<RowTables>()) {}

ForwardingState::~ForwardingState() = default;

Expected<void> ForwardingState::commit(const Transaction& transaction,
                                       std::chrono::steady_clock::time_point now,
                                       const PathDone& path_done) {
    if (transaction.changes().empty()) return {};
    if (auto done = transaction.apply(paths_, *tables_, path_done); !done) return done;
    for (const RowChange& change : transaction.changes())
        tables_->apply(change, now);
    return {};
}

const TenantEntry* ForwardingState::tenant(TenantId id) const {
    return tables_->tenants.find(id);
}

const TenantEntry* ForwardingState::find_tenant(std::string_view name) const {
    return tables_->find_tenant(name);
}

const TenantEntry* ForwardingState::find_tenant_by_vni(std::uint32_t vni) const {
    return tables_->find_tenant_by_vni(vni);
}

const VmPortRow* ForwardingState::vm_port(VmPortId id) const {
    return tables_->vm_ports.find(id);
}

const VmPortRow* ForwardingState::find_vm_port(std::string_view name) const {
    return tables_->find_vm_port(name);
}

const VtepRow* ForwardingState::vtep(VtepId id) const {
    return row_of(tables_->vteps.find(id));
}

const VtepRow* ForwardingState::find_vtep(const net::IpAddress& address) const {
    return row_of(tables_->find_vtep(address));
}

const NextHopRow* ForwardingState::next_hop(NextHopId id) const {
    return row_of(tables_->next_hops.find(id));
}

const NextHopRow* ForwardingState::find_next_hop(const net::IpAddress& address) const {
    return row_of(tables_->find_next_hop(address));
}

bool ForwardingState::is_static_next_hop(const net::IpAddress& address) const {
    const NextHopEntry* entry = tables_->find_next_hop(address);
    return entry != nullptr && entry->is_static;
}

std::uint32_t ForwardingState::tenants_of_vtep(const net::IpAddress& address) const {
    const VtepEntry* entry = tables_->find_vtep(address);
    return entry ? entry->tenants : 0;
}

std::optional<FdbRow> ForwardingState::find_fdb(TenantId tenant, const net::MacAddress& mac) const {
    return tables_->fdb.find(tenant, mac);
}

std::optional<UplinkIndex> ForwardingState::active_uplink() const {
    return tables_->uplink.active;
}

std::vector<const TenantEntry*> ForwardingState::tenants() const {
    std::vector<const TenantEntry*> all;
    for (const auto& [name, id] : tables_->tenant_names())
        all.push_back(tables_->tenants.find(id));
    return all;
}

std::vector<const VtepRow*> ForwardingState::vteps() const {
    return by_address<VtepRow>(tables_->vteps);
}

std::vector<const NextHopRow*> ForwardingState::next_hops() const {
    return by_address<NextHopRow>(tables_->next_hops);
}

void ForwardingState::for_each_fdb(TenantId tenant,
                                   const std::function<void(const FdbRow&)>& visit) const {
    tables_->fdb.for_each(tenant, visit);
}

void ForwardingState::for_each_fdb(const std::function<void(const FdbRow&)>& visit) const {
    for (std::size_t tenant = 0; tenant < tables_->fdb.tenant_bound(); ++tenant)
        tables_->fdb.for_each(static_cast<TenantId>(tenant), visit);
}

std::size_t ForwardingState::fdb_size() const {
    return tables_->fdb.size();
}

std::vector<Row> ForwardingState::rows() const {
    return tables_->rows();
}

std::optional<std::chrono::seconds> ForwardingState::idle_time(TenantId tenant,
                                                               const net::MacAddress& mac) const {
    std::optional<std::chrono::seconds> shortest;
    for (Path* const path : paths_)
        if (const auto idle = path->idle_time(tenant, mac))
            shortest = std::min(shortest.value_or(*idle), *idle);
    return shortest;
}

void ForwardingState::count_learn_refused(TenantId tenant, std::uint64_t stations) {
    if (TenantEntry* entry = tables_->tenants.find(tenant)) entry->learn_refused += stations;
}

void ForwardingState::count_moves(TenantId tenant, std::uint64_t moves) {
    if (TenantEntry* entry = tables_->tenants.find(tenant)) entry->moves += moves;
}

void ForwardingState::clear_counters() {
    tables_->tenants.for_each([](TenantEntry& entry) { entry.learn_refused = entry.moves = 0; });
}

std::size_t ForwardingState::learned_size() const {
    return tables_->fdb.learned().size();
}

ForwardingState::LearnedEntry ForwardingState::learned_at(std::size_t index) const {
    return tables_->fdb.learned()[index];
}

std::optional<std::chrono::seconds> ForwardingState::shortest_ageing_time() const {
    std::optional<std::chrono::seconds> shortest;
    tables_->tenants.for_each([&](const TenantEntry& entry) {
        if (entry.learned == 0 || entry.ageing_time.count() == 0) return;
        if (!shortest || entry.ageing_time < *shortest) shortest = entry.ageing_time;
    });
    return shortest;
}

} // namespace sallyport::overlay
