// SPDX-License-Identifier: BSD-3-Clause
#include "strict_fixture.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::eswitch {

void StrictTest::rebuild(StrictOptions options) {
    api_ = std::make_unique<StrictFlowApi>(wrapped_, std::move(options));
    for (const std::uint16_t port : {proxy, other_wire})
        api_->add_port(port, StrictPortKind::wire);
    for (const std::uint16_t port : {vm, other_vm})
        api_->add_port(port, StrictPortKind::vport);
    attributes.nb_counters = 2;
    attributes.nb_aging_objects = 1;
    attributes.nb_meters = 2;
}

int StrictTest::configure(std::uint16_t port, std::uint16_t queues, std::uint32_t size) {
    return api_->configure(port, attributes, queues, size, error);
}

void StrictTest::bring_up() {
    for (const std::uint16_t port : {proxy, other_wire, vm, other_vm}) {
        ASSERT_EQ(configure(port), 0) << message();
        ASSERT_EQ(api_->start_port(port), 0);
    }
}

rte_flow_pattern_template* StrictTest::make(const TestPattern& pattern) {
    error = {};
    return api_->create_pattern_template(proxy, pattern.items(), error);
}

rte_flow_actions_template* StrictTest::make(const TestActions& actions) {
    error = {};
    return api_->create_actions_template(proxy, actions.actions(), actions.masks(), error);
}

rte_flow_template_table* StrictTest::make_table(const TableAttributes& table,
                                                const TestPattern& pattern,
                                                const TestActions& actions) {
    const std::array patterns{make(pattern)};
    EXPECT_NE(patterns[0], nullptr) << message();
    const std::array sets{make(actions)};
    EXPECT_NE(sets[0], nullptr) << message();
    error = {};
    return api_->create_table(proxy, table, patterns, sets, error);
}

std::string StrictTest::refused(const TestPattern& pattern) {
    return make(pattern) == nullptr ? message() : "";
}

std::string StrictTest::refused(const TestActions& actions) {
    auto* const made = make(actions);
    if (made == nullptr) return message();
    // mlx5 looks at the order when a table is made.
    const std::array patterns{make(TestPattern().tag(1))};
    const std::array sets{made};
    const TableAttributes attributes{.group = 77, .priority = 0, .rules = 1, .origin = Origin::any};
    return api_->create_table(proxy, attributes, patterns, sets, error) == nullptr ? message() : "";
}

std::string StrictTest::refused(const TableAttributes& table, const TestPattern& pattern,
                                const TestActions& actions) {
    return make_table(table, pattern, actions) == nullptr ? message() : "";
}

rte_flow* StrictTest::create(rte_flow_template_table* table, const TestPattern& pattern,
                             const TestActions& actions, bool postpone, std::uintptr_t user_data) {
    error = {};
    return api_->create(proxy, queue, postpone, table, pattern.rule().data(), 0, actions.actions(),
                        0, reinterpret_cast<void*>(user_data), error);
}

int StrictTest::destroy(rte_flow* rule, bool postpone, std::uintptr_t user_data) {
    error = {};
    return api_->destroy(proxy, queue, postpone, rule, reinterpret_cast<void*>(user_data), error);
}

int StrictTest::update(rte_flow* rule, const TestActions& actions, std::uint8_t actions_template) {
    error = {};
    return api_->update(proxy, queue, false, rule, actions.actions(), actions_template, nullptr,
                        error);
}

std::vector<rte_flow_op_result> StrictTest::pull(std::size_t most) {
    std::vector<rte_flow_op_result> results(most);
    const int count = api_->pull(proxy, queue, results, error);
    results.resize(static_cast<std::size_t>(std::max(count, 0)));
    return results;
}

std::size_t StrictTest::drain() {
    std::size_t errors = 0;
    for (unsigned i = 0; i < 10000 && api_->outstanding(queue) != 0; ++i)
        for (const rte_flow_op_result& result : pull())
            errors += result.status == RTE_FLOW_OP_ERROR ? 1 : 0;
    EXPECT_EQ(api_->outstanding(queue), 0U);
    return errors;
}

rte_flow* StrictTest::install(rte_flow_template_table* table, const TestPattern& pattern,
                              const TestActions& actions) {
    rte_flow* rule = create(table, pattern, actions);
    EXPECT_NE(rule, nullptr) << message();
    EXPECT_EQ(drain(), 0U);
    return rule;
}

void StrictRuleTest::rebuild_up(const StrictOptions& options, std::uint32_t rules) {
    rebuild(options);
    bring_up();
    tagged = TestPattern();
    tagged.tag(1);
    dropping = TestActions();
    dropping.drop();
    table = make_table({.group = 1, .priority = 0, .rules = rules, .origin = Origin::any}, tagged,
                       dropping);
    ASSERT_NE(table, nullptr) << message();
}

} // namespace sallyport::eswitch
