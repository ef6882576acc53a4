// SPDX-License-Identifier: BSD-3-Clause
// Rules that the strict double takes and refuses, against their templates.
#include "strict_fixture.h"

#include <cerrno>
#include <vector>

#include <gtest/gtest.h>
#include <rte_errno.h>

namespace sallyport::eswitch {
namespace {

class StrictRulesTest : public StrictTest {
  protected:
    StrictRulesTest() { bring_up(); }
    rte_flow_template_table* make_table_for(const TestPattern& pattern, const TestActions& actions,
                                            Origin origin = Origin::any, std::uint32_t group = 1) {
        rte_flow_template_table* table =
            make_table({.group = group, .rules = 4, .origin = origin}, pattern, actions);
        EXPECT_NE(table, nullptr) << message();
        return table;
    }
    /// "" if it is taken. What is refused must be a violation too: mlx5 would take it.
    std::string refused_rule(rte_flow_template_table* table, const TestPattern& pattern,
                             const TestActions& actions) {
        const std::size_t before = api().violations().size();
        const bool taken = create(table, pattern, actions) != nullptr;
        EXPECT_EQ(api().violations().size(), before + (taken ? 0 : 1));
        drain();
        return taken ? "" : message();
    }
};

TEST_F(StrictRulesTest, TemplatesAreGivenByTheirIndexInTheTable) {
    TestPattern pattern;
    pattern.tag(1);
    TestActions actions;
    actions.drop();
    rte_flow_template_table* table = make_table_for(pattern, actions);
    EXPECT_EQ(api().create(proxy, queue, false, table, pattern.items(), 1, actions.actions(), 0,
                           nullptr, error),
              nullptr);
    EXPECT_EQ(message(), "Invalid pattern template index");
    EXPECT_EQ(api().create(proxy, queue, false, table, pattern.items(), 0, actions.actions(), 1,
                           nullptr, error),
              nullptr);
    EXPECT_EQ(message(), "Invalid actions template index");
    rte_flow* rule = install(table, pattern, actions);
    EXPECT_EQ(update(rule, actions, 1), -EINVAL);
    EXPECT_EQ(message(), "Invalid actions template index");
    // Each of the three would be taken by mlx5, and done wrong.
    EXPECT_EQ(api().violations().size(), 3U);
}

TEST_F(StrictRulesTest, ItemsAreTheTemplatesInTypeAndOrder) {
    constexpr const char* other = "the rule's items are not the template's";
    TestPattern pattern;
    pattern.tag(1).ethernet().ipv4_to(1);
    TestActions actions;
    actions.drop();
    rte_flow_template_table* table = make_table_for(pattern, actions);
    EXPECT_EQ(refused_rule(table, pattern, actions), "");
    EXPECT_EQ(refused_rule(table, TestPattern().ethernet().tag(1).ipv4_to(1), actions), other);
    EXPECT_EQ(refused_rule(table, TestPattern().tag(1).ethernet(), actions), other);
    EXPECT_EQ(refused_rule(table, TestPattern().tag(1).ethernet().ipv4_to(1).udp(), actions),
              "the rule has more items than the template");
}

TEST_F(StrictRulesTest, AMaskedItemHasASpecAndNoOtherMask) {
    TestPattern pattern;
    pattern.tag(1).ethernet();
    TestActions actions;
    actions.drop();
    rte_flow_template_table* table = make_table_for(pattern, actions);
    EXPECT_EQ(refused_rule(table, TestPattern().add(RTE_FLOW_ITEM_TYPE_TAG).ethernet(), actions),
              "the template masks an item without spec");
    const auto create_with = [&](const rte_flow_item_tag& mask) {
        const rte_flow_item_tag spec{.data = 1, .index = 0};
        const rte_flow_item items[]{
            {.type = RTE_FLOW_ITEM_TYPE_TAG, .spec = &spec, .last = nullptr, .mask = &mask},
            {.type = RTE_FLOW_ITEM_TYPE_ETH, .spec = nullptr, .last = nullptr, .mask = nullptr},
            {}};
        return api().create(proxy, queue, false, table, items, 0, actions.actions(), 0, nullptr,
                            error);
    };
    rte_flow_item_tag mask{};
    mask.data = 1;
    EXPECT_EQ(create_with(mask), nullptr);
    EXPECT_EQ(message(), "the rule's mask is not the template's");
}

TEST_F(StrictRulesTest, PortsAreTheEswitchsAndTagsTheTemplates) {
    TestPattern pattern;
    pattern.port(vm).tag(1, 0);
    TestActions actions;
    actions.drop();
    rte_flow_template_table* table = make_table_for(pattern, actions);
    EXPECT_EQ(refused_rule(table, TestPattern().port(UINT16_MAX).tag(1, 0), actions), "");
    EXPECT_EQ(refused_rule(table, TestPattern().port(stranger).tag(1, 0), actions),
              "no such represented port");
    EXPECT_EQ(refused_rule(table, TestPattern().port(vm).tag(1, 1), actions),
              "the rule's tag index is not the template's");
}

TEST_F(StrictRulesTest, ActionsAreTheTemplatesInTypeAndOrder) {
    constexpr const char* other = "the rule's actions are not the template's";
    TestPattern pattern;
    pattern.tag(1);
    rte_flow_template_table* table =
        make_table_for(pattern, TestActions().count().set_tag(1).jump(2));
    EXPECT_EQ(refused_rule(table, pattern, TestActions().count().set_tag(9).jump(2)), "");
    EXPECT_EQ(refused_rule(table, pattern, TestActions().set_tag(1).count().jump(2)), other);
    EXPECT_EQ(refused_rule(table, pattern, TestActions().count().set_tag(1)), other);
    EXPECT_EQ(refused_rule(table, pattern, TestActions().count().set_tag(1).jump(2).jump(2)),
              "the rule has more actions than the template");
}

TEST_F(StrictRulesTest, WhatTheTemplateLeavesOpenTheRuleGives) {
    TestPattern pattern;
    pattern.tag(1);
    rte_flow_template_table* ports = make_table_for(pattern, TestActions().to_port(vm));
    TestActions to_port;
    to_port.to_port(vm);
    EXPECT_EQ(refused_rule(ports, pattern, to_port), "");
    to_port.last_action().conf = nullptr;
    EXPECT_EQ(refused_rule(ports, pattern, to_port), "port index was not provided");
    EXPECT_EQ(refused_rule(ports, pattern, TestActions().to_port(stranger)),
              "port index is invalid");

    rte_flow_action_jump jump{};
    jump.group = 5;
    TestActions jumping;
    jumping.add(RTE_FLOW_ACTION_TYPE_JUMP, jump, rte_flow_action_jump{});
    rte_flow_template_table* jumps = make_table_for(pattern, jumping);
    EXPECT_EQ(refused_rule(jumps, pattern, jumping), "");
    jumping.last_action().conf = nullptr;
    EXPECT_EQ(refused_rule(jumps, pattern, jumping), "jump group is the rule's own and missing");
}

TEST_F(StrictRulesTest, WhatTheTemplateFixesTheRuleMayLeaveOut) {
    TestPattern pattern;
    pattern.tag(1);
    TestActions jumping;
    jumping.jump(2);
    rte_flow_template_table* jumps = make_table_for(pattern, jumping);
    jumping.last_action().conf = nullptr;
    EXPECT_EQ(refused_rule(jumps, pattern, jumping), "");
    TestActions port;
    port.to_fixed_port(vm);
    rte_flow_template_table* ports = make_table_for(pattern, port);
    port.last_action().conf = nullptr;
    EXPECT_EQ(refused_rule(ports, pattern, port), "");
}

TEST_F(StrictRulesTest, AHeaderIsAsLongAsTheTemplates) {
    TestPattern pattern;
    pattern.tag(1);
    rte_flow_template_table* table =
        make_table_for(pattern, TestActions().encap(50).drop(), Origin::vport);
    EXPECT_EQ(refused_rule(table, pattern, TestActions().encap(50).drop()), "");
    EXPECT_EQ(refused_rule(table, pattern, TestActions().encap(51).drop()),
              "raw_encap: header is not as long as the template's");
    rte_flow_action_raw_encap empty{};
    empty.size = 50;
    TestActions missing;
    missing.add(RTE_FLOW_ACTION_TYPE_RAW_ENCAP, empty, empty).drop();
    EXPECT_EQ(refused_rule(table, pattern, missing), "raw_encap: the rule's own header is missing");
}

TEST_F(StrictRulesTest, AChangeIsTheTemplatesButForItsValue) {
    constexpr const char* other = "the rule's modify_field is not the template's";
    TestPattern pattern;
    pattern.tag(1);
    rte_flow_template_table* table = make_table_for(pattern, TestActions().set_tag(1, 0).drop());
    EXPECT_EQ(refused_rule(table, pattern, TestActions().set_tag(2, 0).drop()), "");
    EXPECT_EQ(refused_rule(table, pattern, TestActions().set_tag(2, 1).drop()), other);
    ModifyPair narrow = modify_tag();
    narrow.action.width = 8;
    TestActions narrower;
    narrower.add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, narrow.action, narrow.mask).drop();
    EXPECT_EQ(refused_rule(table, pattern, narrower), other);
    TestActions missing;
    missing.set_tag(1);
    missing.last_action().conf = nullptr;
    EXPECT_EQ(refused_rule(table, pattern, missing.drop()),
              "modify_field value is the rule's own and missing");
}

TEST_F(StrictRulesTest, AChangeThatIsFixedMayBeLeftOut) {
    TestPattern pattern;
    pattern.tag(1);
    ModifyPair fixed = modify_tag();
    fixed.mask.src.value[0] = UINT8_MAX;
    TestActions actions;
    actions.add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, fixed.action, fixed.mask);
    TestActions rule;
    rule.add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD).drop();
    rte_flow_template_table* table = make_table_for(pattern, actions.drop());
    EXPECT_EQ(refused_rule(table, pattern, rule), "");
}

