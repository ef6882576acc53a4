// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/installed_rules.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>

namespace sallyport::eswitch {

namespace {

constexpr const char* no_reason = "the NIC reports an error for the rule, and does not say which";

/// Words of a rule, gathered to be hashed.
class Words {
  public:
    void add(std::uint64_t word) { words_[count_++] = word; }
    template<std::size_t size>
    void add(const std::array<std::uint8_t, size>& octets) {
        for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
            std::uint64_t word = 0;
            std::memcpy(&word, &octets[at], std::min(sizeof word, size - at));
            add(word);
        }
    }
    [[nodiscard]] std::uint64_t digest() const {
        return std::hash<std::string_view>{}(
            {reinterpret_cast<const char*>(words_.data()), count_ * sizeof words_[0]});
    }

  private:
    std::array<std::uint64_t, 16> words_;
    std::size_t count_ = 0;
};

std::uint64_t digest_match(const RuleSpec& spec) {
    Words words;
    words.add(std::uint64_t{spec.match.tag} << 32 | std::uint64_t{spec.match.port} << 16
              | static_cast<std::uint64_t>(spec.stage) << 8 | spec.pattern);
    words.add(spec.match.mac.to_u64() << 16 | spec.match.length);
    words.add(spec.match.vni);
    words.add(spec.match.address.octets);
    return words.digest();
}

std::uint64_t digest_effect(const RuleSpec& spec) {
    Words words;
    words.add(std::uint64_t{spec.effect.tag} << 32 | std::uint64_t{spec.effect.port} << 16
              | spec.actions);
    words.add(spec.effect.link.source.to_u64());
    words.add(spec.effect.link.destination.to_u64());
    words.add(spec.effect.rate_limit.octets_per_second);
    words.add(spec.effect.rate_limit.burst_octets);
    words.add(spec.effect.encap);
    // Rules of one effect may drop for different reasons.
    words.add(spec.account);
    return words.digest();
}

} // namespace

InstalledRules::InstalledRules(FlowApi& flow, Pipeline& pipeline, const FlowQueue::Options& options)
    : flow_(flow), pipeline_(pipeline),
      queue_(flow, pipeline, options, [this](std::uint64_t operation, bool success) {
          finished(static_cast<RuleId>(operation), success);
      }) {}

void InstalledRules::change(std::span<RuleId> slots, std::span<const RuleSpec> wanted,
                            RuleOwner owner) {
    std::array<RuleId, most_rules_of_owner> before_storage;
    const std::span<RuleId> before = std::span(before_storage).first(slots.size());
    std::copy(slots.begin(), slots.end(), before.begin());
    std::fill(slots.begin(), slots.end(), no_rule);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const std::uint64_t match_digest = digest_match(wanted[i]);
        const std::uint64_t effect_digest = digest_effect(wanted[i]);
        const auto present = std::find_if(before.begin(), before.end(), [&](RuleId id) {
            return id != no_rule && rules_[id].match_digest == match_digest;
        });
        if (present == before.end()) {
            slots[i] = create(wanted[i], match_digest, effect_digest, owner);
            continue;
        }
        slots[i] = std::exchange(*present, no_rule);
        if (rules_[slots[i]].effect_digest != effect_digest)
            slots[i] = replace(slots[i], wanted[i], effect_digest);
    }
    for (const RuleId id : before)
        if (id != no_rule) retire(id);
}

RuleId InstalledRules::replace(RuleId present, const RuleSpec& spec, std::uint64_t effect_digest) {
    Rule& rule = rules_[present];
    if (flow_.can_update()) {
        // An update starts a new counter.
        const Traffic before = traffic_of(rule);
        // Set first: the result may come before update() returns.
        rule.state = State::updating;
        if (queue_.update(spec, present, rule.handle).empty()) {
            rule.effect_digest = effect_digest;
            keep(rule.account, before);
            rule.account = spec.account;
            return present;
        }
        rule.state = State::installed;
    }
    const RuleId made = create(spec, rule.match_digest, effect_digest, rule.owner);
    retire(present);
    return made;
}

