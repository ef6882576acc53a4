// SPDX-License-Identifier: BSD-3-Clause
// The hardware path as the control thread sees it: rows and ports in; what the NIC has of them, and
// why not more, out.
#pragma once

#include "base/error.h"
#include "eswitch/fdb_entries.h"
#include "eswitch/flow_api.h"
#include "eswitch/hardware_rows.h"
#include "eswitch/installed_rules.h"
#include "eswitch/marked.h"
#include "eswitch/meter_profiles.h"
#include "eswitch/pipeline.h"
#include "eswitch/retry_pacing.h"
#include "eswitch/settings.h"
#include "eswitch/wanted_rules.h"
#include "overlay/id_table.h"
#include "overlay/path.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sallyport::eswitch {

/// A rule that is wanted, and whether the NIC has it.
struct RuleReport {
    RuleSpec spec;
    bool in_hardware = false;
    /// The NIC's, while it is in hardware.
    const rte_flow* handle = nullptr;
    /// The driver's words, where it refused a rule of the owner; empty: it is in hardware, or only
    /// wanted.
    std::string_view refused{};
    /// Of rules that count.
    rte_flow_query_count count{};
    /// Whose it is, where it is somebody's.
    std::optional<overlay::TenantId> tenant{};
    std::optional<overlay::VmPortId> vm_port{};
};

using RuleVisit = std::function<void(const RuleReport&)>;

/// What is left to the software path for want of a rule that could be asked of a NIC.
struct GapReport {
    /// "station 02:00:00:00:00:01", "vni 100 to 192.0.2.1", ...
    std::string what;
    std::string_view why;
    /// As of a rule.
    std::optional<overlay::TenantId> tenant;
    std::optional<overlay::VmPortId> vm_port;
};

using GapVisit = std::function<void(const GapReport&)>;

/// All calls from the thread that owns the flow queue.
///
/// The NIC does just what the software path would do, or hands the packet to it. So a row that the
/// NIC refuses is no failure: it stays in software, says why, and is tried again when it changes or
/// rules have become free. apply() fails only when the NIC can no longer be told anything.
class HardwarePath final : public overlay::Path {
  public:
    /// @param flow must outlive the path
    HardwarePath(FlowApi& flow, Pipeline pipeline, const Settings& settings,
                 const FlowQueue::Options& queue);
    /// Leaves no rule behind.
    ~HardwarePath() override;
    HardwarePath(const HardwarePath&) = delete;
    HardwarePath& operator=(const HardwarePath&) = delete;

    /// By DPDK port id, of ports of the proxy's E-Switch. A vm port may be attached before its row
    /// is put, and must be detached before the port goes away.
    Expected<void> attach_uplink(overlay::UplinkIndex index, std::uint16_t port);
    Expected<void> attach_vm_port(overlay::VmPortId id, std::uint16_t port);
    Expected<void> detach(std::uint16_t port);

    /// VXLAN packets for this MAC are taken from the active uplink.
    Expected<void> set_underlay_mac(const net::MacAddress& mac);

    // overlay::Path
    Expected<void> apply(std::span<const overlay::RowChange> changes,
                         std::size_t* applied) override;
    /// By the NIC's counters, which are up to half a second behind. Absent also where the NIC does
    /// not look at the station.
    [[nodiscard]] std::optional<std::chrono::seconds>
    idle_time(overlay::TenantId tenant, const net::MacAddress& mac) override;
    /// The NIC learns nothing: what it does not know goes to the software path.
    void take_learned(std::vector<overlay::LearnEvent>&, std::size_t) override {}

    /// Asks the NIC again for some of what it refused, which nothing else may bring up again, if it
    /// is time to (RetryPacing): to be called each second. Costs nothing while nothing is refused.
    Expected<void>
    retry(std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());

