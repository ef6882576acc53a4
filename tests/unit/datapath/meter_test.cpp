// SPDX-License-Identifier: BSD-3-Clause
// Rate limits of vm ports.
#include "datapath/meter.h"
#include "fixture.h"

#include <rte_cycles.h>

namespace sallyport::testing {
namespace {

/// Nothing comes back into the bucket while a test runs.
constexpr std::uint64_t trickle = 1;

TEST(Meter, TheBurstAtOnceThenTheRate) {
    start_eal();
    const std::uint64_t before = rte_get_tsc_cycles();
    const auto meter = datapath::Meter::create({.octets_per_second = 1000, .burst_octets = 500});
    ASSERT_TRUE(meter);
    const std::uint64_t after = rte_get_tsc_cycles();
    const std::uint64_t second = rte_get_tsc_hz();
    for (unsigned i = 0; i < 5; ++i)
        EXPECT_TRUE((*meter)->admits(100, after));
    EXPECT_FALSE((*meter)->admits(100, after));
    EXPECT_FALSE((*meter)->admits(100, before + second / 11)) << "a tenth of a second is not over";
    EXPECT_TRUE((*meter)->admits(100, after + second / 9));
    EXPECT_FALSE((*meter)->admits(501, after + 100 * second)) << "more than ever fits";
    EXPECT_TRUE((*meter)->admits(500, after + 100 * second));
}

TEST(Meter, FastRatesAreMetWithinAHundredth) {
    start_eal();
    const std::uint64_t second = rte_get_tsc_hz();
    for (const std::uint64_t rate : {1'000'000ULL, 125'000'000ULL, 12'500'000'000ULL}) {
        const auto meter =
            datapath::Meter::create({.octets_per_second = rate, .burst_octets = rate});
        ASSERT_TRUE(meter);
        std::uint64_t now = rte_get_tsc_cycles();
        std::uint64_t admitted = 0;
        // The bucket, and what one second brings.
        for (unsigned step = 0; step <= 1000; ++step, now += second / 1000)
            while ((*meter)->admits(1000, now))
                admitted += 1000;
        EXPECT_NEAR(static_cast<double>(admitted) / static_cast<double>(2 * rate), 1.0, 0.01)
            << rate;
    }
}

TEST(Meter, NothingIsNoLimit) {
    EXPECT_FALSE(datapath::Meter::create({.octets_per_second = 0, .burst_octets = 1}));
    EXPECT_FALSE(datapath::Meter::create({.octets_per_second = 1, .burst_octets = 0}));
}

class MeteredPortTest : public OneTenantTest {
  protected:
    explicit MeteredPortTest(const std::vector<unsigned>& workers = {0}) {
        rebuild(with_workers(workers));
        put_local(blue, 2, "b");
    }
    void limit(std::uint64_t burst, const std::vector<net::MacAddress>& macs = {}) {
        hypervisor().put(overlay::VmPortRow{hypervisor().vm_port_id("a"), blue, "a", macs,
                                            net::RateLimit{trickle, burst}});
    }
    std::size_t delivered(unsigned frames) {
        for (unsigned i = 0; i < frames; ++i)
            a().send(frame(1, 2));
        run();
        return sent()["b"].size();
    }
    const std::size_t size_ = frame(1, 2).size();
};

TEST_F(MeteredPortTest, WhatIsBeyondTheRateIsDroppedAndCounted) {
    limit(3 * size_);
    EXPECT_EQ(delivered(5), 3U);
    EXPECT_EQ(drops(), one(DropReason::rate_exceeded, 2));
    EXPECT_EQ(port_drops(a()), one(DropReason::rate_exceeded, 2));
    EXPECT_EQ(tenant_drops(blue), one(DropReason::rate_exceeded, 2));
    EXPECT_EQ(path().tenant_counters(blue).rx_packets, 5U);
    send(b(), frame(2, 1));
    EXPECT_EQ(sent()["a"].size(), 1U) << "what goes to the VM is not metered";
}

TEST_F(MeteredPortTest, OnlyAnotherLimitFillsTheBucket) {
    limit(3 * size_);
    EXPECT_EQ(delivered(2), 2U);
    limit(3 * size_, {mac(1)});
    EXPECT_EQ(delivered(2), 1U);
    limit(4 * size_);
    EXPECT_EQ(delivered(5), 4U);
    hypervisor().put(overlay::VmPortRow{hypervisor().vm_port_id("a"), blue, "a", {}});
    EXPECT_EQ(delivered(9), 9U);
}

TEST_F(MeteredPortTest, FramesThatAreRefusedAnywayTakeFromTheBucketToo) {
    limit(2 * size_, {mac(1)});
    send(a(), frame(5, 2));
    EXPECT_EQ(drops(), one(DropReason::source_mac_spoofed));
    EXPECT_EQ(delivered(2), 1U);
}

class MeteredQueuesTest : public MeteredPortTest {
  protected:
    MeteredQueuesTest() : MeteredPortTest({0, 0}) {}
    /// Frames that each of the two workers receives, of one sent to each queue.
    std::vector<std::uint32_t> received(RingPort& port) {
        for (const std::uint16_t queue : {0, 1})
            port.send(frame(6, 2), queue);
        std::vector<std::uint32_t> counts;
        for (const std::size_t worker : {0U, 1U})
            counts.push_back(path().walk(worker));
        std::sort(counts.begin(), counts.end());
        run();
        return counts;
    }
};

TEST_F(MeteredQueuesTest, AMeteredPortIsPolledByOneWorker) {
    RingPort wide("wide", datapath::PortRole::vm_port, 1600, path().buffer_pool(), 2);
    const overlay::VmPortRow free{60, blue, "wide", {}};
    overlay::VmPortRow metered = free;
    metered.rate_limit = net::RateLimit{trickle, 1'000'000};
    // Whether the row or the port comes first.
    for (const bool row_first : {true, false}) {
        if (row_first) hypervisor().put(metered);
        ASSERT_TRUE(path().attach_vm_port(60, wide.port()));
        if (!row_first) hypervisor().put(metered);
        EXPECT_EQ(received(wide).front(), 0U);
        hypervisor().put(free);
        EXPECT_GE(received(wide).front(), 1U);
        hypervisor().put(metered);
        EXPECT_EQ(received(wide).front(), 0U);
        path().detach(wide.port());
        hypervisor().remove(free);
    }
}

} // namespace
} // namespace sallyport::testing
