// SPDX-License-Identifier: BSD-3-Clause
#include "strict_fixture.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <rte_byteorder.h>

namespace sallyport::eswitch {

TestPattern& TestPattern::append(rte_flow_item_type type, const void* spec, const void* mask) {
    items_.back() = {.type = type, .spec = spec, .last = nullptr, .mask = mask};
    items_.push_back({});
    return *this;
}

TestPattern& TestPattern::port(std::uint16_t port) {
    rte_flow_item_ethdev spec{}, mask{};
    spec.port_id = port;
    mask.port_id = UINT16_MAX;
    return add(RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT, spec, mask);
}

TestPattern& TestPattern::tag(std::uint32_t value, std::uint8_t index) {
    rte_flow_item_tag spec{}, mask{};
    spec.data = value;
    spec.index = index;
    mask.data = UINT32_MAX;
    mask.index = UINT8_MAX;
    return add(RTE_FLOW_ITEM_TYPE_TAG, spec, mask);
}

TestPattern& TestPattern::ipv4_to(std::uint32_t address) {
    rte_flow_item_ipv4 spec{}, mask{};
    spec.hdr.dst_addr = rte_cpu_to_be_32(address);
    mask.hdr.dst_addr = UINT32_MAX;
    return add(RTE_FLOW_ITEM_TYPE_IPV4, spec, mask);
}

TestPattern& TestPattern::ipv6(std::size_t source_octets, std::size_t destination_octets) {
    rte_flow_item_ipv6 mask{};
    std::memset(&mask.hdr.src_addr, UINT8_MAX, source_octets);
    std::memset(&mask.hdr.dst_addr, UINT8_MAX, destination_octets);
    return add_mask(RTE_FLOW_ITEM_TYPE_IPV6, mask);
}

TestPattern& TestPattern::vxlan(std::uint32_t vni) {
    rte_flow_item_vxlan spec{}, mask{};
    spec.hdr.vx_vni = rte_cpu_to_be_32(vni << 8);
    mask.hdr.vx_vni = rte_cpu_to_be_32(0xffffff00);
    return add(RTE_FLOW_ITEM_TYPE_VXLAN, spec, mask);
}

std::vector<rte_flow_item> TestPattern::rule() const {
    std::vector<rte_flow_item> items = items_;
    for (rte_flow_item& item : items)
        item.mask = nullptr;
    return items;
}

TestActions& TestActions::append(rte_flow_action_type type, const void* conf, const void* mask) {
    actions_.back() = {.type = type, .conf = conf};
    actions_.push_back({});
    masks_.back() = {.type = type, .conf = mask};
    masks_.push_back({});
    return *this;
}

TestActions& TestActions::count() {
    return add(RTE_FLOW_ACTION_TYPE_COUNT, rte_flow_action_count{}, rte_flow_action_count{});
}

TestActions& TestActions::age() {
    rte_flow_action_age conf{};
    conf.timeout = 10;
    return add(RTE_FLOW_ACTION_TYPE_AGE, conf, rte_flow_action_age{});
}

TestActions& TestActions::set_tag(std::uint32_t value, std::uint8_t index) {
    FieldChange change{.field = RTE_FLOW_FIELD_TAG, .tag_index = index, .width = 32};
    std::memcpy(change.value, &value, sizeof value);
    return add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, make_set(change),
               make_set_mask(RTE_FLOW_FIELD_TAG));
}

TestActions& TestActions::encap(std::size_t octets) {
    rte_flow_action_raw_encap conf{}, mask{};
    conf.data = octets_.data();
    conf.size = mask.size = octets;
    return add(RTE_FLOW_ACTION_TYPE_RAW_ENCAP, conf, mask);
}

TestActions& TestActions::jump(std::uint32_t group) {
    rte_flow_action_jump conf{}, mask{};
    conf.group = group;
    mask.group = UINT32_MAX;
    return add(RTE_FLOW_ACTION_TYPE_JUMP, conf, mask);
}

TestActions& TestActions::to_port(std::uint16_t port) {
    rte_flow_action_ethdev conf{};
    conf.port_id = port;
    return add(RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, conf, rte_flow_action_ethdev{});
}

TestActions& TestActions::to_fixed_port(std::uint16_t port) {
    rte_flow_action_ethdev conf{}, mask{};
    conf.port_id = port;
    mask.port_id = UINT16_MAX;
    return add(RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, conf, mask);
}

TestActions& TestActions::to_cpu(std::uint16_t port) {
    rte_flow_action_ethdev conf{};
    conf.port_id = port;
    return add(RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR, conf, conf);
}

ModifyPair modify_tag() {
    return {make_set(FieldChange{.field = RTE_FLOW_FIELD_TAG, .width = 32}),
            make_set_mask(RTE_FLOW_FIELD_TAG)};
}

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
    return make(actions) == nullptr ? message() : "";
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