TEST_F(StrictRulesTest, AgesAndTagsOfTheRulesOwnAreGiven) {
    constexpr const char* missing = "configuration is the rule's own and missing";
    TestPattern pattern;
    pattern.tag(1);
    TestActions aging;
    aging.age();
    aging.last_mask().conf = nullptr;
    aging.drop();
    rte_flow_template_table* table = make_table_for(pattern, aging);
    EXPECT_EQ(refused_rule(table, pattern, TestActions().add(RTE_FLOW_ACTION_TYPE_AGE).drop()),
              missing);
    TestActions pushing;
    pushing.add(RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN).add(RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_VID).drop();
    rte_flow_template_table* vlans = make_table_for(pattern, pushing);
    EXPECT_EQ(refused_rule(vlans, pattern, pushing), missing);
}

TEST_F(StrictRulesTest, NotFromWireToWire) {
    constexpr const char* refusal = "wire to wire is not supported";
    TestPattern pattern;
    pattern.tag(1);
    TestActions to_wire;
    to_wire.to_port(other_wire);
    rte_flow_template_table* wire = make_table_for(pattern, to_wire, Origin::wire);
    EXPECT_EQ(refused_rule(wire, pattern, to_wire), refusal);
    EXPECT_EQ(refused_rule(wire, pattern, TestActions().to_port(vm)), "");
    // Where the group is for both, the rule's own match tells.
    rte_flow_template_table* both = make_table_for(TestPattern().port(vm), to_wire, Origin::any, 0);
    EXPECT_EQ(refused_rule(both, TestPattern().port(proxy), to_wire), refusal);
    EXPECT_EQ(refused_rule(both, TestPattern().port(vm), to_wire), "");
    TestActions fixed;
    fixed.to_fixed_port(other_wire);
    rte_flow_template_table* by_template =
        make_table_for(TestPattern().port(vm), fixed, Origin::any, 0);
    EXPECT_EQ(refused_rule(by_template, TestPattern().port(proxy), fixed), refusal);
    rte_flow* rule = install(both, TestPattern().port(other_wire), TestActions().to_port(vm));
    EXPECT_EQ(update(rule, to_wire), -ENOTSUP);
    EXPECT_EQ(message(), refusal);
}

