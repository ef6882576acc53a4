// SPDX-License-Identifier: BSD-3-Clause
// The controller as it starts, watches its uplinks, and ends.
#include "control/controller.h"
#include "controller_fixture.h"
#include "fakes.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

namespace sallyport::control {
namespace {

using fakes::ControllerTest;
using fakes::ip;
using fakes::mac;
using fakes::red_text;
using fakes::two_uplinks;
using namespace std::chrono_literals;

TEST_F(ControllerTest, ReportsWhatItStarted) {
    start(two_uplinks());
    EXPECT_EQ(port_names(), (Names{"p0", "p1", "blue1", "blue2"}));
    auto blue1 = port("blue1");
    EXPECT_EQ(blue1.role, datapath::PortRole::vm_port);
    EXPECT_EQ(blue1.tenant, "blue");
    EXPECT_EQ(blue1.driver, "net_null");
    EXPECT_EQ(blue1.allowed_macs, std::vector{mac("02:00:00:00:01:01")});
    EXPECT_EQ(blue1.mtu, 1500);
    EXPECT_EQ(port("p0").mtu, 1600);

    auto failover = controller->failover();
    EXPECT_EQ(failover.active, "p0");
    EXPECT_EQ(failover.last_reason, "start");
    EXPECT_EQ(failover.switches, 0U);
    ASSERT_EQ(failover.uplinks.size(), 2U);
    EXPECT_TRUE(failover.uplinks[0].active && failover.uplinks[0].link_up);
    EXPECT_FALSE(failover.uplinks[1].active);
    EXPECT_EQ(failover.uplinks[1].link_source, "polling");

    auto vteps = controller->vteps();
    ASSERT_EQ(vteps.size(), 3U);
    EXPECT_TRUE(vteps[0].local);
    EXPECT_EQ(vteps[0].address, ip("192.0.2.1"));
    EXPECT_EQ(vteps[1].next_hop, ip("192.0.2.2"));
    EXPECT_TRUE(vteps[1].resolved);
    EXPECT_EQ(vteps[1].tenants, Names{"blue"});
    EXPECT_FALSE(vteps[2].resolved) << "without a host port only static next hops resolve";

    auto next_hops = controller->next_hops();
    ASSERT_EQ(next_hops.size(), 1U);
    EXPECT_TRUE(next_hops[0].configured);
    ASSERT_EQ(next_hops[0].links.size(), 2U);
    EXPECT_EQ(next_hops[0].links[1].uplink, "p1");
    EXPECT_EQ(next_hops[0].links[1].source, mac("02:00:00:00:00:01"));
    EXPECT_EQ(next_hops[0].links[1].destination, mac("02:00:00:00:00:02"));

    auto tenants = controller->tenants();
    ASSERT_EQ(tenants.size(), 1U);
    EXPECT_EQ(tenants[0].settings.vni, 100U);
    EXPECT_EQ(tenants[0].configured_entries, 1U);
    EXPECT_FALSE(controller->node_counters().empty());
    EXPECT_EQ(controller->worker_counters().size(), 1U);
}

TEST_F(ControllerTest, AStartThatFailsLeavesNothingAndSaysWhere) {
    auto settings = two_uplinks();
    settings.tenants[0].vm_ports[1].device = "net_no_such_driver";
    auto failed = Controller::start(settings, *loop);
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().message().find("blue2"), std::string::npos)
        << failed.error().message();
    EXPECT_EQ(rte_eth_dev_count_avail(), 0);
    start(two_uplinks());
}

TEST_F(ControllerTest, AnUnderlayWithoutAMacIsRefused) {
    auto settings = two_uplinks();
    settings.underlay.mac.reset(); // net_ring has none of its own
    auto failed = Controller::start(settings, *loop);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().remedy, "set underlay.mac");
}

TEST_F(ControllerTest, AnInterfaceBehindAnUplinkMustCarryTheUnderlaysMtu) {
    auto settings = two_uplinks();
    settings.uplinks[1].interface = "lo";
    settings.underlay.mtu = 1600;
    start(settings); // lo has 65536
    controller.reset();
    settings.uplinks[1].interface = "no-such-if";
    EXPECT_FALSE(Controller::start(settings, *loop));
}

TEST_F(ControllerTest, OneUplinkIsNotEnough) {
    auto settings = two_uplinks();
    settings.uplinks.pop_back();
    auto failed = Controller::start(settings, *loop);
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().remedy.find("exactly two"), std::string::npos);
}

