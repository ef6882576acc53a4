// SPDX-License-Identifier: BSD-3-Clause
// Changes of the underlay's rows: next hops, and the vteps' way to them.
#include "overlay/forwarding_state.h"
#include "overlay/next_hop_release.h"

namespace sallyport::overlay {

namespace {

tl::unexpected<Error> unknown_vtep(const net::IpAddress& vtep) {
    return failure("no tenant has this remote vtep", "vtep " + vtep.to_string());
}

/// Puts the next hop with these links where that is a change, and tells its id.
Expected<NextHopId> put_next_hop(Transaction& transaction, RowTables& tables, const Limits& limits,
                                 const net::IpAddress& address, const NextHopLinks& links) {
    if (const NextHopEntry* entry = tables.find_next_hop(address)) {
        if (entry->row.links != links) transaction.put(NextHopRow{entry->row.id, address, links});
        return entry->row.id;
    }
    if (tables.next_hops.size() >= limits.next_hops)
        return failure("no room for another next hop, the limit is "
                           + std::to_string(limits.next_hops),
                       "next hop " + address.to_string(), "raise limits.tunnels");
    const NextHopId id = decltype(tables.next_hops)::FreeIds(tables.next_hops).next();
    transaction.put(NextHopRow{id, address, links});
    return id;
}

/// Lets a vtep go by another next hop, or by none.
void repoint(Transaction& transaction, const RowTables& tables, const VtepRow& vtep,
             std::optional<NextHopId> next_hop) {
    if (vtep.next_hop == next_hop) return;
    VtepRow row = vtep;
    row.next_hop = next_hop;
    transaction.put(row);
    NextHopRelease release;
    release.leave(vtep);
    release.add_to(transaction, tables);
}

} // namespace

NextHopLinks merged(const NextHopLinks& configured, const NextHopLinks& kernel) {
    NextHopLinks links = kernel;
    for (std::size_t uplink = 0; uplink < uplink_count; ++uplink)
        if (configured[uplink]) links[uplink] = configured[uplink];
    return links;
}

void NextHopRelease::add_to(Transaction& transaction, const RowTables& tables) const {
    for (const auto& [id, vteps] : leaving_) {
        const NextHopEntry& entry = *tables.next_hops.find(id);
        if (entry.vteps > vteps) continue;
        if (!entry.is_static)
            transaction.remove(NextHopRow{id, {}, {}});
        else if (entry.row.links != entry.configured)
            transaction.put(NextHopRow{id, entry.row.address, entry.configured});
    }
}

Expected<void> ForwardingState::set_next_hop(const net::IpAddress& vtep,
                                             const net::IpAddress& next_hop,
                                             const NextHopLinks& links) {
    const VtepEntry* entry = tables_->find_vtep(vtep);
    if (entry == nullptr) return unknown_vtep(vtep);
    if (next_hop != vtep && is_static_next_hop(vtep)) return {};
    const NextHopEntry* present = tables_->find_next_hop(next_hop);
    Transaction transaction;
    const auto id = put_next_hop(transaction, *tables_, limits_, next_hop,
                                 present ? merged(present->configured, links) : links);
    if (!id) return tl::unexpected(id.error());
    repoint(transaction, *tables_, entry->row, *id);
    if (auto done = commit(transaction); !done) return done;
    tables_->find_next_hop(next_hop)->kernel = links;
    return {};
}

Expected<void> ForwardingState::clear_next_hop(const net::IpAddress& vtep) {
    const VtepEntry* entry = tables_->find_vtep(vtep);
    if (entry == nullptr) return unknown_vtep(vtep);
    if (!is_static_next_hop(vtep)) {
        Transaction transaction;
        repoint(transaction, *tables_, entry->row, std::nullopt);
        return commit(transaction);
    }
    NextHopEntry& own = *tables_->find_next_hop(vtep);
    // Other vteps that are routed through this one still know its MAC from the kernel.
    if (own.vteps > 1 || own.row.links == own.configured) return {};
    Transaction transaction;
    transaction.put(NextHopRow{own.row.id, vtep, own.configured});
    if (auto done = commit(transaction); !done) return done;
    own.kernel = {};
    return {};
}

Expected<void> ForwardingState::set_static_next_hop(const net::IpAddress& next_hop,
                                                    const NextHopLinks& links) {
    const NextHopEntry* present = tables_->find_next_hop(next_hop);
    Transaction transaction;
    const auto id = put_next_hop(transaction, *tables_, limits_, next_hop,
                                 present ? merged(links, present->kernel) : links);
    if (!id) return tl::unexpected(id.error());
    if (const VtepEntry* vtep = tables_->find_vtep(next_hop))
        repoint(transaction, *tables_, vtep->row, *id);
    if (auto done = commit(transaction); !done) return done;
    NextHopEntry& entry = *tables_->find_next_hop(next_hop);
    entry.configured = links;
    entry.is_static = true;
    return {};
}

Expected<void> ForwardingState::set_active_uplink(std::optional<UplinkIndex> active,
                                                  const PathDone& path_done) {
    if (tables_->uplink.active == active) return {};
    if (active && *active >= uplink_count)
        return failure("there is no uplink " + std::to_string(*active));
    Transaction transaction;
    transaction.put(UplinkRow{active});
    return commit(transaction, {}, path_done);
}

} // namespace sallyport::overlay
