// SPDX-License-Identifier: BSD-3-Clause
// Failures that tests order from the strict double, and the counters that run out.
#include "strict_fixture.h"

#include <cerrno>

#include <gtest/gtest.h>
#include <rte_errno.h>

namespace sallyport::eswitch {
namespace {

constexpr Failure::When later = Failure::When::completion;

class StrictFaultsTest : public StrictRuleTest {
  protected:
    StrictFaultsTest() { rebuild_up({}, 1000); }
};

TEST_F(StrictFaultsTest, ACallFailsAsOftenAndAsLateAsOrdered) {
    api().fail_next(Operation::create, 2, {.code = ENOSPC, .message = "cold solder joint"}, 1);
    EXPECT_NE(create(table, tagged, dropping), nullptr);
    for (unsigned i = 0; i < 2; ++i) {
        EXPECT_EQ(create(table, tagged, dropping), nullptr);
        EXPECT_EQ(rte_errno, ENOSPC);
        EXPECT_EQ(message(), "cold solder joint");
    }
    EXPECT_NE(create(table, tagged, dropping), nullptr);
    EXPECT_EQ(api().outstanding(queue), 2U);
}

TEST_F(StrictFaultsTest, EveryOperationCanFail) {
    rte_flow* rule = install(table, tagged, dropping);
    for (const Operation operation :
         {Operation::configure, Operation::create_pattern_template,
          Operation::create_actions_template, Operation::create_table,
          Operation::destroy_pattern_template, Operation::destroy_actions_template,
          Operation::destroy_table, Operation::update, Operation::destroy, Operation::push,
          Operation::pull, Operation::query_count})
        api().fail_next(operation, 1);
    constexpr const char* injected = "injected failure";
    EXPECT_EQ(configure(proxy), -ENOMEM);
    EXPECT_EQ(refused(tagged), injected);
    EXPECT_EQ(refused(dropping), injected);
    EXPECT_EQ(refused({.group = 1, .rules = 1}, tagged, dropping), injected);
    EXPECT_EQ(api().destroy_pattern_template(proxy, make(tagged), error), -ENOMEM);
    EXPECT_EQ(api().destroy_actions_template(proxy, make(dropping), error), -ENOMEM);
    EXPECT_EQ(api().destroy_table(proxy, table, error), -ENOMEM);
    EXPECT_EQ(update(rule, dropping), -ENOMEM);
    EXPECT_EQ(destroy(rule), -ENOMEM);
    EXPECT_EQ(push(), -ENOMEM);
    rte_flow_op_result result{};
    EXPECT_EQ(api().pull(proxy, queue, std::span(&result, 1), error), -ENOMEM);
    rte_flow_query_count count{};
    EXPECT_EQ(api().query_count(proxy, rule, count, error), -ENOMEM);
    EXPECT_EQ(destroy(rule), 0);
    EXPECT_EQ(drain(), 0U);
    EXPECT_TRUE(api().violations().empty());
}

TEST_F(StrictFaultsTest, AFailedCreateLeavesAHandleToDestroy) {
    api().fail_next(Operation::create, 1, {.when = later});
    rte_flow* rule = create(table, tagged, dropping);
    ASSERT_NE(rule, nullptr);
    EXPECT_EQ(drain(), 1U);
    EXPECT_EQ(wrapped().rules(), 0U);
    EXPECT_EQ(api().failed_handles(), 1U);
    EXPECT_EQ(api().destroy_table(proxy, table, error), -EBUSY);
    EXPECT_EQ(update(rule, dropping), -EBUSY);
    EXPECT_EQ(destroy(rule), 0);
    EXPECT_EQ(drain(), 0U);
    EXPECT_EQ(api().failed_handles(), 0U);
    EXPECT_EQ(api().destroy_table(proxy, table, error), 0);
    EXPECT_TRUE(api().violations().empty());
}

TEST_F(StrictFaultsTest, AFailedUpdateLeavesTheOldRuleToDestroy) {
    rte_flow* rule = install(table, tagged, dropping);
    api().fail_next(Operation::update, 1, {.when = later});
    ASSERT_EQ(update(rule, dropping), 0);
    EXPECT_EQ(drain(), 1U);
    EXPECT_EQ(wrapped().rules(), 1U);
    EXPECT_EQ(api().failed_handles(), 1U);
    EXPECT_EQ(update(rule, dropping), -EBUSY);
    EXPECT_EQ(destroy(rule), 0);
    EXPECT_EQ(drain(), 0U);
    EXPECT_EQ(wrapped().rules(), 0U);
}

TEST_F(StrictFaultsTest, AFailedDestroyLeavesARuleAndNoHandle) {
    rte_flow* rule = install(table, tagged, dropping);
    api().fail_next(Operation::destroy, 1, {.when = later});
    ASSERT_EQ(destroy(rule), 0);
    EXPECT_EQ(drain(), 1U);
    EXPECT_EQ(wrapped().rules(), 1U);
    EXPECT_EQ(api().stranded_rules(), 1U);
    EXPECT_EQ(destroy(rule), -EINVAL);
    EXPECT_EQ(api().violations().size(), 1U);
    EXPECT_EQ(api().destroy_table(proxy, table, error), 0);
    EXPECT_EQ(api().stranded_rules(), 0U);
    EXPECT_EQ(wrapped().rules(), 0U);
}

TEST_F(StrictFaultsTest, FailuresByChanceComeWithTheSeed) {
    const auto failures = [this](std::uint64_t seed, double rate) {
        rebuild_up({.seed = seed}, 1000);
        api().fail_at_random(Operation::create, rate);
        std::string days;
        for (std::uint32_t i = 0; i < 200; ++i) {
            days += create(table, TestPattern().tag(i), dropping) == nullptr ? 'x' : '.';
            drain();
        }
        return days;
    };
    EXPECT_EQ(failures(1, 0).find('x'), std::string::npos);
    EXPECT_EQ(failures(1, 1).find('.'), std::string::npos);
    const std::string some = failures(1, 0.5);
    EXPECT_NE(some.find('x'), std::string::npos);
    EXPECT_NE(some.find('.'), std::string::npos);
    EXPECT_EQ(failures(1, 0.5), some);
    EXPECT_NE(failures(2, 0.5), some);
}

TEST_F(StrictFaultsTest, ADeadQueueSaysIo) {
    rte_flow* rule = install(table, tagged, dropping);
    ASSERT_NE(create(table, TestPattern().tag(2), dropping), nullptr);
    api().kill_queue(queue);
    EXPECT_EQ(create(table, tagged, dropping), nullptr);
    EXPECT_EQ(rte_errno, EIO);
    EXPECT_EQ(update(rule, dropping), -EIO);
    EXPECT_EQ(destroy(rule), -EIO);
    EXPECT_EQ(push(), -EIO);
    rte_flow_op_result result{};
    EXPECT_EQ(api().pull(proxy, queue, std::span(&result, 1), error), -EIO);
    EXPECT_EQ(api().push(proxy, 1, error), 0);
    // There is no way back but a restart of the port.
    for (const std::uint16_t port : {other_vm, vm, other_wire, proxy})
        ASSERT_EQ(api().stop_port(port), 0);
    ASSERT_EQ(api().start_port(proxy), 0);
    EXPECT_EQ(push(), 0);
    EXPECT_EQ(wrapped().rules(), 0U);
}

class StrictCountersTest : public StrictTest {
  protected:
    StrictCountersTest() { restart({}); }
    void restart(const StrictOptions& options) {
        rebuild(options);
        bring_up();
        actions = TestActions();
        actions.count().drop();
        table = make_table({.group = 1, .rules = 10}, TestPattern().tag(1), actions);
        ASSERT_NE(table, nullptr);
    }
    rte_flow* counted(std::uint32_t tag) { return create(table, TestPattern().tag(tag), actions); }

