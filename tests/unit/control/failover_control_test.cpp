// SPDX-License-Identifier: BSD-3-Clause
#include "control/failover_control.h"
#include "fakes.h"

#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::control {
namespace {

using namespace std::chrono_literals;
using failover::Milestone;
using failover::Reason;
using failover::UplinkIndex;

class FailoverControlTest : public ::testing::Test {
  protected:
    failover::TimePoint now() const { return start_time + loop.now; }
    void link(UplinkIndex uplink, bool up) {
        control.link({uplink, up, failover::EventSource::kernel, now()});
    }
    FailoverControl::Environment environment() {
        return {.hardware = &hardware,
                .rules = [this] { return rules; },
                .first_packets = [this] { return first_packets; },
                .drain =
                    [this](auto uplink) {
                        drained = uplink;
                        active_when_drained = state.active_uplink();
                    },
                .now = [this] { return now(); }};
    }

    const failover::TimePoint start_time = failover::Clock::now();
    fakes::Loop loop;
    fakes::Path path, hardware;
    failover::RuleCounts rules;
    datapath::FirstPacketTimes first_packets;
    std::optional<UplinkIndex> drained;
    std::optional<UplinkIndex> active_when_drained;
    overlay::ForwardingState state{overlay::Limits{}, {&path, &hardware}};
    std::vector<std::optional<UplinkIndex>> told;
    std::vector<std::optional<UplinkIndex>> path_when_told;
    FailoverControl control{loop,
                            {"p0", "p1"},
                            {.primary = UplinkIndex{0},
                             .preempt = failover::Preempt::always,
                             .updelay = 500ms,
                             .hold_down_base = 0ms},
                            state,
                            [this](auto active) {
                                told.push_back(active);
                                path_when_told.push_back(
                                    path.last_put<overlay::UplinkRow>()->active);
                            },
                            environment()};
    using Told = std::vector<std::optional<UplinkIndex>>;
};

TEST_F(FailoverControlTest, ThePrimaryIsActiveAtTheStartWhenBothAreUp) {
    FailoverControl second(loop, {"p0", "p1"}, {.primary = 1}, state, {}, environment());
    ASSERT_TRUE(second.start({true, true}, {true, true}));
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
    EXPECT_EQ(second.switches(), 0U) << "the start is no failover";
    EXPECT_EQ(second.last_switch()->reason, Reason::start);
}

TEST_F(FailoverControlTest, WithoutALinkNoneIsActive) {
    ASSERT_TRUE(control.start({false, false}, {true, true}));
    EXPECT_EQ(state.active_uplink(), std::nullopt);
    EXPECT_TRUE(told.empty());
}

TEST_F(FailoverControlTest, ThePathIsSwitchedBeforeAnybodyIsTold) {
    ASSERT_TRUE(control.start({true, true}, {true, true}));
    link(0, false);
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
    EXPECT_EQ(told, (Told{0, 1}));
    EXPECT_EQ(path_when_told, told);
    EXPECT_EQ(control.switches(), 1U);
    EXPECT_EQ(control.history(1).switches_to, 1U);
    EXPECT_EQ(control.history(0).switches_to, 0U);
    EXPECT_EQ(control.last_switch()->reason, Reason::link_down);
}

TEST_F(FailoverControlTest, ABackupThatGoesSwitchesNothing) {
    ASSERT_TRUE(control.start({true, true}, {true, true}));
    auto before = path.changes.size();
    link(1, false);
    EXPECT_EQ(path.changes.size(), before);
    EXPECT_TRUE(control.history(1).last_change.has_value());
}

TEST_F(FailoverControlTest, BothDownAndBack) {
    ASSERT_TRUE(control.start({true, false}, {true, true}));
    link(0, false);
    EXPECT_EQ(state.active_uplink(), std::nullopt);
    link(1, true);
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
    EXPECT_EQ(told, (Told{0, std::nullopt, 1}));
}

TEST_F(FailoverControlTest, ARequestSwitchesToTheBackup) {
    ASSERT_TRUE(control.start({true, true}, {true, true}));
    auto done = control.request_switch();
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(done->to, UplinkIndex{1});
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
}

TEST_F(FailoverControlTest, TheUplinkThatWasLeftIsDrainedForAWhile) {
    ASSERT_TRUE(control.start({true, true}, {true, true}));
    EXPECT_EQ(drained, std::nullopt);
    ASSERT_TRUE(control.request_switch());
    EXPECT_EQ(drained, UplinkIndex{0});
    EXPECT_EQ(active_when_drained, UplinkIndex{0}) << "no moment without it";
    loop.turn(60ms);
    ASSERT_TRUE(control.request_switch());
    EXPECT_EQ(drained, UplinkIndex{1});
    loop.turn(60ms);
    EXPECT_EQ(drained, UplinkIndex{1}) << "the time starts over";
    loop.turn(40ms);
    EXPECT_EQ(drained, std::nullopt);
}

TEST_F(FailoverControlTest, WithoutAnActiveUplinkNoneIsDrained) {
    ASSERT_TRUE(control.start({true, true}, {true, true}));
    link(0, false);
    EXPECT_EQ(drained, UplinkIndex{0});
    link(1, false);
    EXPECT_EQ(drained, std::nullopt);
    link(1, true);
    EXPECT_EQ(drained, std::nullopt);
}

TEST_F(FailoverControlTest, ARefusalNamesTheUplinkAndWhatIsWrongWithIt) {
    ASSERT_TRUE(control.start({true, false}, {true, true}));
    auto refused = control.request_switch();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("p1: link down"), std::string::npos)
        << refused.error().message();
    link(1, true);
    ASSERT_TRUE(control.set_uplink("p1", false));
    refused = control.request_switch();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("p1: administrative"), std::string::npos);
    EXPECT_EQ(refused.error().remedy, "set uplink p1 up");
    EXPECT_EQ(state.active_uplink(), UplinkIndex{0});
}

