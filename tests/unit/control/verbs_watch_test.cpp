// SPDX-License-Identifier: BSD-3-Clause
#include "control/verbs_watch.h"
#include "played_verbs.h"

#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::control::fakes {
namespace {

using Told = std::vector<std::pair<overlay::UplinkIndex, bool>>;
using Removed = std::vector<overlay::UplinkIndex>;

/// In the loop that the process has, since the descriptor is part of the matter.
class VerbsWatchTest : public ::testing::Test {
  protected:
    VerbsWatchTest() {
        auto made = EventLoop::create();
        EXPECT_TRUE(made);
        loop = std::move(*made);
        VerbsWatch::Callbacks callbacks;
        callbacks.link = [this](auto uplink, bool up, auto seen) {
            EXPECT_GE(seen, begun);
            told.emplace_back(uplink, up);
        };
        callbacks.removed = [this](auto uplink, auto) { removed.push_back(uplink); };
        watch.emplace(*loop, std::move(callbacks));
    }
    /// Takes what is there, and ends: what is readable comes before the second round's timer.
    void turn() {
        unsigned rounds = 0;
        const auto timer = loop->every(std::chrono::milliseconds(1), [&] {
            if (++rounds == 2) loop->stop();
        });
        loop->run();
        loop->cancel(timer);
    }
    /// Both uplinks are ports of one device, as on a card in multiport E-Switch mode.
    void watch_both() {
        ASSERT_TRUE(watch->watch(0, {"mlx5_0", 1}));
        ASSERT_TRUE(watch->watch(1, {"mlx5_0", 2}));
    }

    failover::TimePoint begun = failover::Clock::now();
    PlayedRdmaDevice device{"mlx5_0"};
    PlayedRdmaDevice other{"mlx5_1"};
    std::unique_ptr<EventLoop> loop;
    std::optional<VerbsWatch> watch;
    Told told;
    Removed removed;
};

TEST_F(VerbsWatchTest, EachUplinkHearsOfItsOwnPort) {
    watch_both();
    EXPECT_EQ(device.opened, 1U) << "one device for both";
    EXPECT_EQ(other.opened, 0U);
    device.raise(IBV_EVENT_PORT_ERR, 2);
    turn();
    EXPECT_EQ(told, (Told{{1, false}}));
    device.raise(IBV_EVENT_PORT_ACTIVE, 2);
    device.raise(IBV_EVENT_PORT_ERR, 1);
    turn();
    EXPECT_EQ(told, (Told{{1, false}, {1, true}, {0, false}}));
}

TEST_F(VerbsWatchTest, UplinksOfDifferentDevicesAreToldApart) {
    ASSERT_TRUE(watch->watch(0, {"mlx5_0", 1}));
    ASSERT_TRUE(watch->watch(1, {"mlx5_1", 1}));
    other.raise(IBV_EVENT_PORT_ERR, 1);
    turn();
    EXPECT_EQ(told, (Told{{1, false}}));
}

TEST_F(VerbsWatchTest, EventsOfOtherPortsAndOtherKindsAreTakenAndOfNoInterest) {
    watch_both();
    device.raise(IBV_EVENT_PORT_ERR, 3);
    device.raise(IBV_EVENT_GID_CHANGE, 1);
    device.raise(IBV_EVENT_SM_CHANGE, 2);
    device.raise(static_cast<ibv_event_type>(IBV_EVENT_WQ_FATAL + 7), 1);
    turn();
    EXPECT_EQ(device.taken, 4U);
    EXPECT_EQ(told, Told{});
    EXPECT_EQ(removed, Removed{});
    EXPECT_TRUE(watch->port(0));
}

TEST_F(VerbsWatchTest, AllThatIsQueuedIsTakenInItsOrderAndAcknowledged) {
    watch_both();
    for (int i = 0; i < 50; ++i)
        device.raise(i % 2 == 0 ? IBV_EVENT_PORT_ERR : IBV_EVENT_PORT_ACTIVE, 1);
    turn();
    ASSERT_EQ(told.size(), 50U);
    for (std::size_t i = 0; i < told.size(); ++i)
        EXPECT_EQ(told[i].second, i % 2 == 1) << i;
    EXPECT_EQ(device.acknowledged, 50U);
}

TEST_F(VerbsWatchTest, AFatalErrorRemovesEveryUplinkOfTheDevice) {
    watch_both();
    device.raise(IBV_EVENT_DEVICE_FATAL);
    device.raise(IBV_EVENT_PORT_ACTIVE, 1);
    turn();
    EXPECT_EQ(removed, (Removed{0, 1}));
    EXPECT_EQ(told, Told{}) << "what comes after that means nothing";
    EXPECT_EQ(device.taken, 1U);
    EXPECT_FALSE(watch->port(0));
    EXPECT_FALSE(watch->active(1));
}

TEST_F(VerbsWatchTest, ADeviceWhoseKernelSideIsGoneIsRemovedAndNotReadForEver) {
    ASSERT_TRUE(watch->watch(0, {"mlx5_0", 1}));
    ASSERT_TRUE(watch->watch(1, {"mlx5_1", 1}));
    device.disassociate();
    turn();
    turn();
    EXPECT_EQ(removed, Removed{0});
    other.raise(IBV_EVENT_PORT_ERR, 1);
    turn();
    EXPECT_EQ(told, (Told{{1, false}}));
}

TEST_F(VerbsWatchTest, APortsStateCanBeAskedFor) {
    watch_both();
    device.ports = {{1, IBV_PORT_ACTIVE}, {2, IBV_PORT_DOWN}};
    EXPECT_EQ(watch->active(0), true);
    EXPECT_EQ(watch->active(1), false);
    device.ports.clear();
    EXPECT_EQ(watch->active(0), std::nullopt) << "it does not say";
    EXPECT_EQ(watch->port(1), (underlay::RdmaPort{"mlx5_0", 2}));
}

TEST_F(VerbsWatchTest, ADeviceThatCannotBeOpenedIsNamedAndTheOtherUplinkWatched) {
    device.refuses_to_open = true;
    const auto refused = watch->watch(0, {"mlx5_0", 1});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().where, "mlx5_0");
    EXPECT_NE(refused.error().what.find("Permission denied"), std::string::npos);
    const auto unknown = watch->watch(0, {"mlx5_9", 1});
    ASSERT_FALSE(unknown);
    EXPECT_NE(unknown.error().what.find("does not know"), std::string::npos);
    EXPECT_FALSE(watch->port(0));
    ASSERT_TRUE(watch->watch(1, {"mlx5_1", 1}));
    other.raise(IBV_EVENT_PORT_ERR, 1);
    turn();
    EXPECT_EQ(told, (Told{{1, false}}));
}

TEST_F(VerbsWatchTest, NothingIsHeardOnceItIsGone) {
    watch_both();
    device.raise(IBV_EVENT_PORT_ERR, 1);
    watch.reset();
    EXPECT_EQ(device.closed, 1U);
    turn();
    EXPECT_EQ(told, Told{});
    EXPECT_EQ(device.taken, 0U);
}

} // namespace
} // namespace sallyport::control::fakes
