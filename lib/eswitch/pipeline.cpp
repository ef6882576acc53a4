// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/pipeline.h"

#include <span>
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
    Pipeline pipeline(flow, proxy, settings);
    for (std::size_t i = 0; i < stage_count; ++i)
        if (const auto added = pipeline.add(static_cast<StageId>(i)); !added)
            return tl::unexpected(added.error());
    return pipeline;
}

Pipeline::Pipeline(Pipeline&& other) noexcept
    : flow_(other.flow_), proxy_(other.proxy_), settings_(other.settings_), sizes_(other.sizes_),
      tables_(std::exchange(other.tables_, {})) {}

Pipeline::~Pipeline() {
    for (Tables& tables : tables_)
        remove(tables);
}

Expected<rte_flow_template_table*> Pipeline::table(StageId id, std::uint8_t pattern) {
    auto*& table = tables_[static_cast<std::size_t>(id)].tables[pattern];
    if (table == nullptr)
        if (const auto added = add_table(id, pattern); !added) return tl::unexpected(added.error());
    return table;
}

Expected<void> Pipeline::add(StageId id) {
    const Stage& added = stage(id);
    Tables& tables = tables_[static_cast<std::size_t>(id)];
    if (auto done = add_patterns(added, tables); !done) return done;
    if (auto done = add_actions(added, tables); !done) return done;
    tables.tables.resize(added.patterns);
    if (added.tables_on_demand) return {};
    for (std::uint8_t pattern = 0; pattern < added.patterns; ++pattern)
        if (auto done = add_table(id, pattern); !done) return done;
    return {};
}

Expected<void> Pipeline::add_table(StageId id, std::uint8_t pattern) {
    const Stage& of = stage(id);
    Tables& tables = tables_[static_cast<std::size_t>(id)];
    rte_flow_error error{};
    const TableAttributes attributes{of.group, of.priority, rules_of_pattern(id, sizes_),
                                     of.origin};
    auto* const created = flow_->create_table(
        proxy_, attributes, std::span(&tables.patterns[pattern], 1), tables.actions, error);
    if (created == nullptr) return refused("the size or group", of, error);
    tables.tables[pattern] = created;
    return {};
}

Expected<void> Pipeline::add_patterns(const Stage& stage, Tables& tables) {
    for (std::uint8_t i = 0; i < stage.patterns; ++i) {
        PatternBuilder pattern;
        stage.write_pattern(pattern, i, {}, settings_);
        rte_flow_error error{};
        auto* const created = flow_->create_pattern_template(proxy_, pattern.for_template(), error);
        if (created == nullptr) return refused("a pattern", stage, error);
        tables.patterns.push_back(created);
    }
    return {};
}

Expected<void> Pipeline::add_actions(const Stage& stage, Tables& tables) {
    for (std::uint8_t i = 0; i < stage.action_sets; ++i) {
        ActionsBuilder actions;
        const RuleEffect effect;
        stage.write_actions(actions, i, effect);
        rte_flow_error error{};
        auto* const created =
            flow_->create_actions_template(proxy_, actions.actions(), actions.masks(), error);
        if (created == nullptr) return refused("the actions", stage, error);
        tables.actions.push_back(created);
    }
    return {};
}

void Pipeline::remove(Tables& tables) {
    rte_flow_error error{};
    // Nobody could do anything about a refusal; the port's stop frees what is left.
    for (auto* const table : tables.tables)
        if (table != nullptr) flow_->destroy_table(proxy_, table, error);
    for (auto* const actions : tables.actions)
        flow_->destroy_actions_template(proxy_, actions, error);
    for (auto* const pattern : tables.patterns)
        flow_->destroy_pattern_template(proxy_, pattern, error);
    tables = {};
}

} // namespace sallyport::eswitch
