// SPDX-License-Identifier: BSD-3-Clause
// Groups, tables, priorities and origins; rules that come, change and go; queues; misuse.
#include "model_helpers.h"

#include <array>

namespace sallyport::eswitch {
namespace {

using Fate = ModelVerdict::Fate;

class ModelFlowApiTest : public ModelTest {
  public:
    /// Takes all results off queue 0.
    std::vector<void*> pull_user_data() {
        std::array<rte_flow_op_result, queue_size> results{};
        const int count = model.pull(proxy, 0, results, error);
        std::vector<void*> data;
        for (int i = 0; i < count; ++i) {
            EXPECT_EQ(results[static_cast<std::size_t>(i)].status, RTE_FLOW_OP_SUCCESS);
            data.push_back(results[static_cast<std::size_t>(i)].user_data);
        }
        return data;
    }
};

TEST_F(ModelFlowApiTest, TheFirstUplinkIsTheProxyOfAll) {
    std::uint16_t found = 99;
    for (const std::uint16_t port : {proxy, uplink, vm, other_vm}) {
        EXPECT_EQ(model.pick_transfer_proxy(port, found, error), 0);
        EXPECT_EQ(found, proxy);
    }
    EXPECT_EQ(model.pick_transfer_proxy(77, found, error), -ENODEV);
}

TEST_F(ModelFlowApiTest, AMissGoesToTheCpuWithThePacketAsItIsThen) {
    const ModelVerdict first = model.run(vm, vm_frame());
    EXPECT_EQ(first.fate, Fate::cpu);
    EXPECT_EQ(first.packet, vm_frame());
    ASSERT_EQ(first.steps.size(), 1U);
    EXPECT_EQ(first.steps[0].rule, nullptr);
    rte_flow* const rule = add(Items().eth(), Actions().decapsulate().jump(3));
    const ModelVerdict second = model.run(uplink, in_vxlan(vm_frame()));
    EXPECT_EQ(second.fate, Fate::cpu);
    EXPECT_EQ(second.packet, vm_frame());
    ASSERT_EQ(second.steps.size(), 2U);
    EXPECT_EQ(second.steps[0].rule, rule);
    EXPECT_EQ(second.steps[1].group, 3U);
}

TEST_F(ModelFlowApiTest, LowerPriorityIsTriedFirst) {
    add(group(0, 5), Items().eth(), Actions().to_port(2));
    add(group(0, 1), Items().eth_to(testing::mac(2)), Actions().to_port(3));
    add(group(0, 9), Items().eth(), Actions().drop());
    EXPECT_EQ(model.run(vm, vm_frame()).port, 3);
    Octets other = vm_frame();
    other[5] = 7;
    EXPECT_EQ(model.run(vm, other).port, 2);
}

TEST_F(ModelFlowApiTest, OfRulesOfOneTableTheLastOneMadeWins) {
    Items items = Items().eth();
    Actions to_two = Actions().to_port(2), to_three = Actions().to_port(3);
    rte_flow_template_table* const table = add_table(group(0), items, to_two);
    rte_flow* const first = add_rule(table, items, to_two);
    rte_flow* const second = add_rule(table, items, to_three);
    rte_flow* const third = add_rule(table, items, to_two);
    EXPECT_EQ(model.run(vm, vm_frame()).steps[0].rule, third);
    const auto destroy = [&](rte_flow* rule) {
        ASSERT_EQ(model.destroy(proxy, 0, false, rule, nullptr, error), 0);
    };
    // From the middle, the end and alone.
    destroy(second);
    EXPECT_EQ(model.run(vm, vm_frame()).steps[0].rule, third);
    destroy(third);
    EXPECT_EQ(model.run(vm, vm_frame()).steps[0].rule, first);
    destroy(first);
    EXPECT_EQ(model.run(vm, vm_frame()).fate, Fate::cpu);
    EXPECT_EQ(model.rules(), 0U);
}

TEST_F(ModelFlowApiTest, TemplatesOfATableAreEqual) {
    Items by_mac = Items().eth_to(testing::mac(2)), any = Items().eth();
    Actions two = Actions().to_port(2), drop = Actions().drop();
    const std::array patterns{model.create_pattern_template(proxy, by_mac.whole(), error),
                              model.create_pattern_template(proxy, any.whole(), error)};
    const std::array actions{
        model.create_actions_template(proxy, two.actions(), two.masks(), error),
        model.create_actions_template(proxy, drop.actions(), drop.masks(), error)};
    rte_flow_template_table* const table =
        model.create_table(proxy, group(0), patterns, actions, error);
    const auto create = [&](Items& items, std::uint8_t pattern, Actions& own, std::uint8_t index) {
        return model.create(proxy, 0, false, table, items.specs(), pattern, own.actions(), index,
                            nullptr, error);
    };
    ASSERT_NE(create(by_mac, 0, two, 0), nullptr) << error.message;
    EXPECT_EQ(model.run(vm, vm_frame()).port, 2);
    ASSERT_NE(create(any, 1, drop, 1), nullptr) << error.message;
    EXPECT_EQ(model.run(vm, vm_frame()).fate, Fate::drop);
    EXPECT_EQ(create(any, 2, drop, 1), nullptr);
    EXPECT_EQ(create(any, 1, drop, 2), nullptr);
    EXPECT_EQ(create(any, 0, drop, 1), nullptr);
    EXPECT_STREQ(error.message, "item 0 of the rule has no spec");
    EXPECT_EQ(create(any, 1, two, 1), nullptr);
    EXPECT_STREQ(error.message, "action 0 is not of the template's type");
}

TEST_F(ModelFlowApiTest, AnOriginHidesTablesFromTheOthersPackets) {
    for (const Origin origin : {Origin::any, Origin::wire, Origin::vport}) {
        ModelFlowApiTest alone;
        alone.add(group(0, 0, origin), Items().eth(), Actions().drop());
        EXPECT_EQ(alone.model.run(uplink, vm_frame()).fate == Fate::drop, origin != Origin::vport);
        EXPECT_EQ(alone.model.run(vm, vm_frame()).fate == Fate::drop, origin != Origin::wire);
    }
}

TEST_F(ModelFlowApiTest, AGroupHasOneOrigin) {
    Items items = Items().eth();
    Actions actions = Actions().drop();
    add(group(4, 0, Origin::wire), items, actions);
    const std::array pattern{model.create_pattern_template(proxy, items.whole(), error)};
    const std::array action{
        model.create_actions_template(proxy, actions.actions(), actions.masks(), error)};
    EXPECT_EQ(model.create_table(proxy, group(4, 1), pattern, action, error), nullptr);
    EXPECT_NE(model.create_table(proxy, group(4, 1, Origin::wire), pattern, action, error),
              nullptr);
}

TEST_F(ModelFlowApiTest, GoingRoundInCirclesEnds) {
    add(group(0), Items().eth(), Actions().jump(1));
    add(group(1), Items().eth(), Actions().jump(0));
    const ModelVerdict verdict = model.run(vm, vm_frame());
    EXPECT_EQ(verdict.fate, Fate::drop);
    EXPECT_EQ(verdict.steps.size(), 64U);
}

TEST_F(ModelFlowApiTest, NoPortNoWay) {
    add(Items().eth(), Actions().to_port(2));
    EXPECT_EQ(model.run(77, vm_frame()).fate, Fate::drop);
    EXPECT_TRUE(model.run(77, vm_frame()).steps.empty());
}

TEST_F(ModelFlowApiTest, ResultsComeInTheOrderOfCalling) {
    Items items = Items().eth();
    Actions actions = Actions().to_port(2), other = Actions().to_port(3);
    rte_flow_template_table* const table = add_table(group(0), items, actions);
    int marks[4];
    rte_flow* const rule = model.create(proxy, 0, true, table, items.specs(), 0, actions.actions(),
                                        0, &marks[0], error);
    ASSERT_EQ(model.update(proxy, 0, true, rule, other.actions(), 0, &marks[1], error), 0);
    EXPECT_EQ(model.run(vm, vm_frame()).port, 3);
    EXPECT_EQ(model.run(vm, vm_frame()).steps[0].user_data, &marks[0]);
    ASSERT_EQ(model.destroy(proxy, 0, true, rule, &marks[2], error), 0);
    ASSERT_EQ(model.push(proxy, 0, error), 0);
    std::array<rte_flow_op_result, 2> two{};
    ASSERT_EQ(model.pull(proxy, 0, two, error), 2);
    EXPECT_EQ(two[0].user_data, &marks[0]);
    EXPECT_EQ(two[1].user_data, &marks[1]);
    EXPECT_EQ(pull_user_data(), std::vector<void*>{&marks[2]});
    EXPECT_TRUE(pull_user_data().empty());
    EXPECT_EQ(model.pull(proxy, 1, two, error), 0);
    EXPECT_EQ(model.pull(proxy, 2, two, error), -EINVAL);
}

TEST_F(ModelFlowApiTest, AnUpdateTakesANewCounter) {
    Items items = Items().eth();
    Actions actions = Actions().count().to_port(2);
    rte_flow* const rule = add(items, actions);
    (void)model.run(vm, vm_frame());
    ASSERT_EQ(model.update(proxy, 0, false, rule, actions.actions(), 0, nullptr, error), 0);
    (void)model.run(vm, vm_frame());
    rte_flow_query_count count{};
    ASSERT_EQ(model.query_count(proxy, rule, count, error), 0);
    EXPECT_EQ(count.hits, 1U);
}

TEST_F(ModelFlowApiTest, AFullQueueIsBusyUntilItIsPulled) {
    Items items = Items().eth();
    Actions actions = Actions().drop();
    TableAttributes roomy = group(0);
    roomy.rules = 100;
    rte_flow_template_table* const table = add_table(roomy, items, actions);
    const auto create = [&] {
        return model.create(proxy, 0, false, table, items.specs(), 0, actions.actions(), 0, nullptr,
                            error);
    };
    for (unsigned i = 0; i < queue_size; ++i)
        ASSERT_NE(create(), nullptr);
    EXPECT_EQ(create(), nullptr);
    EXPECT_EQ(describe(error, 0), "the queue is full (Device or resource busy)");
    EXPECT_EQ(pull_all(), queue_size);
    EXPECT_NE(create(), nullptr);
    EXPECT_EQ(model.rules(), queue_size + 1U);
}

TEST_F(ModelFlowApiTest, ATableHoldsAsManyAsItSaid) {
    Items items = Items().eth();
    Actions actions = Actions().drop();
    rte_flow_template_table* const table = add_table(group(0), items, actions);
    for (unsigned i = 0; i < group(0).rules; ++i)
        add_rule(table, items, actions);
    EXPECT_EQ(model.create(proxy, 0, false, table, items.specs(), 0, actions.actions(), 0, nullptr,
                           error),
              nullptr);
    EXPECT_STREQ(error.message, "the table is full");
}

TEST_F(ModelFlowApiTest, NothingInUseIsDestroyed) {
    Items items = Items().eth();
    Actions actions = Actions().drop();
    rte_flow_pattern_template* const pattern =
        model.create_pattern_template(proxy, items.whole(), error);
    rte_flow_actions_template* const action =
        model.create_actions_template(proxy, actions.actions(), actions.masks(), error);
    rte_flow_template_table* const table =
        model.create_table(proxy, group(0), std::array{pattern}, std::array{action}, error);
    rte_flow* const rule = add_rule(table, items, actions);
    EXPECT_EQ(model.destroy_table(proxy, table, error), -EBUSY);
    EXPECT_EQ(model.destroy_pattern_template(proxy, pattern, error), -EBUSY);
    EXPECT_EQ(model.destroy_actions_template(proxy, action, error), -EBUSY);
    EXPECT_EQ(model.destroy(proxy, 0, false, rule, nullptr, error), 0);
    EXPECT_EQ(model.destroy_table(proxy, table, error), 0);
    EXPECT_EQ(model.destroy_pattern_template(proxy, pattern, error), 0);
    EXPECT_EQ(model.destroy_actions_template(proxy, action, error), 0);
    EXPECT_EQ(model.destroy_pattern_template(proxy, pattern, error), -EINVAL);
}

TEST_F(ModelFlowApiTest, OnlyTheProxyTakesTransferObjects) {
    EXPECT_EQ(model.configure(uplink, {}, 1, 1, error), 0);
    EXPECT_EQ(model.create_pattern_template(uplink, Items().eth().whole(), error), nullptr);
    ModelFlowApi unready;
    unready.add_port(0, ModelFlowApi::PortKind::wire);
    EXPECT_EQ(unready.create_pattern_template(0, Items().eth().whole(), error), nullptr);
    EXPECT_STREQ(error.message, "the port is not configured");
}

TEST_F(ModelFlowApiTest, ARuleToNowhereIsRefused) {
    Items items = Items().eth();
    Actions actions = Actions().to_port(2), nowhere = Actions().to_port(77);
    rte_flow_template_table* const table = add_table(group(0), items, actions);
    EXPECT_EQ(model.create(proxy, 0, false, table, items.specs(), 0, nowhere.actions(), 0, nullptr,
                           error),
              nullptr);
    EXPECT_EQ(model.rules(), 0U);
}

TEST_F(ModelFlowApiTest, ManyRulesAreFoundByTheirKeys) {
    constexpr unsigned many = 20000;
    Items items = Items().eth().ipv4_to(ip("10.0.0.0"));
    Actions actions = Actions().set_tag(0).to_port(2);
    TableAttributes roomy = group(0);
    roomy.rules = many;
    rte_flow_template_table* const table = add_table(roomy, items, actions);
    const auto address = [](unsigned i) {
        net::IpAddress made = ip("10.0.0.0");
        made.octets[2] = static_cast<std::uint8_t>(i >> 8);
        made.octets[3] = static_cast<std::uint8_t>(i);
        return made;
    };
    for (unsigned i = 0; i < many; ++i) {
        Items own = Items().eth().ipv4_to(address(i));
        Actions tag = Actions().set_tag(i).to_port(2);
        add_rule(table, own, tag);
    }
    for (unsigned i = 0; i < many; i += 777) {
        testing::InnerFrame frame{.destination = testing::mac(2), .source = testing::mac(1)};
        frame.destination_ip = address(i);
        const ModelVerdict verdict = model.run(vm, testing::make_frame(frame));
        EXPECT_EQ(verdict.steps.at(0).tag, i);
    }
}

} // namespace
} // namespace sallyport::eswitch
