// SPDX-License-Identifier: BSD-3-Clause
// Tenants never meet: two of them with the same MACs and addresses, and every way in that is not
// theirs.
#include "encapsulated.h"
#include "fixture.h"

namespace sallyport::testing {
namespace {

class IsolationTest : public DatapathTest {
  protected:
    IsolationTest() {
        vtep2 = add_vtep(2);
        vtep3 = add_vtep(3);
        vtep4 = add_vtep(4);
        // Vtep 3 is of both, 2 only of blue, 4 only of red.
        blue = hypervisor().add_tenant(tenant_row(100, {vtep2, vtep3}));
        red = hypervisor().add_tenant(tenant_row(200, {vtep3, vtep4}));
        for (const auto& [tenant, prefix] : {std::pair(blue, "blue"), std::pair(red, "red")}) {
            add_port(tenant, std::string(prefix) + "1", {mac(1)});
            add_port(tenant, std::string(prefix) + "2", {mac(2)});
        }
    }
    RingPort& port(const std::string& name) { return hypervisor().vm_port(name); }

    overlay::VtepId vtep2, vtep3, vtep4;
    overlay::TenantId blue, red;
};

TEST_F(IsolationTest, SameMacsStayApart) {
    for (const bool learned : {false, true}) {
        SCOPED_TRACE(learned ? "learned" : "flooded");
        send(port("blue1"), frame(1, 2));
        auto packets = sent();
        EXPECT_EQ(packets.count("red1") + packets.count("red2"), 0U);
        EXPECT_EQ(packets["blue2"], std::vector<Octets>{frame(1, 2)});
        for (const Octets& packet : packets["p0"]) {
            const Encapsulated read = decode(packet);
            EXPECT_EQ(read.vni, 100U);
            EXPECT_NE(read.destination_ip, vtep_address(IpFamily::ipv4, 4));
        }
        EXPECT_EQ(packets["p0"].size(), learned ? 0U : 2U);
        send(port("blue2"), frame(2, 1));
        send(port("red2"), frame(2, 77));
        drain();
        hypervisor().learn();
    }
    // Red's station 2 is at red2 whatever blue has.
    send(port("red1"), frame(1, 2));
    EXPECT_EQ(sent(), (std::map<std::string, std::vector<Octets>>{{"red2", {frame(1, 2)}}}));
}

// Every vtep with every VNI: in at its own tenant, or nowhere.
TEST_F(IsolationTest, EveryVtepWithEveryVni) {
    struct Expected {
        std::uint32_t vni;
        unsigned vtep;
        const char* prefix;
        DropReason reason{};
    };
    const Expected all[] = {
        {100, 2, "blue"},
        {100, 3, "blue"},
        {100, 4, nullptr, DropReason::vtep_unknown},
        {100, 5, nullptr, DropReason::vtep_unknown},
        {200, 2, nullptr, DropReason::vtep_unknown},
        {200, 3, "red"},
        {200, 4, "red"},
        {200, 5, nullptr, DropReason::vtep_unknown},
        {300, 2, nullptr, DropReason::vni_unknown},
        {300, 3, nullptr, DropReason::vni_unknown},
        {0, 3, nullptr, DropReason::vni_unknown},
        {0xffffff, 3, nullptr, DropReason::vni_unknown},
    };
    for (const Expected& expected : all) {
        for (const Octets& octets : {frame(9, 1), broadcast(9)}) {
            SCOPED_TRACE("VNI " + std::to_string(expected.vni) + " from vtep "
                         + std::to_string(expected.vtep));
            reset_counters();
            send(hypervisor().uplink(0),
                 make_vxlan(from_vtep(expected.vtep, expected.vni), octets));
            auto packets = sent();
            if (expected.prefix == nullptr) {
                EXPECT_TRUE(packets.empty());
                EXPECT_EQ(drops(), one(expected.reason));
                continue;
            }
            EXPECT_EQ(drops(), Drops());
            EXPECT_FALSE(packets.empty());
            for (const auto& [name, frames] : packets)
                EXPECT_TRUE(name.starts_with(expected.prefix)) << name;
        }
    }
}

TEST_F(IsolationTest, VniBelongsToItsVtepAndUdpPort) {
    overlay::TenantRow other = tenant_row(300, {vtep2});
    other.local_vtep = *net::IpAddress::parse("192.0.2.200");
    other.udp_port = 8472;
    const auto green = hypervisor().add_tenant(other);
    add_port(green, "green");
    OuterFrame outer = from_vtep(2, 300);
    const auto expect_wrong = [&] {
        reset_counters();
        send(hypervisor().uplink(0), make_vxlan(outer, broadcast(9)));
        EXPECT_TRUE(sent().empty());
        EXPECT_EQ(drops(), one(DropReason::vni_wrong_vtep));
    };
    expect_wrong();
    outer = from_vtep(2, 100);
    outer.destination_ip = other.local_vtep;
    outer.destination_port = 8472;
    expect_wrong();
    outer.vni = 300;
    send(hypervisor().uplink(0), make_vxlan(outer, broadcast(9)));
    EXPECT_EQ(sent().count("green"), 1U);
    // The right address with the wrong port is no endpoint of ours at all: Linux's.
    outer.destination_port = 4789;
    send(hypervisor().uplink(0), make_vxlan(outer, broadcast(9)));
    auto packets = sent();
    EXPECT_EQ(packets.size(), 1U);
    EXPECT_EQ(packets.count("host"), 1U);
}

TEST_F(IsolationTest, VxlanFromAVmIsJustAFrame) {
    // A VM addresses the underlay with a packet for the other tenant, made to be taken.
    OuterFrame outer = from_vtep(3, 200);
    outer.source = mac(1);
    const Octets forged = make_vxlan(outer, frame(9, 2));
    send(port("blue1"), forged);
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::underlay_mac));
    // To a station of its own it is carried inside.
    outer.destination = mac(2);
    const Octets inside = make_vxlan(outer, frame(9, 2));
    hypervisor().put(overlay::FdbRow{blue, mac(2), overlay::VtepRef{vtep2}, {}});
    send(port("blue1"), inside);
    const Encapsulated read = decode(sent().at("p0").at(0));
    EXPECT_EQ(read.vni, 100U);
    EXPECT_EQ(read.inner, inside);
}

