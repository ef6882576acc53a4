// SPDX-License-Identifier: BSD-3-Clause
// Device arguments as operators write them, and ports that cannot be opened.
#include "datapath/port.h"
#include "datapath/port_driver.h"
#include "fixture.h"
#include "support/fake_nic.h"
#include "support/plugged_nic.h"

#include <algorithm>

namespace sallyport::datapath {
namespace {

TEST(PortDriverTest, DeviceArguments) {
    const std::string device = "net_tap0,iface=blue1,mac=fixed,remote=,iface=second";
    EXPECT_EQ(device_argument(device, "iface"), "blue1") << "the first counts";
    EXPECT_EQ(device_argument(device, "mac"), "fixed");
    EXPECT_EQ(device_argument(device, "remote"), "");
    EXPECT_EQ(device_argument(device, "ifac"), std::nullopt);
    EXPECT_EQ(device_argument(device, "iface2"), std::nullopt);
    EXPECT_EQ(device_argument(device, "net_tap0"), std::nullopt);
    EXPECT_EQ(device_argument("net_tap0", "iface"), std::nullopt);
    EXPECT_EQ(device_argument("", "iface"), std::nullopt);
    EXPECT_EQ(device_argument("net_x,flag,key=a=b", "key"), "a=b");
    EXPECT_EQ(device_argument("net_x,flag", "flag"), std::nullopt) << "has no value";
    EXPECT_EQ(device_name(device), "net_tap0");
    EXPECT_EQ(device_name("0000:03:00.1"), "0000:03:00.1");
    EXPECT_TRUE(is_af_packet("net_af_packet0,iface=up0"));
    EXPECT_FALSE(is_af_packet("net_af_xdp0,iface=up0"));
    EXPECT_TRUE(is_tap("net_tap1"));
    EXPECT_FALSE(is_tap("net_virtio_user0"));
}

TEST(PortDriverTest, OnlyAfPacketIsCompleted) {
    for (const std::string device : {"net_tap0,iface=x", "0000:03:00.0", "net_vhost0,iface=/tmp/s"})
        EXPECT_EQ(complete_device(device, 9000), device);
}

// DPDK wants the block a multiple of the page and the slot; a power of two is both.
TEST(PortDriverTest, AfPacketSlotsHoldAFrameOfTheMtu) {
    for (const std::uint16_t mtu : {68, 1500, 1600, 1960, 2000, 4000, 9000, 9216, 9702}) {
        SCOPED_TRACE(mtu);
        const std::string completed = complete_device("net_af_packet0,iface=up0", mtu);
        EXPECT_TRUE(completed.starts_with("net_af_packet0,iface=up0,"));
        const std::uint32_t slot = af_packet_slot_size(completed);
        EXPECT_EQ(device_argument(completed, "framesz"), std::to_string(slot));
        EXPECT_EQ(slot & (slot - 1), 0U);
        EXPECT_GE(slot, 2048U);
        // Two tags on top.
        EXPECT_GE(af_packet_slot_room(completed), mtu + 14U + 8U);
        EXPECT_LT(af_packet_slot_room(completed), slot) << "the kernel's header comes first";
        const unsigned long block = std::stoul(*device_argument(completed, "blocksz"));
        EXPECT_GE(block, slot);
        EXPECT_EQ(block % 4096, 0U);
        EXPECT_EQ(block % slot, 0U);
        EXPECT_GE(Port::needed_data_room("net_af_packet0,iface=up0", mtu), slot);
    }
}

TEST(PortDriverTest, OperatorsSlotsAreKept) {
    const std::string given = "net_af_packet0,iface=up0,framesz=16384,blocksz=65536,"
                              "qdisc_bypass=1";
    EXPECT_EQ(complete_device(given, 1500), given);
    EXPECT_EQ(af_packet_slot_size(given), 16384U);
    EXPECT_EQ(complete_device("net_af_packet0,framesz=8192", 1500),
              "net_af_packet0,framesz=8192,blocksz=8192,qdisc_bypass=0");
    const std::string block = complete_device("net_af_packet0,blocksz=32768", 1500);
    EXPECT_EQ(device_argument(block, "blocksz"), "32768");
    EXPECT_EQ(device_argument(block, "framesz"), "2048");
    EXPECT_EQ(af_packet_slot_room("net_af_packet0,framesz=10"), 0U);
}

TEST(PortDriverTest, DataRoom) {
    EXPECT_GE(Port::needed_data_room("net_tap0", 1500), 1500 + 14 + 8);
    EXPECT_LT(Port::needed_data_room("net_tap0", 1500), 2048);
    EXPECT_GE(Port::needed_data_room("net_tap0", 9216), 9216 + 14 + 8);
    EXPECT_EQ(Port::needed_data_room("net_af_packet0,framesz=262144", 1500), 65535);
}

class PortTest : public testing::DatapathTest {
  protected:
    std::string refusal(const std::string& device, std::uint16_t mtu = 1500) {
        PortSettings settings;
        settings.name = "p7";
        settings.device = device;
        settings.role = PortRole::uplink;
        settings.mtu = mtu;
        const auto port = Port::open(settings, path().buffer_pool());
        return port ? "" : port.error().message();
    }
};

TEST_F(PortTest, RefusalSaysWhichPortAndDevice) {
    const std::string message = refusal("net_no_such_driver0");
    EXPECT_NE(message.find("uplink p7"), std::string::npos) << message;
    EXPECT_NE(message.find("net_no_such_driver0"), std::string::npos) << message;
}

TEST_F(PortTest, OpensReportsAndGoes) {
    testing::RingPort ring("q", PortRole::uplink, 1600, path().buffer_pool());
    const Port& port = ring.port();
    EXPECT_EQ(port.name(), "q");
    EXPECT_EQ(port.role(), PortRole::uplink);
    EXPECT_EQ(port.driver(), "net_ring");
    EXPECT_EQ(port.rx_queues(), 1U);
    EXPECT_EQ(port.tx_queues(), 1U);
    EXPECT_EQ(port.max_frame(), 1618U);
    EXPECT_TRUE(port.link_up());
    EXPECT_FALSE(port.interface_index());
    EXPECT_EQ(port.counters().rx_packets, 0U);
}

/// A port on a NIC whose driver is told what to answer.
class PluggedPort {
  public:
    explicit PluggedPort(rte_mempool* pool)
        : ring_("plugged", pool), nic_("plugged"), plugged(ring_.device(), nic_), pool_(pool) {
        plugged.rx_offer = plugged.tx_offer = 0;
    }
    Expected<std::unique_ptr<Port>> open(PortRole role = PortRole::uplink) {
        PortSettings settings;
        settings.name = "q";
        settings.device = ring_.device();
        settings.role = role;
        return Port::open(settings, pool_);
    }

