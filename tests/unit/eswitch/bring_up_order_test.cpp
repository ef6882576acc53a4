// SPDX-License-Identifier: BSD-3-Clause
// The flow engine of each port, and the order in which ports start and stop.
#include "accepting_flow_api.h"
#include "bring_up_fakes.h"
#include "eswitch/bring_up/bring_up.h"
#include "eswitch/bring_up/flow_resources.h"
#include "eswitch/hardware_path.h"
#include "strict_flow_api.h"

#include <gtest/gtest.h>

namespace sallyport::eswitch {
namespace {

constexpr std::uint16_t p0 = 3, p1 = 4, vf0 = 5, vf3 = 6, stranger = 77;

class BringUpOrderTest : public testing::Test {
  protected:
    BringUpOrderTest() {
        settings.pci = card_address;
        settings.vfs = {{0, 0}, {0, 3}};
        settings.release = {24, 11, 4};
        settings.flow_queue_size = 512;
        card.vfs = {4, 0};
        nic = std::move(NicBringUp::create(card, flow, settings).value());
    }

    static std::string what(const Expected<void>& result) {
        return result ? "" : result.error().what;
    }
    void start(std::uint16_t port) {
        EXPECT_EQ(what(nic->configure_flow(port)), "");
        EXPECT_EQ(what(nic->before_start(port)), "");
    }
    void stop(std::uint16_t port) {
        EXPECT_EQ(what(nic->before_stop(port)), "");
        nic->after_stop(port);
    }

