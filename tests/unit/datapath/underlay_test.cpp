// SPDX-License-Identifier: BSD-3-Clause
// Between Linux and the underlay, which uplink carries what, and by which next hop.
#include "encapsulated.h"
#include "fixture.h"
#include "net/neighbour_frames.h"

#include <functional>

namespace sallyport::testing {
namespace {

class UnderlayTest : public OneTenantTest {
  protected:
    UnderlayTest() { put_remote(blue, 9, vtep2); }
    void set_active(std::optional<overlay::UplinkIndex> index) {
        hypervisor().put(overlay::UplinkRow{index});
    }
    static net::MacAddress other_mac() { return *net::MacAddress::parse("02:00:00:00:00:99"); }
};

TEST_F(UnderlayTest, TheFirstPacketsAfterASwitchAreTheTenants) {
    const auto both = [this] {
        const datapath::FirstPacketTimes times = path().first_packets();
        return std::pair(times.sent.has_value(), times.received.has_value());
    };
    put_local(blue, 1, "a");
    const Octets from_remote = make_vxlan(from_vtep(2, vni), frame(9, 1));
    for (const overlay::UplinkIndex active : {1, 0}) {
        set_active(active);
        EXPECT_EQ(both(), std::pair(false, false));
        send(hypervisor().host(), raw_frame(next_hop_mac, underlay_mac, 0x0800, 46));
        send(hypervisor().uplink(1U - active), from_remote);
        EXPECT_EQ(both(), std::pair(false, false)) << "Linux's own, and by the backup uplink";
        send(a(), frame(1, 9));
        EXPECT_EQ(both(), std::pair(true, false));
        send(hypervisor().uplink(active), from_remote);
        EXPECT_EQ(both(), std::pair(true, true));

        const datapath::FirstPacketTimes first = path().first_packets();
        EXPECT_LE(*first.sent, *first.received);
        send(a(), frame(1, 9));
        EXPECT_EQ(path().first_packets().sent, first.sent) << "the first, not the latest";
    }
    set_active(std::nullopt);
    send(a(), frame(1, 9));
    EXPECT_EQ(both(), std::pair(false, false));
}

TEST_F(UnderlayTest, TheFirstPacketOutIsOneThatThePortHasTaken) {
    constexpr unsigned more_than_the_ring = 1200;
    for (unsigned i = 0; i < more_than_the_ring; ++i)
        send(a(), frame(1, 9));
    set_active(0);
    reset_counters();
    send(a(), frame(1, 9));
    EXPECT_EQ(drops(), one(DropReason::transmit_full));
    EXPECT_FALSE(path().first_packets().sent) << "it was encapsulated, and went nowhere";
    drain();
    ASSERT_TRUE(path().inject(0, Octets(60)));
    run();
    EXPECT_FALSE(path().first_packets().sent) << "no tenant's";
    a().send(frame(1, 9));
    ASSERT_TRUE(path().inject(0, Octets(60)));
    run();
    EXPECT_TRUE(path().first_packets().sent);
}

TEST_F(UnderlayTest, WhatLinuxSendsLeavesByTheActiveUplink) {
    // Whatever it is: Linux has its own judgement.
    const Octets frames[] = {raw_frame(broadcast_mac, underlay_mac, 0x0806, 46),
                             raw_frame(next_hop_mac, underlay_mac, 0x0800, 46),
                             raw_frame(next_hop_mac, underlay_mac, 0x86dd, 1500),
                             raw_frame(next_hop_mac, underlay_mac, 0x88cc, 0)};
    for (const overlay::UplinkIndex active : {0, 1}) {
        set_active(active);
        for (const Octets& octets : frames) {
            send(hypervisor().host(), octets);
            EXPECT_EQ(sent(), (std::map<std::string, std::vector<Octets>>{
                                  {active == 0 ? "p0" : "p1", {octets}}}));
        }
    }
    set_active(std::nullopt);
    send(hypervisor().host(), frames[0]);
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::no_active_uplink));
    EXPECT_EQ(port_drops(hypervisor().host()), one(DropReason::no_active_uplink));
}