class StrictRuleStatesTest : public StrictRuleTest {};

TEST_F(StrictRuleStatesTest, NoRuleInATableThatIsGone) {
    ASSERT_EQ(api().destroy_table(proxy, table, error), 0);
    EXPECT_EQ(create(table, tagged, dropping), nullptr);
    EXPECT_EQ(message(), "no such table");
    EXPECT_EQ(api().violations().size(), 1U);
}

TEST_F(StrictRuleStatesTest, BeforeItsResultIsPulledARuleIsBusy) {
    rte_flow* rule = create(table, tagged, dropping);
    EXPECT_EQ(destroy(rule), -EBUSY);
    EXPECT_EQ(message(), "fail to destroy rte flow");
    EXPECT_EQ(update(rule, dropping), -EBUSY);
    EXPECT_EQ(message(), "fail to update rte flow");
    EXPECT_EQ(pull().size(), 1U);
    EXPECT_EQ(update(rule, dropping), 0);
    EXPECT_EQ(destroy(rule), -EBUSY);
    EXPECT_EQ(update(rule, dropping), -EBUSY);
    EXPECT_EQ(pull().size(), 1U);
    EXPECT_EQ(destroy(rule), 0);
    EXPECT_EQ(pull().size(), 1U);
    EXPECT_TRUE(api().violations().empty());
}

