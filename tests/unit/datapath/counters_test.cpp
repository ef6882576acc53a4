// SPDX-License-Identifier: BSD-3-Clause
// Counters: each packet once, everywhere the same, and back to zero when told.
#include "fixture.h"

#include <numeric>

namespace sallyport::testing {
namespace {

class CountersTest : public OneTenantTest {
  protected:
    /// Some of everything.
    void traffic() {
        put_local(blue, 2, "b");
        put_remote(blue, 9, vtep2);
        send(a(), frame(1, 2));
        send(a(), frame(1, 9));
        send(a(), broadcast(1));
        send(a(), frame(1, 2, IpFamily::ipv4, 1480));
        send(a(), raw_frame(mac(2), broadcast_mac, 0x88b5, 46));
        send(uplink(), make_vxlan(from_vtep(2, vni), frame(9, 2)));
        send(uplink(), make_vxlan(from_vtep(2, vni), broadcast(9)));
        send(uplink(), make_vxlan(from_vtep(2, vni + 1), broadcast(9)));
        send(uplink(), raw_frame(underlay_mac, next_hop_mac, 0x0806, 46));
        send(uplink(1), raw_frame(underlay_mac, next_hop_mac, 0x0806, 46));
        send(hypervisor().host(), raw_frame(next_hop_mac, underlay_mac, 0x0806, 46));
    }
    static std::uint64_t sum(const Drops& drops) {
        return std::accumulate(drops.begin(), drops.end(), std::uint64_t{0},
                               [](auto total, const auto& one) { return total + one.second; });
    }
};

TEST_F(CountersTest, OfTheTenant) {
    traffic();
    const auto counters = path().tenant_counters(blue);
    const std::size_t small = frame(1, 2).size(), large = small - 26 + 1480;
    EXPECT_EQ(counters.rx_packets, 5U);
    EXPECT_EQ(counters.rx_bytes, 3 * small + large + 60);
    EXPECT_EQ(counters.tx_packets, 5U) << "unicast, from remote, three copies of broadcasts";
    EXPECT_EQ(counters.tx_bytes, 5 * small);
    EXPECT_EQ(counters.encap_packets, 3U) << "unicast and two copies";
    EXPECT_EQ(counters.encap_bytes, 3 * small) << "inner octets";
    EXPECT_EQ(counters.decap_packets, 2U);
    EXPECT_EQ(counters.decap_bytes, 2 * small);
    EXPECT_EQ(counters.flooded_packets, 2U);
    EXPECT_EQ(named(counters.drops),
              (Drops{{"mtu-exceeded-answered", 1}, {"source-mac-invalid", 1}}));
}

TEST_F(CountersTest, DropsOfPortsAddUpToThoseOfTheProcess) {
    traffic();
    Drops total;
    std::uint64_t of_tenants = sum(tenant_drops(blue));
    for (RingPort* port : {&a(), &b(), &uplink(0), &uplink(1), &hypervisor().host()})
        for (const auto& [reason, count] : port_drops(*port))
            total[reason] += count;
    EXPECT_EQ(total, drops());
    EXPECT_EQ(total, (Drops{{"mtu-exceeded-answered", 1},
                            {"source-mac-invalid", 1},
                            {"vni-unknown", 1},
                            {"backup-uplink", 1}}));
    EXPECT_EQ(of_tenants, 2U);
}

// In and out: every packet received is sent or dropped; flooding adds copies, answers add packets.
TEST_F(CountersTest, NothingAppearsOrVanishes) {
    traffic();
    std::uint64_t received = 0, transmitted = 0;
    for (RingPort* port : {&a(), &b(), &uplink(0), &uplink(1), &hypervisor().host()}) {
        received += port->port().counters().rx_packets;
        transmitted += port->port().counters().tx_packets;
    }
    EXPECT_EQ(received, 11U);
    // A broadcast of "a" goes to "b" and two vteps, one of a vtep to "a" and "b".
    const std::uint64_t extra_copies = 2 + 1;
    const std::uint64_t answers = drops().at("mtu-exceeded-answered");
    EXPECT_EQ(received + extra_copies + answers, transmitted + sum(drops()));
    std::size_t seen = 0;
    for (const auto& [port, frames] : sent())
        seen += frames.size();
    EXPECT_EQ(seen, transmitted);
}

TEST_F(CountersTest, OfTheGraphAndTheWorker) {
    traffic();
    std::map<std::string, datapath::NodeCounters> nodes;
    for (const auto& node : path().node_counters())
        nodes[node.node] = node;
    EXPECT_EQ(nodes.size(), 15U);
    EXPECT_EQ(nodes.at("sallyport-port-rx").packets, 11U);
    EXPECT_EQ(nodes.at("sallyport-vm-input").packets, 5U);
    EXPECT_EQ(nodes.at("sallyport-underlay-input").packets, 5U);
    EXPECT_EQ(nodes.at("sallyport-host-input").packets, 1U);
    EXPECT_EQ(nodes.at("sallyport-vxlan-decap").packets, 2U);
    EXPECT_EQ(nodes.at("sallyport-fdb-lookup").packets, 5U);
    EXPECT_EQ(nodes.at("sallyport-flood").packets, 2U);
    EXPECT_EQ(nodes.at("sallyport-vxlan-encap").packets, 3U);
    EXPECT_EQ(nodes.at("sallyport-mtu-exceeded").packets, 1U);
    EXPECT_EQ(nodes.at("sallyport-drop").packets, 4U);
    EXPECT_GT(nodes.at("sallyport-port-tx").cycles, 0U);
    ASSERT_EQ(path().worker_counters().size(), 1U);
    EXPECT_GE(path().worker_counters()[0].loops, 11U);
}

TEST_F(CountersTest, ResetIsToZeroAndCountingGoesOn) {
    traffic();
    reset_counters();
    EXPECT_EQ(drops(), Drops());
    EXPECT_EQ(tenant_drops(blue), Drops());
    for (RingPort* port : {&a(), &b(), &uplink(0), &uplink(1), &hypervisor().host()})
        EXPECT_EQ(port_drops(*port), Drops());
    auto counters = path().tenant_counters(blue);
    EXPECT_EQ(counters.rx_packets + counters.rx_bytes + counters.tx_packets + counters.tx_bytes
                  + counters.encap_packets + counters.encap_bytes + counters.decap_packets
                  + counters.decap_bytes + counters.flooded_packets + counters.learn_queue_full,
              0U);
    for (const auto& node : path().node_counters())
        EXPECT_EQ(node.calls + node.packets + node.cycles, 0U) << node.node;
    EXPECT_EQ(path().worker_counters()[0].loops, 0U);
    traffic();
    EXPECT_EQ(path().tenant_counters(blue).rx_packets, 5U);
    EXPECT_EQ(sum(drops()), 4U);
    drain();
}

TEST_F(CountersTest, OfNoTenantAreZero) {
    const auto counters = path().tenant_counters(60'000);
    EXPECT_EQ(counters.rx_packets, 0U);
    EXPECT_EQ(named(counters.drops), Drops());
}

// The number of a DPDK port goes to the next port; its drops must not.
TEST_F(CountersTest, DropsOfADetachedPortAreNotTheNextOnes) {
    send(b(), raw_frame(mac(2), broadcast_mac, 0x88b5, 46));
    EXPECT_EQ(port_drops(b()), one(DropReason::source_mac_invalid));
    const std::uint16_t number = b().port().id();
    remove_port("b");
    RingPort& next = add_port(blue, "next");
    ASSERT_EQ(next.port().id(), number);
    EXPECT_EQ(port_drops(next), Drops());
    EXPECT_EQ(drops(), one(DropReason::source_mac_invalid)) << "the process forgets nothing";
}

} // namespace
} // namespace sallyport::testing
