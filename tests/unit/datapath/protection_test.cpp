// SPDX-License-Identifier: BSD-3-Clause
// A protected tenant's packets between vteps: in ESP or not at all.
#include "protection_fixture.h"

#include <cstring>

#include <rte_mbuf.h>

namespace sallyport::testing {
namespace {

/// Refuses all, and does not say why.
class FailingEngine final : public ipsec::EspEngine {
  public:
    [[nodiscard]] ipsec::Engine kind() const override { return ipsec::Engine::cpu; }
    ipsec::BurstResult run(rte_mbuf**, std::uint16_t count) override { return {0, count}; }
};

TEST_F(ProtectionTest, WithoutAnSaNothingLeavesAndInClearNothingComes) {
    send(a(), frame(1, 9));
    expect_nothing_but(DropReason::no_sa);
    send(uplink(), make_vxlan(from_vtep(2, vni), frame(9, 1)));
    expect_nothing_but(DropReason::clear_text);
    send(a(), frame(1, 2));
    EXPECT_EQ(sent()["b"].size(), 1U) << "between VMs there is no wire";
}

TEST_F(ProtectionTest, EveryShapeOfEspBothWays) {
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6})
        for (const auto mode : {ipsec::Mode::transport, ipsec::Mode::tunnel})
            for (const bool udp : {false, true})
                for (const auto algorithm :
                     {ipsec::Algorithm::aes_256_gcm, ipsec::Algorithm::aes_128_cbc_sha256}) {
                    rebuild(Hypervisor::small_settings(), family);
                    begin();
                    SaPlan plan{.spi = 0x1001,
                                .family = family,
                                .algorithm = algorithm,
                                .mode = mode,
                                .udp = udp};
                    send_by({plan}, vtep2);
                    const auto opens = session_of(plan, Direction::inbound, false);
                    send(a(), frame(1, 9));
                    const auto out = sent_by("p0");
                    ASSERT_EQ(out.size(), 1U) << ::testing::PrintToString(drops());
                    EXPECT_EQ(out[0][family == IpFamily::ipv4 ? 23 : 20], udp ? 17 : 50);
                    EXPECT_EQ(inner_of(through(*opens, out[0]), family), frame(1, 9));
                    plan.spi = 0x2001;
                    take_by(plan, vtep2);
                    const auto protects = session_of(plan, Direction::outbound, false);
                    send(uplink(),
                         through(*protects, make_vxlan(from_vtep(2, vni, family), frame(9, 1))));
                    EXPECT_EQ(sent(), (FramesByPort{{"a", {frame(9, 1)}}}));
                    EXPECT_EQ(drops(), Drops());
                }
}

TEST_F(ProtectionTest, AllSizesUpToTheUnderlaysMtu) {
    change_tenant([](overlay::TenantRow& tenant) { tenant.mtu = 1500; });
    send_by({{}}, vtep2);
    const auto opens = session_of({}, Direction::inbound, false);
    for (std::size_t payload = 0; payload <= 1472; payload += 23) {
        send(a(), frame(1, 9, IpFamily::ipv4, payload));
        const auto out = sent_by("p0");
        ASSERT_EQ(out.size(), 1U) << payload;
        EXPECT_EQ(inner_of(through(*opens, out[0])), frame(1, 9, IpFamily::ipv4, payload));
    }
    EXPECT_EQ(drops(), Drops());
}

TEST_F(ProtectionTest, WhatLeavesNoRoomForTheTrailerIsDropped) {
    change_tenant([](overlay::TenantRow& tenant) { tenant.mtu = 2020; });
    send_by({{}}, vtep2);
    send(a(), frame(1, 9, IpFamily::ipv4, 1990));
    expect_nothing_but(DropReason::no_room);
}

TEST_F(ProtectionTest, FloodedCopiesAreProtectedEachForItself) {
    const SaPlan to2{.spi = 0x1002, .remote = 2}, to3{.spi = 0x1003, .remote = 3};
    send_by({to2}, vtep2);
    send_by({to3}, vtep3);
    const auto opens2 = session_of(to2, Direction::inbound, false);
    const auto opens3 = session_of(to3, Direction::inbound, false);
    for (const std::size_t payload : {26U, 1400U}) {
        const Octets flooded =
            make_frame({.destination = broadcast_mac, .source = mac(1), .payload = payload});
        send(a(), flooded);
        auto out = sent();
        EXPECT_EQ(out["b"], std::vector<Octets>{flooded});
        ASSERT_EQ(out["p0"].size(), 2U);
        unsigned opened = 0;
        for (const Octets& packet : out["p0"])
            for (ipsec::SaSession* const opens : {opens2.get(), opens3.get()})
                opened += inner_of(through(*opens, packet)) == flooded ? 1 : 0;
        EXPECT_EQ(opened, 2U);
    }
}

