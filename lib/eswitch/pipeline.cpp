// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/pipeline.h"

#include <utility>

namespace sallyport::eswitch {

namespace {

tl::unexpected<Error> refused(const char* what, const Stage& stage, const rte_flow_error& error) {
    return failure(std::string("the NIC refuses ") + what + " of table " + stage.name + ": "
                       + describe(error, 0),
                   "hardware path", "see docs/hardware.md for releases and firmware that take it");
}

} // namespace

Expected<Pipeline> Pipeline::create(FlowApi& flow, std::uint16_t proxy, const Settings& settings) {
    const StageSizes sizes = stage_sizes(settings);
    Pipeline pipeline(flow, proxy, {.fixed_dscp = settings.dscp.has_value()});
    for (std::size_t i = 0; i < stage_count; ++i) {
        const auto added =
            pipeline.add(stage(static_cast<StageId>(i)), sizes[i], pipeline.tables_[i]);
        if (!added) return tl::unexpected(added.error());
    }
    return pipeline;
}

Pipeline::Pipeline(Pipeline&& other) noexcept
    : flow_(other.flow_), proxy_(other.proxy_), settings_(other.settings_),
      tables_(std::exchange(other.tables_, {})) {}

Pipeline::~Pipeline() {
    for (Table& table : tables_)
        remove(table);
}

Expected<void> Pipeline::add(const Stage& stage, std::uint32_t rules, Table& table) {
    if (auto added = add_patterns(stage, table); !added) return added;
    if (auto added = add_actions(stage, table); !added) return added;
    rte_flow_error error{};
    const TableAttributes attributes{stage.group, stage.priority, rules, stage.origin};
    table.table = flow_->create_table(proxy_, attributes, table.patterns, table.actions, error);
    if (table.table == nullptr) return refused("the size or group", stage, error);
    return {};
}

Expected<void> Pipeline::add_patterns(const Stage& stage, Table& table) {
    for (std::uint8_t i = 0; i < stage.patterns; ++i) {
        PatternBuilder pattern;
        stage.write_pattern(pattern, i, {}, settings_);
        rte_flow_error error{};
        auto* const created = flow_->create_pattern_template(proxy_, pattern.for_template(), error);
        if (created == nullptr) return refused("a pattern", stage, error);
        table.patterns.push_back(created);
    }
    return {};
}

Expected<void> Pipeline::add_actions(const Stage& stage, Table& table) {
    for (std::uint8_t i = 0; i < stage.action_sets; ++i) {
        ActionsBuilder actions;
        const RuleEffect effect;
        stage.write_actions(actions, i, effect);
        rte_flow_error error{};
        auto* const created =
            flow_->create_actions_template(proxy_, actions.actions(), actions.masks(), error);
        if (created == nullptr) return refused("the actions", stage, error);
        table.actions.push_back(created);
    }
    return {};
}

void Pipeline::remove(Table& table) {
    rte_flow_error error{};
    // Nobody could do anything about a refusal; the port's stop frees what is left.
    if (table.table != nullptr) flow_->destroy_table(proxy_, table.table, error);
    for (auto* const actions : table.actions)
        flow_->destroy_actions_template(proxy_, actions, error);
    for (auto* const pattern : table.patterns)
        flow_->destroy_pattern_template(proxy_, pattern, error);
    table = {};
}

} // namespace sallyport::eswitch
