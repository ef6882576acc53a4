// SPDX-License-Identifier: BSD-3-Clause
// The forwarding state: all wanted rows, and the only way to change them on the paths.
#pragma once

#include "base/error.h"
#include "overlay/path.h"
#include "overlay/row.h"
#include "overlay/tenant_spec.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::overlay {

class RowTables;
class Transaction;

/// How many of each there may be. Ids are below these bounds, so that a path may size its arrays by
/// them.
struct Limits {
    std::uint32_t tenants = 4096;
    std::uint32_t vm_ports = 4096;
    std::uint32_t vteps = 131072;
    std::uint32_t next_hops = 131072;
    /// Configured and learned, all tenants together.
    std::uint32_t fdb_entries = 131072;
    /// Pairs of tenant and remote vtep.
    std::uint32_t tunnels = 131072;
};

using NextHopLinks = std::array<std::optional<NextHopLink>, uplink_count>;

/// A tenant's row with what only the control thread needs.
struct TenantEntry {
    TenantRow row;
    std::uint32_t max_learned = 0;
    /// Zero: learned entries do not age.
    std::chrono::seconds ageing_time{0};
    /// Ascending.
    std::vector<VmPortId> vm_ports;
    std::uint32_t learned = 0;
    std::uint32_t configured = 0;
    /// Stations not learned because max_learned or Limits::fdb_entries was reached, or a path
    /// refused the row.
    std::uint64_t learn_refused = 0;
    /// Learned entries that changed place.
    std::uint64_t moves = 0;
};

/// Owned by the control thread; every call comes from there. Pointers and references that queries
/// return are good until the next change.
///
/// Every change is all or nothing: it is applied to the paths in the order they were given, rows
/// before what refers to them; when a path refuses a part, what took effect is undone on all paths,
/// the state stays as it was, and the path's Error is returned. A change that is wrong in itself
/// (unknown name, duplicate, limit) reaches no path.
class ForwardingState {
  public:
    /// @param paths not owned, must outlive the state, and must not hold any row yet
    ForwardingState(const Limits& limits, std::vector<Path*> paths);
    ~ForwardingState();
    ForwardingState(const ForwardingState&) = delete;
    ForwardingState& operator=(const ForwardingState&) = delete;

    // Tenants.

    struct AddedTenant {
        TenantId id = 0;
        /// Remote vteps that no other tenant had: their next hops are to be found now.
        std::vector<net::IpAddress> new_vteps;
    };
    /// With its vm ports, remote vteps and configured fdb entries.
    Expected<AddedTenant> add_tenant(const TenantSpec& spec);

    struct RemovedTenant {
        TenantId id = 0;
        /// Remote vteps that no tenant has any more.
        std::vector<net::IpAddress> gone_vteps;
        /// Their ids are free again; the ports may be detached.
        std::vector<VmPortRow> vm_ports;
    };
    /// With all that belongs to it. Learn events of the tenant that are still queued in a path must
    /// be processed (FdbLearning::process) before the next add_tenant(), which may reuse the ids.
    Expected<RemovedTenant> remove_tenant(std::string_view name);

    /// How many of each a change of a tenant came to.
    struct Difference {
        std::size_t added = 0;
        std::size_t changed = 0;
        std::size_t removed = 0;

        bool operator==(const Difference&) const = default;
    };
    /// The first half of a change of a running tenant: what of @p spec is new comes in, remote
    /// vteps and vm ports, and what is there stays as it is; but for the MTU, which becomes no
    /// larger than the spec's.
    /// @return remote vteps that no other tenant had
    Expected<std::vector<net::IpAddress>> widen_tenant(const TenantSpec& spec);
    struct ChangedTenant {
        Difference remote_vteps;
        Difference vm_ports;
        /// Configured entries. Learned ones that could not be learned now go too, uncounted.
        Difference fdb;
        /// Remote vteps that no tenant has any more.
        std::vector<net::IpAddress> gone_vteps;
        /// As of a removed tenant.
        std::vector<VmPortRow> gone_vm_ports;
    };
    /// The second half: the tenant becomes what @p spec says. Its remote vteps and vm ports are
    /// there already; VNI, vteps of our own, UDP port and protection cannot change. Learn events
    /// must be processed as after remove_tenant().
    Expected<ChangedTenant> change_tenant(const TenantSpec& spec);

    // Fdb.

    /// Adds configured entries, or replaces entries of the same MACs, learned ones included.
    Expected<void> add_fdb(std::string_view tenant, std::span<const FdbSpec> entries);
    /// Removes an entry, configured or learned.
    Expected<void> remove_fdb(std::string_view tenant, const net::MacAddress& mac);
    /// Removes entries, configured or learned; an unknown one is an Error and nothing is removed.
    Expected<void> remove_fdb(TenantId tenant, std::span<const net::MacAddress> macs);
    /// Puts rows as learned, unjudged; for FdbLearning. Each tenant and MAC at most once.
    Expected<void> put_learned(std::span<const FdbRow> rows,
                               std::chrono::steady_clock::time_point now);

