// SPDX-License-Identifier: BSD-3-Clause
// The fdb rows of all tenants with their rules, found by MAC and by the place they point to.
#pragma once

#include "eswitch/installed_rules.h"
#include "net/mac_address.h"
#include "overlay/fdb_table.h"
#include "overlay/row.h"

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace sallyport::eswitch {

using FdbEntryId = std::uint32_t;
inline constexpr FdbEntryId no_entry = UINT32_MAX;
/// A tenant towards a remote vtep.
using TunnelId = std::uint32_t;

inline constexpr std::uint32_t nowhere = UINT32_MAX;

/// Entries of one place, in no order.
struct FdbList {
    FdbEntryId first = no_entry;
};

/// A local row has five rules, a remote one two.
inline constexpr std::size_t most_fdb_rules = 5;

struct FdbEntry {
    net::MacAddress mac;
    overlay::TenantId tenant = 0;
    /// VmPortId or TunnelId; nowhere: there is no such tunnel.
    std::uint32_t place = nowhere;
    bool remote = false;
    /// The NIC refused a rule of it; it is tried again when something changes.
    bool refused = false;
    /// Index of the reason why the row is not wholly in hardware; 0: it is.
    std::uint16_t reason = 0;
    FdbEntryId previous = no_entry;
    FdbEntryId next = no_entry;
    std::array<RuleId, most_fdb_rules> rules{no_rule, no_rule, no_rule, no_rule, no_rule};
    /// Packets from the station when it was last asked for, and when that number last grew, in
    /// seconds of the steady clock.
    std::uint64_t heard_packets = 0;
    std::uint32_t heard_at = 0;
};

class FdbEntries {
  public:
    /// no_entry where there is none.
    [[nodiscard]] FdbEntryId find(overlay::TenantId tenant, const net::MacAddress& mac) const;
    FdbEntryId add(overlay::TenantId tenant, const net::MacAddress& mac);
    /// Its rules must have been given back, and it must be in no list.
    void remove(FdbEntryId id);

    [[nodiscard]] FdbEntry& operator[](FdbEntryId id) { return entries_[id]; }
    [[nodiscard]] const FdbEntry& operator[](FdbEntryId id) const { return entries_[id]; }

    void link(FdbList& list, FdbEntryId id);
    void unlink(FdbList& list, FdbEntryId id);
    template<class Visit>
    void for_each(const FdbList& list, Visit&& visit) const {
        for (FdbEntryId id = list.first; id != no_entry; id = entries_[id].next)
            visit(id);
    }
    template<class Visit>
    void for_each(Visit&& visit) const {
        for (const Map& macs : tenants_)
            for (const auto& [mac, id] : macs)
                visit(id);
    }
    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    using Map = std::unordered_map<net::MacAddress, FdbEntryId, overlay::MacHash>;

    overlay::MacHash hash_;
    std::vector<Map> tenants_;
    std::vector<FdbEntry> entries_;
    std::vector<FdbEntryId> unused_;
    std::size_t size_ = 0;
};

} // namespace sallyport::eswitch
