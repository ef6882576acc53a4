// SPDX-License-Identifier: BSD-3-Clause
#include "failover/state_machine.h"

#include <random>
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

StateMachine both_up(UplinkIndex primary) {
    StateMachine machine(primary);
    machine.links({true, true});
    return machine;
}

TEST(StateMachine, StartsWithoutActiveUplink) {
    const StateMachine machine(0);
    EXPECT_EQ(machine.active(), none);
    EXPECT_FALSE(machine.usable(0));
    EXPECT_FALSE(machine.usable(1));
    EXPECT_TRUE(machine.administratively_up(0));
    EXPECT_TRUE(machine.administratively_up(1));
}

TEST(StateMachine, PrefersPrimaryWhenBothComeAtOnce) {
    for (UplinkIndex primary : {0, 1}) {
        StateMachine machine(primary);
        EXPECT_EQ(machine.links({true, true}), switched(none, primary, Reason::start));
        EXPECT_EQ(machine.active(), primary);
    }
}

TEST(StateMachine, TakesTheOnlyUsableOneThoughNotPrimary) {
    StateMachine machine(0);
    EXPECT_EQ(machine.link(1, true), switched(none, 1, Reason::start));
}

TEST(StateMachine, BothDownAtStartIsNoSwitch) {
    StateMachine machine(0);
    EXPECT_EQ(machine.links({false, false}), std::nullopt);
    EXPECT_EQ(machine.link(0, false), std::nullopt);
}

TEST(StateMachine, PrimaryComingBackDoesNotPreempt) {
    StateMachine machine(0);
    machine.link(1, true);
    EXPECT_EQ(machine.link(0, true), std::nullopt);
    EXPECT_EQ(machine.active(), Uplink(1));
}

TEST(StateMachine, ActiveLinkLossSwitchesToBackup) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.link(0, false), switched(0, 1, Reason::link_down));
    EXPECT_EQ(machine.active(), Uplink(1));
    EXPECT_FALSE(machine.link_up(0));
}

TEST(StateMachine, BackupLinkLossChangesNothing) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.link(1, false), std::nullopt);
    EXPECT_EQ(machine.active(), Uplink(0));
}

TEST(StateMachine, LosingTheLastUplinkLeavesNone) {
    StateMachine machine = both_up(0);
    machine.link(1, false);
    EXPECT_EQ(machine.link(0, false), switched(0, none, Reason::all_down));
    EXPECT_EQ(machine.active(), none);
}

TEST(StateMachine, LosingBothAtOnceLeavesNone) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.links({false, false}), switched(0, none, Reason::all_down));
}

TEST(StateMachine, BothLinksToldAtOnceSwitchLikeOne) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.links({false, true}), switched(0, 1, Reason::link_down));
    machine.links({false, false});
    EXPECT_EQ(machine.links({true, true}), switched(none, 0, Reason::link_up));
}

TEST(StateMachine, FirstLinkBackAfterAllDownTakesOver) {
    StateMachine machine = both_up(0);
    machine.links({false, false});
    EXPECT_EQ(machine.link(1, true), switched(none, 1, Reason::link_up));
}

TEST(StateMachine, AdministrativeDownOfActiveSwitches) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.administrative(0, false), switched(0, 1, Reason::administrative));
    EXPECT_TRUE(machine.link_up(0));
    EXPECT_FALSE(machine.usable(0));
    EXPECT_EQ(machine.administrative(0, true), std::nullopt);
    EXPECT_EQ(machine.active(), Uplink(1));
}

TEST(StateMachine, AdministrativeDownOfBackupChangesNothing) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.administrative(1, false), std::nullopt);
    EXPECT_EQ(machine.active(), Uplink(0));
    EXPECT_EQ(machine.link(0, false), switched(0, none, Reason::all_down));
}

TEST(StateMachine, AdministrativeDownOfTheLastLeavesNoneAndUpBringsItBack) {
    StateMachine machine(0);
    machine.link(0, true);
    EXPECT_EQ(machine.administrative(0, false), switched(0, none, Reason::all_down));
    EXPECT_EQ(machine.administrative(0, true), switched(none, 0, Reason::administrative));
}

TEST(StateMachine, LinkUpOfAdministrativelyDownUplinkIsNotUsed) {
    StateMachine machine(0);
    machine.administrative(0, false);
    EXPECT_EQ(machine.link(0, true), std::nullopt);
    EXPECT_EQ(machine.active(), none);
}