    // Underlay.

    /// What the kernel says about the way to a remote vtep: its next hop, and the Ethernet
    /// addresses by uplink (absent while unknown). All vteps with the same next hop share its
    /// links. A static next hop for the vtep's own address wins altogether; static links of the
    /// next hop win uplink by uplink. Saying the same again changes nothing and costs no path a
    /// change.
    Expected<void> set_next_hop(const net::IpAddress& vtep, const net::IpAddress& next_hop,
                                const NextHopLinks& links);
    /// No route leads to the vtep (any more). A static next hop for the vtep's own address stays.
    Expected<void> clear_next_hop(const net::IpAddress& vtep);
    /// A next hop given by the operator, for vteps present and to come: it is used by every vtep of
    /// that address, and by those to which the kernel routes through it. Replaces an earlier one of
    /// the same address. Its row stays, used or not.
    Expected<void> set_static_next_hop(const net::IpAddress& next_hop, const NextHopLinks& links);
    /// @param active absent: both uplinks are down
    /// @param path_done called after each path that was switched, in the order of paths()
    Expected<void> set_active_uplink(std::optional<UplinkIndex> active,
                                     const PathDone& path_done = {});

    // Questions.

    [[nodiscard]] const Limits& limits() const { return limits_; }
    [[nodiscard]] const std::vector<Path*>& paths() const { return paths_; }
    /// Null where there is none.
    [[nodiscard]] const TenantEntry* tenant(TenantId id) const;
    [[nodiscard]] const TenantEntry* find_tenant(std::string_view name) const;
    [[nodiscard]] const TenantEntry* find_tenant_by_vni(std::uint32_t vni) const;
    [[nodiscard]] const VmPortRow* vm_port(VmPortId id) const;
    [[nodiscard]] const VmPortRow* find_vm_port(std::string_view name) const;
    [[nodiscard]] const VtepRow* vtep(VtepId id) const;
    [[nodiscard]] const VtepRow* find_vtep(const net::IpAddress& address) const;
    [[nodiscard]] const NextHopRow* next_hop(NextHopId id) const;
    [[nodiscard]] const NextHopRow* find_next_hop(const net::IpAddress& address) const;
    [[nodiscard]] bool is_static_next_hop(const net::IpAddress& address) const;
    /// How many tenants list the remote vtep; 0 where it is unknown.
    [[nodiscard]] std::uint32_t tenants_of_vtep(const net::IpAddress& address) const;
    [[nodiscard]] std::optional<FdbRow> find_fdb(TenantId tenant, const net::MacAddress& mac) const;
    [[nodiscard]] std::optional<UplinkIndex> active_uplink() const;
    /// Tenants by ascending name.
    [[nodiscard]] std::vector<const TenantEntry*> tenants() const;
    /// By ascending address.
    [[nodiscard]] std::vector<const VtepRow*> vteps() const;
    [[nodiscard]] std::vector<const NextHopRow*> next_hops() const;
    /// In no particular order. The state must not be changed by @p visit.
    void for_each_fdb(TenantId tenant, const std::function<void(const FdbRow&)>& visit) const;
    void for_each_fdb(const std::function<void(const FdbRow&)>& visit) const;
    [[nodiscard]] std::size_t fdb_size() const;
    /// Every row, in an order in which a path can take them.
    [[nodiscard]] std::vector<Row> rows() const;

    /// How long ago any path saw a frame from the station; absent where none knows it.
    [[nodiscard]] std::optional<std::chrono::seconds> idle_time(TenantId tenant,
                                                                const net::MacAddress& mac) const;

    // Learning and ageing; for FdbLearning and FdbAgeing.

    void count_learn_refused(TenantId tenant, std::uint64_t stations);
    void count_moves(TenantId tenant, std::uint64_t moves);
    /// "clear stats": learn_refused and moves of all tenants.
    void clear_counters();

    struct LearnedEntry {
        TenantId tenant = 0;
        net::MacAddress mac;
        /// When it was learned or last moved.
        std::chrono::steady_clock::time_point since;
    };
    /// All learned entries. An entry that goes is replaced by the last one, a new one is the last:
    /// who walks from the end to the start misses none that was there, whatever changes meanwhile.
    [[nodiscard]] std::size_t learned_size() const;
    [[nodiscard]] LearnedEntry learned_at(std::size_t index) const;
    /// The smallest ageing time of tenants with learned entries that age; absent: nothing ages.
    [[nodiscard]] std::optional<std::chrono::seconds> shortest_ageing_time() const;

  private:
    Expected<void> commit(const Transaction& transaction,
                          std::chrono::steady_clock::time_point now = {},
                          const PathDone& path_done = {});

    Limits limits_;
    std::vector<Path*> paths_;
    std::unique_ptr<RowTables> tables_;
};

} // namespace sallyport::overlay
