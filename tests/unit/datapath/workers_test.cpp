// SPDX-License-Identifier: BSD-3-Clause
// Several workers: ports of one queue are sent to by one of them, for the others too; and running
// workers under changes.
#include "encapsulated.h"
#include "fixture.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

namespace sallyport::testing {
namespace {

/// Two workers that the test walks by hand.
class TwoWorkersTest : public OneTenantTest {
  protected:
    TwoWorkersTest() { rebuild(with_workers({0, 0})); }
};

TEST_F(TwoWorkersTest, EveryPortReachesEveryPort) {
    add_port(blue, "c");
    add_port(blue, "d");
    const std::vector<std::string> names{"a", "b", "c", "d"};
    for (std::uint8_t i = 0; i < 4; ++i)
        put_local(blue, static_cast<std::uint8_t>(10 + i), names[i]);
    for (std::uint8_t from = 0; from < 4; ++from) {
        for (std::uint8_t to = 0; to < 4; ++to) {
            if (from == to) continue;
            const Octets octets =
                frame(static_cast<std::uint8_t>(10 + from), static_cast<std::uint8_t>(10 + to));
            send(hypervisor().vm_port(names[from]), octets);
            EXPECT_EQ(sent(), (std::map<std::string, std::vector<Octets>>{{names[to], {octets}}}));
        }
    }
    EXPECT_EQ(drops(), Drops());
}

TEST_F(TwoWorkersTest, HandoverKeepsTheOrder) {
    put_local(blue, 2, "b");
    put_remote(blue, 9, vtep2);
    std::vector<Octets> local;
    for (std::size_t i = 0; i < 600; ++i) {
        local.push_back(frame(1, 2, IpFamily::ipv4, i));
        a().send(local.back());
    }
    run();
    EXPECT_EQ(sent()["b"], local);
    // Two workers to one uplink: each flow keeps its own order.
    for (std::size_t i = 0; i < 500; ++i) {
        a().send(frame(1, 9, IpFamily::ipv4, i));
        b().send(frame(3, 9, IpFamily::ipv4, i));
    }
    run();
    std::map<std::uint8_t, std::vector<Octets>> by_source;
    for (const Octets& packet : sent_by("p0")) {
        const Octets inner = decode(packet).inner;
        by_source[inner[11]].push_back(inner);
    }
    for (const std::uint8_t source : {1, 3}) {
        ASSERT_EQ(by_source[source].size(), 500U);
        for (std::size_t i = 0; i < 500; ++i)
            ASSERT_EQ(by_source[source][i], frame(source, 9, IpFamily::ipv4, i));
    }
    EXPECT_EQ(drops(), Drops());
}

TEST_F(TwoWorkersTest, FloodedCopiesCrossWorkers) {
    for (RingPort* port : {&a(), &b()}) {
        send(*port, broadcast(1));
        auto packets = sent();
        EXPECT_EQ(packets[port == &a() ? "b" : "a"], std::vector<Octets>{broadcast(1)});
        ASSERT_EQ(packets["p0"].size(), 2U);
        for (const Octets& packet : packets["p0"])
            EXPECT_EQ(decode(packet).inner, broadcast(1));
    }
}

TEST_F(TwoWorkersTest, FullHandoverIsCounted) {
    auto settings = with_workers({0, 0});
    settings.buffers = 16384;
    rebuild(settings);
    put_local(blue, 2, "b");
    put_local(blue, 1, "a");
    // Only the worker of "a", or only the other, until the ring in between is full.
    for (const std::size_t worker : {0U, 1U}) {
        for (unsigned i = 0; i < 200; ++i) {
            for (unsigned j = 0; j < 32; ++j) {
                a().send(frame(1, 2));
                b().send(frame(2, 1));
            }
            path().walk(worker);
            drain();
        }
        run();
        drain();
    }
    const Drops counted = drops();
    EXPECT_GT(counted.at("handover-full"), 0U);
    for (const auto& [reason, count] : counted)
        EXPECT_TRUE(reason == "handover-full" || reason == "transmit-full") << reason;
}

// The number of the DPDK port goes to another tenant's port while a frame for it waits for the
// other worker.
TEST_F(TwoWorkersTest, PortDetachedUnderItsHandover) {
    unsigned waiting = 0;
    for (const std::string gone : {"a", "b"}) {
        for (const std::size_t first : {0U, 1U}) {
            rebuild(with_workers({0, 0}));
            put_local(blue, 2, "b");
            put_local(blue, 1, "a");
            (gone == "a" ? b() : a()).send(gone == "a" ? frame(2, 1) : frame(1, 2));
            path().walk(first);
            path().walk(1 - first);
            drain();
            if (buffers_in_use() == 0) continue;
            ++waiting;
            const std::uint16_t number = hypervisor().vm_port(gone).port().id();
            remove_port(gone);
            const auto red = hypervisor().add_tenant(tenant_row(200, {vtep2}));
            ASSERT_EQ(add_port(red, "red").port().id(), number);
            run();
            EXPECT_TRUE(sent().empty());
        }
    }
    EXPECT_GE(waiting, 2U) << "a frame to each port was handed over";
}

TEST_F(TwoWorkersTest, QueuesOfOnePortAreShared) {
    RingPort wide("wide", datapath::PortRole::vm_port, 1600, path().buffer_pool(), 2);
    ASSERT_EQ(wide.port().rx_queues(), 2U);
    ASSERT_TRUE(path().attach_vm_port(60, wide.port()));
    hypervisor().put(overlay::VmPortRow{60, blue, "wide", {}});
    hypervisor().put(overlay::FdbRow{blue, mac(6), overlay::VmPortRef{60}, {}});
    put_local(blue, 1, "a");
    put_local(blue, 2, "b");
    for (const std::uint16_t queue : {0, 1}) {
        wide.send(frame(6, 1), queue);
        wide.send(frame(6, 2), queue);
    }
    EXPECT_GE(path().walk(0), 2U) << "each polls a queue";
    EXPECT_GE(path().walk(1), 2U) << "each polls a queue";
    run();
    auto packets = sent();
    EXPECT_EQ(packets["a"].size(), 2U);
    EXPECT_EQ(packets["b"].size(), 2U);
    send(a(), frame(1, 6));
    send(b(), frame(2, 6));
    auto received = wide.receive();
    std::sort(received.begin(), received.end());
    EXPECT_EQ(received, (std::vector<Octets>{frame(1, 6), frame(2, 6)}));
    EXPECT_EQ(drops(), Drops());
    path().detach(wide.port());
}

TEST_F(TwoWorkersTest, CountersAreSummed) {
    for (RingPort* port : {&a(), &b()}) {
        send(*port, broadcast(1));
        send(*port, frame(1, 77));
        send(*port, raw_frame(mac(1), broadcast_mac, 0x88b5, 46));
    }
    const auto counters = path().tenant_counters(blue);
    EXPECT_EQ(counters.rx_packets, 6U);
    EXPECT_EQ(counters.flooded_packets, 4U);
    EXPECT_EQ(counters.encap_packets, 8U);
    EXPECT_EQ(counters.tx_packets, 4U);
    EXPECT_EQ(drops(), one(DropReason::source_mac_invalid, 2));
    EXPECT_EQ(path().worker_counters().size(), 2U);
}

/// Workers on their own lcore.
class RunningWorkerTest : public OneTenantTest {
  protected:
    RunningWorkerTest() { rebuild(with_workers({1})); }
    void TearDown() override {
        path().stop();
        OneTenantTest::TearDown();
    }
    template<class Condition>
    static bool within_deadline(Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::yield();
        }
        return true;
    }
};

TEST_F(RunningWorkerTest, ForwardsSleepsAndStops) {
    ASSERT_TRUE(path().start());
    ASSERT_TRUE(path().start()) << "starting twice is harmless";
    ASSERT_TRUE(within_deadline([&] { return path().worker_counters()[0].sleeps > 3; }));
    a().send(broadcast(1));
    std::vector<Octets> received;
    ASSERT_TRUE(within_deadline([&] {
        for (auto& octets : b().receive())
            received.push_back(octets);
        return !received.empty();
    })) << "a sleeping worker wakes up";
    EXPECT_EQ(received, std::vector<Octets>{broadcast(1)});
    path().stop();
    const auto loops = path().worker_counters()[0];
    EXPECT_GT(loops.idle_loops, 0U);
    EXPECT_LE(loops.idle_loops, loops.loops);
    ASSERT_TRUE(path().start()) << "and again";
}

TEST_F(RunningWorkerTest, SpinsByOption) {
    auto settings = with_workers({1});
    settings.max_sleep_us = 0;
    rebuild(settings);
    ASSERT_TRUE(path().start());
    ASSERT_TRUE(within_deadline([&] { return path().worker_counters()[0].idle_loops > 1000; }));
    path().stop();
    EXPECT_EQ(path().worker_counters()[0].sleeps, 0U);
}

// Tenants and ports come and go under traffic, their numbers go to another tenant each time: what a
// VM of one sent is never seen by a VM of the other.
TEST_F(RunningWorkerTest, TenantsComeAndGoUnderTraffic) {
    ASSERT_TRUE(path().start());
    std::size_t received = 0;
    for (std::uint8_t round = 0; round < 60; ++round) {
        // All frames of a round carry its number.
        overlay::TenantRow red = tenant_row(1000U + round, {vtep2, vtep3});
        red.id = 9;
        red.name = "red";
        hypervisor().put(red);
        RingPort& first = add_port(9, "first");
        RingPort& second = add_port(9, "second");
        put_local(9, 2, "second");
        std::vector<Octets> seen;
        const auto collect = [&] {
            for (RingPort* port : {&first, &second})
                for (auto& octets : port->receive())
                    seen.push_back(std::move(octets));
        };
        const auto send_some = [&] {
            for (unsigned i = 0; i < 8; ++i) {
                first.send(raw_frame(mac(2), mac(1), 0x88b5, 46U + round));
                second.send(raw_frame(broadcast_mac, mac(3), 0x88b5, 46U + round));
                uplink().send(make_vxlan(from_vtep(2, 1000U + round),
                                         raw_frame(broadcast_mac, mac(9), 0x88b5, 46U + round)));
            }
        };
        send_some();
        ASSERT_TRUE(within_deadline([&] {
            collect();
            return !seen.empty();
        }));
        send_some();
        collect();
        for (const Octets& octets : seen)
            ASSERT_EQ(octets.size(), 14U + 46U + round) << "a frame of another tenant";
        received += seen.size();
        hypervisor().remove(overlay::FdbRow{9, mac(2), {}, {}});
        remove_port("first");
        remove_port("second");
        hypervisor().remove(red);
        for (const Octets& packet : uplink().receive()) {
            const Encapsulated read = decode(packet);
            ASSERT_EQ(read.inner.size(), 14U + 46U + read.vni - 1000U);
        }
    }
    EXPECT_GT(received, 60U);
}

} // namespace
} // namespace sallyport::testing
