// SPDX-License-Identifier: BSD-3-Clause
// What the software path tells the control thread of the stations it sees, and what it keeps to
// itself.
#include "datapath/coarse_clock.h"
#include "datapath/worker.h"
#include "fixture.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <poll.h>

namespace sallyport::testing {
namespace {

using overlay::LearnEvent;
using overlay::VmPortRef;
using overlay::VtepRef;

class LearningTest : public OneTenantTest {
  protected:
    std::vector<LearnEvent> events(std::size_t most = 1024) {
        std::vector<LearnEvent> taken;
        path().take_learned(taken, most);
        return taken;
    }
    /// Which station was seen where, each once.
    std::set<std::string> seen() {
        std::set<std::string> stations;
        for (const LearnEvent& event : events())
            stations.insert(text(event));
        return stations;
    }
    static std::string text(const LearnEvent& event) {
        const auto* const port = std::get_if<VmPortRef>(&event.seen_at);
        return std::to_string(event.tenant) + " " + event.mac.to_string()
               + (port ? " port " + std::to_string(port->id)
                       : " vtep " + std::to_string(std::get<VtepRef>(event.seen_at).id));
    }
    std::string at_port(std::uint8_t station, const std::string& port) {
        return text({blue, mac(station), VmPortRef{hypervisor().vm_port_id(port)}});
    }
    std::string at_vtep(std::uint8_t station, overlay::VtepId vtep) {
        return text({blue, mac(station), VtepRef{vtep}});
    }
    bool signalled() {
        pollfd fd{path().learned_fd(), POLLIN, 0};
        return poll(&fd, 1, 0) == 1;
    }
    void from_remote(unsigned vtep, const Octets& octets) {
        send(uplink(), make_vxlan(from_vtep(vtep, vni), octets));
    }
};

TEST_F(LearningTest, NewStationsAreReportedWhereTheyAre) {
    send(a(), frame(1, 77));
    from_remote(3, frame(9, 77));
    EXPECT_EQ(seen(), (std::set{at_port(1, "a"), at_vtep(9, vtep3)}));
}

TEST_F(LearningTest, KnownStationsAreNot) {
    put_local(blue, 1, "a");
    put_remote(blue, 9, vtep3, overlay::FdbOrigin::configured);
    send(a(), frame(1, 9));
    from_remote(3, frame(9, 1));
    EXPECT_TRUE(events().empty());
    EXPECT_FALSE(signalled());
}

TEST_F(LearningTest, MoveToRemoteAndBack) {
    send(a(), frame(1, 77));
    hypervisor().learn();
    from_remote(2, frame(1, 77));
    EXPECT_EQ(seen(), std::set{at_vtep(1, vtep2)});
    put_remote(blue, 1, vtep2);
    send(b(), frame(3, 1));
    drain();
    from_remote(3, frame(1, 77));
    EXPECT_EQ(seen(), (std::set{at_vtep(1, vtep3), at_port(3, "b")})) << "from vtep to vtep";
    put_remote(blue, 1, vtep3);
    send(b(), frame(1, 77));
    EXPECT_EQ(seen(), std::set{at_port(1, "b")}) << "back, to another port";
    put_local(blue, 1, "b");
    send(a(), frame(1, 77));
    EXPECT_EQ(seen(), std::set{at_port(1, "a")}) << "from port to port";
    EXPECT_EQ(drops(), Drops());
}

TEST_F(LearningTest, FramesFollowAMoveAtOnce) {
    put_local(blue, 1, "a");
    from_remote(2, frame(1, 77));
    drain();
    hypervisor().learn();
    send(b(), frame(3, 1));
    auto packets = sent();
    EXPECT_EQ(packets.size(), 1U);
    EXPECT_EQ(packets.count("p0"), 1U);
}

TEST_F(LearningTest, OncePerSecondAndStation) {
    datapath::CoarseClock clock;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (;;) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "no second was long enough";
        events();
        const std::uint32_t before = clock.seconds();
        // Stations of its own, since the filter may remember those of the last try.
        for (unsigned i = 0; i < 50; ++i)
            send(a(), frame(1, 77));
        const std::size_t count = events().size();
        if (clock.seconds() != before) continue;
        // May have been reported in this second already by the try before.
        EXPECT_LE(count, 1U);
        drain();
        while (clock.seconds() == before && std::chrono::steady_clock::now() < deadline)
            std::this_thread::yield();
        send(a(), frame(1, 77));
        EXPECT_EQ(events().size(), 1U) << "again in the next second";
        return;
    }
}

TEST_F(LearningTest, RemovedStationIsReportedAgainInTheSameSecond) {
    datapath::CoarseClock clock;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (;;) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "no second was long enough";
        const std::uint32_t before = clock.seconds();
        send(a(), frame(1, 77));
        hypervisor().learn();
        hypervisor().remove(overlay::FdbRow{blue, mac(1),
                                            overlay::VmPortRef{hypervisor().vm_port_id("a")},
                                            overlay::FdbOrigin::learned});
        send(a(), frame(1, 77));
        const auto again = seen();
        if (clock.seconds() != before) continue;
        EXPECT_EQ(again, std::set{at_port(1, "a")});
        return;
    }
}

