// SPDX-License-Identifier: BSD-3-Clause
#include "failover/state_machine.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace sallyport::failover {
namespace {

constexpr auto none = std::optional<UplinkIndex>();
using Uplink = std::optional<UplinkIndex>;

std::optional<Switch> switched(Uplink from, Uplink to, Reason reason) {
    return Switch{from, to, reason};
}

constexpr TimePoint t0{std::chrono::hours(1)};

StateMachineSettings by(UplinkIndex primary) {
    return {.primary = primary};
}

StateMachine both_up(const StateMachineSettings& settings) {
    StateMachine machine(settings);
    machine.links({true, true}, t0);
    return machine;
}

StateMachine both_up(UplinkIndex primary) {
    return both_up(by(primary));
}

TEST(StateMachine, StartsWithoutActiveUplink) {
    const StateMachine machine(by(0));
    EXPECT_EQ(machine.active(), none);
    EXPECT_FALSE(machine.usable(0));
    EXPECT_FALSE(machine.usable(1));
    EXPECT_TRUE(machine.administratively_up(0));
    EXPECT_TRUE(machine.administratively_up(1));
}

TEST(StateMachine, PrefersPrimaryWhenBothComeAtOnce) {
    for (UplinkIndex primary : {0, 1}) {
        StateMachine machine(by(primary));
        EXPECT_EQ(machine.links({true, true}, t0), switched(none, primary, Reason::start));
        EXPECT_EQ(machine.active(), primary);
    }
}

TEST(StateMachine, TakesTheOnlyUsableOneThoughNotPrimary) {
    StateMachine machine(by(0));
    EXPECT_EQ(machine.link(1, true, t0), switched(none, 1, Reason::start));
}

TEST(StateMachine, BothDownAtStartIsNoSwitch) {
    StateMachine machine(by(0));
    EXPECT_EQ(machine.links({false, false}, t0), std::nullopt);
    EXPECT_EQ(machine.link(0, false, t0), std::nullopt);
}

TEST(StateMachine, PrimaryComingBackDoesNotPreempt) {
    StateMachine machine(by(0));
    machine.link(1, true, t0);
    EXPECT_EQ(machine.link(0, true, t0), std::nullopt);
    EXPECT_EQ(machine.active(), Uplink(1));
}

TEST(StateMachine, ActiveLinkLossSwitchesToBackup) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.link(0, false, t0), switched(0, 1, Reason::link_down));
    EXPECT_EQ(machine.active(), Uplink(1));
    EXPECT_FALSE(machine.link_up(0));
}

TEST(StateMachine, BackupLinkLossChangesNothing) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.link(1, false, t0), std::nullopt);
    EXPECT_EQ(machine.active(), Uplink(0));
}

TEST(StateMachine, LosingTheLastUplinkLeavesNone) {
    StateMachine machine = both_up(0);
    machine.link(1, false, t0);
    EXPECT_EQ(machine.link(0, false, t0), switched(0, none, Reason::all_down));
    EXPECT_EQ(machine.active(), none);
}

TEST(StateMachine, LosingBothAtOnceLeavesNone) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.links({false, false}, t0), switched(0, none, Reason::all_down));
}

TEST(StateMachine, BothLinksToldAtOnceSwitchLikeOne) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.links({false, true}, t0), switched(0, 1, Reason::link_down));
    machine.links({false, false}, t0);
    EXPECT_EQ(machine.links({true, true}, t0), switched(none, 0, Reason::link_up));
}

TEST(StateMachine, FirstLinkBackAfterAllDownTakesOver) {
    StateMachine machine = both_up(0);
    machine.links({false, false}, t0);
    EXPECT_EQ(machine.link(1, true, t0), switched(none, 1, Reason::link_up));
}

TEST(StateMachine, AdministrativeDownOfActiveSwitches) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.administrative(0, false, t0), switched(0, 1, Reason::administrative));
    EXPECT_TRUE(machine.link_up(0));
    EXPECT_FALSE(machine.usable(0));
    EXPECT_EQ(machine.administrative(0, true, t0), std::nullopt);
    EXPECT_EQ(machine.active(), Uplink(1));
}