  private:
    testing::RingDevice ring_;
    testing::FakeNic nic_;

  public:
    testing::PluggedNic plugged;

  private:
    rte_mempool* pool_;
};

// mlx5 looks at none of the ports behind one for which it is off.
TEST_F(PortTest, EveryPortWhoseDriverTellsOfItsLinkIsToldOf) {
    for (const PortRole role : {PortRole::uplink, PortRole::vm_port, PortRole::host}) {
        for (const bool tells : {true, false}) {
            SCOPED_TRACE(std::string(to_string(role)) + (tells ? " tells" : " does not"));
            PluggedPort port(path().buffer_pool());
            port.plugged.tells_of_link = tells;
            const auto opened = port.open(role);
            ASSERT_TRUE(opened) << opened.error().message();
            EXPECT_EQ(port.plugged.link_event_on, tells);
            EXPECT_EQ((*opened)->link_event(), tells);
        }
    }
}

TEST_F(PortTest, WithoutBuffersItSaysWhichSettingToRaise) {
    for (const int error : {-ENOMEM, -EIO}) {
        PluggedPort port(path().buffer_pool());
        port.plugged.start_error = error;
        const auto opened = port.open();
        ASSERT_FALSE(opened);
        const std::string message = opened.error().message();
        EXPECT_NE(message.find("cannot start the device"), std::string::npos) << message;
        EXPECT_EQ(message.find("limits.buffers") != std::string::npos, error == -ENOMEM) << message;
    }
}

TEST_F(PortTest, ItsDriverIsNotAskedToCloseWhatItSaysIsRemoved) {
    for (const bool removed : {false, true}) {
        PluggedPort port(path().buffer_pool());
        {
            const auto opened = port.open();
            ASSERT_TRUE(opened) << opened.error().message();
            port.plugged.says_removed = removed;
            port.plugged.calls.clear();
        }
        const auto& calls = port.plugged.calls;
        EXPECT_EQ(std::find(calls.begin(), calls.end(), "close") == calls.end(), removed);
    }
}

TEST_F(PortTest, CountersFromZeroAfterReset) {
    testing::RingPort& p0 = hypervisor().uplink(0);
    send(hypervisor().host(),
         testing::raw_frame(testing::next_hop_mac, testing::underlay_mac, 0x0806, 46));
    EXPECT_EQ(p0.port().counters().tx_packets, 1U);
    const_cast<Port&>(p0.port()).reset_counters();
    EXPECT_EQ(p0.port().counters().tx_packets, 0U);
}

TEST_F(PortTest, RolesHaveNames) {
    EXPECT_EQ(to_string(PortRole::uplink), "uplink");
    EXPECT_EQ(to_string(PortRole::vm_port), "vm port");
    EXPECT_EQ(to_string(PortRole::host), "host port");
}

TEST_F(PortTest, PathNeedsAnLcoreAndMemory) {
    auto settings = testing::Hypervisor::small_settings();
    settings.worker_lcores.clear();
    const auto none = SoftwarePath::create(settings);
    ASSERT_FALSE(none);
    EXPECT_NE(none.error().message().find("--lcores"), std::string::npos);
    settings = testing::Hypervisor::small_settings();
    settings.buffers = 4'000'000;
    const auto large = SoftwarePath::create(settings);
    ASSERT_FALSE(large);
    EXPECT_NE(large.error().message().find("limits.buffers"), std::string::npos);
    settings = testing::Hypervisor::small_settings();
    settings.fdb_entries = 64'000'000;
    const auto fdb = SoftwarePath::create(settings);
    ASSERT_FALSE(fdb);
    EXPECT_NE(fdb.error().message().find("limits.fdb_entries"), std::string::npos);
}

} // namespace
} // namespace sallyport::datapath