    /// Why a row, or a part of it, is in software; empty: the NIC has all of it; absent: no such
    /// row.
    [[nodiscard]] std::optional<std::string_view> why_in_software(overlay::TenantId tenant,
                                                                  const net::MacAddress& mac) const;
    /// Rows of the fdb that the NIC has wholly.
    [[nodiscard]] std::size_t entries_in_hardware() const;
    /// What the NIC has kept, since the rows are there or reset_traffic(). Up to half a second
    /// behind, and walks all rules.
    struct TenantTraffic {
        /// Between vm ports, to remote vteps, from remote vteps (outer headers included).
        Traffic switched, encapsulated, decapsulated;
    };
    struct PortTraffic {
        /// All that the VM sent, that which the CPU got included; what the NIC delivered to it;
        /// what it dropped for being more than the VM may send.
        Traffic sent, delivered, over_rate;
    };
    struct TrafficReport {
        std::map<overlay::TenantId, TenantTraffic> tenants;
        std::map<overlay::VmPortId, PortTraffic> vm_ports;
    };
    [[nodiscard]] TrafficReport traffic() const;
    /// What the NIC dropped once it was encapsulated: it had no way out. As far behind, and since
    /// as long. Walks the next hops.
    struct DroppedTraffic {
        Traffic no_active_uplink, next_hop_unresolved;
    };
    [[nodiscard]] DroppedTraffic dropped() const;
    void reset_traffic() { traffic_base_ = rules_.traffic(); }

    /// All rules that are wanted, by owner. The path must not be changed by @p visit.
    void for_each_rule(const RuleVisit& visit) const;
    /// Without those of fdb entries of other stations than these, of any tenant.
    void for_each_rule(std::span<const net::MacAddress> stations, const RuleVisit& visit) const;
    /// What no rule is wanted for, though the rows call for one. The path must not be changed by
    /// @p visit.
    void for_each_gap(const GapVisit& visit) const;
    [[nodiscard]] const InstalledRules::Counts& rule_counts() const { return rules_.counts(); }
    /// Operations on the flow queue that the NIC has not finished. None is left between two calls,
    /// unless the queue is dead.
    [[nodiscard]] std::uint32_t operations_in_flight() const { return rules_.in_flight(); }
    /// Why everything is in software; empty: it is not.
    [[nodiscard]] const std::string& closed() const { return closed_; }
    /// Why the NIC's rules stay as they are and no change is taken; empty: they do not.
    [[nodiscard]] const std::string& death() const { return rules_.death(); }

  private:
    class RuleTeller;
    class GapTeller;

    /// @param teller takes each owner of rules, and whose that is
    template<class Teller>
    void tell_all(Teller&& teller) const;
    template<class Teller>
    void tell_all_but_entries(Teller& teller) const;
    template<class Teller>
    void tell_entry(Teller& teller, const FdbEntry& entry) const;

    void put(const overlay::TenantRow& row);
    void put(const overlay::VmPortRow& row);
    void put(const overlay::VtepRow& row);
    void put(const overlay::NextHopRow& row);
    void put(const overlay::FdbRow& row);
    void put(const overlay::UplinkRow& row);
    void remove(const overlay::TenantRow& key);
    void remove(const overlay::VmPortRow& key);
    void remove(const overlay::VtepRow& key);
    void remove(const overlay::NextHopRow& key);
    void remove(const overlay::FdbRow& key);
    void remove(const overlay::UplinkRow& key);

    void set_tunnels(TenantState& tenant, const std::vector<overlay::VtepId>& vteps);
    TunnelId add_tunnel(overlay::TenantId tenant, overlay::VtepId vtep);
    void remove_tunnel(TunnelId id);
    [[nodiscard]] TunnelId find_tunnel(overlay::TenantId tenant, overlay::VtepId vtep) const;
    void set_length_class(TenantState& tenant, std::uint16_t mtu);
    void leave_length_class(TenantState& tenant);
    void leave_next_hop(const overlay::VtepRow& vtep);
    /// Null where the entry leads nowhere.
    FdbList* list_of(const FdbEntry& entry);
    void unlink(FdbEntryId id);
    /// The place of the entries is going; they should have gone before.
    void strand(FdbList& list);

