// SPDX-License-Identifier: BSD-3-Clause
#include "root_tables.h"

#include "device.h"
#include "export.h"
#include "fields.h"
#include "report.h"
#include "root_fields.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>

namespace mlx5sim {

namespace {

/// In the order of their priorities; of one, the older first.
std::vector<RootMatcher*>& matchers() {
    static auto* const instance = new std::vector<RootMatcher*>;
    return *instance;
}

std::list<RootFlow>& flows() {
    static auto* const instance = new std::list<RootFlow>;
    return *instance;
}

std::list<RootAction>& modifications() {
    static auto* const instance = new std::list<RootAction>;
    return *instance;
}

std::vector<std::uint8_t> octets_of(const mlx5dv_flow_match_parameters& parameters) {
    const auto* const start = reinterpret_cast<const std::uint8_t*>(parameters.match_buf);
    return {start, start + parameters.match_sz};
}

std::list<SteeringAnchor>& anchors() {
    static auto* const instance = new std::list<SteeringAnchor>;
    return *instance;
}

/// Removes from @p wholes the one whose verbs part @p part is.
template<typename Whole, typename Part>
int remove_whole(std::list<Whole>& wholes, const Part* part) {
    const std::lock_guard guard(card_lock());
    wholes.remove_if([&](const Whole& whole) { return &whole.verbs == part; });
    return 0;
}

} // namespace

RootMatcher::RootMatcher(mlx5dv_flow_table_type in, std::uint16_t at,
                         std::vector<std::uint8_t> asked)
    : Counted("root matcher"), table(in), priority(at), mask(std::move(asked)),
      words(words_of_mask(mask)) {
    const auto behind = std::ranges::upper_bound(matchers(), priority, {}, &RootMatcher::priority);
    matchers().insert(behind, this);
}

RootMatcher::~RootMatcher() {
    std::erase(matchers(), this);
}

// FNV-1a, by words.
std::size_t RootMatcher::hash(std::span<const std::uint8_t> fields) const {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const std::size_t at : words)
        hash = (hash ^ (load32(fields.data() + at) & load32(mask.data() + at))) * 0x100000001b3;
    return hash;
}

bool RootMatcher::matches(std::span<const std::uint8_t> fields, const RootFlow& flow) const {
    return std::ranges::all_of(words, [&](std::size_t at) {
        return ((load32(fields.data() + at) ^ load32(flow.value.data() + at))
                & load32(mask.data() + at))
               == 0;
    });
}

RootFlow::RootFlow(RootMatcher& by, std::vector<std::uint8_t> wanted)
    : Counted("root flow"), matcher(by), value(std::move(wanted)), number([] {
          static std::uint64_t made = 0;
          return ++made;
      }()) {
    matcher.flows.emplace(matcher.hash(value), this);
}

RootFlow::~RootFlow() {
    std::erase_if(matcher.flows, [&](const auto& each) { return each.second == this; });
}

// The matchers stand in the order of their priorities.
const RootFlow* find_root_flow(const Packet& packet, mlx5dv_flow_table_type table) {
    const RootFields fields = root_fields_of(packet);
    const RootFlow* found = nullptr;
    for (const RootMatcher* const matcher : matchers()) {
        if (found != nullptr && found->matcher.priority < matcher->priority) break;
        if (matcher->table != table) continue;
        const auto [begin, end] = matcher->flows.equal_range(matcher->hash(fields));
        for (auto each = begin; each != end; ++each)
            if (matcher->matches(fields, *each->second)
                && (found == nullptr || each->second->number < found->number))
                found = each->second;
    }
    return found;
}

const std::vector<Modification>& modifications_of(const ibv_flow_action* action) {
    for (const RootAction& each : modifications())
        if (&each.verbs == action) return each.modifications;
    refuse("a rule of a root table has a flow action that nobody made");
}

} // namespace mlx5sim

using namespace mlx5sim;

