// SPDX-License-Identifier: BSD-3-Clause
// Known unicast: from vm port to vm port, to a remote vtep, from a remote vtep; nothing of a frame
// may change on the way, whatever it carries.
#include "encapsulated.h"
#include "fixture.h"

#include <tuple>

namespace sallyport::testing {
namespace {

struct Payload {
    std::string name;
    Octets octets;
};

/// From station 1 to station 2.
std::vector<Payload> payloads() {
    const auto raw = [](std::uint16_t ether_type, std::size_t length) {
        return raw_frame(mac(2), mac(1), ether_type, length);
    };
    return {
        {"Ipv4", frame(1, 2)},
        {"Ipv4Full", frame(1, 2, IpFamily::ipv4, 1500 - 28)},
        {"Ipv6", frame(1, 2, IpFamily::ipv6)},
        {"Ipv6Full", frame(1, 2, IpFamily::ipv6, 1500 - 48)},
        {"Arp", raw(0x0806, 46)},
        {"Unknown", raw(0x88b5, 100)},
        {"LogicalLinkControl", raw(0x0026, 46)},
        {"HeaderOnly", raw(0x88b5, 0)},
    };
}

class UnicastTest : public OneTenantTest,
                    public ::testing::WithParamInterface<std::tuple<IpFamily, Payload>> {
  protected:
    UnicastTest() {
        if (family() != IpFamily::ipv4) rebuild(Hypervisor::small_settings(), family());
    }
    static IpFamily family() { return std::get<0>(GetParam()); }
    static const Octets& octets() { return std::get<1>(GetParam()).octets; }
};

TEST_P(UnicastTest, Local) {
    put_local(blue, 2, "b");
    send(a(), octets());
    EXPECT_EQ(sent(), (std::map<std::string, std::vector<Octets>>{{"b", {octets()}}}));
    EXPECT_EQ(drops(), Drops());
}

TEST_P(UnicastTest, ToRemoteVtep) {
    put_remote(blue, 2, vtep3);
    send(a(), octets());
    const auto packets = sent();
    ASSERT_EQ(packets.size(), 1U);
    ASSERT_EQ(packets.at("p0").size(), 1U);
    const Octets& packet = packets.at("p0")[0];
    const Encapsulated read = decode(packet);
    EXPECT_EQ(encode(read), packet);
    EXPECT_EQ(read.inner, octets());
    EXPECT_EQ(read.vni, vni);
    EXPECT_EQ(read.flags, 0x08);
    EXPECT_EQ(read.source_ip, vtep_address(family(), 1));
    EXPECT_EQ(read.destination_ip, vtep_address(family(), 3));
    EXPECT_EQ(read.destination_port, 4789);
    EXPECT_EQ(read.source, underlay_mac);
    EXPECT_EQ(read.destination, next_hop_mac);
    EXPECT_EQ(drops(), Drops());
}

TEST_P(UnicastTest, FromRemoteVtep) {
    put_local(blue, 2, "b");
    send(uplink(), make_vxlan(from_vtep(2, vni, family()), octets()));
    EXPECT_EQ(sent(), (std::map<std::string, std::vector<Octets>>{{"b", {octets()}}}));
    EXPECT_EQ(drops(), Drops());
}

INSTANTIATE_TEST_SUITE_P(Datapath, UnicastTest,
                         ::testing::Combine(::testing::Values(IpFamily::ipv4, IpFamily::ipv6),
                                            ::testing::ValuesIn(payloads())),
                         [](const auto& info) {
                             return std::string(to_string(std::get<0>(info.param)))
                                    + std::get<1>(info.param).name;
                         });

class ForwardingTest : public OneTenantTest {};

TEST_F(ForwardingTest, ThereAndBackIsTheSame) {
    put_remote(blue, 2, vtep2);
    put_local(blue, 1, "a");
    const Octets request = frame(1, 2);
    send(a(), request);
    Encapsulated packet = decode(sent().at("p0").at(0));
    // What the other hypervisor would send back.
    std::swap(packet.source, packet.destination);
    std::swap(packet.source_ip, packet.destination_ip);
    packet.inner = frame(2, 1);
    send(uplink(), encode(packet));
    EXPECT_EQ(sent().at("a"), std::vector<Octets>{frame(2, 1)});
}

TEST_F(ForwardingTest, EthernetPaddingOfTheOuterFrameIsTakenOff) {
    put_local(blue, 2, "b");
    const Octets inner = raw_frame(mac(2), mac(1), 0x88b5, 0);
    Octets packet = make_vxlan(from_vtep(2, vni), inner);
    packet.resize(packet.size() + 46, 0xee);
    send(uplink(), packet);
    EXPECT_EQ(sent().at("b"), std::vector<Octets>{inner});
}

TEST_F(ForwardingTest, ManyFramesKeepTheirOrder) {
    put_local(blue, 2, "b");
    put_remote(blue, 3, vtep2);
    std::vector<Octets> local, remote;
    for (std::size_t i = 0; i < 500; ++i) {
        local.push_back(frame(1, 2, IpFamily::ipv4, i));
        remote.push_back(frame(1, 3, IpFamily::ipv4, i));
        a().send(local.back());
        a().send(remote.back());
    }
    run();
    auto packets = sent();
    EXPECT_EQ(packets["b"], local);
    std::vector<Octets> inner;
    for (const Octets& packet : packets["p0"])
        inner.push_back(decode(packet).inner);
    EXPECT_EQ(inner, remote);
}

TEST_F(ForwardingTest, SamePortIsDropped) {
    put_local(blue, 2, "a");
    send(a(), frame(1, 2));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::same_port));
}

