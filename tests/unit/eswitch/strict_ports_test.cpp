// SPDX-License-Identifier: BSD-3-Clause
// The order in which ports, the flow engine and the transfer proxy come up and go down.
#include "strict_fixture.h"

#include <cerrno>

#include <gtest/gtest.h>
#include <rte_errno.h>

namespace sallyport::eswitch {
namespace {

class StrictPortsTest : public StrictTest {};

TEST_F(StrictPortsTest, TheFirstWirePortIsTheProxyOfAll) {
    for (const std::uint16_t port : {proxy, other_wire, vm}) {
        std::uint16_t found = stranger;
        EXPECT_EQ(api().pick_transfer_proxy(port, found, error), 0);
        EXPECT_EQ(found, proxy);
    }
    std::uint16_t found = stranger;
    EXPECT_EQ(api().pick_transfer_proxy(stranger, found, error), -ENODEV);
}

TEST_F(StrictPortsTest, TheRightOrderIsTaken) {
    bring_up();
    for (const std::uint16_t port : {other_vm, vm, other_wire, proxy})
        EXPECT_EQ(api().stop_port(port), 0);
    EXPECT_EQ(api().violations(), std::vector<std::string>());
}

TEST_F(StrictPortsTest, ConfigureIsForStoppedPorts) {
    ASSERT_EQ(configure(proxy), 0);
    ASSERT_EQ(api().start_port(proxy), 0);
    EXPECT_EQ(configure(proxy), -EINVAL);
    EXPECT_EQ(rte_errno, EINVAL);
    EXPECT_EQ(configure(stranger), -ENODEV);
}

TEST_F(StrictPortsTest, ConfigureNeedsAQueueWithRoom) {
    EXPECT_EQ(configure(proxy, 0), -EINVAL);
    EXPECT_EQ(message(), "At least one flow queue is required");
    EXPECT_EQ(configure(proxy, 1, 0), -EINVAL);
}

TEST_F(StrictPortsTest, AConfigurationStaysWhatItIs) {
    ASSERT_EQ(configure(proxy, 2), 0);
    EXPECT_EQ(configure(proxy, 2), 0);
    EXPECT_EQ(configure(proxy, 3), -ENOTSUP);
    EXPECT_EQ(message(), "Changing HWS configuration attributes is not supported");
    attributes.nb_counters = 1000;
    EXPECT_EQ(configure(proxy, 2), -ENOTSUP);
}

TEST_F(StrictPortsTest, AgingNeedsCounters) {
    attributes.nb_counters = 0;
    EXPECT_EQ(configure(proxy), -EINVAL);
    EXPECT_EQ(message(), "Aging cannot work without counters");
}

TEST_F(StrictPortsTest, TheProxyStartsFirstAndStopsLast) {
    ASSERT_EQ(configure(proxy), 0);
    ASSERT_EQ(configure(vm), 0);
    EXPECT_EQ(api().start_port(vm), -EAGAIN);
    ASSERT_EQ(api().start_port(proxy), 0);
    ASSERT_EQ(api().start_port(vm), 0);
    EXPECT_EQ(api().stop_port(proxy), -EBUSY);
    EXPECT_EQ(api().stop_port(vm), 0);
    EXPECT_EQ(api().stop_port(proxy), 0);
    EXPECT_EQ(api().start_port(stranger), -ENODEV);
    EXPECT_EQ(api().stop_port(stranger), -ENODEV);
}

TEST_F(StrictPortsTest, EveryPortWantsToBeConfiguredBefore24_11) {
    ASSERT_EQ(configure(proxy), 0);
    ASSERT_EQ(api().start_port(proxy), 0);
    EXPECT_EQ(api().start_port(vm), -EINVAL);
    rebuild({.configure_every_port = false});
    ASSERT_EQ(configure(proxy), 0);
    ASSERT_EQ(api().start_port(proxy), 0);
    EXPECT_EQ(api().start_port(vm), 0);
}

TEST_F(StrictPortsTest, NothingIsMadeBeforeConfigure) {
    EXPECT_EQ(refused(TestPattern().tag(1)), "Flow engine on the port is not configured.");
    EXPECT_EQ(refused(TestActions().drop()), "Flow engine on the port is not configured.");
}

TEST_F(StrictPortsTest, EverythingIsMadeOnTheProxy) {
    bring_up();
    TestPattern pattern;
    pattern.tag(1);
    EXPECT_EQ(api().create_pattern_template(vm, pattern.items(), error), nullptr);
    EXPECT_EQ(message(), "transfer attribute cannot be used with port representors");
    EXPECT_EQ(rte_errno, EINVAL);
    TestActions actions;
    actions.drop();
    EXPECT_EQ(api().create_actions_template(other_wire, actions.actions(), actions.masks(), error),
              nullptr);
    EXPECT_EQ(message(), "transfer actions are only valid to proxy port");
    const std::array patterns{make(pattern)};
    const std::array sets{make(actions)};
    const TableAttributes attributes{.group = 1, .rules = 1};
    EXPECT_EQ(api().create_table(vm, attributes, patterns, sets, error), nullptr);
    rte_flow_template_table* table = api().create_table(proxy, attributes, patterns, sets, error);
    ASSERT_NE(table, nullptr) << message();
    EXPECT_EQ(api().create(vm, queue, false, table, pattern.items(), 0, actions.actions(), 0,
                           nullptr, error),
              nullptr);
    EXPECT_EQ(api().push(vm, queue, error), -EINVAL);
    EXPECT_EQ(api().push(stranger, queue, error), -ENODEV);
}

TEST_F(StrictPortsTest, TablesAreMadeAfterTheProxysStart) {
    ASSERT_EQ(configure(proxy), 0);
    const TableAttributes attributes{.group = 1, .rules = 1};
    EXPECT_EQ(refused(attributes, TestPattern().tag(1), TestActions().drop()),
              "table before the start of the proxy: groups are not translated");
    ASSERT_EQ(api().start_port(proxy), 0);
    EXPECT_EQ(refused(attributes, TestPattern().tag(1), TestActions().drop()), "");
}

TEST_F(StrictPortsTest, AJumpToGroup0IsToTheRootTableBeforeTheProxysStart) {
    ASSERT_EQ(configure(proxy), 0);
    EXPECT_EQ(refused(TestActions().jump(0)), "Unsupported action - jump to root table");
    EXPECT_NE(make(TestActions().jump(1)), nullptr);
    ASSERT_EQ(api().start_port(proxy), 0);
    EXPECT_TRUE(api().notes().empty());
    EXPECT_EQ(refused(TestActions().jump(0)), "");
    EXPECT_EQ(api().notes().size(), 1U);
}

class StrictStopTest : public StrictRuleTest {};

TEST_F(StrictStopTest, StoppingTheProxyFlushesTheRules) {
    rte_flow* rule = install(table, tagged, dropping);
    ASSERT_NE(create(table, TestPattern().tag(2), dropping, true), nullptr);
    EXPECT_EQ(wrapped().rules(), 1U);
    for (const std::uint16_t port : {other_vm, vm, other_wire, proxy})
        ASSERT_EQ(api().stop_port(port), 0);
    EXPECT_EQ(wrapped().rules(), 0U);
    EXPECT_EQ(api().live_rules(), 0U);
    EXPECT_EQ(api().outstanding(queue), 0U);
    // The two templates and the table stay.
    EXPECT_EQ(api().leaks(), 3U);
    EXPECT_EQ(destroy(rule), -EINVAL);
    EXPECT_EQ(message(), "Port is not started");
    ASSERT_EQ(api().start_port(proxy), 0);
    EXPECT_TRUE(api().violations().empty());
    EXPECT_EQ(destroy(rule), -EINVAL);
    EXPECT_EQ(api().violations().size(), 1U);
    EXPECT_EQ(api().destroy_table(proxy, table, error), 0);
}

} // namespace
} // namespace sallyport::eswitch