/// What is not for the overlay, made from a packet that is.
std::vector<std::pair<std::string, Octets>> for_linux() {
    const Octets vxlan4 = make_vxlan(from_vtep(2, 100), frame(9, 1));
    const Octets vxlan6 = make_vxlan(from_vtep(2, 100, IpFamily::ipv6), frame(9, 1));
    const auto changed = [](Octets octets, const std::function<void(Octets&)>& change) {
        change(octets);
        if (octets[12] == 0x08) fix_ipv4_checksum(octets);
        return octets;
    };
    const auto extension = [](std::uint8_t header) {
        return [header](Octets& o) {
            const Octets extension{17, 0, 0, 0, 1, 2, 3, 4};
            o.insert(o.begin() + 54, extension.begin(), extension.end());
            o[20] = header;
            o[19] = static_cast<std::uint8_t>(o[19] + extension.size());
        };
    };
    return {
        {"ARP", raw_frame(underlay_mac, next_hop_mac, 0x0806, 46)},
        {"ARP to all", raw_frame(broadcast_mac, next_hop_mac, 0x0806, 46)},
        {"neighbour solicitation",
         raw_frame(*net::MacAddress::parse("33:33:ff:00:00:01"), next_hop_mac, 0x86dd, 72)},
        {"unknown type", raw_frame(underlay_mac, next_hop_mac, 0x88b5, 46)},
        {"unknown type, header only", raw_frame(underlay_mac, next_hop_mac, 0x88b5, 0)},
        {"TCP", changed(vxlan4, [](Octets& o) { o[23] = 6; })},
        {"ICMP", changed(vxlan4, [](Octets& o) { o[23] = 1; })},
        {"another UDP port", changed(vxlan4, [](Octets& o) { o[37] = 0xb6; })},
        {"another address", changed(vxlan4, [](Octets& o) { o[33] = 77; })},
        {"later fragment", changed(vxlan4, [](Octets& o) { o[21] = 5; })},
        {"last fragment", changed(vxlan4,
                                  [](Octets& o) {
                                      o[20] = 0;
                                      o[21] = 5;
                                  })},
        {"first fragment of another port", changed(vxlan4,
                                                   [](Octets& o) {
                                                       o[20] = 0x20;
                                                       o[37] = 1;
                                                   })},
        {"short UDP of another port", changed(vxlan4,
                                              [](Octets& o) {
                                                  o.resize(43);
                                                  o[17] = 29;
                                                  o[16] = 0;
                                                  o[39] = 9;
                                                  o[37] = 1;
                                              })},
        {"ICMPv6", changed(vxlan6, [](Octets& o) { o[20] = 58; })},
        {"another UDP port over IPv6", changed(vxlan6, [](Octets& o) { o[57] = 1; })},
        {"another IPv6 address", changed(vxlan6, [](Octets& o) { o[53] = 77; })},
        {"IPv6 fragment", changed(vxlan6, extension(44))},
        {"IPv6 hop-by-hop options", changed(vxlan6, extension(0))},
        {"VXLAN to a group", changed(vxlan4, [](Octets& o) { o[0] = 1; })},
    };
}

TEST_F(UnderlayTest, WhatIsNotForTheOverlayReachesLinuxUnchanged) {
    for (const auto& [what, octets] : for_linux()) {
        SCOPED_TRACE(what);
        send(uplink(), octets);
        EXPECT_EQ(sent(), (std::map<std::string, std::vector<Octets>>{{"host", {octets}}}));
        EXPECT_EQ(drops(), Drops());
    }
}

TEST_F(UnderlayTest, WithoutHostPortItIsCounted) {
    path().detach(hypervisor().host().port());
    for (const auto& [what, octets] : for_linux())
        send(uplink(), octets);
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::host_port_absent, for_linux().size()));
    // The overlay goes on.
    send(uplink(), make_vxlan(from_vtep(2, vni), broadcast(9)));
    EXPECT_EQ(sent().size(), 2U);
    ASSERT_TRUE(path().attach_host(hypervisor().host().port()));
    send(uplink(), for_linux()[0].second);
    EXPECT_EQ(sent().count("host"), 1U);
}