TEST_F(ControllerTest, AnUplinkWhoseDeviceIsMissingIsDoneWithout) {
    for (const std::size_t missing : {0U, 1U}) {
        SCOPED_TRACE(missing);
        auto settings = two_uplinks();
        settings.uplinks[missing].device = "net_no_such_driver0";
        start(settings);
        const auto report = controller->failover();
        EXPECT_EQ(report.active, settings.uplinks[1 - missing].name);
        EXPECT_FALSE(report.uplinks[missing].present);
        EXPECT_EQ(report.uplinks[missing].fault, "removed");
        EXPECT_EQ(report.uplinks[missing].link_source, "no device");
        EXPECT_TRUE(report.uplinks[1 - missing].present);
        EXPECT_EQ(port_names().size(), 3U);
        const auto refused = controller->switch_uplink();
        ASSERT_FALSE(refused);
        EXPECT_NE(refused.error().remedy.find("restart"), std::string::npos);
        EXPECT_EQ(controller->detectors().size(), 2U);
        const auto flows = controller->flows({});
        EXPECT_TRUE(flows) << "rehearsed without a NIC: " << (flows ? "" : flows.error().message());
        EXPECT_TRUE(run_until([rounds = 0]() mutable { return ++rounds == 20; }));
        controller->clear_counters();
        controller.reset();
    }
}

TEST_F(ControllerTest, WithoutAnyUplinkItDoesNotStart) {
    auto settings = two_uplinks();
    for (auto& uplink : settings.uplinks)
        uplink.device = "net_no_such_driver0";
    const auto failed = Controller::start(settings, *loop);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().where, "uplink p0");
    EXPECT_EQ(rte_eth_dev_count_avail(), 0);
}

TEST_F(ControllerTest, ASwitchIsAnnouncedFromTheNewUplink) {
    auto settings = two_uplinks();
    settings.tenants[0].local_vtep = ip("192.0.2.1");
    start(settings);
    ASSERT_TRUE(run_until([&] { return port("p0").counters.tx_packets == 3; }))
        << "three announcements of one local vtep at the start";
    EXPECT_EQ(port("p1").counters.tx_packets, 0U);
    auto done = controller->switch_uplink();
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(done->to, 1);
    EXPECT_EQ(controller->failover().active, "p1");
    EXPECT_EQ(controller->failover().last_reason, "requested");
    ASSERT_TRUE(run_until([&] { return port("p1").counters.tx_packets == 3; }));
    EXPECT_EQ(port("p0").counters.tx_packets, 3U);
    EXPECT_TRUE(controller->failover_history()[0].after(failover::Milestone::announced));
}

TEST_F(ControllerTest, WhatIsNotAnnouncedIsNotSaidToBe) {
    auto settings = two_uplinks();
    settings.tenants[0].local_vtep = ip("192.0.2.1");
    settings.failover.announce_count = 0;
    start(settings);
    ASSERT_TRUE(controller->switch_uplink());
    const auto record = controller->failover_history().at(0);
    EXPECT_TRUE(record.after(failover::Milestone::software_switched));
    EXPECT_FALSE(record.after(failover::Milestone::announced));
}

TEST_F(ControllerTest, ALostLinkIsFoundAndTheOtherUplinkTakesOver) {
    start(two_uplinks());
    ASSERT_EQ(0, rte_eth_dev_set_link_down(port("p0").dpdk_id));
    ASSERT_TRUE(run_until([&] { return controller->failover().active == "p1"; }));
    auto report = controller->failover();
    EXPECT_EQ(report.last_reason, "link down");
    EXPECT_EQ(report.switches, 1U);
    EXPECT_EQ(report.uplinks[1].switches_to, 1U);
    EXPECT_FALSE(report.uplinks[0].link_up);
    EXPECT_TRUE(report.uplinks[0].last_change.has_value());
    EXPECT_FALSE(controller->switch_uplink()) << "the backup has no link";

    ASSERT_EQ(0, rte_eth_dev_set_link_down(port("p1").dpdk_id));
    ASSERT_TRUE(run_until([&] { return !controller->failover().active; }));
    EXPECT_FALSE(controller->vteps()[1].resolved && controller->failover().active);
    ASSERT_EQ(0, rte_eth_dev_set_link_up(port("p0").dpdk_id));
    ASSERT_TRUE(run_until([&] { return controller->failover().active == "p0"; }));
}

// The other end of a vhost-user port. Its coming and going are the port's link, of which the driver
// tells by an event from a thread of its own, as NICs do.
class VirtioUser {
  public:
    explicit VirtioUser(const std::filesystem::path& socket) {
        auto device = fmt::format("net_virtio_user_guest,path={},queues=1", socket.string());
        pool_ = rte_pktmbuf_pool_create("guest", 1023, 0, 0, 2048, SOCKET_ID_ANY);
        EXPECT_NE(pool_, nullptr);
        EXPECT_EQ(0, rte_dev_probe(device.c_str()));
        EXPECT_EQ(0, rte_eth_dev_get_port_by_name("net_virtio_user_guest", &port_));
        rte_eth_conf configuration{};
        EXPECT_EQ(0, rte_eth_dev_configure(port_, 1, 1, &configuration));
        EXPECT_EQ(0, rte_eth_rx_queue_setup(port_, 0, 256, SOCKET_ID_ANY, nullptr, pool_));
        EXPECT_EQ(0, rte_eth_tx_queue_setup(port_, 0, 256, SOCKET_ID_ANY, nullptr));
        EXPECT_EQ(0, rte_eth_dev_start(port_));
    }
    ~VirtioUser() {
        rte_eth_dev_info info{};
        EXPECT_EQ(0, rte_eth_dev_info_get(port_, &info));
        rte_eth_dev_stop(port_);
        rte_eth_dev_close(port_);
        rte_dev_remove(info.device);
        rte_mempool_free(pool_);
    }
    VirtioUser(const VirtioUser&) = delete;
    VirtioUser& operator=(const VirtioUser&) = delete;

