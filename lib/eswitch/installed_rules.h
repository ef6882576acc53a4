// SPDX-License-Identifier: BSD-3-Clause
// The rules that are in the NIC, and the way from those to others: what is wanted is made first,
// what is not wanted any more is broken after that, and every refusal finds its owner.
#pragma once

#include "eswitch/flow_queue.h"
#include "eswitch/rule_spec.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace sallyport::eswitch {

using RuleId = std::uint32_t;
inline constexpr RuleId no_rule = UINT32_MAX;

/// Whose rules they are; a number that only the user of InstalledRules understands.
using RuleOwner = std::uint32_t;

inline constexpr std::size_t most_rules_of_owner = 64;

class InstalledRules {
  public:
    struct Refusal {
        RuleOwner owner = 0;
        /// The driver's words.
        std::string reason;
    };
    struct Counts {
        std::array<std::uint32_t, stage_count> by_stage{};
        std::uint32_t rules = 0;
        /// Operations that were done, since the start.
        std::uint64_t created = 0, updated = 0, destroyed = 0;
        /// Rules that the NIC would not make or update, at once or later, since the start.
        std::uint64_t refused = 0;
        /// Not wanted, but the driver did not take their destruction; tried again with every
        /// break_retired().
        std::uint32_t stuck = 0;
        /// Not wanted, but their destruction failed; the driver has forgotten their handles.
        std::uint32_t stranded = 0;
    };

    /// @param flow, pipeline must outlive the object
    InstalledRules(FlowApi& flow, Pipeline& pipeline, const FlowQueue::Options& options);
    /// All must have been retired and broken.
    ~InstalledRules() = default;
    InstalledRules(const InstalledRules&) = delete;
    InstalledRules& operator=(const InstalledRules&) = delete;

    /// Starts to turn the rules in @p slots into @p wanted, of which none has the match of another.
    /// Rules that are as wanted stay untouched. What came of it is known after make().
    /// @param slots at least as many as are wanted, most_rules_of_owner at most; elsewhere no_rule
    void change(std::span<RuleId> slots, std::span<const RuleSpec> wanted, RuleOwner owner);

    /// Waits for what change() started. An owner may be refused more than once; the rules that it
    /// did get are its own to give back with change().
    std::vector<Refusal> make();

    /// Destroys the rules that changes left over, upstream ones first.
    void break_retired();

    /// Packets and octets that met the rule; zero for no_rule and while the NIC does not tell.
    [[nodiscard]] rte_flow_query_count query(RuleId id) const;
    /// What the rules of each account have counted, those that are gone included. Walks all rules.
    [[nodiscard]] std::unordered_map<TrafficAccount, Traffic> traffic() const;
    /// What the account has counted, with those of @p slots that count for it now.
    [[nodiscard]] Traffic traffic(TrafficAccount account, std::span<const RuleId> slots) const;
    /// The account's owner has gone.
    void forget(TrafficAccount account) { past_traffic_.erase(account); }
    /// Whether the rule is in the NIC, with the actions it was given last.
    [[nodiscard]] bool in_hardware(RuleId id) const;
    /// The one of @p slots that matches what @p spec does; no_rule where none does.
    [[nodiscard]] RuleId find(std::span<const RuleId> slots, const RuleSpec& spec) const;
    /// Null where the rule is not in the NIC.
    [[nodiscard]] const rte_flow* handle(RuleId id) const {
        return in_hardware(id) ? rules_[id].handle : nullptr;
    }
    /// Of a rule that there is.
    [[nodiscard]] StageId stage_of(RuleId id) const { return rules_[id].stage; }
    [[nodiscard]] const Counts& counts() const { return counts_; }
    [[nodiscard]] const std::string& death() const { return queue_.death(); }
    /// Operations that the NIC has not finished.
    [[nodiscard]] std::uint32_t in_flight() const { return queue_.in_flight(); }

  private:
    enum class State : std::uint8_t { unused, creating, updating, installed, failed, destroying };
    struct Rule {
        rte_flow* handle = nullptr;
        std::uint64_t match_digest = 0;
        std::uint64_t effect_digest = 0;
        RuleOwner owner = 0;
        TrafficAccount account = no_account;
        StageId stage{};
        State state = State::unused;
    };

    RuleId replace(RuleId present, const RuleSpec& spec, std::uint64_t effect_digest);
    RuleId create(const RuleSpec& spec, std::uint64_t match_digest, std::uint64_t effect_digest,
                  RuleOwner owner);
    void retire(RuleId id);
    /// Of a rule with an account; zero of any other.
    [[nodiscard]] Traffic traffic_of(const Rule& rule) const;
    void keep(TrafficAccount account, const Traffic& traffic);
    [[nodiscard]] rte_flow_query_count query(const Rule& rule) const;
    void release(RuleId id);
    void refuse(RuleOwner owner, std::string reason);
    void finished(RuleId id, bool success);

    FlowApi& flow_;
    Pipeline& pipeline_;
    FlowQueue queue_;
    std::vector<Rule> rules_;
    std::vector<RuleId> unused_;
    /// By group.
    std::array<std::vector<RuleId>, group::count> retired_;
    std::vector<RuleId> stuck_;
    std::vector<Refusal> refusals_;
    std::unordered_map<TrafficAccount, Traffic> past_traffic_;
    Counts counts_;
};

} // namespace sallyport::eswitch