TEST_F(FailoverControlTest, AnUplinkSetDownIsLeftAndTakenAgainWhenItIsTheLast) {
    ASSERT_TRUE(control.start({true, true}, {true, true}));
    ASSERT_TRUE(control.set_uplink("p0", false));
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
    ASSERT_TRUE(control.set_uplink("p1", false));
    EXPECT_EQ(state.active_uplink(), std::nullopt);
    ASSERT_TRUE(control.set_uplink("p0", true));
    EXPECT_EQ(state.active_uplink(), UplinkIndex{0});
}

TEST_F(FailoverControlTest, ARemovedUplinkIsLeftForGood) {
    ASSERT_TRUE(control.start({true, true}, {true, true}));
    control.link({0, false, failover::EventSource::bus, now(), true});
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
    EXPECT_EQ(control.last_switch()->reason, Reason::removed);
    EXPECT_EQ(control.records().back().source, failover::EventSource::bus);
    EXPECT_TRUE(control.history(0).last_change.has_value());
    EXPECT_FALSE(control.machine().is_present(0));
    link(0, true);
    loop.turn(1h);
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1}) << "the primary, but there no more";
    ASSERT_TRUE(control.set_uplink("p0", false));
    const auto refused = control.request_switch();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("p0: removed"), std::string::npos)
        << refused.error().message();
    EXPECT_EQ(refused.error().remedy, "restart the process when it is back");
    control.link({1, false, failover::EventSource::verbs, now(), true});
    EXPECT_EQ(state.active_uplink(), std::nullopt);
    EXPECT_EQ(control.last_switch()->reason, Reason::all_down);
}

TEST_F(FailoverControlTest, AnUnknownUplinkIsNamedWithThoseThereAre) {
    auto set = control.set_uplink("p7", true);
    ASSERT_FALSE(set);
    EXPECT_NE(set.error().message().find("p0, p1"), std::string::npos);
}

TEST_F(FailoverControlTest, WhatThePathRefusesIsTold) {
    ASSERT_TRUE(control.start({true, true}, {true, true}));
    path.refuse = [](const auto&) { return true; };
    EXPECT_FALSE(control.request_switch());
}

TEST_F(FailoverControlTest, ThePrimaryTakesTheTrafficBackWhenItsTimeHasCome) {
    ASSERT_TRUE(control.start({true, true}, {true, true}));
    link(0, false);
    loop.turn(1s);
    link(0, true);
    loop.turn(499ms);
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
    loop.turn(1ms);
    EXPECT_EQ(state.active_uplink(), UplinkIndex{0});
    EXPECT_EQ(control.last_switch()->reason, Reason::preempted);
    EXPECT_EQ(control.records().back().source, failover::EventSource::timer);
}