  private:
    rte_mempool* pool_ = nullptr;
    std::uint16_t port_ = 0;
};

/// p1 is a vhost-user port, whose driver tells of its link; nobody asks for it in between.
config::Settings vhost_uplink(const std::filesystem::path& socket) {
    auto settings = two_uplinks();
    settings.uplinks[1].device = fmt::format("net_vhost_p1,iface={},queues=1", socket.string());
    settings.failover.poll_interval = 1h;
    return settings;
}

TEST_F(ControllerTest, ADriverThatTellsOfItsLinkIsHeardLongBeforeTheNextPoll) {
    auto socket = folder / "vhost.sock";
    start(vhost_uplink(socket));
    EXPECT_EQ(controller->failover().uplinks[1].link_source, "driver event");
    EXPECT_FALSE(controller->failover().uplinks[1].link_up);
    {
        VirtioUser guest(socket);
        ASSERT_TRUE(run_until([&] { return controller->failover().uplinks[1].link_up; }));
        ASSERT_TRUE(controller->switch_uplink());
    }
    ASSERT_TRUE(run_until([&] { return controller->failover().active == "p0"; }));
    EXPECT_EQ(controller->failover().last_reason, "link down");
}

TEST_F(ControllerTest, ADriverEventThatWaitsWhenTheControllerEndsIsHarmless) {
    auto socket = folder / "vhost.sock";
    start(vhost_uplink(socket));
    {
        VirtioUser guest(socket);
        // The driver's word shows that its event was raised; nobody ran the loop to hear it.
        auto deadline = std::chrono::steady_clock::now() + 10s;
        while (!port("p1").link_up && std::chrono::steady_clock::now() < deadline)
            std::this_thread::yield();
        ASSERT_TRUE(port("p1").link_up);
        controller.reset();
    }
    run_until([] { return true; });
}

std::size_t open_descriptors() {
    using Iterator = std::filesystem::directory_iterator;
    return static_cast<std::size_t>(std::distance(Iterator("/proc/self/fd"), Iterator()));
}

std::size_t threads() {
    using Iterator = std::filesystem::directory_iterator;
    return static_cast<std::size_t>(std::distance(Iterator("/proc/self/task"), Iterator()));
}

TEST_F(ControllerTest, TheEndLeavesNoDescriptorAndNoThread) {
    start(two_uplinks()); // what DPDK opens once and keeps is open now
    controller.reset();
    auto descriptors = open_descriptors();
    auto running = threads();
    for (int i = 0; i < 3; ++i) {
        start(two_uplinks());
        run_until([] { return true; });
        controller.reset();
    }
    EXPECT_EQ(open_descriptors(), descriptors);
    EXPECT_EQ(threads(), running);
}

TEST_F(ControllerTest, FourThousandTenantsStartInFiveSeconds) {
    auto settings = two_uplinks();
    settings.limits = {4096, 65536, 65536, 4096};
    settings.tenants.clear();
    for (std::uint32_t i = 0; i < 4096; ++i) {
        config::TenantSettings tenant;
        tenant.name = fmt::format("tenant{}", i);
        tenant.vni = 1000 + i;
        tenant.local_vtep = ip("192.0.2.1");
        for (std::uint32_t vtep = 0; vtep < 4; ++vtep)
            tenant.remote_vteps.push_back(ip(fmt::format("198.51.{}.{}", 100 + vtep, 1 + i % 250)));
        for (std::uint32_t station = 0; station < 8; ++station)
            tenant.fdb.push_back({net::MacAddress::from_u64(0x020000000000 + i * 8 + station), "",
                                  tenant.remote_vteps[station % 4]});
        settings.tenants.push_back(std::move(tenant));
    }
    auto before = std::chrono::steady_clock::now();
    start(settings);
    auto took = std::chrono::steady_clock::now() - before;
    EXPECT_LT(took, 5s);
    RecordProperty("milliseconds", static_cast<int>(took / 1ms));
    EXPECT_EQ(controller->tenants().size(), 4096U);
    EXPECT_EQ(controller->fdb("")->size(), 4096U * 8);
    std::cout << "4096 tenants, 16384 tunnels, 32768 fdb entries in " << took / 1ms << " ms\n";
}

} // namespace
} // namespace sallyport::control
