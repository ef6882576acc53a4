// SPDX-License-Identifier: BSD-3-Clause
// What operators ask the controller to do.
#include "control/controller.h"
#include "controller_fixture.h"
#include "fakes.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rte_ethdev.h>

namespace sallyport::control {
namespace {

using fakes::ControllerTest;
using fakes::ip;
using fakes::mac;
using fakes::red_text;
using fakes::two_uplinks;
using namespace std::chrono_literals;

TEST_F(ControllerTest, ATenantComesAndGoesWithItsPorts) {
    start(two_uplinks());
    auto added = controller->add_tenant(tenant_file("red.conf", red_text));
    ASSERT_TRUE(added) << added.error().message();
    EXPECT_EQ(port_names(), (Names{"p0", "p1", "blue1", "blue2", "red1"}));
    EXPECT_EQ(controller->settings().tenants.size(), 2U);
    EXPECT_EQ(controller->vteps()[1].tenants, (Names{"blue", "red"}));

    auto again = controller->add_tenant(folder / "red.conf");
    ASSERT_FALSE(again) << "the name, the VNI and the port are taken";

    ASSERT_TRUE(controller->remove_tenant("red"));
    EXPECT_EQ(port_names(), (Names{"p0", "p1", "blue1", "blue2"}));
    EXPECT_EQ(controller->settings().tenants.size(), 1U);
    EXPECT_EQ(controller->vteps()[1].tenants, Names{"blue"});
    EXPECT_TRUE(controller->add_tenant(folder / "red.conf")) << "all of it is free again";
}

TEST_F(ControllerTest, ATenantWhoseSecondPortCannotBeOpenedLeavesNothing) {
    start(two_uplinks());
    auto text = red_text + "[vm_port.red2]\ndevice = net_no_such_driver\nmac = any\n";
    auto before = rte_eth_dev_count_avail();
    auto refused = controller->add_tenant(tenant_file("red.conf", text));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().where, "tenant red, vm port red2");
    EXPECT_EQ(rte_eth_dev_count_avail(), before);
    EXPECT_EQ(controller->tenants().size(), 1U);
    EXPECT_EQ(controller->settings().tenants.size(), 1U);
    EXPECT_TRUE(controller->add_tenant(tenant_file("red.conf", red_text)));
}

std::uint64_t sum(const datapath::DropCounts& drops) {
    return std::accumulate(drops.begin(), drops.end(), std::uint64_t{0});
}

TEST_F(ControllerTest, APortThatGetsTheNumberOfAnotherInheritsNothingOfIt) {
    start(two_uplinks());
    // Sends blank frames as fast as it is asked, of which none is the VM's.
    auto text = red_text;
    text.replace(text.find(",no-rx=1"), 8, "");
    text.replace(text.find("any"), 3, "02:00:00:00:03:01");
    ASSERT_TRUE(controller->add_tenant(tenant_file("noisy.conf", text)));
    auto noisy = port("red1").dpdk_id;
    ASSERT_TRUE(run_until([&] { return sum(port("red1").drops) > 1000; }));
    ASSERT_TRUE(controller->remove_tenant("red"));
    ASSERT_TRUE(controller->add_tenant(tenant_file("red.conf", red_text)));
    ASSERT_EQ(port("red1").dpdk_id, noisy) << "DPDK gives the number again";
    EXPECT_EQ(sum(port("red1").drops), 0U);
}

TEST_F(ControllerTest, APortThatNeedsLargerBuffersThanThereAreIsRefused) {
    start(two_uplinks());
    auto text = red_text
                + "[vm_port.red2]\ndevice = net_af_packet_red2,iface=lo,framesz=8192\n"
                  "mac = any\n";
    auto refused = controller->add_tenant(tenant_file("red.conf", text));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("packet buffers"), std::string::npos)
        << refused.error().message();
    EXPECT_NE(refused.error().message().find("restart"), std::string::npos);
    EXPECT_EQ(controller->tenants().size(), 1U);
}

TEST_F(ControllerTest, UnknownNamesAreAnsweredWithThoseThereAre) {
    start(two_uplinks());
    auto removed = controller->remove_tenant("green");
    ASSERT_FALSE(removed);
    EXPECT_NE(removed.error().message().find("blue"), std::string::npos);
    EXPECT_FALSE(controller->add_fdb("green", {mac("02:00:00:00:00:09"), "blue1", std::nullopt}));
    EXPECT_FALSE(controller->remove_fdb("green", mac("02:00:00:00:02:01")));
    EXPECT_FALSE(controller->fdb("green"));
    EXPECT_FALSE(controller->set_uplink("p9", false));
    EXPECT_FALSE(controller->add_tenant(folder / "none.conf"));
}

TEST_F(ControllerTest, StaticFdbEntriesComeAndGoInStateAndSettings) {
    start(two_uplinks());
    auto station = mac("02:00:00:00:00:09");
    auto added = controller->add_fdb("blue", {station, "blue1", std::nullopt});
    ASSERT_TRUE(added) << added.error().message();
    auto entries = controller->fdb("blue");
    ASSERT_TRUE(entries);
    ASSERT_EQ(entries->size(), 2U);
    EXPECT_EQ((*entries)[0].mac, station);
    EXPECT_EQ((*entries)[0].vm_port, "blue1");
    EXPECT_EQ((*entries)[0].origin, overlay::FdbOrigin::configured);
    EXPECT_EQ((*entries)[1].vtep, ip("192.0.2.2"));
    EXPECT_EQ(controller->settings().tenants[0].fdb.size(), 2U);

    ASSERT_TRUE(controller->add_fdb("blue", {station, "", ip("192.0.2.3")}));
    EXPECT_EQ(controller->settings().tenants[0].fdb.size(), 2U) << "replaced, not doubled";
    ASSERT_TRUE(controller->remove_fdb("blue", station));
    EXPECT_FALSE(controller->remove_fdb("blue", station));
    EXPECT_EQ(controller->fdb("")->size(), 1U);
    EXPECT_EQ(controller->settings().tenants[0].fdb.size(), 1U);

    EXPECT_FALSE(controller->add_fdb("blue", {station, "red1", std::nullopt}));
    EXPECT_FALSE(controller->add_fdb("blue", {station, "", ip("203.0.113.1")}));
    EXPECT_EQ(controller->settings().tenants[0].fdb.size(), 1U);
}

TEST_F(ControllerTest, ClearedCountersAreZero) {
    start(two_uplinks());
    ASSERT_TRUE(run_until([&] { return port("p0").counters.tx_packets == 3; }));
    // The ring gave the announcements back to the port that sent them.
    ASSERT_TRUE(run_until([&] { return port("p0").counters.rx_packets == 3; }));
    controller->clear_counters();
    EXPECT_EQ(port("p0").counters.tx_packets, 0U);
    EXPECT_EQ(port("p0").counters.rx_packets, 0U);
    auto drops = controller->drops();
    EXPECT_TRUE(std::all_of(drops.begin(), drops.end(), [](auto count) { return count == 0; }));
}

} // namespace
} // namespace sallyport::control