TEST_F(ProtectionTest, WhatComesOutOfAnSaMustBeItsTunnels) {
    const SaPlan plan{.spi = 0x2002};
    const auto ours = take_by(plan, vtep2);
    const auto peer = session_of(plan, Direction::outbound, false);
    const auto red = hypervisor().add_tenant(tenant_row(200, {vtep2}));
    add_port(red, "red");
    // Another VNI, another UDP port, and what is no VXLAN at all.
    send(uplink(), through(*peer, make_vxlan(from_vtep(2, 200), frame(9, 1))));
    expect_nothing_but(DropReason::selector_mismatch);
    OuterFrame port = from_vtep(2, vni);
    port.destination_port = 4790;
    send(uplink(), through(*peer, make_vxlan(port, frame(9, 1))));
    expect_nothing_but(DropReason::selector_mismatch);
    Octets no_udp = make_vxlan(from_vtep(2, vni), frame(9, 1));
    no_udp[23] = 6;
    fix_ipv4_checksum(no_udp);
    send(uplink(), through(*peer, no_udp));
    expect_nothing_but(DropReason::selector_mismatch);
    // The same SA as if from another vtep.
    Octets from3 = through(*peer, make_vxlan(from_vtep(2, vni), frame(9, 1)));
    const auto& address = vtep_address(IpFamily::ipv4, 3).octets;
    std::copy_n(address.begin(), 4, from3.begin() + 26);
    fix_ipv4_checksum(from3);
    send(uplink(), from3);
    expect_nothing_but(DropReason::selector_mismatch);
    EXPECT_EQ(ours->counters().of(ipsec::PacketFault::selector_mismatch).read(), 4U)
        << "and it is known by which SA";
    send(uplink(), through(*peer, make_vxlan(from_vtep(2, vni), frame(9, 1))));
    EXPECT_EQ(sent()["a"].size(), 1U);
}

TEST_F(ProtectionTest, HostileEspIsCountedForWhatItIs) {
    const SaPlan plan{.spi = 0x2003};
    take_by(plan, vtep2);
    const auto peer = session_of(plan, Direction::outbound, false);
    const auto packet = [&] { return through(*peer, make_vxlan(from_vtep(2, vni), frame(9, 1))); };
    const Octets first = packet();
    send(uplink(), first);
    EXPECT_EQ(sent()["a"].size(), 1U);
    send(uplink(), first);
    expect_nothing_but(DropReason::replayed);
    EXPECT_EQ(tenant_drops(blue), Drops()) << "reset";
    Octets flipped = packet();
    flipped.back() ^= 1;
    send(uplink(), flipped);
    EXPECT_EQ(tenant_drops(blue), one(DropReason::bad_icv));
    expect_nothing_but(DropReason::bad_icv);
    Octets unknown = packet();
    unknown[34] ^= 1;
    send(uplink(), unknown);
    expect_nothing_but(DropReason::unknown_spi);
    const Octets old = packet();
    for (unsigned i = 0; i < 70; ++i)
        send(uplink(), packet());
    EXPECT_EQ(sent()["a"].size(), 70U);
    send(uplink(), old);
    expect_nothing_but(DropReason::outside_window);
    for (std::size_t length = 1; length < first.size(); ++length)
        send(uplink(), Octets(first.begin(), first.begin() + static_cast<long>(length)));
    EXPECT_EQ(sent().count("a"), 0U);
}

TEST_F(ProtectionTest, AnSaAtItsEndDropsWhatItMayNotSend) {
    send_by({{.first_sequence = UINT64_MAX - 1}}, vtep2);
    send(a(), frame(1, 9));
    EXPECT_EQ(sent_by("p0").size(), 1U);
    send(a(), frame(1, 9));
    expect_nothing_but(DropReason::sequence_exhausted);
    send_by({{.sequence_bound = 2}}, vtep2);
    send(a(), frame(1, 9));
    EXPECT_EQ(sent_by("p0").size(), 1U);
    send(a(), frame(1, 9));
    expect_nothing_but(DropReason::sequence_not_reserved);
    send_by({{.hard_packets = 1}}, vtep2);
    send(a(), frame(1, 9));
    EXPECT_EQ(sent_by("p0").size(), 1U);
    send(a(), frame(1, 9));
    expect_nothing_but(DropReason::lifetime_over);
}

