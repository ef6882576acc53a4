// SPDX-License-Identifier: BSD-3-Clause
// SAs between workers: an inbound one becomes the worker's that the port brings it to, and stays
// it; and two workers that run at the same time have one SA in common.
#include "protection_fixture.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>

namespace sallyport::testing {
namespace {

/// The active uplink has a receive queue for each of two workers.
class WideUplinkTest : public ProtectionTest {
  protected:
    explicit WideUplinkTest(std::vector<unsigned> lcores = {0, 0}) {
        rebuild(with_workers(std::move(lcores)));
        begin();
        path().detach(uplink().port());
        wide = std::make_unique<RingPort>("wide", datapath::PortRole::uplink, 1600,
                                          path().buffer_pool(), 2);
        EXPECT_TRUE(path().attach_uplink(0, wide->port()));
    }
    void TearDown() override {
        path().stop();
        run();
        path().detach(wide->port());
        wide.reset();
        ProtectionTest::TearDown();
    }
    /// Which queue is which worker's depends on the ports before this one.
    std::uint16_t queue_of(std::size_t worker) {
        const Octets stray = raw_frame(mac(7), mac(8), 0x88b5, 46);
        wide->send(stray, 0);
        const bool first = path().walk(worker) > 0;
        run();
        reset_counters();
        return first ? 0 : 1;
    }
    Octets esp(ipsec::SaSession& peer, std::size_t payload = 26) {
        return through(peer, make_vxlan(from_vtep(2, vni), frame(9, 1, IpFamily::ipv4, payload)));
    }

    std::unique_ptr<RingPort> wide;
};

TEST_F(WideUplinkTest, AnSaIsTheWorkersThatReceivesItFirst) {
    for (const std::size_t first : {0U, 1U}) {
        const SaPlan plan{.spi = static_cast<std::uint32_t>(0x2100 + first)};
        const auto ours = take_by(plan, vtep2, std::nullopt);
        const auto peer = session_of(plan, Direction::outbound, false);
        const std::uint16_t queue = queue_of(first);
        wide->send(esp(*peer), queue);
        path().walk(first);
        EXPECT_EQ(ours->newest_sequence(), 1U) << "opened by whom it came to, without hand-over";
        // By the other queue it comes to the other worker, which leaves it to the first.
        wide->send(esp(*peer), static_cast<std::uint16_t>(1 - queue));
        path().walk(1 - first);
        EXPECT_EQ(ours->newest_sequence(), 1U);
        path().walk(first);
        EXPECT_EQ(ours->newest_sequence(), 2U);
        run();
        EXPECT_EQ(sent_by("a").size(), 2U);
    }
    EXPECT_EQ(drops(), Drops());
}

TEST_F(WideUplinkTest, AnSaThatIsAWorkersFromTheStartStaysThat) {
    const SaPlan plan{.spi = 0x2110};
    const auto ours = take_by(plan, vtep2, 1);
    const auto peer = session_of(plan, Direction::outbound, false);
    wide->send(esp(*peer), queue_of(0));
    path().walk(0);
    EXPECT_EQ(ours->newest_sequence(), 0U);
    path().walk(1);
    EXPECT_EQ(ours->newest_sequence(), 1U);
}

/// The same with workers that run.
class ConcurrentTest : public WideUplinkTest {
  protected:
    ConcurrentTest() : WideUplinkTest({1, 2}) {}

    static constexpr std::uint64_t rounds = 150;
    /// Less than the window, whatever becomes of the order.
    static constexpr std::uint64_t packets_a_round = 48;

    static bool within_deadline(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::yield();
        }
        return true;
    }
    static Octets numbered(std::uint8_t source, std::uint8_t destination, std::uint64_t number) {
        Octets octets = frame(source, destination);
        std::memcpy(octets.data() + octets.size() - sizeof number, &number, sizeof number);
        return octets;
    }
    static std::uint64_t number_of(const Octets& octets) {
        std::uint64_t number = 0;
        std::memcpy(&number, octets.data() + octets.size() - sizeof number, sizeof number);
        return number;
    }
    Octets esp_numbered(ipsec::SaSession& peer, std::uint64_t number) {
        return through(peer, make_vxlan(from_vtep(2, vni), numbered(9, 1, number)));
    }
    void take_arrived() {
        for (const Octets& octets : a().receive())
            arrived.push_back(number_of(octets));
    }