TEST(LearnFilterTest, TellsStationPlaceRemovalsAndSecondApart) {
    datapath::LearnFilter filter;
    EXPECT_TRUE(filter.admit(datapath::fdb_key(1, 5), 3, 0, 10));
    EXPECT_FALSE(filter.admit(datapath::fdb_key(1, 5), 3, 0, 10));
    EXPECT_TRUE(filter.admit(datapath::fdb_key(1, 5), 3, 0, 11)) << "next second";
    EXPECT_TRUE(filter.admit(datapath::fdb_key(1, 5), 4, 0, 11)) << "moved";
    EXPECT_TRUE(filter.admit(datapath::fdb_key(2, 5), 4, 0, 11)) << "another tenant's";
    EXPECT_TRUE(filter.admit(datapath::fdb_key(1, 6), 4, 0, 11)) << "another station";
    EXPECT_TRUE(filter.admit(datapath::fdb_key(1, 6), 4, 1, 11)) << "perhaps removed meanwhile";
}

TEST(LearnFilterTest, ManyStationsNeverHideOneAnother) {
    datapath::LearnFilter filter;
    for (std::uint64_t station = 1; station <= 10'000; ++station)
        EXPECT_TRUE(filter.admit(datapath::fdb_key(1, station), 3, 0, 10));
}

TEST_F(LearningTest, StaticStationElsewhereIsDropped) {
    put_local(blue, 1, "a", overlay::FdbOrigin::configured);
    put_remote(blue, 9, vtep3, overlay::FdbOrigin::configured);
    send(b(), frame(1, 77));
    from_remote(2, frame(1, 77));
    from_remote(2, frame(9, 77));
    send(a(), frame(9, 77));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::source_mac_static, 4));
    EXPECT_TRUE(events().empty());
}

TEST_F(LearningTest, StaticStationElsewhereIsDroppedWithoutLearningToo) {
    change_tenant([](auto& changed) { changed.learning = false; });
    put_local(blue, 1, "a", overlay::FdbOrigin::configured);
    send(b(), frame(1, 77));
    EXPECT_EQ(drops(), one(DropReason::source_mac_static));
}

TEST_F(LearningTest, OffReportsNothing) {
    change_tenant([](auto& changed) { changed.learning = false; });
    send(a(), frame(1, 77));
    from_remote(2, frame(9, 77));
    EXPECT_TRUE(events().empty());
    EXPECT_EQ(drops(), Drops());
    EXPECT_EQ(sent().size(), 3U) << "but forwards";
}

TEST_F(LearningTest, RefusedFramesTeachNothing) {
    add_port(blue, "guarded", {mac(5)});
    RingPort& guarded = hypervisor().vm_port("guarded");
    send(guarded, frame(6, 77));
    send(guarded, make_frame({.destination = mac(1), .source = mac(5), .vlan = 3}));
    send(guarded, frame(5, 77, IpFamily::ipv4, 1490));
    drain();
    OuterFrame wrong = from_vtep(2, vni);
    wrong.flags = 0;
    send(uplink(), make_vxlan(wrong, frame(9, 1)));
    Octets truncated = frame(9, 1);
    truncated.pop_back();
    send(uplink(), make_vxlan(from_vtep(2, vni), truncated));
    EXPECT_TRUE(events().empty());
}

TEST_F(LearningTest, SignalIsRaisedOncePerBatchAndResetByTaking) {
    EXPECT_FALSE(signalled());
    send(a(), frame(1, 77));
    send(a(), frame(2, 77));
    EXPECT_TRUE(signalled());
    EXPECT_EQ(events(1).size(), 1U);
    EXPECT_TRUE(signalled()) << "one is left";
    EXPECT_EQ(events(10).size(), 1U);
    EXPECT_FALSE(signalled());
    send(a(), frame(3, 77));
    EXPECT_TRUE(signalled());
}

TEST_F(LearningTest, FullQueueIsCountedAndFramesGoOn) {
    change_tenant([](auto& changed) { changed.flooding = true; });
    constexpr unsigned stations = 10'000;
    for (unsigned i = 0; i < stations; ++i) {
        a().send(raw_frame(mac(1), net::MacAddress::from_u64(0x020000000000 + i), 0x88b5, 0));
        if (i % 64 == 63) {
            run();
            drain();
        }
    }
    run();
    const auto counters = path().tenant_counters(blue);
    EXPECT_EQ(counters.rx_packets, stations);
    EXPECT_EQ(counters.flooded_packets, stations);
    std::size_t taken = 0;
    while (const std::size_t more = events().size())
        taken += more;
    EXPECT_GT(counters.learn_queue_full, 0U);
    EXPECT_EQ(taken + counters.learn_queue_full, stations);
}

TEST_F(LearningTest, IdleTimeIsSinceTheLastFrame) {
    EXPECT_FALSE(path().idle_time(blue, mac(1)));
    put_local(blue, 1, "a");
    const auto fresh = path().idle_time(blue, mac(1));
    ASSERT_TRUE(fresh);
    EXPECT_LE(fresh->count(), 1);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (*path().idle_time(blue, mac(1)) < std::chrono::seconds(2)) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
        std::this_thread::yield();
    }
    send(b(), frame(1, 77));
    EXPECT_GE(*path().idle_time(blue, mac(1)), std::chrono::seconds(2))
        << "seen elsewhere does not keep the entry alive";
    send(a(), frame(1, 77));
    EXPECT_LE(*path().idle_time(blue, mac(1)), std::chrono::seconds(1));
    EXPECT_FALSE(path().idle_time(static_cast<overlay::TenantId>(blue + 1), mac(1)));
}

} // namespace
} // namespace sallyport::testing