TEST(StateMachine, AdministrativeDownOfBackupChangesNothing) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.administrative(1, false, t0), std::nullopt);
    EXPECT_EQ(machine.active(), Uplink(0));
    EXPECT_EQ(machine.link(0, false, t0), switched(0, none, Reason::all_down));
}

TEST(StateMachine, AdministrativeDownOfTheLastLeavesNoneAndUpBringsItBack) {
    StateMachine machine(by(0));
    machine.link(0, true, t0);
    EXPECT_EQ(machine.administrative(0, false, t0), switched(0, none, Reason::all_down));
    EXPECT_EQ(machine.administrative(0, true, t0), switched(none, 0, Reason::administrative));
}

TEST(StateMachine, LinkUpOfAdministrativelyDownUplinkIsNotUsed) {
    StateMachine machine(by(0));
    machine.administrative(0, false, t0);
    EXPECT_EQ(machine.link(0, true, t0), std::nullopt);
    EXPECT_EQ(machine.active(), none);
}

TEST(StateMachine, SameStateToldTwiceIsHarmless) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.link(0, true, t0), std::nullopt);
    EXPECT_EQ(machine.administrative(0, true, t0), std::nullopt);
    EXPECT_EQ(machine.links({true, true}, t0), std::nullopt);
    machine.links({false, false}, t0);
    EXPECT_EQ(machine.links({false, false}, t0), std::nullopt);
    EXPECT_EQ(machine.link(0, false, t0), std::nullopt);
}

TEST(StateMachine, RequestSwitchesThereAndBack) {
    StateMachine machine = both_up(0);
    auto result = machine.request_switch();
    EXPECT_EQ(result.done, switched(0, 1, Reason::requested));
    EXPECT_EQ(result.refused, std::nullopt);
    EXPECT_EQ(machine.request_switch().done, switched(1, 0, Reason::requested));
}

TEST(StateMachine, RequestIsRefusedWhenBackupIsNotUsable) {
    StateMachine machine = both_up(0);
    machine.link(1, false, t0);
    EXPECT_EQ(machine.request_switch().refused, SwitchRefusal::backup_not_usable);
    machine.link(1, true, t0);
    machine.administrative(1, false, t0);
    const auto result = machine.request_switch();
    EXPECT_EQ(result.refused, SwitchRefusal::backup_not_usable);
    EXPECT_EQ(result.done, std::nullopt);
    EXPECT_EQ(machine.active(), Uplink(0));
}

TEST(StateMachine, RequestIsRefusedWhenAllAreDown) {
    StateMachine machine(by(1));
    EXPECT_EQ(machine.request_switch().refused, SwitchRefusal::backup_not_usable);
    EXPECT_EQ(machine.active(), none);
}

TEST(StateMachine, RequestOfNamedUplink) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.request_switch(0).refused, SwitchRefusal::already_active);
    EXPECT_EQ(machine.request_switch(1).done, switched(0, 1, Reason::requested));
}

constexpr TimePoint at(int milliseconds) {
    return t0 + std::chrono::milliseconds(milliseconds);
}

/// Primary 0, hold-down off.
StateMachineSettings preempting(Preempt preempt) {
    using namespace std::chrono_literals;
    return {.primary = 0,
            .preempt = preempt,
            .hold_down_base = 0ms,
            .hold_down_limit = 0ms,
            .hold_down_quiet = 0ms};
}

TEST(StateMachine, WithoutAPrimaryTheFirstIsPreferredAndNonePreempts) {
    StateMachine machine = both_up({.preempt = Preempt::always});
    EXPECT_EQ(machine.active(), Uplink(0));
    machine.link(0, false, at(1));
    EXPECT_EQ(machine.link(0, true, at(2)), std::nullopt);
    EXPECT_EQ(machine.next_deadline(), std::nullopt);
    EXPECT_EQ(machine.advance(at(1'000'000)), std::nullopt);
}

TEST(StateMachine, PreemptAlwaysTakesTheTrafficBackAtOnceWithoutDelays) {
    StateMachine machine = both_up(preempting(Preempt::always));
    machine.link(0, false, at(1));
    EXPECT_EQ(machine.link(0, true, at(2)), switched(1, 0, Reason::preempted));
}