TEST_F(ForwardingTest, SplitHorizonKeepsRemoteFromRemote) {
    put_remote(blue, 2, vtep3);
    send(uplink(), make_vxlan(from_vtep(2, vni), frame(1, 2)));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::split_horizon));
}

TEST_F(ForwardingTest, StaticEntriesForwardToo) {
    put_local(blue, 2, "b", overlay::FdbOrigin::configured);
    put_remote(blue, 3, vtep2, overlay::FdbOrigin::configured);
    send(a(), frame(1, 2));
    send(a(), frame(1, 3));
    auto packets = sent();
    EXPECT_EQ(packets["b"], std::vector<Octets>{frame(1, 2)});
    EXPECT_EQ(decode(packets["p0"].at(0)).inner, frame(1, 3));
}

TEST_F(ForwardingTest, FdbPutReplacesAndRemoveForgets) {
    put_local(blue, 2, "b");
    put_remote(blue, 2, vtep2);
    send(a(), frame(1, 2));
    EXPECT_EQ(sent().count("p0"), 1U);
    hypervisor().remove(overlay::FdbRow{blue, mac(2), {}, {}});
    change_tenant([](auto& changed) { changed.flooding = false; });
    send(a(), frame(1, 2));
    EXPECT_EQ(drops(), one(DropReason::flooding_off));
}

TEST_F(ForwardingTest, JumboFramesOverJumboUnderlay) {
    datapath::SoftwarePathSettings settings = Hypervisor::small_settings();
    settings.underlay_mtu = 9216;
    settings.buffer_data_room = 9216 + 64;
    settings.buffers = 1024;
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
        SCOPED_TRACE(to_string(family));
        rebuild(settings, family);
        change_tenant([](auto& changed) { changed.mtu = 9000; });
        const Octets jumbo = frame(1, 2, IpFamily::ipv4, 9000 - 28);
        put_remote(blue, 2, vtep2);
        send(a(), jumbo);
        const Octets packet = sent().at("p0").at(0);
        EXPECT_EQ(decode(packet).inner, jumbo);
        put_local(blue, 2, "b");
        send(uplink(), make_vxlan(from_vtep(2, vni, family), jumbo));
        EXPECT_EQ(sent().at("b"), std::vector<Octets>{jumbo});
        // Flooding to all: shared octets with headers of their own in front.
        const Octets broadcast = [] {
            InnerFrame inner{.destination = broadcast_mac, .source = mac(1)};
            inner.payload = 9000 - 28;
            return make_frame(inner);
        }();
        send(a(), broadcast);
        auto packets = sent();
        EXPECT_EQ(packets["b"], std::vector<Octets>{broadcast});
        ASSERT_EQ(packets["p0"].size(), 2U);
        EXPECT_EQ(decode(packets["p0"][0]).inner, broadcast);
        EXPECT_EQ(decode(packets["p0"][1]).inner, broadcast);
        EXPECT_EQ(drops(), Drops());
    }
}

TEST_F(ForwardingTest, TwoTenantsOnOneUdpPortEach) {
    overlay::TenantRow other = tenant_row(200, {vtep2});
    other.udp_port = 8472;
    const overlay::TenantId red = hypervisor().add_tenant(other);
    add_port(red, "r");
    put_local(red, 2, "r");
    put_remote(red, 9, vtep2);
    OuterFrame outer = from_vtep(2, 200);
    outer.destination_port = 8472;
    send(uplink(), make_vxlan(outer, frame(9, 2)));
    EXPECT_EQ(sent().at("r"), std::vector<Octets>{frame(9, 2)});
    send(hypervisor().vm_port("r"), frame(2, 9));
    EXPECT_EQ(decode(sent().at("p0").at(0)).destination_port, 8472);
}

} // namespace
} // namespace sallyport::testing
