// SPDX-License-Identifier: BSD-3-Clause
#include "failover/reachability_probe.h"

#include <gtest/gtest.h>

namespace sallyport::failover {
namespace {

using namespace std::chrono_literals;
using Addresses = std::vector<net::IpAddress>;

const net::IpAddress one = *net::IpAddress::parse("192.0.2.1");
const net::IpAddress two = *net::IpAddress::parse("2001:db8::2");

class ReachabilityProbeTest : public testing::Test {
  protected:
    TimePoint now_{1h};
    ReachabilityProbe make(bool all_targets) {
        ReachabilityProbe probe({.interval = 10ms, .missed_max = 3, .all_targets = all_targets});
        probe.set_targets(Addresses{one, two});
        probe.link(true, now_);
        return probe;
    }
    /// Probes the given number of times; @p answers does each time.
    void run(ReachabilityProbe& probe, int times, const Addresses& answers) {
        for (int i = 0; i < times; ++i) {
            now_ = probe.next_deadline().value();
            probe.due(now_);
            for (const auto& address : answers)
                EXPECT_TRUE(probe.reply(address));
        }
    }
};

TEST_F(ReachabilityProbeTest, ProbesEachTargetEachInterval) {
    ReachabilityProbe probe = make(false);
    EXPECT_EQ(probe.next_deadline(), now_);
    EXPECT_EQ(probe.due(now_), (Addresses{one, two}));
    EXPECT_EQ(probe.due(now_), Addresses{});
    EXPECT_EQ(probe.next_deadline(), now_ + 10ms);
    EXPECT_EQ(probe.due(now_ + 10ms - 1us), Addresses{});
    EXPECT_EQ(probe.due(now_ + 10ms), (Addresses{one, two}));
}

TEST_F(ReachabilityProbeTest, IsSilentWithoutALinkOrWithoutTargets) {
    ReachabilityProbe probe({});
    probe.set_targets(Addresses{one});
    EXPECT_EQ(probe.next_deadline(), std::nullopt);
    EXPECT_EQ(probe.due(now_), Addresses{});
    probe.link(true, now_);
    probe.set_targets({});
    EXPECT_EQ(probe.next_deadline(), std::nullopt);
    EXPECT_FALSE(probe.failed());
}

TEST_F(ReachabilityProbeTest, ATargetIsLostAfterSoManyProbesInARow) {
    ReachabilityProbe probe = make(false);
    run(probe, 3, {});
    EXPECT_EQ(probe.targets()[0].missed, 2U);
    EXPECT_FALSE(probe.failed()) << "the third may still be answered";
    run(probe, 1, {});
    EXPECT_TRUE(probe.failed());
}

TEST_F(ReachabilityProbeTest, AnAnswerStartsTheCountOver) {
    ReachabilityProbe probe = make(false);
    run(probe, 3, {});
    EXPECT_TRUE(probe.reply(one));
    run(probe, 3, {});
    EXPECT_TRUE(probe.targets()[1].lost);
    EXPECT_FALSE(probe.targets()[0].lost);
    run(probe, 1, {});
    EXPECT_TRUE(probe.targets()[0].lost);
    EXPECT_TRUE(probe.reply(one)) << "late, but there";
    EXPECT_FALSE(probe.targets()[0].lost);
}

TEST_F(ReachabilityProbeTest, AnyTargetOrAll) {
    ReachabilityProbe any = make(false), all = make(true);
    run(any, 5, {one});
    EXPECT_FALSE(any.failed());
    run(any, 4, {});
    EXPECT_TRUE(any.failed());
    run(any, 1, {two});
    EXPECT_FALSE(any.failed());
    now_ = TimePoint(1h);
    run(all, 4, {one, two});
    EXPECT_FALSE(all.failed());
    run(all, 4, {one});
    EXPECT_TRUE(all.failed());
    run(all, 1, {two});
    EXPECT_FALSE(all.failed());
}

TEST_F(ReachabilityProbeTest, AnUplinkThatGetsItsLinkBackHasToProveItself) {
    ReachabilityProbe probe = make(false);
    run(probe, 1, {one, two});
    probe.link(false, now_);
    EXPECT_EQ(probe.next_deadline(), std::nullopt);
    probe.link(true, now_ + 1s);
    EXPECT_TRUE(probe.failed());
    EXPECT_EQ(probe.next_deadline(), now_ + 1s) << "at once";
    run(probe, 1, {two});
    EXPECT_FALSE(probe.failed());
}

TEST_F(ReachabilityProbeTest, ALinkToldTwiceChangesNothing) {
    ReachabilityProbe probe = make(false);
    run(probe, 1, {});
    probe.link(true, now_ + 1ms);
    EXPECT_EQ(probe.next_deadline(), now_ + 10ms);
}

TEST_F(ReachabilityProbeTest, APauseOfOursLosesNobody) {
    ReachabilityProbe probe = make(false);
    run(probe, 1, {});
    now_ += 10s;
    probe.due(now_);
    EXPECT_EQ(probe.due(now_), Addresses{});
    EXPECT_EQ(probe.targets()[0].missed, 1U);
    EXPECT_FALSE(probe.failed());
}

TEST_F(ReachabilityProbeTest, NewTargetsLeaveTheOthersAsTheyAre) {
    ReachabilityProbe probe = make(true);
    run(probe, 4, {two});
    EXPECT_TRUE(probe.failed());
    const net::IpAddress three = *net::IpAddress::parse("192.0.2.3");
    probe.set_targets(Addresses{three, one});
    EXPECT_TRUE(probe.failed());
    EXPECT_FALSE(probe.targets()[0].lost);
    EXPECT_TRUE(probe.targets()[1].lost);
    EXPECT_FALSE(probe.reply(two)) << "no target any more";
    probe.set_targets(Addresses{three});
    EXPECT_FALSE(probe.failed());
}

} // namespace
} // namespace sallyport::failover
