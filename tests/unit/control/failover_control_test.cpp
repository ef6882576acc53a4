// SPDX-License-Identifier: BSD-3-Clause
#include "control/failover_control.h"
#include "fakes.h"

#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::control {
namespace {

using failover::Reason;
using failover::UplinkIndex;

class FailoverControlTest : public ::testing::Test {
  protected:
    fakes::Path path;
    overlay::ForwardingState state{overlay::Limits{}, {&path}};
    std::vector<std::optional<UplinkIndex>> told;
    std::vector<std::optional<UplinkIndex>> path_when_told;
    FailoverControl control{{"p0", "p1"}, 0, state, [this](auto active) {
                                told.push_back(active);
                                path_when_told.push_back(
                                    path.last_put<overlay::UplinkRow>()->active);
                            }};
    using Told = std::vector<std::optional<UplinkIndex>>;
};

TEST_F(FailoverControlTest, ThePrimaryIsActiveAtTheStartWhenBothAreUp) {
    FailoverControl second({"p0", "p1"}, 1, state, {});
    ASSERT_TRUE(second.start({true, true}));
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
    EXPECT_EQ(second.switches(), 0U) << "the start is no failover";
    EXPECT_EQ(second.last_switch()->reason, Reason::start);
}

TEST_F(FailoverControlTest, WithoutALinkNoneIsActive) {
    ASSERT_TRUE(control.start({false, false}));
    EXPECT_EQ(state.active_uplink(), std::nullopt);
    EXPECT_TRUE(told.empty());
}

TEST_F(FailoverControlTest, ThePathIsSwitchedBeforeAnybodyIsTold) {
    ASSERT_TRUE(control.start({true, true}));
    control.link(0, false);
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
    EXPECT_EQ(told, (Told{0, 1}));
    EXPECT_EQ(path_when_told, told);
    EXPECT_EQ(control.switches(), 1U);
    EXPECT_EQ(control.history(1).switches_to, 1U);
    EXPECT_EQ(control.history(0).switches_to, 0U);
    EXPECT_EQ(control.last_switch()->reason, Reason::link_down);
}

TEST_F(FailoverControlTest, ABackupThatGoesSwitchesNothing) {
    ASSERT_TRUE(control.start({true, true}));
    auto before = path.changes.size();
    control.link(1, false);
    EXPECT_EQ(path.changes.size(), before);
    EXPECT_TRUE(control.history(1).last_change.has_value());
}

TEST_F(FailoverControlTest, BothDownAndBack) {
    ASSERT_TRUE(control.start({true, false}));
    control.link(0, false);
    EXPECT_EQ(state.active_uplink(), std::nullopt);
    control.link(1, true);
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
    EXPECT_EQ(told, (Told{0, std::nullopt, 1}));
}

TEST_F(FailoverControlTest, ARequestSwitchesToTheBackup) {
    ASSERT_TRUE(control.start({true, true}));
    auto done = control.request_switch();
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(done->to, UplinkIndex{1});
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
}

TEST_F(FailoverControlTest, ARefusalNamesTheUplinkAndWhatIsWrongWithIt) {
    ASSERT_TRUE(control.start({true, false}));
    auto refused = control.request_switch();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("p1 is without link"), std::string::npos)
        << refused.error().message();
    control.link(1, true);
    ASSERT_TRUE(control.set_uplink("p1", false));
    refused = control.request_switch();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("p1 is administratively down"), std::string::npos);
    EXPECT_EQ(refused.error().remedy, "set uplink p1 up");
    EXPECT_EQ(state.active_uplink(), UplinkIndex{0});
}

TEST_F(FailoverControlTest, AnUplinkSetDownIsLeftAndTakenAgainWhenItIsTheLast) {
    ASSERT_TRUE(control.start({true, true}));
    ASSERT_TRUE(control.set_uplink("p0", false));
    EXPECT_EQ(state.active_uplink(), UplinkIndex{1});
    ASSERT_TRUE(control.set_uplink("p1", false));
    EXPECT_EQ(state.active_uplink(), std::nullopt);
    ASSERT_TRUE(control.set_uplink("p0", true));
    EXPECT_EQ(state.active_uplink(), UplinkIndex{0});
}

TEST_F(FailoverControlTest, AnUnknownUplinkIsNamedWithThoseThereAre) {
    auto set = control.set_uplink("p7", true);
    ASSERT_FALSE(set);
    EXPECT_NE(set.error().message().find("p0, p1"), std::string::npos);
}

TEST_F(FailoverControlTest, WhatThePathRefusesIsTold) {
    ASSERT_TRUE(control.start({true, true}));
    path.refuse = [](const auto&) { return true; };
    EXPECT_FALSE(control.request_switch());
}

} // namespace
} // namespace sallyport::control