    void mark(const FdbList& list);
    void mark_tenant(const TenantState& tenant);
    void mark_uplinks();

    /// Brings the rules to what is marked.
    Expected<void> reconcile();
    [[nodiscard]] Expected<void> alive() const;
    void make_next_hops();
    void make_length_classes();
    void make_entries();
    void make_origins();
    void make_vm_port(VmPortState& vm_port);
    void make_uplinks();
    void drop_unused_meters();
    /// Makes the rules of all that is marked, and breaks what is left over.
    void make_marked();
    /// Take up again what was refused.
    void retry_owners(std::span<const RuleOwner> owners);
    void retry_entries(std::size_t most);
    /// Some of refused_owners_, so many at most.
    [[nodiscard]] std::vector<RuleOwner> some_refused_owners(std::size_t most) const;
    [[nodiscard]] std::size_t refused_rows() const {
        return refused_owners_.size() + refused_.size() + newly_refused_.size();
    }
    void break_old();
    void close(std::string why);
    void handle(const std::vector<InstalledRules::Refusal>& refusals);
    void refuse_entry(FdbEntryId id, const std::string& reason);
    void mark_refused(RuleOwner owner);
    [[nodiscard]] Traffic since_reset(TrafficAccount account, Traffic traffic) const;
    void want(WantedRules& out, overlay::UplinkIndex index) const;
    void want(WantedRules& out, const TenantState& tenant) const;
    void want(WantedRules& out, const VmPortState& vm_port) const;
    void want(WantedRules& out, TunnelId id, const TunnelState& tunnel) const;
    void want(WantedRules& out, const NextHopState& next_hop) const;
    void want(WantedRules& out, const FdbEntry& entry) const;
    void want(WantedRules& out, std::uint32_t id, const LengthClassState& length_class) const;
    /// @param what as the want() of the state takes it
    template<class State, class... What>
    void change(State& state, RuleOwner owner, const What&... what);
    void install_entry(FdbEntryId id);
    void forget(TrafficAccount account);
    void set_reason(FdbEntry& entry, std::string_view reason);
    [[nodiscard]] std::uint16_t representor(overlay::VmPortId id) const;

    Pipeline pipeline_;
    Settings settings_;
    MeterProfiles meters_;
    InstalledRules rules_;
    std::string closed_;

    net::MacAddress underlay_mac_;
    std::optional<overlay::UplinkIndex> active_;
    std::array<UplinkState, overlay::uplink_count> uplinks_;
    std::vector<std::uint16_t> representors_;
    overlay::IdTable<overlay::TenantId, TenantState> tenants_;
    overlay::IdTable<overlay::VmPortId, VmPortState> vm_ports_;
    overlay::IdTable<overlay::VtepId, VtepState> vteps_;
    overlay::IdTable<overlay::NextHopId, NextHopState> next_hops_;
    overlay::IdTable<TunnelId, TunnelState> tunnels_;
    overlay::IdTable<std::uint32_t, LengthClassState> length_classes_;
    FdbEntries entries_;

    // What the changes since the last reconcile() call into question.
    Marked marked_tenants_, marked_vm_ports_, marked_tunnels_, marked_next_hops_, marked_classes_,
        marked_entries_;
    bool uplinks_marked_ = false;
    bool meters_marked_ = false;
    /// Their numbers are given out again only when no packet can carry them any more.
    std::vector<TunnelId> gone_tunnels_;
    std::vector<std::uint32_t> gone_classes_;
    /// May name entries that have gone or are refused no more. The new ones are not tried again in
    /// the same go.
    std::vector<FdbEntryId> refused_, newly_refused_;
    /// All others that were refused; may name some that are gone or refused no more.
    std::set<RuleOwner> refused_owners_;
    RetryPacing retry_pacing_;
    std::unordered_map<TrafficAccount, Traffic> traffic_base_;
    /// Texts of FdbEntry::reason; the first is empty.
    std::vector<std::string> reasons_;
};

} // namespace sallyport::eswitch