TEST_F(UnderlayTest, UnicastToAnotherMacIsNotForUs) {
    for (const std::uint16_t type : {0x0800, 0x0806, 0x88b5})
        send(uplink(), raw_frame(other_mac(), next_hop_mac, type, 46));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::not_for_us, 3));
    path().set_underlay_mac(other_mac());
    send(uplink(), raw_frame(other_mac(), next_hop_mac, 0x0806, 46));
    EXPECT_EQ(sent().count("host"), 1U);
    send(uplink(), raw_frame(underlay_mac, next_hop_mac, 0x0806, 46));
    EXPECT_EQ(drops(), one(DropReason::not_for_us, 4));
}

TEST_F(UnderlayTest, NothingIsTakenFromTheBackup) {
    const Octets frames[] = {make_vxlan(from_vtep(2, vni), broadcast(9)),
                             raw_frame(broadcast_mac, next_hop_mac, 0x0806, 46),
                             raw_frame(other_mac(), next_hop_mac, 0x0806, 46), Octets(5, 0xff)};
    for (const overlay::UplinkIndex active : {0, 1}) {
        set_active(active);
        reset_counters();
        for (const Octets& octets : frames)
            send(uplink(1U - active), octets);
        EXPECT_TRUE(sent().empty());
        EXPECT_EQ(port_drops(uplink(1U - active)), one(DropReason::backup_uplink, 4));
        EXPECT_EQ(drops(), one(DropReason::backup_uplink, 4));
    }
    set_active(std::nullopt);
    reset_counters();
    send(uplink(0), frames[0]);
    send(uplink(1), frames[0]);
    EXPECT_EQ(drops(), one(DropReason::backup_uplink, 2)) << "neither is active";
}

TEST_F(UnderlayTest, TheDetectorsAreTheirOwnStationOnEitherUplink) {
    const net::MacAddress station = *net::MacAddress::parse("06:00:00:00:00:01");
    const net::IpAddress address = vtep_address(IpFamily::ipv4, 77);
    path().set_detectors(1, {station, {address}});
    const Octets to_station = raw_frame(station, next_hop_mac, 0x88b5, 46);
    const Octets question = net::arp_request(next_hop_mac, {}, address, broadcast_mac);
    const Octets of_others =
        net::arp_request(next_hop_mac, {}, vtep_address(IpFamily::ipv4, 78), broadcast_mac);
    for (const overlay::UplinkIndex active : {0, 1}) {
        SCOPED_TRACE(int{active});
        set_active(active);
        reset_counters();
        for (const Octets& octets : {to_station, question, of_others})
            send(uplink(1), octets);
        std::vector<Octets> told;
        path().take_detector_frames(10, [&](overlay::UplinkIndex index, auto octets) {
            EXPECT_EQ(index, 1);
            told.emplace_back(octets.begin(), octets.end());
        });
        EXPECT_EQ(told, (std::vector<Octets>{to_station, question}));
        if (active == 1) {
            EXPECT_EQ(sent(), (std::map<std::string, std::vector<Octets>>{{"host", {of_others}}}));
            EXPECT_EQ(drops(), Drops());
        } else {
            EXPECT_TRUE(sent().empty());
            EXPECT_EQ(drops(), one(DropReason::backup_uplink));
        }
    }
    // The other uplink has none.
    set_active(0);
    reset_counters();
    send(uplink(0), to_station);
    EXPECT_EQ(drops(), one(DropReason::not_for_us));
    path().take_detector_frames(10, [](auto, auto) { ADD_FAILURE() << "of the other uplink"; });
}

TEST_F(UnderlayTest, DetectorsThatAreNotServedCostNobodyElse) {
    const net::MacAddress station = *net::MacAddress::parse("06:00:00:00:00:00");
    path().set_detectors(0, {station, {}});
    constexpr std::size_t frames = 600;
    for (std::size_t i = 0; i < frames; ++i)
        send(uplink(), raw_frame(station, next_hop_mac, 0x0806, 46));
    const std::uint64_t lost = drops().at("detector-queue-full");
    send(uplink(), make_vxlan(from_vtep(2, vni), broadcast(9)));
    EXPECT_EQ(sent().size(), 2U);
    std::size_t told = 0;
    while (told + lost < frames) {
        const std::size_t before = told;
        path().take_detector_frames(100, [&](auto, auto) { ++told; });
        ASSERT_LE(told, before + 100);
        ASSERT_GT(told, before);
    }
    EXPECT_GT(lost, 0U);
    EXPECT_EQ(told + lost, frames);
}

