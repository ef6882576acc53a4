// SPDX-License-Identifier: BSD-3-Clause
#include "walk.h"

#include "entry_actions.h"
#include "fields.h"
#include "match_fields.h"
#include "modification.h"
#include "report.h"
#include "root_tables.h"
#include "steering.h"
#include "topology.h"

#include <algorithm>
#include <optional>

namespace mlx5sim {

namespace {

/// More tables than a packet meets in any sound program.
constexpr unsigned most_steps = 1000;

/// A packet's way through the tables of one domain.
class Walk {
  public:
    Walk(Packet& packet, Side side) : packet_(packet), side_(side) {}

    Verdict from_table(std::uint32_t id);

  private:
    const Entry* find_entry(const RuleTable& table);
    Verdict through(const RuleTable& first);
    Verdict miss(const FlowTable& table);
    Verdict forward(const FlowEntry& entry);

    Packet& packet_;
    Side side_;
    /// As of the last time that the card looked at the headers.
    std::optional<MatchFields> fields_;
    unsigned steps_ = 0;
};

const Entry* Walk::find_entry(const RuleTable& table) {
    if (table.access_mode != 0)
        refuse("RTC %u: the access mode %u is not simulated", table.id, table.access_mode);
    const Definer* const definer = Definer::find(table.definer);
    if (definer == nullptr) refuse("RTC %u: there is no match definer %u", table.id, table.definer);
    if (table.by_tag.empty()) return nullptr;
    if (!fields_) fields_.emplace(packet_);
    const auto found = table.by_tag.find(fields_->tag(*definer, table.is_jumbo()));
    return found == table.by_tag.end() ? nullptr : &found->second;
}

Verdict Walk::from_table(std::uint32_t id) {
    if (++steps_ > most_steps) refuse("a packet goes round in the tables: flow table %u", id);
    if (SteeringAnchor::find(id) != nullptr) refuse("a jump back to a root table is not simulated");
    const FlowTable* const table = FlowTable::find(id);
    if (table == nullptr) refuse("there is no flow table %u", id);
    const std::uint32_t rules = side_ == Side::receive ? table->rtc_0 : table->rtc_1;
    if (rules == 0) return miss(*table);
    const RuleTable* const first = RuleTable::find(rules);
    if (first == nullptr) refuse("flow table %u: there is no RTC %u", id, rules);
    return through(*first);
}

// An entry that wants more than fits into it names another one, of a table that has an entry for
// each number and matches nothing.
Verdict Walk::through(const RuleTable& first) {
    const Entry* entry = find_entry(first);
    trace("  RTC %u: %s", first.id, entry != nullptr ? "hit" : "miss");
    if (entry == nullptr) return from_table(first.miss_table);
    const RuleTable* table = &first;
    for (;;) {
        const Next next = carry_out(*table, *entry, packet_);
        if (next.changed) fields_.reset();
        switch (next.kind) {
        case Next::Kind::entry:
            if (++steps_ > most_steps) refuse("RTC %u: entries go round", table->id);
            table = next.table;
            entry = next.entry;
            break;
        case Next::Kind::table:
            return from_table(next.flow_table);
        case Next::Kind::end:
            return next.verdict;
        }
    }
}

Verdict Walk::forward(const FlowEntry& entry) {
    if (entry.destinations.size() != 1)
        refuse("flow table %u: an entry with %zu destinations is not simulated", entry.table,
               entry.destinations.size());
    const Destination& to = entry.destinations.front();
    switch (to.type) {
    case Destination::Type::vport:
        return {Verdict::Kind::vport, to.owner_vhca.value_or(manager_vhca),
                static_cast<std::uint16_t>(to.id), 0};
    case Destination::Type::table:
        return from_table(to.id);
    case Destination::Type::tir:
        return {Verdict::Kind::tir, 0, 0, to.id};
    }
    refuse("flow table %u: a destination of type %u is not simulated", entry.table,
           static_cast<unsigned>(to.type));
}

Verdict Walk::miss(const FlowTable& table) {
    constexpr std::uint8_t by_default = 0, to_table = 1;
    if (const FlowEntry* const entry = FlowEntry::of_table(table.id)) return forward(*entry);
    if (table.miss_action == to_table) return from_table(table.miss_id);
    if (table.miss_action != by_default)
        refuse("flow table %u: the miss action %u is not simulated", table.id, table.miss_action);
    return {};
}

} // namespace

Verdict walk(Packet& packet, mlx5dv_flow_table_type domain, Side side) {
    const RootFlow* const flow = find_root_flow(packet, domain);
    if (flow == nullptr) return {};
    for (const mlx5dv_flow_action_attr& action : flow->actions) {
        switch (action.type) {
        case MLX5DV_FLOW_ACTION_IBV_FLOW_ACTION:
            for (const auto& change : modifications_of(action.action))
                modify(packet, change, load32(change.data() + 4));
            break;
        case MLX5DV_FLOW_ACTION_DEST_DEVX: {
            const Object& to = *reinterpret_cast<const Object*>(action.obj);
            if (dynamic_cast<const FlowTable*>(&to) != nullptr)
                return Walk(packet, side).from_table(to.id);
            return {Verdict::Kind::tir, 0, 0, to.id};
        }
        case MLX5DV_FLOW_ACTION_DROP:
            return {Verdict::Kind::drop, 0, 0, 0};
        case MLX5DV_FLOW_ACTION_DEFAULT_MISS:
            return {};
        default:
            refuse("the action %u of a root table's rule is not simulated",
                   static_cast<unsigned>(action.type));
        }
    }
    return {Verdict::Kind::allow, 0, 0, 0};
}

} // namespace mlx5sim
