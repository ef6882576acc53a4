// SPDX-License-Identifier: BSD-3-Clause
// How a port with several queues is asked to spread what it receives.
#include "datapath/port.h"
#include "support/plugged_nic.h"

#include <memory>

#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

namespace sallyport::control {
namespace {

using testing::FakeNic;
using testing::PluggedNic;
using testing::RingDevice;

class PortSpreadingTest : public ::testing::Test {
  protected:
    void SetUp() override {
        pool = rte_mempool_lookup("spreading");
        if (pool == nullptr) pool = rte_pktmbuf_pool_create("spreading", 4095, 0, 0, 2048, 0);
        ASSERT_NE(pool, nullptr);
    }
    /// The types of packets by whose headers the port spreads, when its driver offers @p offer.
    std::uint64_t spreads_by(std::uint64_t offer, std::uint16_t workers) {
        RingDevice ring("spreads", pool, 2);
        FakeNic nic("spreads");
        PluggedNic plugged(ring.device(), nic);
        plugged.rx_offer = plugged.tx_offer = 0;
        plugged.rss_offer = offer;
        {
            datapath::PortSettings settings;
            settings.name = "p0";
            settings.device = ring.device();
            settings.role = datapath::PortRole::uplink;
            settings.workers = workers;
            const auto port = datapath::Port::open(settings, pool);
            EXPECT_TRUE(port) << port.error().message();
            if (port) {
                EXPECT_EQ((*port)->rx_queues(), workers);
            }
        }
        EXPECT_EQ(plugged.rx_mode == RTE_ETH_MQ_RX_RSS, plugged.rss_on != 0);
        return plugged.rss_on;
    }
    rte_mempool* pool = nullptr;
};

TEST_F(PortSpreadingTest, EspGoesByItsSpiWhereTheDriverCan) {
    EXPECT_EQ(spreads_by(RTE_ETH_RSS_ESP | RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_SCTP, 2),
              RTE_ETH_RSS_ESP | RTE_ETH_RSS_IPV4)
        << "and by no more than is of use here";
}

TEST_F(PortSpreadingTest, ADriverIsAskedForNothingThatItLacks) {
    EXPECT_EQ(spreads_by(RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP, 2) & RTE_ETH_RSS_ESP, 0U);
    EXPECT_EQ(spreads_by(RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP, 2),
              RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP);
}

TEST_F(PortSpreadingTest, OneQueueNeedsNoSpreading) {
    EXPECT_EQ(spreads_by(RTE_ETH_RSS_ESP, 1), 0U);
}

} // namespace
} // namespace sallyport::control
