// SPDX-License-Identifier: BSD-3-Clause
// Broadcast, unknown unicast and multicast: to whom, and never back.
#include "encapsulated.h"
#include "fixture.h"

#include <algorithm>

namespace sallyport::testing {
namespace {

class FloodingTest : public OneTenantTest {
  protected:
    FloodingTest() { add_port(blue, "c"); }

    /// The remote vteps that a flooded frame went to, in order.
    static std::vector<net::IpAddress> vteps(const std::vector<Octets>& packets,
                                             const Octets& inner) {
        std::vector<net::IpAddress> addresses;
        for (const Octets& packet : packets) {
            const Encapsulated read = decode(packet);
            EXPECT_EQ(encode(read), packet);
            EXPECT_EQ(read.inner, inner);
            addresses.push_back(read.destination_ip);
        }
        std::sort(addresses.begin(), addresses.end());
        return addresses;
    }
};

TEST_F(FloodingTest, FromVmToAllOthersAndAllVteps) {
    const Octets frames[] = {
        broadcast(1),
        frame(1, 77),
        make_frame({.destination = *net::MacAddress::parse("01:00:5e:00:00:fb"), .source = mac(1)}),
        make_frame({.destination = *net::MacAddress::parse("33:33:00:00:00:01"), .source = mac(1)}),
    };
    for (const Octets& octets : frames) {
        send(a(), octets);
        auto packets = sent();
        EXPECT_EQ(packets.count("a"), 0U) << "back to the sender";
        EXPECT_EQ(packets["b"], std::vector<Octets>{octets});
        EXPECT_EQ(packets["c"], std::vector<Octets>{octets});
        EXPECT_EQ(vteps(packets["p0"], octets),
                  (std::vector{vtep_address(IpFamily::ipv4, 2), vtep_address(IpFamily::ipv4, 3)}));
        EXPECT_EQ(packets.size(), 3U);
    }
    EXPECT_EQ(drops(), Drops());
    EXPECT_EQ(path().tenant_counters(blue).flooded_packets, 4U);
}

TEST_F(FloodingTest, FromVtepToLocalPortsOnly) {
    send(uplink(), make_vxlan(from_vtep(2, vni), broadcast(9)));
    EXPECT_EQ(sent(), (std::map<std::string, std::vector<Octets>>{
                          {"a", {broadcast(9)}}, {"b", {broadcast(9)}}, {"c", {broadcast(9)}}}));
}

// An fdb entry of a multicast MAC cannot be; should it be put, flooding still decides.
TEST_F(FloodingTest, GroupAddressIsFloodedWhateverTheFdbSays) {
    hypervisor().put(
        overlay::FdbRow{blue, broadcast_mac, overlay::VmPortRef{hypervisor().vm_port_id("b")}, {}});
    send(uplink(), make_vxlan(from_vtep(2, vni), broadcast(9)));
    EXPECT_EQ(sent().size(), 3U);
}

TEST_F(FloodingTest, CopiesAreIndependent) {
    // Held by the receivers all at once, each must have its own headers.
    for (std::uint8_t i = 0; i < 32; ++i)
        a().send(raw_frame(broadcast_mac, mac(1), 0x88b5, 10U + i));
    run();
    auto packets = sent();
    for (const std::string port : {"b", "c"}) {
        ASSERT_EQ(packets[port].size(), 32U);
        for (std::uint8_t i = 0; i < 32; ++i)
            EXPECT_EQ(packets[port][i], raw_frame(broadcast_mac, mac(1), 0x88b5, 10U + i));
    }
    ASSERT_EQ(packets["p0"].size(), 64U);
    std::map<net::IpAddress, std::vector<Octets>> by_vtep;
    for (const Octets& packet : packets["p0"]) {
        const Encapsulated read = decode(packet);
        by_vtep[read.destination_ip].push_back(read.inner);
    }
    EXPECT_EQ(by_vtep.size(), 2U);
    for (const auto& [vtep, inner] : by_vtep)
        EXPECT_EQ(inner, packets["b"]) << vtep.to_string();
}

TEST_F(FloodingTest, ManyVtepsOfBothFamilies) {
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
        std::vector<overlay::VtepId> ids;
        std::vector<net::IpAddress> expected;
        for (unsigned n = 10; n < 40; ++n) {
            ids.push_back(add_vtep(n, family));
            expected.push_back(vtep_address(family, n));
        }
        // IPv6 addresses of decimal digits sort as the numbers do.
        const auto tenant =
            hypervisor().add_tenant(tenant_row(family == IpFamily::ipv4 ? 400 : 600, ids, family));
        const std::string port = family == IpFamily::ipv4 ? "v4" : "v6";
        add_port(tenant, port);
        send(hypervisor().vm_port(port), broadcast(1));
        auto packets = sent();
        EXPECT_EQ(packets.size(), 1U);
        EXPECT_EQ(vteps(packets["p0"], broadcast(1)), expected);
    }
}

TEST_F(FloodingTest, OffMeansOffForEveryUnknownDestination) {
    change_tenant([](auto& changed) { changed.flooding = false; });
    send(a(), broadcast(1));
    send(a(), frame(1, 77));
    send(uplink(), make_vxlan(from_vtep(2, vni), broadcast(9)));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::flooding_off, 3));
    put_local(blue, 2, "b");
    send(a(), frame(1, 2));
    EXPECT_EQ(sent().size(), 1U) << "known unicast goes on";
}