TEST_F(UnderlayTest, WhatIsForUsIsTakenFromTheOneThatDrains) {
    put_local(blue, 1, "a");
    const Octets for_us = make_vxlan(from_vtep(2, vni), frame(9, 1));
    const Octets others[] = {raw_frame(broadcast_mac, next_hop_mac, 0x0806, 46),
                             raw_frame(other_mac(), next_hop_mac, 0x0806, 46)};
    for (const overlay::UplinkIndex active : {1, 0}) {
        path().drain(1U - active);
        set_active(active);
        reset_counters();
        send(uplink(1U - active), for_us);
        EXPECT_EQ(sent().count("a"), 1U);
        EXPECT_FALSE(path().first_packets().received) << "not by the new one";
        for (const Octets& octets : others)
            send(uplink(1U - active), octets);
        EXPECT_TRUE(sent().empty()) << "it comes by the active one too";
        EXPECT_EQ(drops(), one(DropReason::backup_uplink, 2));
        send(uplink(active), for_us);
        EXPECT_EQ(sent().count("a"), 1U);
        EXPECT_TRUE(path().first_packets().received);

        path().drain({});
        send(uplink(1U - active), for_us);
        EXPECT_TRUE(sent().empty());
        EXPECT_EQ(drops(), one(DropReason::backup_uplink, 3));
    }
}

TEST_F(UnderlayTest, FailoverIsOneRow) {
    const overlay::NextHopLink first{underlay_mac, next_hop_mac};
    const overlay::NextHopLink second{underlay_mac, other_mac()};
    hypervisor().put(overlay::NextHopRow{0, vtep_address(IpFamily::ipv4, 254), {first, second}});
    for (const overlay::UplinkIndex active : {0, 1, 0, 1}) {
        set_active(active);
        send(a(), frame(1, 9));
        auto packets = sent();
        ASSERT_EQ(packets.size(), 1U);
        const Octets& packet = packets.at(active == 0 ? "p0" : "p1").at(0);
        const Encapsulated read = decode(packet);
        EXPECT_EQ(read.destination, active == 0 ? next_hop_mac : other_mac());
        EXPECT_EQ(encode(read), packet);
        send(uplink(active), make_vxlan(from_vtep(2, vni), broadcast(9)));
        EXPECT_EQ(sent().size(), 2U);
    }
    set_active(std::nullopt);
    send(a(), frame(1, 9));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::no_active_uplink));
    EXPECT_EQ(tenant_drops(blue), one(DropReason::no_active_uplink));
    hypervisor().remove(overlay::UplinkRow{});
    send(a(), frame(1, 9));
    EXPECT_EQ(drops(), one(DropReason::no_active_uplink, 2));
}

TEST_F(UnderlayTest, NextHopIsFollowed) {
    hypervisor().put(overlay::NextHopRow{
        0,
        vtep_address(IpFamily::ipv4, 254),
        {overlay::NextHopLink{*net::MacAddress::parse("02:00:00:00:00:77"), other_mac()}, {}}});
    send(a(), frame(1, 9));
    const Encapsulated read = decode(sent().at("p0").at(0));
    EXPECT_EQ(read.destination, other_mac());
    EXPECT_EQ(read.source, *net::MacAddress::parse("02:00:00:00:00:77"));
    // Another next hop for one vtep; the other vtep keeps its own.
    hypervisor().put(overlay::NextHopRow{1,
                                         vtep_address(IpFamily::ipv4, 253),
                                         {overlay::NextHopLink{underlay_mac, next_hop_mac}, {}}});
    hypervisor().put(overlay::VtepRow{vtep2, vtep_address(IpFamily::ipv4, 2), 1});
    send(a(), frame(1, 9));
    EXPECT_EQ(decode(sent().at("p0").at(0)).destination, next_hop_mac);
    put_remote(blue, 8, vtep3);
    send(a(), frame(1, 8));
    EXPECT_EQ(decode(sent().at("p0").at(0)).destination, other_mac());
}