TEST(StateMachine, UpdelayHoldsUpPreemption) {
    StateMachineSettings settings = preempting(Preempt::always);
    settings.updelay = std::chrono::milliseconds(100);
    StateMachine machine = both_up(settings);
    machine.link(0, false, at(1));
    EXPECT_EQ(machine.link(0, true, at(10)), std::nullopt);
    EXPECT_EQ(machine.next_deadline(), at(110));
    EXPECT_EQ(machine.advance(at(109)), std::nullopt);
    EXPECT_EQ(machine.advance(at(110)), switched(1, 0, Reason::preempted));
    EXPECT_EQ(machine.next_deadline(), std::nullopt);
}

TEST(StateMachine, UpdelayStartsOverWithEachLoss) {
    StateMachineSettings settings = preempting(Preempt::always);
    settings.updelay = std::chrono::milliseconds(100);
    StateMachine machine = both_up(settings);
    machine.link(0, false, at(1));
    machine.link(0, true, at(10));
    machine.link(0, false, at(50));
    EXPECT_EQ(machine.next_deadline(), std::nullopt);
    machine.link(0, true, at(60));
    EXPECT_EQ(machine.advance(at(110)), std::nullopt);
    EXPECT_EQ(machine.next_deadline(), at(160));
}

TEST(StateMachine, UpdelayHoldsUpNoForcedSwitch) {
    StateMachineSettings settings = preempting(Preempt::always);
    settings.updelay = std::chrono::seconds(10);
    StateMachine machine = both_up(settings);
    machine.link(1, false, at(1));
    machine.link(1, true, at(2));
    EXPECT_EQ(machine.link(0, false, at(3)), switched(0, 1, Reason::link_down));
    machine.link(1, false, at(4));
    EXPECT_EQ(machine.link(0, true, at(5)), switched(none, 0, Reason::link_up));
}

TEST(StateMachine, DowndelayKeepsTheActiveOneWithoutItsLink) {
    StateMachineSettings settings = by(0);
    settings.downdelay = std::chrono::milliseconds(100);
    StateMachine machine = both_up(settings);
    EXPECT_EQ(machine.link(0, false, at(0)), std::nullopt);
    EXPECT_FALSE(machine.usable(0));
    EXPECT_EQ(machine.next_deadline(), at(100));
    EXPECT_EQ(machine.link(0, true, at(99)), std::nullopt);
    EXPECT_EQ(machine.next_deadline(), std::nullopt);
    EXPECT_EQ(machine.link(0, false, at(200)), std::nullopt);
    EXPECT_EQ(machine.advance(at(299)), std::nullopt);
    EXPECT_EQ(machine.advance(at(300)), switched(0, 1, Reason::link_down));
}

TEST(StateMachine, DowndelayOfTheLastUplinkEndsInNone) {
    StateMachineSettings settings = by(0);
    settings.downdelay = std::chrono::milliseconds(100);
    StateMachine machine = both_up(settings);
    machine.link(1, false, at(0));
    EXPECT_EQ(machine.link(0, false, at(0)), std::nullopt);
    EXPECT_EQ(machine.advance(at(100)), switched(0, none, Reason::all_down));
}

TEST(StateMachine, DowndelayWaitsForNothingButALink) {
    StateMachineSettings settings = by(0);
    settings.downdelay = std::chrono::seconds(10);
    const auto waiting = [&] {
        StateMachine machine = both_up(settings);
        machine.link(0, false, at(0));
        return machine;
    };
    EXPECT_EQ(waiting().administrative(0, false, at(1)), switched(0, 1, Reason::administrative));
    EXPECT_EQ(waiting().present(0, false, at(1)), switched(0, 1, Reason::removed));
    EXPECT_EQ(waiting().detected(0, Detector::probe, true, at(1)),
              switched(0, 1, Reason::probe_failed));
    EXPECT_EQ(waiting().detected(0, Detector::bfd, true, at(1)), switched(0, 1, Reason::bfd_down));
}