TEST_F(ProtectionTest, WhatAnEngineOrPeerGetsWrongIsCounted) {
    const SaPlan plan{.spi = 0x2008};
    const auto failing = [&](Direction direction) {
        return std::make_shared<ipsec::SaSession>(settings_of(plan, direction, true),
                                                  std::make_unique<FailingEngine>());
    };
    const std::vector<std::shared_ptr<ipsec::SaSession>> sends{failing(Direction::outbound)};
    EXPECT_TRUE(path().set_outbound_sas(blue, vtep2, sends));
    send(a(), frame(1, 9));
    expect_nothing_but(DropReason::engine_failure);
    EXPECT_TRUE(path().add_inbound_sa(blue, vtep2, failing(Direction::inbound), 0));
    const auto peer = session_of(plan, Direction::outbound, false);
    send(uplink(), through(*peer, make_vxlan(from_vtep(2, vni), frame(9, 1))));
    expect_nothing_but(DropReason::bad_padding);
    path().remove_inbound_sa(plan.spi);
    take_by(plan, vtep2);
    Octets dummy = make_vxlan(from_vtep(2, vni), frame(9, 1));
    dummy[23] = 59;
    fix_ipv4_checksum(dummy);
    send(uplink(), through(*peer, dummy));
    expect_nothing_but(DropReason::dummy);
    Octets headers_only = through(*peer, make_vxlan(from_vtep(2, vni), frame(9, 1)));
    headers_only.resize(14 + 20 + 8);
    headers_only[16] = 0;
    headers_only[17] = 28;
    fix_ipv4_checksum(headers_only);
    send(uplink(), headers_only);
    expect_nothing_but(DropReason::malformed);
    // In two segments, as a driver that scatters would give it.
    const Octets whole = through(*peer, make_vxlan(from_vtep(2, vni), frame(9, 1)));
    rte_mbuf* first = rte_pktmbuf_alloc(path().buffer_pool());
    rte_mbuf* const rest = rte_pktmbuf_alloc(path().buffer_pool());
    constexpr std::uint16_t split = 80;
    std::memcpy(rte_pktmbuf_append(first, split), whole.data(), split);
    const auto left = static_cast<std::uint16_t>(whole.size() - split);
    std::memcpy(rte_pktmbuf_append(rest, left), whole.data() + split, left);
    ASSERT_EQ(rte_pktmbuf_chain(first, rest), 0);
    uplink().send_bulk(&first, 1);
    run();
    expect_nothing_but(DropReason::unsuitable_buffer);
}

TEST_F(ProtectionTest, EspForOtherAddressesIsLinuxs) {
    take_by({.spi = 0x2004}, vtep2);
    Octets other = make_vxlan(from_vtep(2, vni), frame(9, 1));
    other[23] = 50;
    other[33] = 99; // of another address of the host
    fix_ipv4_checksum(other);
    send(uplink(), other);
    EXPECT_EQ(sent(), (FramesByPort{{"host", {other}}}));
}

TEST_F(ProtectionTest, AnSaThatWasTakenAwayIsUnknown) {
    const SaPlan plan{.spi = 0x2005};
    take_by(plan, vtep2);
    EXPECT_FALSE(path().add_inbound_sa(blue, vtep3, session_of(plan, Direction::inbound, true), 0))
        << "one SPI, one SA";
    const auto peer = session_of(plan, Direction::outbound, false);
    take_by({.spi = 0x2006}, vtep2);
    path().remove_inbound_sa(plan.spi);
    send(uplink(), through(*peer, make_vxlan(from_vtep(2, vni), frame(9, 1))));
    expect_nothing_but(DropReason::unknown_spi);
    take_by(plan, vtep2);
    send(uplink(), through(*peer, make_vxlan(from_vtep(2, vni), frame(9, 1))));
    EXPECT_EQ(sent()["a"].size(), 1U);
    // With the vtep its SAs go.
    send_by({{}}, vtep2);
    hypervisor().remove(overlay::FdbRow{blue, mac(9), {}, {}});
    change_tenant([&](overlay::TenantRow& tenant) { tenant.remote_vteps = {vtep3}; });
    change_tenant([&](overlay::TenantRow& tenant) { tenant.remote_vteps = {vtep2, vtep3}; });
    put_remote(blue, 9, vtep2);
    send(a(), frame(1, 9));
    expect_nothing_but(DropReason::no_sa);
}

