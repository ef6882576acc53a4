// SPDX-License-Identifier: BSD-3-Clause
#include "control/link_watch.h"
#include "fakes.h"

#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::control {
namespace {

using namespace std::chrono_literals;

class LinkWatchTest : public ::testing::Test {
  protected:
    LinkWatchTest() {
        kernel.carriers = {{"eth0", true}, {"eth1", true}};
        kernel.carrier_told = [this](const auto& interface, bool up, auto seen) {
            if (watch) watch->carrier(interface, up, seen);
        };
        for (std::size_t i = 0; i < links.size(); ++i) {
            links[i].uplink = "p" + std::to_string(i);
            links[i].driver_link_up = [this, i] {
                ++asked[i];
                return driver_up[i];
            };
            links[i].rdma_active = [this] { return rdma_active; };
        }
    }
    Expected<void> start() {
        watch = std::make_unique<LinkWatch>(loop, kernel, links, [this](const LinkChange& change) {
            changes.emplace_back(change.uplink, change.up);
            sources.push_back(change.source);
            seen_times.push_back(change.seen);
            if (change.removed) removed.push_back(change.uplink);
        });
        return watch->start(10ms);
    }
    using Changes = std::vector<std::pair<overlay::UplinkIndex, bool>>;

    fakes::Loop loop;
    fakes::Kernel kernel;
    LinkWatch::UplinkLinks links;
    std::array<bool, 2> driver_up = {true, true};
    std::array<unsigned, 2> asked{};
    std::optional<bool> rdma_active;
    Changes changes;
    std::vector<overlay::UplinkIndex> removed;
    std::vector<failover::EventSource> sources;
    std::vector<failover::TimePoint> seen_times;
    std::unique_ptr<LinkWatch> watch;
};

TEST_F(LinkWatchTest, TheInitialStateIsAskedForAndNotReportedAsAChange) {
    links[0].interface = "eth0";
    links[1].interface = "eth1";
    kernel.carriers["eth1"] = false;
    ASSERT_TRUE(start());
    EXPECT_TRUE(watch->up(0));
    EXPECT_FALSE(watch->up(1));
    EXPECT_EQ(changes, Changes{});
}

TEST_F(LinkWatchTest, ACarrierThatGoesIsToldAtOnceWithoutAPoll) {
    links[0].interface = "eth0";
    ASSERT_TRUE(start());
    watch->carrier("eth0", false, {});
    EXPECT_EQ(changes, (Changes{{0, false}}));
    EXPECT_FALSE(watch->up(0));
    watch->carrier("eth0", true, {});
    EXPECT_EQ(changes, (Changes{{0, false}, {0, true}}));
}

TEST_F(LinkWatchTest, TheDriverSayingUpDoesNotHideALostCarrier) {
    links[0].interface = "eth0"; // af_packet says up whatever happens
    ASSERT_TRUE(start());
    watch->carrier("eth0", false, {});
    loop.turn(1s);
    EXPECT_EQ(changes, (Changes{{0, false}}));
}

TEST_F(LinkWatchTest, ADriverThatLostItsLinkIsFoundByPollingInSpiteOfACarrier) {
    links[0].interface = "eth0";
    ASSERT_TRUE(start());
    driver_up[0] = false;
    EXPECT_EQ(changes, Changes{});
    loop.turn(10ms);
    EXPECT_EQ(changes, (Changes{{0, false}}));
}

TEST_F(LinkWatchTest, PollingAloneFindsBothChanges) {
    ASSERT_TRUE(start());
    driver_up[1] = false;
    loop.turn(10ms);
    driver_up[1] = true;
    loop.turn(10ms);
    EXPECT_EQ(changes, (Changes{{1, false}, {1, true}}));
}

TEST_F(LinkWatchTest, ADriverEventIsTakenWithoutAPoll) {
    links[1].driver_event = true;
    ASSERT_TRUE(start());
    driver_up[1] = false;
    watch->driver_event(1, failover::Clock::now());
    EXPECT_EQ(changes, (Changes{{1, false}}));
    watch->driver_event(1, failover::Clock::now());
    loop.turn(1s);
    EXPECT_EQ(changes, (Changes{{1, false}})) << "the same state is told once";
}

TEST_F(LinkWatchTest, OtherInterfacesDoNotMatter) {
    links[0].interface = "eth0";
    ASSERT_TRUE(start());
    watch->carrier("eth1", false, {});
    watch->carrier("lo", false, {});
    EXPECT_EQ(changes, Changes{});
}

TEST_F(LinkWatchTest, AVerbsEventIsTakenWithoutAPollWhateverTheOthersStillSay) {
    links[0].interface = "eth0";
    ASSERT_TRUE(start());
    watch->verbs_event(0, false, failover::Clock::now());
    EXPECT_EQ(changes, (Changes{{0, false}}));
    EXPECT_EQ(sources, std::vector{failover::EventSource::verbs});
    watch->carrier("eth0", false, {});
    watch->verbs_event(0, true, failover::Clock::now());
    EXPECT_EQ(changes, (Changes{{0, false}})) << "the carrier is not back yet";
    watch->carrier("eth0", true, {});
    EXPECT_EQ(changes, (Changes{{0, false}, {0, true}}));
}

TEST_F(LinkWatchTest, APortThatIsActiveAgainIsFoundByPollingWhenItsEventIsLost) {
    ASSERT_TRUE(start());
    watch->verbs_event(1, false, failover::Clock::now());
    rdma_active = false;
    loop.turn(10ms);
    EXPECT_FALSE(watch->up(1));
    rdma_active = true;
    loop.turn(10ms);
    EXPECT_TRUE(watch->up(1));
    watch->verbs_event(1, false, failover::Clock::now());
    rdma_active.reset();
    loop.turn(10ms);
    EXPECT_TRUE(watch->up(1)) << "a device that does not say is not waited for";
}

TEST_F(LinkWatchTest, OfARemovedDeviceNothingIsAskedAndNothingMoreIsHeard) {
    links[0].interface = "eth0";
    ASSERT_TRUE(start());
    watch->remove(0, failover::EventSource::bus, failover::Clock::now());
    EXPECT_EQ(removed, std::vector<overlay::UplinkIndex>{0});
    EXPECT_EQ(sources, std::vector{failover::EventSource::bus});
    EXPECT_FALSE(watch->up(0));
    const unsigned before = asked[0];
    loop.turn(1s);
    watch->carrier("eth0", false, {});
    watch->carrier("eth0", true, {});
    watch->driver_event(0, failover::Clock::now());
    watch->verbs_event(0, true, failover::Clock::now());
    watch->remove(0, failover::EventSource::verbs, failover::Clock::now());
    EXPECT_EQ(asked[0], before);
    EXPECT_EQ(changes, (Changes{{0, false}})) << "told once";
    EXPECT_FALSE(watch->up(0));
    EXPECT_GT(asked[1], 10U) << "the other one is looked after as ever";
}

TEST_F(LinkWatchTest, APortGoesWithTheInterfaceThatItIs) {
    links[0].interface = "eth0";
    links[1].interface = "eth1";
    links[1].interface_is_device = true;
    ASSERT_TRUE(start());
    watch->interface_removed("eth0", underlay::Removal::deleted, {});
    EXPECT_EQ(removed, std::vector<overlay::UplinkIndex>{})
        << "the operator's: the port is something else";
    watch->interface_removed("eth1", underlay::Removal::moved, {});
    EXPECT_EQ(removed, std::vector<overlay::UplinkIndex>{}) << "it works from there";
    watch->interface_removed("eth1", underlay::Removal::deleted, {});
    EXPECT_EQ(removed, std::vector<overlay::UplinkIndex>{1});
    EXPECT_EQ(sources, std::vector{failover::EventSource::kernel});
    watch->carrier("eth1", true, {});
    EXPECT_FALSE(watch->up(1)) << "another interface of that name";
}

TEST_F(LinkWatchTest, APacketSocketDoesNotFollowItsInterfaceElsewhere) {
    links[1].interface = "eth1";
    links[1].interface_is_device = links[1].bound_to_namespace = true;
    ASSERT_TRUE(start());
    watch->interface_removed("eth1", underlay::Removal::moved, {});
    EXPECT_EQ(removed, std::vector<overlay::UplinkIndex>{1});
}

TEST_F(LinkWatchTest, AChangeIsOfTheTimeAtWhichItsMessageCame) {
    links[0].interface = "eth0";
    ASSERT_TRUE(start());
    const auto seen = failover::Clock::now() - 30ms;
    watch->carrier("eth0", false, seen);
    EXPECT_EQ(seen_times, std::vector{seen});
}

TEST_F(LinkWatchTest, AllThatTellAtOnceAreNamed) {
    links[0].interface = "eth0";
    links[0].driver_event = true;
    ASSERT_TRUE(start());
    EXPECT_EQ(watch->source_text(0), "carrier of eth0, driver event");
    EXPECT_EQ(watch->source_text(1), "polling");
    links[1].rdma_port = "port 2 of mlx5_0";
    ASSERT_TRUE(start());
    EXPECT_EQ(watch->source_text(1), "verbs event of port 2 of mlx5_0");
}

TEST_F(LinkWatchTest, AnInterfaceThatTheOperatorNamedMustBeThere) {
    links[1].interface = "eth9";
    links[1].interface_required = true;
    auto started = start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().where, "uplink p1");
    EXPECT_TRUE(loop.timers.empty());
}

TEST_F(LinkWatchTest, AnInterfaceOfTheDriverThatIsElsewhereLeavesPolling) {
    links[1].interface = "eth9";
    ASSERT_TRUE(start());
    EXPECT_EQ(watch->source_text(1), "polling");
    EXPECT_TRUE(watch->up(1));
}

TEST_F(LinkWatchTest, NothingStaysOfIt) {
    links[0].interface = "eth0";
    ASSERT_TRUE(start());
    EXPECT_EQ(kernel.watched_carriers, std::set<std::string>{"eth0"});
    watch.reset();
    EXPECT_TRUE(loop.timers.empty());
    EXPECT_TRUE(kernel.watched_carriers.empty());
}

} // namespace
} // namespace sallyport::control