TEST(StateMachine, AnUplinkInDowndelayIsNotSwitchedTo) {
    StateMachineSettings settings = by(0);
    settings.downdelay = std::chrono::seconds(10);
    StateMachine machine = both_up(settings);
    machine.link(1, false, at(0));
    EXPECT_EQ(machine.request_switch().refused, SwitchRefusal::backup_not_usable);
    EXPECT_EQ(machine.administrative(0, false, at(1)), switched(0, none, Reason::all_down));
}

TEST(StateMachine, ALateCallIsJudgedByWhatIsKnownThen) {
    StateMachineSettings settings = by(0);
    settings.downdelay = std::chrono::milliseconds(100);
    StateMachine machine = both_up(settings);
    machine.link(0, false, at(0));
    EXPECT_EQ(machine.link(0, true, at(150)), std::nullopt);
    machine.link(0, false, at(200));
    EXPECT_EQ(machine.link(1, true, at(350)), switched(0, 1, Reason::link_down));
}

TEST(StateMachine, PreemptFailureDoesNotWaitForDowndelay) {
    StateMachineSettings settings = preempting(Preempt::failure);
    settings.downdelay = std::chrono::milliseconds(100);
    StateMachine machine = both_up(settings);
    machine.request_switch(1);
    machine.link(0, false, at(0));
    machine.link(1, false, at(0));
    machine.link(0, true, at(1));
    // Asked for: the request outlasts even this.
    EXPECT_EQ(machine.advance(at(50)), std::nullopt);
    EXPECT_EQ(machine.advance(at(100)), switched(1, 0, Reason::link_down));
    machine.administrative(0, false, at(101)); // none
    machine.link(1, true, at(102));
    EXPECT_EQ(machine.administrative(0, true, at(103)), std::nullopt);
    EXPECT_EQ(machine.next_deadline(), std::nullopt);
    EXPECT_EQ(machine.link(1, false, at(104)), switched(1, 0, Reason::link_down));
}

TEST(StateMachine, HoldDownDoublesUpToItsLimitAndQuietResetsIt) {
    using namespace std::chrono_literals;
    StateMachine machine = both_up({.primary = 0,
                                    .preempt = Preempt::always,
                                    .hold_down_base = 100ms,
                                    .hold_down_limit = 300ms,
                                    .hold_down_quiet = 1000ms});
    int now = 0;
    for (const int hold : {100, 200, 300, 300}) {
        EXPECT_EQ(machine.link(0, false, at(++now)), switched(0, 1, Reason::link_down));
        EXPECT_EQ(machine.link(0, true, at(++now)), std::nullopt);
        EXPECT_EQ(machine.next_deadline(), at(now + hold));
        EXPECT_EQ(machine.ready_at(0), at(now + hold));
        EXPECT_EQ(machine.advance(at(now + hold - 1)), std::nullopt);
        now += hold;
        EXPECT_EQ(machine.advance(at(now)), switched(1, 0, Reason::preempted));
    }
    EXPECT_EQ(machine.losses(0, at(now + 999)), 4U);
    EXPECT_EQ(machine.losses(0, at(now + 1000)), 0U);
    now += 1000;
    machine.link(0, false, at(now));
    machine.link(0, true, at(now));
    EXPECT_EQ(machine.next_deadline(), at(now + 100));
}

TEST(StateMachine, ABackupThatFlapsIsTakenAllTheSameWhenItIsTheOnlyOne) {
    StateMachine machine = both_up({.primary = 0, .preempt = Preempt::always});
    for (int i = 0; i < 10; ++i) {
        machine.link(1, false, at(2 * i));
        machine.link(1, true, at(2 * i + 1));
    }
    EXPECT_EQ(machine.losses(1, at(20)), 10U);
    EXPECT_EQ(machine.link(0, false, at(20)), switched(0, 1, Reason::link_down));
}

TEST(StateMachine, OfTwoThatComeAtOnceTheOneThatDoesNotFlapIsTaken) {
    StateMachine machine = both_up(0);
    machine.link(0, false, at(1));
    EXPECT_EQ(machine.administrative(1, false, at(2)), switched(1, none, Reason::all_down));
    machine.links({false, false}, at(3));
    machine.administrative(1, true, at(4));
    EXPECT_EQ(machine.links({true, true}, at(5)), switched(none, 1, Reason::link_up));
}