    std::vector<std::uint64_t> arrived;
};

TEST_F(ConcurrentTest, OfPacketsThatComeToBothAtOnceOneIsTaken) {
    const SaPlan plan{.spi = 0x2200};
    take_by(plan, vtep2, std::nullopt);
    const auto peer = session_of(plan, Direction::outbound, false);
    ASSERT_TRUE(path().start());
    for (std::uint64_t round = 0; round < rounds; ++round) {
        std::vector<Octets> packets;
        for (std::uint64_t i = 0; i < packets_a_round; ++i)
            packets.push_back(esp_numbered(*peer, round * packets_a_round + i));
        for (const Octets& packet : packets) {
            wide->send(packet, 0);
            wide->send(packet, 1);
        }
        const std::uint64_t all = (round + 1) * packets_a_round;
        ASSERT_TRUE(within_deadline([&] {
            take_arrived();
            return arrived.size() + hypervisor().drops(DropReason::replayed) >= 2 * all;
        })) << arrived.size()
            << " arrived, drops " << ::testing::PrintToString(drops());
    }
    path().stop();
    EXPECT_EQ(drops(), one(DropReason::replayed, rounds * packets_a_round));
    std::sort(arrived.begin(), arrived.end());
    ASSERT_EQ(arrived.size(), rounds * packets_a_round);
    for (std::uint64_t i = 0; i < arrived.size(); ++i)
        ASSERT_EQ(arrived[i], i) << "each once";
}

TEST_F(ConcurrentTest, EachQueuesOrderHoldsAndOldPacketsAreReplays) {
    const SaPlan plan{.spi = 0x2201};
    take_by(plan, vtep2, std::nullopt);
    const auto peer = session_of(plan, Direction::outbound, false);
    ASSERT_TRUE(path().start());
    std::vector<Octets> before;
    std::array<std::vector<std::uint64_t>, 2> sent_by_queue;
    std::uint64_t replays = 0;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        std::vector<Octets> packets;
        for (std::uint64_t i = 0; i < packets_a_round; ++i) {
            const std::uint64_t number = round * packets_a_round + i;
            const std::uint16_t queue = number % 3 == 0 ? 1 : 0;
            packets.push_back(esp_numbered(*peer, number));
            sent_by_queue[queue].push_back(number);
            wide->send(packets.back(), queue);
            if (before.empty()) continue;
            wide->send(before[i], static_cast<std::uint16_t>(1 - queue));
            ++replays;
        }
        before = std::move(packets);
        const std::uint64_t all = (round + 1) * packets_a_round;
        ASSERT_TRUE(within_deadline([&] {
            take_arrived();
            const auto refused = hypervisor().drops(DropReason::replayed)
                                 + hypervisor().drops(DropReason::outside_window);
            return arrived.size() == all && refused == replays;
        })) << arrived.size()
            << " arrived, drops " << ::testing::PrintToString(drops());
    }
    path().stop();
    std::array<std::vector<std::uint64_t>, 2> arrived_by_queue;
    for (const std::uint64_t number : arrived)
        arrived_by_queue[number % 3 == 0 ? 1 : 0].push_back(number);
    EXPECT_EQ(arrived_by_queue, sent_by_queue);
}

TEST_F(ConcurrentTest, OneSaOutHasEachNumberOnceAndInOrder) {
    send_by({{}}, vtep2);
    const auto opens = session_of({}, Direction::inbound, false);
    ASSERT_TRUE(path().start());
    std::vector<Octets> leaving;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        for (std::uint64_t i = 0; i < packets_a_round / 2; ++i) {
            a().send(numbered(1, 9, round * packets_a_round + i));
            b().send(numbered(2, 9, round * packets_a_round + i));
        }
        ASSERT_TRUE(within_deadline([&] {
            for (Octets& packet : wide->receive())
                leaving.push_back(std::move(packet));
            return leaving.size() == (round + 1) * packets_a_round;
        })) << leaving.size()
            << " left, drops " << ::testing::PrintToString(drops());
    }
    path().stop();
    std::array<std::uint64_t, 3> least{};
    for (std::size_t i = 0; i < leaving.size(); ++i) {
        std::uint32_t sequence = 0;
        std::memcpy(&sequence, leaving[i].data() + 14 + 20 + 4, sizeof sequence);
        ASSERT_EQ(rte_be_to_cpu_32(sequence), i + 1);
        const Octets inner = inner_of(through(*opens, leaving[i]));
        ASSERT_FALSE(inner.empty());
        std::uint64_t& next = least.at(inner[11]);
        ASSERT_GE(number_of(inner), next) << "of VM " << int{inner[11]};
        next = number_of(inner) + 1;
    }
    EXPECT_EQ(drops(), Drops());
}

} // namespace
} // namespace sallyport::testing