TEST_F(FloodingTest, ReservedMulticastNeverLeaves) {
    for (std::uint8_t last = 0; last < 0x10; ++last)
        send(a(), raw_frame({{0x01, 0x80, 0xc2, 0, 0, last}}, mac(1), 0x88cc, 46));
    send(uplink(),
         make_vxlan(from_vtep(2, vni), raw_frame({{0x01, 0x80, 0xc2, 0, 0, 0}}, mac(9), 38, 38)));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::reserved_multicast, 17));
    send(a(), raw_frame({{0x01, 0x80, 0xc2, 0, 0, 0x10}}, mac(1), 0x88cc, 46));
    EXPECT_EQ(sent().size(), 3U) << "the next address is an ordinary group";
}

TEST_F(FloodingTest, NobodyThere) {
    const auto lonely = hypervisor().add_tenant(tenant_row(300));
    add_port(lonely, "alone");
    send(hypervisor().vm_port("alone"), broadcast(1));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::flood_no_target));
}

TEST_F(FloodingTest, ToTheUnderlaysOwnMac) {
    send(a(), make_frame({.destination = underlay_mac, .source = mac(1)}));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::underlay_mac));
    // A station of the overlay may have that very MAC, since it is another network.
    send(uplink(), make_vxlan(from_vtep(2, vni),
                              make_frame({.destination = underlay_mac, .source = mac(9)})));
    EXPECT_EQ(sent().size(), 3U);
}

TEST_F(FloodingTest, RemovedPortsAndVtepsGetNothing) {
    remove_port("c");
    change_tenant([&](auto& changed) { changed.remote_vteps = {vtep3}; });
    send(a(), broadcast(1));
    auto packets = sent();
    EXPECT_EQ(packets.size(), 2U);
    EXPECT_EQ(packets["b"].size(), 1U);
    EXPECT_EQ(vteps(packets["p0"], broadcast(1)), std::vector{vtep_address(IpFamily::ipv4, 3)});
}

TEST_F(FloodingTest, WithoutNextHopOnlyThatCopyIsLost) {
    hypervisor().put(overlay::VtepRow{vtep3, vtep_address(IpFamily::ipv4, 3), std::nullopt});
    send(a(), broadcast(1));
    auto packets = sent();
    EXPECT_EQ(packets["b"].size(), 1U);
    EXPECT_EQ(packets["c"].size(), 1U);
    EXPECT_EQ(vteps(packets["p0"], broadcast(1)), std::vector{vtep_address(IpFamily::ipv4, 2)});
    EXPECT_EQ(drops(), one(DropReason::next_hop_unresolved));
}

// Whatever the number of buffers left, a copy is sent or counted, and nothing is lost. Short frames
// are copied, long ones shared.
TEST_F(FloodingTest, OutOfBuffers) {
    for (const std::size_t size : {46U, 1000U}) {
        const Octets octets = raw_frame(broadcast_mac, mac(1), 0x88b5, size);
        for (unsigned left = 0; left < 8; ++left) {
            SCOPED_TRACE(std::to_string(size) + " octets, " + std::to_string(left)
                         + " buffers left");
            reset_counters();
            a().send(octets);
            std::vector<rte_mbuf*> taken;
            while (rte_mbuf* const buffer = rte_pktmbuf_alloc(path().buffer_pool()))
                taken.push_back(buffer);
            for (unsigned i = 0; i < left; ++i) {
                rte_pktmbuf_free(taken.back());
                taken.pop_back();
            }
            run();
            auto packets = sent();
            for (const Octets& packet : packets["p0"])
                EXPECT_EQ(decode(packet).inner, octets);
            const std::size_t copies =
                packets["b"].size() + packets["c"].size() + packets["p0"].size();
            EXPECT_EQ(copies + drops()["no-buffer"], 4U);
            EXPECT_GE(copies, 1U) << "the frame itself needs no buffer";
            EXPECT_EQ(buffers_in_use(), taken.size());
            rte_pktmbuf_free_bulk(taken.data(), static_cast<unsigned>(taken.size()));
        }
        EXPECT_EQ(drops(), Drops()) << "enough";
    }
}

} // namespace
} // namespace sallyport::testing
