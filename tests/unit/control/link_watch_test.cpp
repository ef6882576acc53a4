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
        kernel.carrier_told = [this](const auto& interface, bool up) {
            if (watch) watch->carrier(interface, up);
        };
        for (std::size_t i = 0; i < links.size(); ++i) {
            links[i].uplink = "p" + std::to_string(i);
            links[i].driver_link_up = [this, i] { return driver_up[i]; };
        }
    }
    Expected<void> start() {
        watch = std::make_unique<LinkWatch>(loop, kernel, links, [this](const LinkChange& change) {
            changes.emplace_back(change.uplink, change.up);
            sources.push_back(change.source);
        });
        return watch->start(10ms);
    }
    using Changes = std::vector<std::pair<overlay::UplinkIndex, bool>>;

    fakes::Loop loop;
    fakes::Kernel kernel;
    LinkWatch::UplinkLinks links;
    std::array<bool, 2> driver_up = {true, true};
    Changes changes;
    std::vector<failover::EventSource> sources;
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
    watch->carrier("eth0", false);
    EXPECT_EQ(changes, (Changes{{0, false}}));
    EXPECT_FALSE(watch->up(0));
    watch->carrier("eth0", true);
    EXPECT_EQ(changes, (Changes{{0, false}, {0, true}}));
}

TEST_F(LinkWatchTest, TheDriverSayingUpDoesNotHideALostCarrier) {
    links[0].interface = "eth0"; // af_packet says up whatever happens
    ASSERT_TRUE(start());
    watch->carrier("eth0", false);
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
    watch->carrier("eth1", false);
    watch->carrier("lo", false);
    EXPECT_EQ(changes, Changes{});
}

TEST_F(LinkWatchTest, TheFirstSourceThereIsIsNamed) {
    links[0].interface = "eth0";
    links[0].driver_event = true;
    ASSERT_TRUE(start());
    EXPECT_EQ(watch->source_text(0), "carrier of eth0");
    EXPECT_EQ(watch->source_text(1), "polling");
    links[1].driver_event = true;
    ASSERT_TRUE(start());
    EXPECT_EQ(watch->source_text(1), "driver event");
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
    EXPECT_EQ(watch->source(1), LinkSource::polling);
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
