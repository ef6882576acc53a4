// SPDX-License-Identifier: BSD-3-Clause
// The strict double's queues: room, doorbells, late results and threads.
#include "strict_fixture.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rte_errno.h>

namespace sallyport::eswitch {
namespace {

class StrictQueuesTest : public StrictRuleTest {
  protected:
    StrictQueuesTest() { rebuild_up({}, 1000); }
    rte_flow* create_tag(std::uint32_t tag, bool postpone = false) {
        return create(table, TestPattern().tag(tag), dropping, postpone, tag);
    }
    static std::vector<std::uintptr_t> user_data(const std::vector<rte_flow_op_result>& results) {
        std::vector<std::uintptr_t> numbers;
        numbers.reserve(results.size());
        for (const rte_flow_op_result& result : results)
            numbers.push_back(reinterpret_cast<std::uintptr_t>(result.user_data));
        return numbers;
    }
};

TEST_F(StrictQueuesTest, AQueueThatDoesNotExist) {
    EXPECT_EQ(api().push(proxy, 2, error), -EINVAL);
    EXPECT_EQ(message(), "Incorrect flow queue");
    EXPECT_EQ(api().push(proxy, 1, error), 0);
}

TEST_F(StrictQueuesTest, RoomComesBackWithPulledResults) {
    std::vector<rte_flow*> rules;
    for (std::uint32_t i = 0; i < queue_size; ++i)
        rules.push_back(create_tag(i));
    EXPECT_EQ(create_tag(100), nullptr);
    EXPECT_EQ(rte_errno, EBUSY);
    EXPECT_EQ(message(), "No room in queue");
    // Of a full queue the state of the rules is not even looked at.
    EXPECT_EQ(destroy(rules[0]), -EBUSY);
    EXPECT_EQ(update(rules[0], dropping), -EBUSY);
    EXPECT_EQ(message(), "No room in queue");
    EXPECT_EQ(user_data(pull(2)), (std::vector<std::uintptr_t>{0, 1}));
    EXPECT_EQ(api().outstanding(queue), 2U);
    EXPECT_NE(create_tag(100), nullptr);
    EXPECT_EQ(user_data(pull()), (std::vector<std::uintptr_t>{2, 3, 100}));
    EXPECT_TRUE(pull().empty());
    EXPECT_TRUE(api().violations().empty());
}

TEST_F(StrictQueuesTest, QueuesHaveRoomOfTheirOwn) {
    for (std::uint32_t i = 0; i < queue_size; ++i)
        ASSERT_NE(create_tag(i), nullptr);
    EXPECT_NE(api().create(proxy, 1, false, table, tagged.rule().data(), 0, dropping.actions(), 0,
                           nullptr, error),
              nullptr);
    EXPECT_EQ(api().outstanding(1), 1U);
}

TEST_F(StrictQueuesTest, PostponedOperationsWaitForTheDoorbell) {
    ASSERT_NE(create_tag(1, true), nullptr);
    ASSERT_NE(create_tag(2, true), nullptr);
    EXPECT_TRUE(pull().empty());
    EXPECT_TRUE(wrapped().created.empty());
    EXPECT_EQ(push(), 0);
    EXPECT_EQ(wrapped().created.size(), 2U);
    EXPECT_EQ(user_data(pull()), (std::vector<std::uintptr_t>{1, 2}));
}

TEST_F(StrictQueuesTest, ALaterOperationRingsForThemToo) {
    ASSERT_NE(create_tag(1, true), nullptr);
    ASSERT_NE(create_tag(2), nullptr);
    EXPECT_EQ(user_data(pull()), (std::vector<std::uintptr_t>{1, 2}));
}

TEST_F(StrictQueuesTest, PostponedOperationsTakeRoom) {
    for (std::uint32_t i = 0; i < queue_size; ++i)
        ASSERT_NE(create_tag(i, true), nullptr);
    EXPECT_EQ(create_tag(100), nullptr);
    EXPECT_TRUE(pull().empty());
    EXPECT_EQ(push(), 0);
    EXPECT_EQ(pull().size(), queue_size);
}

TEST_F(StrictQueuesTest, UpdateAndDestroyArePostponedToo) {
    rte_flow* first = install(table, tagged, dropping);
    rte_flow* second = install(table, TestPattern().tag(2), dropping);
    ASSERT_EQ(api().update(proxy, queue, true, first, dropping.actions(), 0, nullptr, error), 0);
    ASSERT_EQ(destroy(second, true), 0);
    EXPECT_TRUE(pull().empty());
    EXPECT_TRUE(wrapped().updated.empty());
    EXPECT_EQ(wrapped().destroyed, 0U);
    EXPECT_EQ(push(), 0);
    EXPECT_EQ(wrapped().updated.size(), 1U);
    EXPECT_EQ(wrapped().destroyed, 1U);
    EXPECT_EQ(pull().size(), 2U);
}

TEST_F(StrictQueuesTest, TheCallersMemoryIsReadDuringTheCallOnly) {
    {
        TestPattern pattern;
        pattern.tag(7);
        TestActions actions;
        actions.drop();
        ASSERT_NE(create(table, pattern, actions, true), nullptr);
    }
    EXPECT_EQ(push(), 0);
    EXPECT_EQ(drain(), 0U);
}

TEST_F(StrictQueuesTest, WhatTheWrappedApiRefusesIsToldTwice) {
    wrapped().fail_next = true;
    rte_flow* rule = create_tag(1);
    EXPECT_EQ(drain(), 1U);
    EXPECT_EQ(api().violations().size(), 1U);
    EXPECT_EQ(api().failed_handles(), 1U);
    EXPECT_EQ(api().live_rules(), 0U);
    EXPECT_EQ(destroy(rule), 0);
}

class StrictLateQueuesTest : public StrictQueuesTest {
  protected:
    static StrictOptions late(std::uint64_t seed) {
        return {.completion = StrictOptions::Completion::late_and_mixed, .seed = seed};
    }
};

TEST_F(StrictLateQueuesTest, ResultsAreLateFewAndOutOfOrder) {
    bool late_one = false, few = false, mixed = false, done_before_told = false;
    bool told_otherwise = false;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        rebuild_up(late(seed), 1000);
        const std::size_t before = wrapped().created.size();
        for (std::uint32_t i = 0; i < queue_size; ++i)
            ASSERT_NE(create_tag(i), nullptr);
        std::vector<std::uintptr_t> order;
        while (api().outstanding(queue) != 0) {
            const auto numbers = user_data(pull());
            late_one |= numbers.empty();
            few |= !numbers.empty() && numbers.size() < queue_size;
            order.insert(order.end(), numbers.begin(), numbers.end());
            done_before_told |= wrapped().created.size() - before > order.size();
            ASSERT_LE(order.size(), wrapped().created.size() - before);
        }
        mixed |= !std::is_sorted(order.begin(), order.end());
        std::vector<std::uintptr_t> done;
        for (std::size_t i = before; i < wrapped().created.size(); ++i)
            done.push_back(reinterpret_cast<std::uintptr_t>(wrapped().created[i]));
        told_otherwise |= done != order;
        std::sort(order.begin(), order.end());
        EXPECT_EQ(order, (std::vector<std::uintptr_t>{0, 1, 2, 3}));
        EXPECT_EQ(api().live_rules(), queue_size);
    }
    EXPECT_TRUE(late_one);
    EXPECT_TRUE(few);
    EXPECT_TRUE(mixed);
    EXPECT_TRUE(told_otherwise);
    EXPECT_TRUE(done_before_told);
}

TEST_F(StrictLateQueuesTest, TheSameSeedIsTheSameDay) {
    const auto day = [this](std::uint64_t seed) {
        rebuild_up(late(seed), 1000);
        std::vector<std::vector<std::uintptr_t>> pulls;
        for (std::uint32_t i = 0; i < queue_size; ++i)
            EXPECT_NE(create_tag(i), nullptr);
        while (api().outstanding(queue) != 0)
            pulls.push_back(user_data(pull()));
        return pulls;
    };
    EXPECT_EQ(day(1), day(1));
    std::set<std::vector<std::vector<std::uintptr_t>>> days;
    for (std::uint64_t seed = 0; seed < 10; ++seed)
        days.insert(day(seed));
    EXPECT_GT(days.size(), 1U);
}

TEST_F(StrictLateQueuesTest, PostponedOperationsAreNeverDoneBeforeTheDoorbell) {
    rebuild_up(late(7), 1000);
    ASSERT_NE(create_tag(1, true), nullptr);
    for (unsigned i = 0; i < 100; ++i)
        EXPECT_TRUE(pull().empty());
    EXPECT_TRUE(wrapped().created.empty());
}

class StrictThreadsTest : public StrictQueuesTest {};

TEST_F(StrictThreadsTest, AQueueIsOneThreads) {
    EXPECT_EQ(push(), 0);
    std::thread([this] { EXPECT_EQ(push(), 0); }).join();
    EXPECT_EQ(api().violations(), std::vector<std::string>{"queue 0 was used from two threads"});
    std::thread([this] { EXPECT_TRUE(pull().empty()); }).join();
    EXPECT_EQ(api().violations().size(), 2U);
}

TEST_F(StrictThreadsTest, QueuesMayHaveThreadsOfTheirOwn) {
    EXPECT_EQ(push(), 0);
    std::thread([this] { EXPECT_EQ(api().push(proxy, 1, error), 0); }).join();
    EXPECT_TRUE(api().violations().empty());
}

TEST_F(StrictThreadsTest, AQueueMayBeHandedOver) {
    EXPECT_EQ(push(), 0);
    api().forget_threads();
    std::thread([this] { EXPECT_EQ(push(), 0); }).join();
    EXPECT_TRUE(api().violations().empty());
}

} // namespace
} // namespace sallyport::eswitch
