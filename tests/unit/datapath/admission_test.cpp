// SPDX-License-Identifier: BSD-3-Clause
// What a VM may send, and the answers to what is too large.
#include "encapsulated.h"
#include "fixture.h"

namespace sallyport::testing {
namespace {

class AdmissionTest : public OneTenantTest {
  protected:
    AdmissionTest() {
        add_port(blue, "guarded", {mac(5), mac(6)});
        put_local(blue, 2, "b");
    }
    RingPort& guarded() { return hypervisor().vm_port("guarded"); }
    void expect_refused(RingPort& port, const Octets& octets, DropReason reason) {
        reset_counters();
        send(port, octets);
        EXPECT_TRUE(sent().empty()) << name(reason);
        EXPECT_EQ(drops(), one(reason));
        EXPECT_EQ(port_drops(port), one(reason));
        EXPECT_EQ(tenant_drops(blue), one(reason));
        EXPECT_EQ(path().tenant_counters(blue).rx_packets, 1U);
        EXPECT_EQ(path().tenant_counters(blue).rx_bytes, octets.size());
    }
};

TEST_F(AdmissionTest, OnlyFromItsOwnMacs) {
    send(guarded(), frame(5, 2));
    send(guarded(), frame(6, 2));
    EXPECT_EQ(sent()["b"].size(), 2U);
    expect_refused(guarded(), frame(7, 2), DropReason::source_mac_spoofed);
    expect_refused(guarded(), frame(2, 2), DropReason::source_mac_spoofed);
    expect_refused(guarded(), broadcast(7), DropReason::source_mac_spoofed);
}

TEST_F(AdmissionTest, AnyUnicastMacWhereAllowed) {
    for (std::uint8_t station = 10; station < 60; ++station)
        send(a(), frame(station, 2));
    EXPECT_EQ(sent()["b"].size(), 50U);
}

TEST_F(AdmissionTest, AllowedMacsChangeWithTheRow) {
    const overlay::VmPortId id = hypervisor().vm_port_id("guarded");
    hypervisor().put(overlay::VmPortRow{id, blue, "guarded", {mac(7)}});
    send(guarded(), frame(7, 2));
    EXPECT_EQ(sent()["b"].size(), 1U);
    expect_refused(guarded(), frame(5, 2), DropReason::source_mac_spoofed);
    send(a(), broadcast(1));
    EXPECT_EQ(sent()["guarded"].size(), 1U) << "in the flood list once";
}

TEST_F(AdmissionTest, SourceThatIsNoStation) {
    for (RingPort* port : {&a(), &guarded()}) {
        expect_refused(*port, make_frame({.destination = mac(2), .source = broadcast_mac}),
                       DropReason::source_mac_invalid);
        expect_refused(
            *port,
            make_frame({.destination = mac(2), .source = net::MacAddress{{3, 0, 0, 0, 0, 5}}}),
            DropReason::source_mac_invalid);
        expect_refused(*port, make_frame({.destination = mac(2), .source = {}}),
                       DropReason::source_mac_invalid);
    }
}

TEST_F(AdmissionTest, TooShort) {
    for (const std::size_t length : {1U, 6U, 13U}) {
        Octets octets = frame(1, 2);
        octets.resize(length);
        expect_refused(a(), octets, DropReason::frame_too_short);
    }
    // The tag is cut off.
    change_tenant([](auto& changed) { changed.pass_inner_vlan = true; });
    for (const std::size_t length : {14U, 15U, 17U}) {
        Octets octets = make_frame({.destination = mac(2), .source = mac(1), .vlan = 5});
        octets.resize(length);
        expect_refused(a(), octets, DropReason::frame_too_short);
    }
}

TEST_F(AdmissionTest, Truncated) {
    const auto refused = [&](std::size_t at, std::uint8_t value, IpFamily family) {
        Octets octets = frame(1, 2, family);
        octets[at] = value;
        expect_refused(a(), octets, DropReason::frame_truncated);
    };
    refused(14, 0x54, IpFamily::ipv4);
    refused(14, 0x44, IpFamily::ipv4);
    refused(14, 0x4f, IpFamily::ipv4);
    refused(16, 0xff, IpFamily::ipv4);
    refused(17, 19, IpFamily::ipv4);
    refused(14, 0x45, IpFamily::ipv6);
    refused(18, 0x01, IpFamily::ipv6);
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
        const std::size_t header = family == IpFamily::ipv4 ? 20 : 40;
        for (const std::size_t left : {std::size_t{0}, header - 1, header + 7}) {
            Octets octets = frame(1, 2, family);
            octets.resize(14 + left);
            expect_refused(a(), octets, DropReason::frame_truncated);
        }
    }
}

TEST_F(AdmissionTest, PaddedFramesPass) {
    Octets octets = frame(1, 2, IpFamily::ipv4, 0);
    octets.resize(60, 0);
    send(a(), octets);
    EXPECT_EQ(sent()["b"], std::vector<Octets>{octets});
}

TEST_F(AdmissionTest, TagsPassOnlyWhereTheyMay) {
    for (const std::uint16_t tag_type : {0x8100, 0x88a8}) {
        Octets tagged = make_frame({.destination = mac(2), .source = mac(1), .vlan = 5});
        tagged[12] = static_cast<std::uint8_t>(tag_type >> 8);
        tagged[13] = static_cast<std::uint8_t>(tag_type);
        change_tenant([](auto& changed) { changed.pass_inner_vlan = false; });
        expect_refused(a(), tagged, DropReason::inner_vlan);
        change_tenant([](auto& changed) { changed.pass_inner_vlan = true; });
        send(a(), tagged);
        EXPECT_EQ(sent()["b"], std::vector<Octets>{tagged});
    }
    // Two tags, and behind them the inner DSCP.
    put_remote(blue, 9, vtep2);
    Octets twice =
        make_frame({.destination = mac(9), .source = mac(1), .traffic_class = 0x48, .vlan = 5});
    const Octets outer_tag{0x88, 0xa8, 0, 9};
    twice.insert(twice.begin() + 12, outer_tag.begin(), outer_tag.end());
    send(a(), twice);
    const Encapsulated read = decode(sent().at("p0").at(0));
    EXPECT_EQ(read.inner, twice);
    EXPECT_EQ(read.traffic_class, 0x48);
}

TEST_F(AdmissionTest, PortWithoutTenant) {
    RingPort stray("stray", datapath::PortRole::vm_port, 1500, path().buffer_pool());
    ASSERT_TRUE(path().attach_vm_port(1000, stray.port()));
    send(stray, frame(1, 2));
    EXPECT_TRUE(sent().empty());
    EXPECT_TRUE(stray.receive().empty());
    EXPECT_EQ(drops(), one(DropReason::vm_port_unbound));
    EXPECT_EQ(port_drops(stray), one(DropReason::vm_port_unbound));
    EXPECT_EQ(tenant_drops(blue), Drops());
    // From the row on it belongs.
    hypervisor().put(overlay::VmPortRow{1000, blue, "stray", {}});
    send(stray, frame(1, 2));
    EXPECT_EQ(sent()["b"].size(), 1U);
    hypervisor().remove(overlay::VmPortRow{1000, blue, "stray", {}});
    send(stray, frame(1, 2));
    EXPECT_EQ(drops(), one(DropReason::vm_port_unbound, 2));
    path().detach(stray.port());
}

} // namespace
} // namespace sallyport::testing
