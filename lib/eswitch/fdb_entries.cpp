// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/fdb_entries.h"

namespace sallyport::eswitch {

FdbEntryId FdbEntries::find(overlay::TenantId tenant, const net::MacAddress& mac) const {
    if (tenant >= tenants_.size()) return no_entry;
    const auto found = tenants_[tenant].find(mac);
    return found == tenants_[tenant].end() ? no_entry : found->second;
}

FdbEntryId FdbEntries::add(overlay::TenantId tenant, const net::MacAddress& mac) {
    while (tenants_.size() <= tenant)
        tenants_.emplace_back(0, hash_);
    if (unused_.empty()) {
        unused_.push_back(static_cast<FdbEntryId>(entries_.size()));
        entries_.emplace_back();
    }
    const FdbEntryId id = unused_.back();
    unused_.pop_back();
    entries_[id].tenant = tenant;
    entries_[id].mac = mac;
    tenants_[tenant].emplace(mac, id);
    ++size_;
    return id;
}

void FdbEntries::remove(FdbEntryId id) {
    tenants_[entries_[id].tenant].erase(entries_[id].mac);
    entries_[id] = {};
    unused_.push_back(id);
    --size_;
}

void FdbEntries::link(FdbList& list, FdbEntryId id) {
    entries_[id].previous = no_entry;
    entries_[id].next = list.first;
    if (list.first != no_entry) entries_[list.first].previous = id;
    list.first = id;
}

void FdbEntries::unlink(FdbList& list, FdbEntryId id) {
    const FdbEntry& entry = entries_[id];
    if (entry.previous != no_entry)
        entries_[entry.previous].next = entry.next;
    else
        list.first = entry.next;
    if (entry.next != no_entry) entries_[entry.next].previous = entry.previous;
    entries_[id].previous = entries_[id].next = no_entry;
}

} // namespace sallyport::eswitch