    FakeCard card;
    FakeFlow flow;
    NicSettings settings;
    std::unique_ptr<NicBringUp> nic;
};

TEST_F(BringUpOrderTest, TheProxyHasTheCountersAndTheQueue) {
    ASSERT_TRUE(nic->configure_flow(p0));
    ASSERT_EQ(flow.configured.size(), 1U);
    EXPECT_EQ(flow.configured[0].port, p0);
    EXPECT_EQ(flow.configured[0].counters, needed_counters(settings.path));
    EXPECT_EQ(flow.configured[0].meters, 2 * settings.path.vm_ports);
    EXPECT_EQ(flow.configured[0].queues, 1U);
    EXPECT_EQ(flow.configured[0].queue_size, 512U);
}

TEST_F(BringUpOrderTest, TheOthersHaveAQueueAndNoCounters) {
    for (const std::uint16_t port : {p1, vf0, vf3})
        ASSERT_TRUE(nic->configure_flow(port));
    ASSERT_EQ(flow.configured.size(), 3U);
    for (const auto& configured : flow.configured) {
        EXPECT_EQ(configured.counters, 0U);
        EXPECT_EQ(configured.meters, 0U);
        EXPECT_EQ(configured.queues, 1U);
        EXPECT_EQ(configured.queue_size, spare_flow_queue_size);
    }
}

TEST_F(BringUpOrderTest, AFlowEngineIsConfiguredOnce) {
    ASSERT_TRUE(nic->configure_flow(p0));
    ASSERT_TRUE(nic->configure_flow(p0));
    EXPECT_EQ(flow.configured.size(), 1U);
    ASSERT_TRUE(nic->before_start(p0));
    EXPECT_EQ(what(nic->configure_flow(p0)),
              "0000:08:00.0_p0 takes no flow queues once it is started");
}

TEST_F(BringUpOrderTest, ARefusalHasTheDriversWords) {
    flow.configure_result = -ENOMEM;
    settings.path = {};
    EXPECT_EQ(nic->configure_flow(p0).error().message(),
              "card 0000:08:00.0: cannot configure the flow engine of 0000:08:00.0_p0 with a queue "
              "of 512, "
                  + std::to_string(needed_counters(settings.path)) + " counters and "
                  + std::to_string(needed_meters(settings.path))
                  + " meters: no memory for that (Cannot allocate memory); lower "
                    "limits.fdb_entries and limits.tunnels, by which counters are counted, or "
                    "eswitch.flow_queue_size");
    EXPECT_EQ(nic->configure_flow(p1).error().remedy, "");
    EXPECT_EQ(what(nic->before_start(p0)),
              "0000:08:00.0_p0 cannot be started before its flow engine is configured");
}

TEST_F(BringUpOrderTest, TheFirstUplinkStartsFirst) {
    for (const std::uint16_t port : {p0, p1, vf0, vf3})
        ASSERT_TRUE(nic->configure_flow(port));
    EXPECT_EQ(what(nic->before_start(vf0)),
              "0000:08:00.0_representor_c0pf0vf0 cannot be started before p0");
    EXPECT_EQ(what(nic->before_start(p1)), "0000:08:00.0_p1 cannot be started before p0");
    ASSERT_TRUE(nic->before_start(p0));
    EXPECT_EQ(what(nic->before_start(vf0)),
              "0000:08:00.0_representor_c0pf0vf0 cannot be started before p1");
    ASSERT_TRUE(nic->before_start(p1));
    ASSERT_TRUE(nic->before_start(vf3));
    ASSERT_TRUE(nic->before_start(vf0));
}

TEST_F(BringUpOrderTest, TheFirstUplinkStopsLast) {
    for (const std::uint16_t port : {p0, p1, vf0, vf3})
        start(port);
    EXPECT_EQ(what(nic->before_stop(p0)), "0000:08:00.0_p0 cannot be stopped before the "
                                          "representors");
    stop(vf0);
    EXPECT_EQ(what(nic->before_stop(p1)), "0000:08:00.0_p1 cannot be stopped before the "
                                          "representors");
    stop(vf3);
    EXPECT_EQ(what(nic->before_stop(p0)), "0000:08:00.0_p0 cannot be stopped before p1");
    stop(p1);
    stop(p0);
}

TEST_F(BringUpOrderTest, AStartThatFailedDoesNotCount) {
    start(p0);
    nic->after_stop(p0);
    ASSERT_TRUE(nic->configure_flow(p1));
    EXPECT_EQ(what(nic->before_start(p1)), "0000:08:00.0_p1 cannot be started before p0");
    start(p0);
    start(p1);
}

TEST_F(BringUpOrderTest, StartedPortsStayStartedWhenAVfComes) {
    start(p0);
    start(p1);
    ASSERT_TRUE(nic->add({0, 1}));
    start(nic->find({0, 1})->id);
    EXPECT_FALSE(nic->before_stop(p1));
    EXPECT_EQ(flow.configured.size(), 3U);
}

TEST_F(BringUpOrderTest, PortsOfOthersAreRefused) {
    const std::string none = "DPDK port 77 is none of the card's";
    EXPECT_EQ(what(nic->configure_flow(stranger)), none);
    EXPECT_EQ(what(nic->before_start(stranger)), none);
    EXPECT_EQ(what(nic->before_stop(stranger)), none);
    nic->after_stop(stranger);
    nic->closed(stranger);
}

TEST_F(BringUpOrderTest, TheOrderIsTheDrivers) {
    AcceptingFlowApi accepting;
    StrictFlowApi strict(accepting);
    // Ids of the ports that a second probe makes.
    constexpr std::uint16_t first = 7;
    for (std::uint16_t id = first; id < first + 4; ++id)
        strict.add_port(id, id < first + 2 ? StrictPortKind::wire : StrictPortKind::vport);
    nic.reset();
    auto created = NicBringUp::create(card, strict, settings);
    ASSERT_TRUE(created) << created.error().message();
    nic = *std::move(created);
    ASSERT_EQ(nic->proxy(), first);
    for (std::uint16_t id = first; id < first + 4; ++id) {
        start(id);
        EXPECT_EQ(strict.start_port(id), 0);
    }
    for (std::uint16_t id = first + 4; id-- > first;) {
        stop(id);
        EXPECT_EQ(strict.stop_port(id), 0);
    }
    EXPECT_EQ(strict.violations(), std::vector<std::string>());
    nic.reset();
}

TEST(NeededCountersTest, EveryCountingRuleHasOneAndAnEighthIsSpare) {
    const Settings path;
    const StageSizes sizes = stage_sizes(path);
    std::uint32_t rules = 0;
    for (const StageId id :
         {StageId::from_vm, StageId::police, StageId::vm_station, StageId::remote_station,
          StageId::deliver, StageId::fdb, StageId::uplink})
        rules += sizes[static_cast<std::size_t>(id)];
    EXPECT_EQ(needed_counters(path), rules + rules / 8);
}

TEST(NeededCountersTest, SmallAndHugeSettings) {
    Settings path;
    path.tenants = path.vm_ports = path.tunnels = path.next_hops = path.fdb_entries = 0;
    EXPECT_GE(needed_counters(path), 1024U);
    path.fdb_entries = path.next_hops = 500'000'000;
    EXPECT_GT(needed_counters(path), 500'000'000U);
}

} // namespace
} // namespace sallyport::eswitch