TEST_F(ProtectionTest, OfNoTunnelThereIsNoSa) {
    EXPECT_FALSE(path().set_outbound_sas(blue, 99, {}));
    EXPECT_FALSE(path().set_outbound_sas(99, vtep2, {}));
    EXPECT_FALSE(path().add_inbound_sa(99, vtep2, session_of({}, Direction::inbound, true), 0));
    EXPECT_FALSE(path().add_inbound_sa(blue, vtep2, session_of({}, Direction::inbound, true), 1))
        << "there is one worker";
    path().remove_inbound_sa(12345);
}

class ProtectingWorkersTest : public ProtectionTest {
  protected:
    ProtectingWorkersTest() {
        rebuild(with_workers({0, 0}));
        begin();
    }
};

TEST_F(ProtectingWorkersTest, OneSaForTwoWorkersKeepsOrderAndNumbers) {
    send_by({{}}, vtep2);
    const auto opens = session_of({}, Direction::inbound, false);
    std::vector<Octets> from_a, from_b;
    for (std::size_t i = 0; i < 200; ++i) {
        from_a.push_back(frame(1, 9, IpFamily::ipv4, i));
        from_b.push_back(frame(2, 9, IpFamily::ipv4, i));
        a().send(from_a.back());
        b().send(from_b.back());
    }
    run();
    std::vector<Octets> opened_a, opened_b;
    for (const Octets& packet : sent_by("p0")) {
        Octets inner = inner_of(through(*opens, packet));
        (inner[11] == 1 ? opened_a : opened_b).push_back(std::move(inner));
    }
    EXPECT_EQ(opened_a, from_a);
    EXPECT_EQ(opened_b, from_b);
    EXPECT_EQ(drops(), Drops());
}

TEST_F(ProtectingWorkersTest, AWaitingPacketIsNotTheNextTenants) {
    send_by({{}}, vtep2);
    // One of the two ports is the other worker's: its frame waits for the SA's.
    a().send(frame(1, 9));
    b().send(frame(2, 9));
    path().walk(0);
    path().walk(1);
    EXPECT_EQ(sent_by("p0").size(), 1U);
    for (const std::uint8_t station : {1, 2, 8, 9})
        hypervisor().remove(overlay::FdbRow{blue, mac(station), {}, {}});
    hypervisor().remove(row);
    overlay::TenantRow red = row;
    red.name = "red";
    red.vni = 200;
    hypervisor().put(red);
    send_by({{.spi = 0x1234}}, vtep2);
    run();
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::tenant_gone));
}

TEST_F(ProtectingWorkersTest, EachWorkerHasAnSaOfItsOwn) {
    const SaPlan first{.spi = 0x1010}, second{.spi = 0x1011};
    send_by({first, second}, vtep2);
    for (unsigned i = 0; i < 10; ++i) {
        a().send(frame(1, 9));
        b().send(frame(2, 9));
    }
    run();
    std::map<std::uint8_t, std::set<std::uint8_t>> stations_by_spi;
    const auto opens1 = session_of(first, Direction::inbound, false);
    const auto opens2 = session_of(second, Direction::inbound, false);
    unsigned opened = 0;
    for (const Octets& packet : sent_by("p0")) {
        const Octets inner = inner_of(through(packet[37] == 0x10 ? *opens1 : *opens2, packet));
        ASSERT_FALSE(inner.empty());
        stations_by_spi[packet[37]].insert(inner[11]);
        ++opened;
    }
    EXPECT_EQ(opened, 20U);
    EXPECT_EQ(stations_by_spi.size(), 2U);
    for (const auto& [spi, stations] : stations_by_spi)
        EXPECT_EQ(stations.size(), 1U) << "of one port, so of one worker";
}

TEST_F(ProtectingWorkersTest, WhicheverWorkerReceivesTheSasWorkerOpens) {
    // The uplink has one queue and so one worker; the second SA is the other's.
    const SaPlan first{.spi = 0x2010}, second{.spi = 0x2011};
    take_by(first, vtep2, 0);
    take_by(second, vtep2, 1);
    std::vector<Octets> expected;
    for (const SaPlan& plan : {first, second}) {
        const auto peer = session_of(plan, Direction::outbound, false);
        for (std::size_t i = 0; i < 100; ++i) {
            expected.push_back(frame(9, 1, IpFamily::ipv4, i));
            uplink().send(through(*peer, make_vxlan(from_vtep(2, vni), expected.back())));
        }
        run();
    }
    EXPECT_EQ(sent_by("a"), expected);
    EXPECT_EQ(drops(), Drops());
}

} // namespace
} // namespace sallyport::testing