TEST_F(FailoverControlTest, APreemptionThatIsOverTakenByAnEventDoesNotCome) {
    ASSERT_TRUE(control.start({true, true}, {true, true}));
    link(0, false);
    link(0, true);
    loop.turn(400ms);
    link(0, false);
    loop.turn(10s);
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
    EXPECT_EQ(control.switches(), 1U);
}

TEST_F(FailoverControlTest, ADetectorsWordIsAsGoodAsALostLink) {
    ASSERT_TRUE(control.start({true, true}, {true, true}));
    control.detected(0, failover::Detector::probe, false);
    EXPECT_EQ(control.switches(), 0U);
    control.detected(0, failover::Detector::bfd, true);
    control.detected(0, failover::Detector::bfd, true);
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
    EXPECT_EQ(control.switches(), 1U);
    EXPECT_EQ(control.records().back().what.reason, Reason::bfd_down);
    EXPECT_EQ(control.records().back().source, failover::EventSource::bfd);
    const auto refused = control.request_switch();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("p0: bfd down"), std::string::npos);

    control.detected(1, failover::Detector::probe, true);
    EXPECT_EQ(state.active_uplink(), std::nullopt);
    control.detected(1, failover::Detector::probe, false);
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
    EXPECT_EQ(control.records().back().what.reason, Reason::reachable);
    EXPECT_EQ(control.records().back().source, failover::EventSource::probe);
}

TEST_F(FailoverControlTest, TheStartIsNoRecord) {
    ASSERT_TRUE(control.start({true, true}, {true, true}));
    EXPECT_TRUE(control.records().empty());
}

TEST_F(FailoverControlTest, ARecordTellsWhatHappenedWhen) {
    ASSERT_TRUE(control.start({true, true}, {true, true}));
    loop.turn(1s);
    const auto seen = now();
    // The event waits until the control thread gets to it; each rule takes the NIC a while.
    loop.turn(2ms);
    path.refuse = [this](const auto&) {
        loop.turn(1ms);
        return false;
    };
    hardware.refuse = [this](const auto&) {
        rules.changed += 3;
        ++rules.refused;
        loop.turn(5ms);
        return false;
    };
    control.link({0, false, failover::EventSource::driver, seen});
    control.reach(Milestone::announced, now());
    first_packets = {.sent = 7ms, .received = {}};

    ASSERT_EQ(control.records().size(), 1U);
    const failover::FailoverRecord& record = control.records().front();
    EXPECT_EQ(record.number, 1U);
    EXPECT_EQ(record.what, (failover::Switch{0, 1, Reason::link_down}));
    EXPECT_EQ(record.source, failover::EventSource::driver);
    EXPECT_EQ(record.after(Milestone::decided), 2ms);
    EXPECT_EQ(record.after(Milestone::software_switched), 3ms);
    EXPECT_EQ(record.after(Milestone::hardware_updated), 8ms);
    EXPECT_EQ(record.hardware_rules.changed, 3U);
    EXPECT_EQ(record.hardware_rules.refused, 1U);
    EXPECT_EQ(record.hardware_time, 5ms);
    EXPECT_EQ(record.after(Milestone::announced), 8ms);
    EXPECT_EQ(record.after(Milestone::first_sent), 10ms);
    EXPECT_EQ(record.after(Milestone::first_received), std::nullopt);
    EXPECT_EQ(record.after(Milestone::sas_moved), std::nullopt);
}

TEST_F(FailoverControlTest, FirstPacketsBelongToTheSwitchBeforeThem) {
    ASSERT_TRUE(control.start({true, true}, {true, true}));
    link(0, false);
    first_packets = {.sent = 1ms, .received = 2ms};
    // Nobody has asked for the record before the next switch.
    path.refuse = [this](const auto&) {
        first_packets = {};
        return false;
    };
    link(1, false);
    ASSERT_EQ(control.records().size(), 2U);
    EXPECT_EQ(control.records()[0].after(Milestone::first_sent), 1ms);
    EXPECT_EQ(control.records()[0].after(Milestone::first_received), 2ms);
    EXPECT_EQ(control.records()[1].after(Milestone::first_sent), std::nullopt);
}

} // namespace
} // namespace sallyport::control