TEST_F(UnderlayTest, UnresolvedNextHopIsCounted) {
    const auto expect_unresolved = [&](const char* why) {
        reset_counters();
        send(a(), frame(1, 9));
        EXPECT_TRUE(sent().empty()) << why;
        EXPECT_EQ(drops(), one(DropReason::next_hop_unresolved)) << why;
        EXPECT_EQ(tenant_drops(blue), one(DropReason::next_hop_unresolved)) << why;
        EXPECT_EQ(path().tenant_counters(blue).encap_packets, 0U) << why;
    };
    const overlay::NextHopLink link{underlay_mac, next_hop_mac};
    hypervisor().put(overlay::NextHopRow{0, vtep_address(IpFamily::ipv4, 254), {}});
    expect_unresolved("no MAC on either uplink");
    hypervisor().put(
        overlay::NextHopRow{0, vtep_address(IpFamily::ipv4, 254), {std::nullopt, link}});
    expect_unresolved("MAC on the backup only");
    set_active(1);
    send(a(), frame(1, 9));
    EXPECT_EQ(sent().count("p1"), 1U);
    set_active(0);
    hypervisor().put(overlay::VtepRow{vtep2, vtep_address(IpFamily::ipv4, 2), std::nullopt});
    expect_unresolved("no route");
    hypervisor().put(overlay::VtepRow{vtep2, vtep_address(IpFamily::ipv4, 2), 7});
    expect_unresolved("a next hop that is not there");
    hypervisor().put(overlay::NextHopRow{7, vtep_address(IpFamily::ipv4, 250), {link, link}});
    send(a(), frame(1, 9));
    EXPECT_EQ(sent().count("p0"), 1U);
    hypervisor().remove(overlay::NextHopRow{7, {}, {}});
    expect_unresolved("removed");
}

TEST_F(UnderlayTest, UplinkTakenAway) {
    path().detach(uplink(0).port());
    send(a(), frame(1, 9));
    send(hypervisor().host(), raw_frame(next_hop_mac, underlay_mac, 0x0800, 46));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::no_active_uplink, 2));
    ASSERT_TRUE(path().attach_uplink(0, uplink(0).port()));
    send(a(), frame(1, 9));
    EXPECT_EQ(sent().count("p0"), 1U);
}

TEST_F(UnderlayTest, InjectedFramesLeaveByTheirUplink) {
    const Octets announcement = raw_frame(broadcast_mac, underlay_mac, 0x0806, 46);
    for (const overlay::UplinkIndex index : {0, 1}) {
        ASSERT_TRUE(path().inject(index, announcement));
        run();
        EXPECT_EQ(sent(), (std::map<std::string, std::vector<Octets>>{
                              {index == 0 ? "p0" : "p1", {announcement}}}));
    }
    EXPECT_FALSE(path().inject(0, Octets(60000, 0))) << "fits no buffer";
    ASSERT_TRUE(path().inject(0, Octets(1700, 0)));
    run();
    EXPECT_EQ(drops(), one(DropReason::port_frame_size));
    path().detach(uplink(1).port());
    const auto detached = path().inject(1, announcement);
    ASSERT_FALSE(detached);
    EXPECT_NE(detached.error().message().find("uplink 1"), std::string::npos);
}

TEST_F(UnderlayTest, FullOutputRingIsCounted) {
    constexpr std::size_t ring = 1023;
    for (unsigned i = 0; i < 1200; ++i) {
        a().send(frame(1, 9));
        if (i % 32 == 31) run();
    }
    run();
    EXPECT_EQ(sent()["p0"].size(), ring);
    EXPECT_EQ(drops(), one(DropReason::transmit_full, 1200 - ring));
    EXPECT_EQ(port_drops(a()), one(DropReason::transmit_full, 1200 - ring));
}

} // namespace
} // namespace sallyport::testing