RuleId InstalledRules::create(const RuleSpec& spec, std::uint64_t match_digest,
                              std::uint64_t effect_digest, RuleOwner owner) {
    if (unused_.empty()) {
        unused_.push_back(static_cast<RuleId>(rules_.size()));
        rules_.emplace_back();
    }
    const RuleId id = unused_.back();
    unused_.pop_back();
    Rule& rule = rules_[id];
    rule = {nullptr, match_digest, effect_digest, owner, spec.account, spec.stage, State::creating};
    ++counts_.by_stage[static_cast<std::size_t>(spec.stage)];
    ++counts_.rules;
    std::string refused = queue_.create(spec, id, rule.handle);
    if (refused.empty()) return id;
    refuse(owner, std::move(refused));
    release(id);
    return no_rule;
}

Traffic InstalledRules::traffic_of(const Rule& rule) const {
    if (rule.account == no_account || rule.state != State::installed) return {};
    const rte_flow_query_count count = query(rule);
    return {count.hits, count.bytes};
}

void InstalledRules::keep(TrafficAccount account, const Traffic& traffic) {
    if (traffic.packets > 0) past_traffic_[account] += traffic;
}

void InstalledRules::retire(RuleId id) {
    keep(rules_[id].account, traffic_of(rules_[id]));
    retired_[stage(rules_[id].stage).group].push_back(id);
}

void InstalledRules::release(RuleId id) {
    --counts_.by_stage[static_cast<std::size_t>(rules_[id].stage)];
    --counts_.rules;
    rules_[id] = {};
    unused_.push_back(id);
}

std::vector<InstalledRules::Refusal> InstalledRules::make() {
    queue_.flush();
    return std::exchange(refusals_, {});
}

void InstalledRules::break_retired() {
    for (const RuleId id : std::exchange(stuck_, {}))
        retire(id);
    for (std::vector<RuleId>& retired : retired_) {
        for (const RuleId id : std::exchange(retired, {})) {
            rules_[id].state = State::destroying;
            if (!queue_.destroy(id, rules_[id].handle).empty()) stuck_.push_back(id);
        }
    }
    queue_.flush();
    counts_.stuck = static_cast<std::uint32_t>(stuck_.size());
}

void InstalledRules::finished(RuleId id, bool success) {
    Rule& rule = rules_[id];
    if (rule.state == State::destroying) {
        if (success)
            ++counts_.destroyed;
        else
            ++counts_.stranded;
        release(id);
        return;
    }
    if (!success) {
        refuse(rule.owner, no_reason);
        rule.state = State::failed;
        return;
    }
    ++(rule.state == State::creating ? counts_.created : counts_.updated);
    rule.state = State::installed;
}

void InstalledRules::refuse(RuleOwner owner, std::string reason) {
    ++counts_.refused;
    refusals_.push_back({owner, std::move(reason)});
}

RuleId InstalledRules::find(std::span<const RuleId> slots, const RuleSpec& spec) const {
    const std::uint64_t match_digest = digest_match(spec);
    for (const RuleId id : slots)
        if (id != no_rule && rules_[id].match_digest == match_digest) return id;
    return no_rule;
}

rte_flow_query_count InstalledRules::query(RuleId id) const {
    return in_hardware(id) ? query(rules_[id]) : rte_flow_query_count{};
}

rte_flow_query_count InstalledRules::query(const Rule& rule) const {
    rte_flow_query_count count{};
    rte_flow_error error{};
    if (flow_.query_count(pipeline_.proxy(), rule.handle, count, error) != 0) return {};
    return count;
}

std::unordered_map<TrafficAccount, Traffic> InstalledRules::traffic() const {
    auto traffic = past_traffic_;
    for (const Rule& rule : rules_)
        if (const Traffic of_rule = traffic_of(rule); of_rule.packets > 0)
            traffic[rule.account] += of_rule;
    return traffic;
}

Traffic InstalledRules::traffic(TrafficAccount account, std::span<const RuleId> slots) const {
    const auto past = past_traffic_.find(account);
    Traffic traffic = past == past_traffic_.end() ? Traffic{} : past->second;
    for (const RuleId id : slots)
        if (id != no_rule && rules_[id].account == account) traffic += traffic_of(rules_[id]);
    return traffic;
}

bool InstalledRules::in_hardware(RuleId id) const {
    return id != no_rule && rules_[id].state == State::installed;
}

} // namespace sallyport::eswitch
