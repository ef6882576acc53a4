// SPDX-License-Identifier: BSD-3-Clause
#include "failover/failover_record.h"

#include <set>

#include <gtest/gtest.h>

namespace sallyport::failover {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{1h};

std::uint64_t decide(FailoverHistory& history) {
    return history.decided({0, 1, Reason::link_down}, EventSource::kernel, start, start + 5us, {});
}

TEST(FailoverHistory, KeepsTheTimelineFromTheEventOn) {
    FailoverHistory history;
    const auto number = decide(history);
    EXPECT_EQ(number, 1U);
    EXPECT_TRUE(history.reach(number, Milestone::software_switched, start + 7us));
    EXPECT_TRUE(history.hardware_updated(number, {12, 2}, start + 10us, start + 350us));
    const FailoverRecord& record = history.records().back();
    EXPECT_EQ(record.what, (Switch{0, 1, Reason::link_down}));
    EXPECT_EQ(record.source, EventSource::kernel);
    EXPECT_EQ(record.after(Milestone::decided), 5us);
    EXPECT_EQ(record.after(Milestone::software_switched), 7us);
    EXPECT_EQ(record.after(Milestone::hardware_updated), 350us);
    EXPECT_EQ(record.hardware_rules.changed, 12U);
    EXPECT_EQ(record.hardware_rules.refused, 2U);
    EXPECT_EQ(record.hardware_time, 340us);
    EXPECT_EQ(record.after(Milestone::first_sent), std::nullopt);
}

TEST(FailoverHistory, TheFirstTimeCountsAndNoneBeforeTheEvent) {
    FailoverHistory history;
    const auto number = decide(history);
    EXPECT_FALSE(history.reach(number, Milestone::first_received, start - 1us));
    EXPECT_TRUE(history.reach(number, Milestone::first_received, start + 9us));
    EXPECT_FALSE(history.reach(number, Milestone::first_received, start + 11us));
    EXPECT_EQ(history.records().back().after(Milestone::first_received), 9us);
    EXPECT_TRUE(history.hardware_updated(number, {1, 0}, start, start + 1us));
    EXPECT_FALSE(history.hardware_updated(number, {2, 0}, start, start + 2us));
    EXPECT_EQ(history.records().back().hardware_rules.changed, 1U);
}

TEST(FailoverHistory, TheOldestMakesRoom) {
    FailoverHistory history(3);
    for (int i = 0; i < 5; ++i)
        decide(history);
    ASSERT_EQ(history.records().size(), 3U);
    EXPECT_EQ(history.records().front().number, 3U);
    EXPECT_EQ(history.records().back().number, 5U);
    for (const std::uint64_t gone : {0U, 1U, 2U, 6U})
        EXPECT_FALSE(history.reach(gone, Milestone::announced, start + 1us));
    EXPECT_TRUE(history.reach(4, Milestone::announced, start + 1us));
    EXPECT_EQ(history.records()[1].after(Milestone::announced), 1us);
    EXPECT_EQ(history.records()[2].after(Milestone::announced), std::nullopt);
}

TEST(FailoverRecord, NamesDiffer) {
    std::set<std::string_view> sources, milestones;
    for (int i = 0; i <= static_cast<int>(EventSource::request); ++i)
        sources.insert(to_string(static_cast<EventSource>(i)));
    EXPECT_EQ(sources.size(), 9U);
    EXPECT_EQ(to_string(EventSource::request), "operator");
    for (std::size_t i = 0; i < milestone_count; ++i)
        milestones.insert(to_string(static_cast<Milestone>(i)));
    EXPECT_EQ(milestones.size(), milestone_count);
    EXPECT_EQ(to_string(Milestone::first_received), "first packet in");
}

} // namespace
} // namespace sallyport::failover