TEST_F(StrictRuleStatesTest, AHandleEndsWithItsDestruction) {
    rte_flow* rule = install(table, tagged, dropping);
    ASSERT_EQ(destroy(rule), 0);
    EXPECT_EQ(destroy(rule), -EINVAL);
    EXPECT_EQ(api().violations().size(), 1U);
    drain();
    EXPECT_EQ(destroy(rule), -EINVAL);
    EXPECT_EQ(update(rule, dropping), -EINVAL);
    rte_flow_query_count count{};
    EXPECT_EQ(api().query_count(proxy, rule, count, error), -EINVAL);
    EXPECT_EQ(destroy(nullptr), -EINVAL);
    EXPECT_EQ(api().violations().size(), 5U);
}

TEST_F(StrictRuleStatesTest, UpdateCanBeMissing) {
    EXPECT_TRUE(api().can_update());
    rebuild_up({.can_update = false});
    EXPECT_FALSE(api().can_update());
    rte_flow* rule = install(table, tagged, dropping);
    EXPECT_EQ(update(rule, dropping), -ENOTSUP);
    EXPECT_EQ(destroy(rule), 0);
}

TEST_F(StrictRuleStatesTest, DuplicatesAreTakenAndCounted) {
    rte_flow* first = install(table, tagged, dropping);
    EXPECT_EQ(api().live_duplicates(), 0U);
    install(table, tagged, dropping);
    EXPECT_EQ(api().live_duplicates(), 1U);
    ASSERT_EQ(destroy(first), 0);
    EXPECT_EQ(api().live_duplicates(), 0U);
    drain();
    install(table, TestPattern().tag(2), dropping);
    EXPECT_EQ(api().live_duplicates(), 0U);
    EXPECT_TRUE(api().violations().empty());
}

TEST_F(StrictRuleStatesTest, TheSameInAnotherTableIsNoDuplicate) {
    rte_flow_template_table* other = make_table({.group = 2, .rules = 1}, tagged, dropping);
    install(table, tagged, dropping);
    install(other, tagged, dropping);
    EXPECT_EQ(api().live_duplicates(), 0U);
}

} // namespace
} // namespace sallyport::eswitch