    TestActions actions{};
    rte_flow_template_table* table = nullptr;
};

TEST_F(StrictCountersTest, ThereAreAsManyAsConfigured) {
    rte_flow* first = counted(1);
    ASSERT_NE(first, nullptr);
    ASSERT_NE(counted(2), nullptr);
    EXPECT_EQ(counted(3), nullptr);
    // mlx5 has no errno of its own for it.
    EXPECT_EQ(rte_errno, EINVAL);
    EXPECT_EQ(message(), "fail to create rte flow");
    drain();
    ASSERT_EQ(destroy(first), 0);
    EXPECT_EQ(counted(3), nullptr);
    drain();
    EXPECT_NE(counted(3), nullptr);
    EXPECT_TRUE(api().violations().empty());
}

TEST_F(StrictCountersTest, FreedOnesMayWaitForTheServiceThread) {
    restart({.counters_wait_for_service = true});
    rte_flow* first = counted(1);
    ASSERT_NE(counted(2), nullptr);
    drain();
    ASSERT_EQ(destroy(first), 0);
    drain();
    EXPECT_EQ(counted(3), nullptr);
    api().service_cycle();
    EXPECT_NE(counted(3), nullptr);
}

TEST_F(StrictCountersTest, AnUpdateTakesAnotherAndThenGivesTheOldBack) {
    rte_flow* first = counted(1);
    drain();
    ASSERT_EQ(update(first, actions), 0);
    EXPECT_EQ(counted(2), nullptr);
    drain();
    EXPECT_NE(counted(2), nullptr);
    EXPECT_EQ(counted(3), nullptr);
    drain();
    EXPECT_EQ(update(first, actions), -EINVAL);
}

TEST_F(StrictCountersTest, AgingTakesACounterAndAnAgingObject) {
    TestActions aging;
    aging.age().drop();
    rte_flow_template_table* ages =
        make_table({.group = 1, .rules = 10}, TestPattern().tag(1), aging);
    rte_flow* first = create(ages, TestPattern().tag(1), aging);
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(create(ages, TestPattern().tag(2), aging), nullptr);
    EXPECT_NE(counted(1), nullptr);
    EXPECT_EQ(counted(2), nullptr);
    drain();
    ASSERT_EQ(destroy(first), 0);
    drain();
    EXPECT_NE(create(ages, TestPattern().tag(2), aging), nullptr);
}

TEST_F(StrictCountersTest, ASharedCounterIsNotTheRules) {
    rte_flow_action_count shared{};
    shared.id = 1;
    TestActions sharing;
    sharing.add(RTE_FLOW_ACTION_TYPE_COUNT, shared, shared).drop();
    rte_flow_template_table* other =
        make_table({.group = 1, .rules = 10}, TestPattern().tag(1), sharing);
    for (std::uint32_t i = 0; i < 3; ++i)
        EXPECT_NE(create(other, TestPattern().tag(i), sharing), nullptr);
}

TEST_F(StrictCountersTest, OnlyRulesWithOneHaveACount) {
    rte_flow* rule = counted(1);
    rte_flow_query_count count{};
    EXPECT_EQ(api().query_count(proxy, rule, count, error), 0);
    EXPECT_EQ(count.hits, 7U);
    TestActions plain;
    plain.drop();
    rte_flow_template_table* other =
        make_table({.group = 1, .rules = 1}, TestPattern().tag(1), plain);
    rte_flow* uncounted = create(other, TestPattern().tag(1), plain);
    EXPECT_EQ(api().query_count(proxy, uncounted, count, error), -EINVAL);
    EXPECT_EQ(message(), "counters are not available");
}

TEST_F(StrictCountersTest, ARuleThatFailedCountsNothing) {
    api().fail_next(Operation::create, 1, {.when = Failure::When::completion});
    rte_flow* rule = counted(1);
    drain();
    rte_flow_query_count count{};
    count.hits = 9;
    EXPECT_EQ(api().query_count(proxy, rule, count, error), 0);
    EXPECT_EQ(count.hits, 0U);
}

} // namespace
} // namespace sallyport::eswitch