TEST(StateMachine, AnOperatorsDoingIsNoLoss) {
    StateMachine machine = both_up({.primary = 0, .preempt = Preempt::always});
    machine.administrative(0, false, at(1));
    EXPECT_EQ(machine.losses(0, at(1)), 0U);
    EXPECT_EQ(machine.administrative(0, true, at(2)), switched(1, 0, Reason::preempted));
}

TEST(StateMachine, ARequestClearsHoldDownAndIsNotPreempted) {
    StateMachine machine = both_up({.primary = 0, .preempt = Preempt::always});
    machine.link(0, false, at(1));
    machine.link(0, true, at(2));
    EXPECT_EQ(machine.losses(0, at(2)), 1U);
    EXPECT_EQ(machine.request_switch().done, switched(1, 0, Reason::requested));
    EXPECT_EQ(machine.losses(0, at(2)), 0U);
    EXPECT_EQ(machine.request_switch().done, switched(0, 1, Reason::requested));
    EXPECT_EQ(machine.next_deadline(), std::nullopt);
    EXPECT_EQ(machine.advance(at(1'000'000)), std::nullopt);
    // Until the one asked for fails: then things go their usual way again.
    EXPECT_EQ(machine.link(1, false, at(1'000'001)), switched(1, 0, Reason::link_down));
    machine.link(1, true, at(1'000'002));
    machine.administrative(0, false, at(1'000'003));
    EXPECT_EQ(machine.administrative(0, true, at(1'000'004)), switched(1, 0, Reason::preempted));
}

TEST(StateMachine, ARefusedRequestClearsNothing) {
    StateMachine machine = both_up({.primary = 0, .preempt = Preempt::always});
    machine.link(0, false, at(1));
    EXPECT_TRUE(machine.request_switch().refused);
    EXPECT_EQ(machine.losses(0, at(1)), 1U);
}

TEST(StateMachine, ARemovedUplinkMustBeToldItsLinkAgain) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.present(0, false, at(1)), switched(0, 1, Reason::removed));
    EXPECT_FALSE(machine.is_present(0));
    EXPECT_FALSE(machine.link_up(0));
    // An event that was under way does not bring a device back that is not there.
    machine.link(0, true, at(2));
    EXPECT_FALSE(machine.usable(0));
    EXPECT_EQ(machine.link(1, false, at(3)), switched(1, none, Reason::all_down));
    EXPECT_EQ(machine.present(0, true, at(4)), switched(none, 0, Reason::link_up));
}

TEST(StateMachine, StartsWithOneUplinkMissing) {
    StateMachine machine(by(0));
    EXPECT_EQ(machine.present(0, false, at(0)), std::nullopt);
    EXPECT_EQ(machine.links({false, true}, at(0)), switched(none, 1, Reason::start));
    EXPECT_EQ(machine.request_switch().refused, SwitchRefusal::backup_not_usable);
    EXPECT_EQ(machine.losses(0, at(1)), 0U);
}

TEST(StateMachine, DetectorsAreTakenTogether) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.detected(0, Detector::probe, true, at(1)),
              switched(0, 1, Reason::probe_failed));
    EXPECT_EQ(machine.detected(0, Detector::bfd, true, at(2)), std::nullopt);
    EXPECT_EQ(machine.detected(1, Detector::bfd, true, at(3)), switched(1, none, Reason::all_down));
    EXPECT_EQ(machine.detected(0, Detector::probe, false, at(4)), std::nullopt);
    EXPECT_TRUE(machine.failed(0, Detector::bfd));
    EXPECT_EQ(machine.detected(0, Detector::bfd, false, at(5)),
              switched(none, 0, Reason::reachable));
}

TEST(StateMachine, NamesDiffer) {
    std::set<std::string_view> reasons;
    for (int reason = 0; reason <= static_cast<int>(Reason::reachable); ++reason)
        reasons.insert(to_string(static_cast<Reason>(reason)));
    EXPECT_EQ(reasons.size(), 11U);
    EXPECT_FALSE(reasons.contains("unknown"));
    EXPECT_NE(to_string(SwitchRefusal::backup_not_usable),
              to_string(SwitchRefusal::already_active));
}

} // namespace
} // namespace sallyport::failover
