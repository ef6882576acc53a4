// SPDX-License-Identifier: BSD-3-Clause
// An uplink's device is pulled while the controller runs.
#include "controller_fixture.h"
#include "support/plugged_nic.h"
#include "support/ring_port.h"

#include <array>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <rte_mbuf.h>

namespace sallyport::control {
namespace {

using fakes::ControllerTest;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::FakeNic;
using ::testing::IsEmpty;
using testing::PluggedNic;
using testing::RingDevice;

class RemovalTest : public ControllerTest {
  protected:
    void SetUp() override {
        ControllerTest::SetUp();
        pool = rte_mempool_lookup("removal");
        if (pool == nullptr) pool = rte_pktmbuf_pool_create("removal", 1023, 0, 0, 2048, 0);
        ASSERT_NE(pool, nullptr);
        auto settings = fakes::two_uplinks();
        for (std::size_t i = 0; i < uplinks.size(); ++i) {
            Uplink& uplink = uplinks.at(i);
            uplink.ring = std::make_unique<RingDevice>("pulled" + std::to_string(i), pool);
            uplink.nic = std::make_unique<FakeNic>("pulled");
            uplink.plugged = std::make_unique<PluggedNic>(uplink.ring->device(), *uplink.nic);
            uplink.plugged->rx_offer = uplink.plugged->tx_offer = 0;
            uplink.plugged->tells_of_removal = i == 0;
            settings.uplinks[i].device = uplink.ring->device();
        }
        start(settings);
    }
    void TearDown() override {
        ControllerTest::TearDown();
        uplinks = {};
    }
    bool pull_and_wait() {
        uplinks[0].plugged->pull();
        return run_until([&] { return !controller->failover().uplinks[0].present; });
    }
    /// Polls, announcements and whatever else comes by itself, and all that an operator asks for.
    void go_on() {
        run_until([rounds = 0]() mutable { return ++rounds == 20; });
        const auto ports = controller->ports();
        controller->clear_counters();
    }

    struct Uplink {
        std::unique_ptr<RingDevice> ring;
        std::unique_ptr<FakeNic> nic;
        std::unique_ptr<PluggedNic> plugged;
    };
    std::array<Uplink, 2> uplinks;
    rte_mempool* pool = nullptr;
};

TEST_F(RemovalTest, TheOtherUplinkTakesOver) {
    EXPECT_TRUE(uplinks[0].plugged->removal_event_on) << "else the driver would not tell";
    EXPECT_FALSE(uplinks[1].plugged->removal_event_on) << "a driver without it would refuse";
    ASSERT_TRUE(pull_and_wait());
    const FailoverReport report = controller->failover();
    EXPECT_EQ(report.active, "p1");
    EXPECT_EQ(report.last_reason, "removed");
    EXPECT_FALSE(report.uplinks[0].link_up);
    EXPECT_TRUE(report.uplinks[1].present);
    EXPECT_EQ(controller->failover_history().back().source, failover::EventSource::bus);
    EXPECT_FALSE(controller->switch_uplink());
    EXPECT_FALSE(port("p0").link_up);
}

TEST_F(RemovalTest, NothingIsAskedOfTheDriverUntilItIsStoppedAndClosed) {
    go_on();
    EXPECT_THAT(uplinks[0].plugged->calls, Contains("link")) << "while it is there, it is";
    EXPECT_THAT(uplinks[0].plugged->calls, Contains("stats"));
    ASSERT_TRUE(pull_and_wait());
    uplinks[0].plugged->calls.clear();
    go_on();
    EXPECT_THAT(uplinks[0].plugged->calls, IsEmpty());
    controller.reset();
    EXPECT_THAT(uplinks[0].plugged->calls, ElementsAre("stop", "close"));
    EXPECT_THAT(uplinks[1].plugged->calls,
                Each(AnyOf("link", "stats", "promiscuous", "stop", "close")));
}

TEST_F(RemovalTest, NoWorkerPollsItOrSendsByIt) {
    // The first announcements are out.
    ASSERT_TRUE(run_until([&] { return port("p0").counters.tx_packets == 3; }));
    ASSERT_EQ(uplinks[0].ring->receive().size(), 3U);
    ASSERT_TRUE(pull_and_wait());
    const std::uint64_t received = port("p0").counters.rx_packets;
    EXPECT_EQ(port("p0").counters.tx_packets, 3U) << "what it had done is still told";
    uplinks[0].ring->send(testing::Octets(60));
    ASSERT_TRUE(run_until([&] { return port("p1").counters.tx_packets == 3; }))
        << "announced by the new one";
    EXPECT_THAT(uplinks[0].ring->receive(), IsEmpty());
    EXPECT_EQ(port("p0").counters.rx_packets, received);
    const datapath::DropCounts drops = controller->drops();
    EXPECT_EQ(std::accumulate(drops.begin(), drops.end(), std::uint64_t{0}), 0U);
}

TEST_F(RemovalTest, ARemovalThatWaitsWhenTheControllerEndsIsHarmless) {
    uplinks[0].plugged->pull();
    controller.reset();
    run_until([] { return true; });
}

} // namespace
} // namespace sallyport::control