MLX5SIM_EXPORT mlx5dv_flow_matcher*
mlx5dv_create_flow_matcher(ibv_context*, mlx5dv_flow_matcher_attr* attributes) {
    const auto table = (attributes->comp_mask & MLX5DV_FLOW_MATCHER_MASK_FT_TYPE) != 0
                           ? attributes->ft_type
                       : (attributes->flags & IBV_FLOW_ATTR_FLAGS_EGRESS) != 0
                           ? MLX5_IB_UAPI_FLOW_TABLE_TYPE_NIC_TX
                           : MLX5_IB_UAPI_FLOW_TABLE_TYPE_NIC_RX;
    const std::lock_guard guard(card_lock());
    return reinterpret_cast<mlx5dv_flow_matcher*>(
        new RootMatcher(table, attributes->priority, octets_of(*attributes->match_mask)));
}

MLX5SIM_EXPORT int mlx5dv_destroy_flow_matcher(mlx5dv_flow_matcher* handle) {
    const std::lock_guard guard(card_lock());
    delete reinterpret_cast<RootMatcher*>(handle);
    return 0;
}

namespace {

int destroy_flow(ibv_flow* handle) {
    return remove_whole(flows(), handle);
}

int destroy_action(ibv_flow_action* handle) {
    return remove_whole(modifications(), handle);
}

/// The driver destroys by the table of the context that stands in the handle.
ibv_context* context_of_destroyers() {
    static verbs_context* const table = [] {
        auto* const made = new verbs_context{};
        made->sz = sizeof *made;
        made->ibv_destroy_flow = destroy_flow;
        made->destroy_flow_action = destroy_action;
        made->context.abi_compat = reinterpret_cast<void*>(~std::uintptr_t{0});
        return made;
    }();
    return &table->context;
}

} // namespace

MLX5SIM_EXPORT ibv_flow* mlx5dv_create_flow(mlx5dv_flow_matcher* matcher,
                                            mlx5dv_flow_match_parameters* value, std::size_t count,
                                            mlx5dv_flow_action_attr actions[]) {
    const std::lock_guard guard(card_lock());
    RootFlow& flow =
        flows().emplace_back(*reinterpret_cast<RootMatcher*>(matcher), octets_of(*value));
    flow.verbs.context = context_of_destroyers();
    flow.actions.assign(actions, actions + count);
    trace("root table %u, priority %u: a rule of %zu actions",
          static_cast<unsigned>(flow.matcher.table), flow.matcher.priority, count);
    for (std::size_t at = 0; at + 4 <= flow.value.size(); at += 4)
        if (load32(flow.matcher.mask.data() + at) != 0)
            trace("  octet 0x%zx: %08x/%08x", at, load32(flow.value.data() + at),
                  load32(flow.matcher.mask.data() + at));
    for (const mlx5dv_flow_action_attr& action : flow.actions)
        trace("  action %u", static_cast<unsigned>(action.type));
    return &flow.verbs;
}

MLX5SIM_EXPORT ibv_flow_action* mlx5dv_create_flow_action_modify_header(ibv_context*,
                                                                        std::size_t size,
                                                                        std::uint64_t actions[],
                                                                        mlx5dv_flow_table_type) {
    const std::lock_guard guard(card_lock());
    RootAction& action = modifications().emplace_back();
    action.verbs.context = context_of_destroyers();
    action.modifications.resize(size / sizeof(Modification));
    std::memcpy(action.modifications.data(), actions, size);
    return &action.verbs;
}

MLX5SIM_EXPORT ibv_flow_action*
mlx5dv_create_flow_action_packet_reformat(ibv_context*, std::size_t, void*,
                                          mlx5dv_flow_action_packet_reformat_type type,
                                          mlx5dv_flow_table_type) {
    refuse("a packet reformat of type %u in a root table is not simulated",
           static_cast<unsigned>(type));
}

MLX5SIM_EXPORT mlx5dv_steering_anchor*
mlx5dv_create_steering_anchor(ibv_context*, mlx5dv_steering_anchor_attr* attributes) {
    // Apart from the numbers of flow tables, which rules name in the same place.
    static Numbers numbers(0x00e00000);
    const std::lock_guard guard(card_lock());
    return &anchors().emplace_back(numbers.take(), attributes->ft_type).verbs;
}

MLX5SIM_EXPORT int mlx5dv_destroy_steering_anchor(mlx5dv_steering_anchor* handle) {
    return remove_whole(anchors(), handle);
}