TEST_F(IsolationTest, VxlanInsideVxlanIsTakenOffOnce) {
    hypervisor().put(overlay::FdbRow{
        blue, underlay_mac, overlay::VmPortRef{hypervisor().vm_port_id("blue1")}, {}});
    const Octets inside = make_vxlan(from_vtep(3, 200), frame(9, 2));
    send(hypervisor().uplink(0), make_vxlan(from_vtep(2, 100), inside));
    EXPECT_EQ(sent(), (std::map<std::string, std::vector<Octets>>{{"blue1", {inside}}}));
}

TEST_F(IsolationTest, SpoofedSourcesGoNowhere) {
    for (const std::string name : {"blue1", "blue2", "red1", "red2"}) {
        for (std::uint8_t station = 3; station < 10; ++station) {
            send(port(name), frame(station, 1));
            send(port(name), broadcast(station));
        }
    }
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::source_mac_spoofed, 4 * 7 * 2));
    EXPECT_TRUE(hypervisor().learn().empty());
}

// Not even rows that contradict one another lead from one tenant to another.
TEST_F(IsolationTest, FdbEntryOfAForeignPortEndsAtThePort) {
    hypervisor().put(
        overlay::FdbRow{blue, mac(7), overlay::VmPortRef{hypervisor().vm_port_id("red1")}, {}});
    send(port("blue1"), frame(1, 7));
    send(hypervisor().uplink(0), make_vxlan(from_vtep(2, 100), frame(9, 7)));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::port_gone, 2));
}

TEST_F(IsolationTest, FdbEntryOfAForeignVtepIsRefused) {
    EXPECT_FALSE(
        hypervisor().apply({{overlay::RowChange::Kind::put,
                             overlay::FdbRow{blue, mac(7), overlay::VtepRef{vtep4}, {}}}}));
}

TEST_F(IsolationTest, CountersAreOfTheTenantAlone) {
    send(port("blue1"), frame(1, 77));
    send(port("blue1"), frame(5, 77));
    const auto of_red = path().tenant_counters(red);
    EXPECT_EQ(of_red.rx_packets + of_red.tx_packets + of_red.encap_packets + of_red.flooded_packets,
              0U);
    EXPECT_EQ(tenant_drops(red), Drops());
    EXPECT_EQ(path().tenant_counters(blue).rx_packets, 2U);
}

} // namespace
} // namespace sallyport::testing
