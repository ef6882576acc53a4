// SPDX-License-Identifier: BSD-3-Clause
// Tables that the strict double takes and refuses, and how long templates must live.
#include "strict_fixture.h"

#include <cerrno>
#include <vector>

#include <gtest/gtest.h>
#include <rte_errno.h>

namespace sallyport::eswitch {
namespace {

class StrictTablesTest : public StrictTest {
  protected:
    StrictTablesTest() { bring_up(); }
    static TableAttributes group(std::uint32_t group, Origin origin = Origin::any) {
        return {.group = group, .priority = 0, .rules = 4, .origin = origin};
    }
    TestPattern tagged() {
        TestPattern pattern;
        pattern.tag(1);
        return pattern;
    }
};

TEST_F(StrictTablesTest, RulesAreInTheirRangeAndAnyPriorityIs) {
    TableAttributes attributes = group(1);
    attributes.priority = UINT32_MAX;
    EXPECT_EQ(refused(attributes, tagged(), TestActions().drop()), "");
    attributes = group(1);
    attributes.rules = 0;
    EXPECT_EQ(refused(attributes, tagged(), TestActions().drop()), "table without rules");
    EXPECT_EQ(refused(group(UINT32_MAX), tagged(), TestActions().drop()),
              "group index not supported");
}

TEST_F(StrictTablesTest, OneGroupHasOneOrigin) {
    const std::array patterns{make(tagged())};
    const std::array sets{make(TestActions().drop())};
    const auto create = [&](const TableAttributes& attributes) {
        return api().create_table(proxy, attributes, patterns, sets, error);
    };
    rte_flow_template_table* first = create(group(1, Origin::wire));
    ASSERT_NE(first, nullptr);
    EXPECT_NE(create(group(1, Origin::wire)), nullptr);
    EXPECT_NE(create(group(2, Origin::vport)), nullptr);
    EXPECT_EQ(create(group(1, Origin::vport)), nullptr);
    EXPECT_EQ(message(), "tables of one group must have the same origin");
    EXPECT_EQ(create(group(1, Origin::any)), nullptr);
    EXPECT_EQ(create(group(2, Origin::any)), nullptr);
}

TEST_F(StrictTablesTest, AnOriginEndsWithTheLastTableOfItsGroup) {
    const std::array patterns{make(tagged())};
    const std::array sets{make(TestActions().drop())};
    rte_flow_template_table* table =
        api().create_table(proxy, group(1, Origin::wire), patterns, sets, error);
    ASSERT_EQ(api().destroy_table(proxy, table, error), 0);
    EXPECT_NE(api().create_table(proxy, group(1, Origin::vport), patterns, sets, error), nullptr);
}

TEST_F(StrictTablesTest, UpTo32Templates) {
    std::vector<rte_flow_pattern_template*> patterns(32, make(tagged()));
    std::vector<rte_flow_actions_template*> sets(32, make(TestActions().drop()));
    const auto create = [&] { return api().create_table(proxy, group(1), patterns, sets, error); };
    EXPECT_NE(create(), nullptr);
    patterns.push_back(patterns[0]);
    EXPECT_EQ(create(), nullptr);
    EXPECT_EQ(message(), "wrong number of templates");
    patterns.pop_back();
    sets.push_back(sets[0]);
    EXPECT_EQ(create(), nullptr);
    sets.clear();
    EXPECT_EQ(create(), nullptr);
    sets.push_back(make(TestActions().drop()));
    patterns.clear();
    EXPECT_EQ(create(), nullptr);
    EXPECT_EQ(rte_errno, EINVAL);
}

TEST_F(StrictTablesTest, Group0MatchesThePort) {
    EXPECT_EQ(refused(group(0), tagged(), TestActions().drop()),
              "patterns of group 0 must match REPRESENTED_PORT");
    EXPECT_EQ(refused(group(0), TestPattern().port(vm), TestActions().drop()), "");
}

TEST_F(StrictTablesTest, DecapIsForTheWireAndEncapForVports) {
    EXPECT_EQ(refused(group(1, Origin::vport), tagged(), TestActions().decap().drop()),
              "decapsulation is for packets from the wire only");
    EXPECT_EQ(refused(group(1, Origin::wire), tagged(), TestActions().encap(50).drop()),
              "encapsulation is for packets from vports only");
    EXPECT_EQ(refused(group(1, Origin::wire), tagged(), TestActions().decap().drop()), "");
    EXPECT_EQ(refused(group(2, Origin::vport), tagged(), TestActions().encap(50).drop()), "");
    EXPECT_EQ(refused(group(3), tagged(), TestActions().decap().drop()), "");
    EXPECT_EQ(refused(group(3), tagged(), TestActions().encap(50).drop()), "");
}

TEST_F(StrictTablesTest, AnL3TunnelHasItsDirectionToo) {
    std::array<std::uint8_t, 70> octets{};
    rte_flow_action_raw_decap l2{}, tunnel{};
    l2.data = tunnel.data = octets.data();
    l2.size = 14;
    tunnel.size = 70;
    const auto encap = [&] {
        TestActions actions;
        return std::move(actions.add(RTE_FLOW_ACTION_TYPE_RAW_DECAP, l2, l2).encap(70).drop());
    };
    const auto decap = [&] {
        TestActions actions;
        return std::move(
            actions.add(RTE_FLOW_ACTION_TYPE_RAW_DECAP, tunnel, tunnel).encap(14).drop());
    };
    EXPECT_EQ(refused(group(1, Origin::wire), tagged(), encap()),
              "encapsulation is for packets from vports only");
    EXPECT_EQ(refused(group(1, Origin::vport), tagged(), decap()),
              "decapsulation is for packets from the wire only");
    EXPECT_EQ(refused(group(1, Origin::vport), tagged(), encap()), "");
    EXPECT_EQ(refused(group(2, Origin::wire), tagged(), decap()), "");
}

TEST_F(StrictTablesTest, NotFromWireToWire) {
    EXPECT_EQ(refused(group(1, Origin::wire), tagged(), TestActions().to_fixed_port(other_wire)),
              "wire to wire is not supported");
    EXPECT_EQ(refused(group(1, Origin::wire), tagged(), TestActions().to_fixed_port(vm)), "");
    EXPECT_EQ(refused(group(2, Origin::vport), tagged(), TestActions().to_fixed_port(other_wire)),
              "");
}

TEST_F(StrictTablesTest, TemplatesOutliveTheirTables) {
    rte_flow_pattern_template* pattern = make(tagged());
    rte_flow_actions_template* actions = make(TestActions().drop());
    rte_flow_template_table* table =
        api().create_table(proxy, group(1), std::array{pattern}, std::array{actions}, error);
    ASSERT_NE(table, nullptr);
    EXPECT_EQ(api().leaks(), 3U);
    EXPECT_EQ(api().destroy_pattern_template(proxy, pattern, error), -EBUSY);
    EXPECT_EQ(message(), "item template is in use");
    EXPECT_EQ(api().destroy_actions_template(proxy, actions, error), -EBUSY);
    EXPECT_EQ(message(), "action template is in use");
    EXPECT_EQ(api().destroy_table(proxy, table, error), 0);
    EXPECT_EQ(api().destroy_pattern_template(proxy, pattern, error), 0);
    EXPECT_EQ(api().destroy_actions_template(proxy, actions, error), 0);
    EXPECT_EQ(api().leaks(), 0U);
    EXPECT_TRUE(api().violations().empty());
}

TEST_F(StrictTablesTest, NoTableOfTemplatesThatAreGone) {
    rte_flow_pattern_template* pattern = make(tagged());
    rte_flow_actions_template* actions = make(TestActions().drop());
    ASSERT_EQ(api().destroy_pattern_template(proxy, pattern, error), 0);
    EXPECT_EQ(api().create_table(proxy, group(1), std::array{pattern}, std::array{actions}, error),
              nullptr);
    EXPECT_EQ(message(), "no such template");
    EXPECT_EQ(api().violations().size(), 1U);
}

TEST_F(StrictTablesTest, NothingIsDestroyedTwice) {
    rte_flow_pattern_template* pattern = make(tagged());
    rte_flow_actions_template* actions = make(TestActions().drop());
    rte_flow_template_table* table =
        api().create_table(proxy, group(1), std::array{pattern}, std::array{actions}, error);
    ASSERT_EQ(api().destroy_table(proxy, table, error), 0);
    EXPECT_EQ(api().destroy_table(proxy, table, error), -EINVAL);
    ASSERT_EQ(api().destroy_pattern_template(proxy, pattern, error), 0);
    EXPECT_EQ(api().destroy_pattern_template(proxy, pattern, error), -EINVAL);
    ASSERT_EQ(api().destroy_actions_template(proxy, actions, error), 0);
    EXPECT_EQ(api().destroy_actions_template(proxy, actions, error), -EINVAL);
    EXPECT_EQ(api().violations().size(), 3U);
}

class StrictFullTableTest : public StrictRuleTest {};

TEST_F(StrictFullTableTest, ATableOutlivesItsRules) {
    rte_flow* rule = install(table, tagged, dropping);
    EXPECT_EQ(api().destroy_table(proxy, table, error), -EBUSY);
    EXPECT_EQ(message(), "table is in use");
    ASSERT_EQ(destroy(rule), 0);
    // The driver frees the rule with the result.
    EXPECT_EQ(api().destroy_table(proxy, table, error), -EBUSY);
    drain();
    EXPECT_EQ(api().destroy_table(proxy, table, error), 0);
}

TEST_F(StrictFullTableTest, OneRuleMoreFailsWhenItCompletes) {
    rebuild_up({.full_table_fails_at_once = false});
    install(table, tagged, dropping);
    rte_flow* second = install(table, TestPattern().tag(2), dropping);
    rte_flow* third = create(table, TestPattern().tag(3), dropping);
    ASSERT_NE(third, nullptr);
    EXPECT_EQ(drain(), 1U);
    EXPECT_EQ(api().live_rules(), 2U);
    EXPECT_EQ(api().failed_handles(), 1U);
    ASSERT_EQ(destroy(third), 0);
    EXPECT_EQ(drain(), 0U);
    EXPECT_EQ(api().failed_handles(), 0U);
    ASSERT_EQ(destroy(second), 0);
    drain();
    install(table, TestPattern().tag(3), dropping);
}

TEST_F(StrictFullTableTest, OrAtOnce) {
    install(table, tagged, dropping);
    install(table, TestPattern().tag(2), dropping);
    EXPECT_EQ(create(table, TestPattern().tag(3), dropping), nullptr);
    EXPECT_EQ(rte_errno, ENOMEM);
    EXPECT_EQ(message(), "fail to create rte flow");
    EXPECT_EQ(api().outstanding(queue), 0U);
}

} // namespace
} // namespace sallyport::eswitch