TEST(StateMachine, SameStateToldTwiceIsHarmless) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.link(0, true), std::nullopt);
    EXPECT_EQ(machine.administrative(0, true), std::nullopt);
    EXPECT_EQ(machine.links({true, true}), std::nullopt);
    machine.links({false, false});
    EXPECT_EQ(machine.links({false, false}), std::nullopt);
    EXPECT_EQ(machine.link(0, false), std::nullopt);
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
    machine.link(1, false);
    EXPECT_EQ(machine.request_switch().refused, SwitchRefusal::backup_not_usable);
    machine.link(1, true);
    machine.administrative(1, false);
    const auto result = machine.request_switch();
    EXPECT_EQ(result.refused, SwitchRefusal::backup_not_usable);
    EXPECT_EQ(result.done, std::nullopt);
    EXPECT_EQ(machine.active(), Uplink(0));
}

TEST(StateMachine, RequestIsRefusedWhenAllAreDown) {
    StateMachine machine(1);
    EXPECT_EQ(machine.request_switch().refused, SwitchRefusal::backup_not_usable);
    EXPECT_EQ(machine.active(), none);
}

TEST(StateMachine, RequestOfNamedUplink) {
    StateMachine machine = both_up(0);
    EXPECT_EQ(machine.request_switch(0).refused, SwitchRefusal::already_active);
    EXPECT_EQ(machine.request_switch(1).done, switched(0, 1, Reason::requested));
}

TEST(StateMachine, NamesDiffer) {
    const std::set<std::string_view> reasons{
        to_string(Reason::start),     to_string(Reason::link_down),
        to_string(Reason::link_up),   to_string(Reason::administrative),
        to_string(Reason::requested), to_string(Reason::all_down),
    };
    EXPECT_EQ(reasons.size(), 6U);
    EXPECT_FALSE(reasons.contains("unknown"));
    EXPECT_NE(to_string(SwitchRefusal::backup_not_usable),
              to_string(SwitchRefusal::already_active));
}

/// What the test knows by itself, to judge the machine by.
struct Model {
    std::array<bool, uplink_count> link{};
    std::array<bool, uplink_count> administrative{true, true};
    bool usable(UplinkIndex uplink) const { return link[uplink] && administrative[uplink]; }
};

class RandomEvents : public testing::TestWithParam<unsigned> {};

TEST_P(RandomEvents, InvariantsHold) {
    std::mt19937 random(GetParam());
    Model model;
    StateMachine machine(static_cast<UplinkIndex>(GetParam() % 2));
    std::size_t switches = 0;
    for (int step = 0; step < 20000; ++step) {
        SCOPED_TRACE("step " + std::to_string(step));
        const Uplink before = machine.active();
        const auto uplink = static_cast<UplinkIndex>(random() % 2);
        const bool up = random() % 2 == 0;
        std::optional<Switch> done;
        bool requested = false;
        switch (random() % 5) {
        case 0:
        case 1:
            model.link[uplink] = up;
            done = machine.link(uplink, up);
            break;
        case 2:
            model.administrative[uplink] = up;
            done = machine.administrative(uplink, up);
            break;
        case 3:
            model.link = {up, random() % 2 == 0};
            done = machine.links(model.link);
            break;
        default:
            requested = true;
            const auto result = machine.request_switch();
            ASSERT_NE(result.done.has_value(), result.refused.has_value());
            done = result.done;
        }
        const Uplink after = machine.active();
        for (UplinkIndex i : {0, 1})
            ASSERT_EQ(machine.usable(i), model.usable(i));
        ASSERT_EQ(after.has_value(), model.usable(0) || model.usable(1));
        if (after) {
            ASSERT_TRUE(model.usable(*after));
        }
        if (before && model.usable(*before) && !requested) {
            ASSERT_EQ(after, before);
        }
        ASSERT_EQ(done.has_value(), before != after);
        if (done) {
            ++switches;
            ASSERT_EQ(done->from, before);
            ASSERT_EQ(done->to, after);
            ASSERT_EQ(done->reason == Reason::requested, requested);
            ASSERT_EQ(done->reason == Reason::all_down, !after);
            ASSERT_EQ(done->reason == Reason::start, switches == 1);
        }
    }
    // The sequence must have been one that exercises the machine.
    EXPECT_GT(switches, 1000U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomEvents, testing::Range(1U, 21U));

} // namespace
} // namespace sallyport::failover
