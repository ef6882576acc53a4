// SPDX-License-Identifier: BSD-3-Clause
// Protected tenants whose SAs are in the NICs of both uplinks, before and after a failover.
#include "net/overhead.h"
#include "peer_session.h"
#include "support/fake_nic.h"

#include <cstring>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <rte_mbuf.h>

namespace sallyport::testing {
namespace {

using ipsec::Direction;
using ipsec::Engine;
using ipsec::Mode;
using ::testing::ElementsAre;

constexpr auto crypto_action = RTE_SECURITY_ACTION_TYPE_INLINE_CRYPTO;
constexpr auto protocol_action = RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL;

struct StartedEal {
    StartedEal() { start_eal(); }
};

/// NICs of two uplinks, which live longer than the sessions that the path has.
struct Nics : StartedEal {
    Nics() {
        for (FakeNic* nic : {&p0, &p1})
            for (const auto action : {crypto_action, protocol_action})
                for (const auto mode : {Mode::transport, Mode::tunnel})
                    for (const auto direction : {Direction::outbound, Direction::inbound}) {
                        rte_security_capability& can = nic->offer(action, mode, direction);
                        can.ipsec.options.esn = 1;
                        can.ipsec.options.udp_encap = 1;
                        can.ipsec.options.ecn = 1;
                        can.ipsec.replay_win_sz_max = 64;
                    }
    }
    FakeNic& of(std::size_t uplink) { return uplink == 0 ? p0 : p1; }

    FakeNic p0{"p0"}, p1{"p1"};
};

class InlineIpsecTest : private Nics, public OneTenantTest {
  protected:
    InlineIpsecTest() { begin(); }
    void begin() {
        change_tenant([](overlay::TenantRow& tenant) { tenant.is_protected = true; });
        put_local(blue, 1, "a");
        put_local(blue, 2, "b");
        put_remote(blue, 9, vtep2);
    }
    std::shared_ptr<ipsec::SaSession> install(const SaPlan& plan, Direction direction,
                                              Engine engine) {
        return session_of(plan, direction, true, engine, {&p0, &p1});
    }
    void send_by(const SaPlan& plan) {
        const std::vector<std::shared_ptr<ipsec::SaSession>> sessions{
            install(plan, Direction::outbound, Engine::inline_crypto)};
        ASSERT_TRUE(path().set_outbound_sas(blue, vtep2, sessions));
    }
    void take_by(const SaPlan& plan, Engine engine, std::uint16_t worker = 0) {
        ASSERT_TRUE(
            path().add_inbound_sa(blue, vtep2, install(plan, Direction::inbound, engine), worker));
    }
    void fail_over_to(overlay::UplinkIndex uplink) { hypervisor().put(overlay::UplinkRow{uplink}); }
    /// What an uplink's NIC puts on the wire. Frames that were not marked for it come as they are.
    std::vector<Octets> on_wire(std::size_t uplink) {
        std::vector<Octets> frames;
        rte_mbuf* packet = nullptr;
        while (this->uplink(uplink).receive_bulk(&packet, 1) == 1) {
            EXPECT_NE(of(uplink).session_of(packet), nullptr) << "not for this NIC";
            of(uplink).transmit(packet, test_crypto());
            frames.emplace_back(rte_pktmbuf_mtod(packet, std::uint8_t*),
                                rte_pktmbuf_mtod(packet, std::uint8_t*) + packet->data_len);
            rte_pktmbuf_free(packet);
        }
        return frames;
    }
    /// A frame that an uplink's NIC has treated by @p treat.
    template<class Treat>
    void arrive(const Octets& frame, Treat treat, std::size_t by = 0) {
        rte_mbuf* packet = uplink(by).make_packet(frame);
        packet->ol_flags &= ~(RTE_MBUF_F_RX_SEC_OFFLOAD | RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED);
        treat(of(by), packet);
        uplink(by).send_bulk(&packet, 1);
        run();
    }
    void arrive_decrypted(const Octets& frame, std::size_t by = 0) {
        arrive(
            frame, [](FakeNic& nic, auto* packet) { nic.receive(packet, test_crypto()); }, by);
    }
    void arrive_opened(const Octets& frame, std::uint32_t spi, bool well = true,
                       std::size_t by = 0) {
        arrive(
            frame, [&](FakeNic& nic, auto* packet) { nic.open_whole(packet, spi, well); }, by);
    }
    void expect_nothing_but(DropReason reason) {
        EXPECT_TRUE(sent().empty()) << name(reason);
        EXPECT_EQ(drops(), one(reason));
        reset_counters();
    }
    static Octets vxlan(std::uint8_t inner_source = 9) {
        return make_vxlan(from_vtep(2, vni), frame(inner_source, 1));
    }
    FakeNic& nic(std::size_t uplink) { return of(uplink); }
};

TEST_F(InlineIpsecTest, WhatTheVmSendsIsEncryptedByTheUplinkItLeavesBy) {
    const SaPlan plan{.spi = 0x1001};
    send_by(plan);
    const auto opens = session_of(plan, Direction::inbound, false);
    for (const overlay::UplinkIndex active : {0, 1, 0}) {
        fail_over_to(active);
        for (unsigned i = 0; i < 3; ++i)
            a().send(frame(1, 9, IpFamily::ipv4, 100 + i));
        run();
        const auto out = on_wire(active);
        ASSERT_EQ(out.size(), 3U);
        for (unsigned i = 0; i < 3; ++i)
            EXPECT_EQ(inner_of(through(*opens, out[i], path().buffer_pool())),
                      frame(1, 9, IpFamily::ipv4, 100 + i));
        EXPECT_TRUE(on_wire(1U - active).empty());
    }
    EXPECT_EQ(opens->newest_sequence(), 9U) << "counted over both uplinks";
    EXPECT_EQ(drops(), Drops());
}

TEST_F(InlineIpsecTest, EveryShapeOfEspThatTheNicTakes) {
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6})
        for (const auto mode : {Mode::transport, Mode::tunnel})
            for (const bool udp : {false, true}) {
                if (udp && family == IpFamily::ipv6) continue;
                rebuild(Hypervisor::small_settings(), family);
                begin();
                SaPlan plan{.spi = 0x1001, .family = family, .mode = mode, .udp = udp};
                send_by(plan);
                const auto opens = session_of(plan, Direction::inbound, false);
                send(a(), frame(1, 9));
                const auto out = on_wire(0);
                ASSERT_EQ(out.size(), 1U);
                EXPECT_EQ(inner_of(through(*opens, out[0], path().buffer_pool()), family),
                          frame(1, 9));
                plan.spi = 0x2001;
                take_by(plan, Engine::inline_crypto);
                const auto protects = session_of(plan, Direction::outbound, false);
                arrive_decrypted(through(*protects,
                                         make_vxlan(from_vtep(2, vni, family), frame(9, 1)),
                                         path().buffer_pool()));
                EXPECT_THAT(sent_by("a"), ElementsAre(frame(9, 1)));
                EXPECT_EQ(drops(), Drops());
            }
}

TEST_F(InlineIpsecTest, WhatTheNicDecryptedIsTaken) {
    const SaPlan plan{.spi = 0x2001};
    take_by(plan, Engine::inline_crypto);
    const auto peer = session_of(plan, Direction::outbound, false);
    const auto next = [&] { return through(*peer, vxlan(), path().buffer_pool()); };
    const Octets first = next();
    arrive_decrypted(first);
    EXPECT_THAT(sent_by("a"), ElementsAre(frame(9, 1)));
    fail_over_to(1);
    arrive_decrypted(first, 1);
    expect_nothing_but(DropReason::replayed); // one window for both uplinks
    arrive_decrypted(next(), 1);
    EXPECT_THAT(sent_by("a"), ElementsAre(frame(9, 1)));
    Octets damaged = next();
    damaged.back() ^= 1;
    arrive_decrypted(damaged, 1);
    expect_nothing_but(DropReason::bad_icv);
    send(uplink(1), next());
    expect_nothing_but(DropReason::engine_failure); // the NIC has not looked at it
    send(uplink(1), vxlan());
    expect_nothing_but(DropReason::clear_text);
}

TEST_F(InlineIpsecTest, WhatTheNicOpenedIsTakenForItsSa) {
    const SaPlan plan{.spi = 0x2001, .esn = false};
    take_by(plan, Engine::inline_protocol);
    const auto inbound =
        install({.spi = 0x2002, .esn = false}, Direction::inbound, Engine::inline_protocol);
    ASSERT_TRUE(path().add_inbound_sa(blue, vtep3, inbound, 0));
    arrive_opened(vxlan(), plan.spi);
    EXPECT_THAT(sent_by("a"), ElementsAre(frame(9, 1)));
    EXPECT_EQ(drops(), Drops());
    EXPECT_EQ(path().tenant_counters(blue).decap_packets, 1U);
    fail_over_to(1);
    arrive_opened(vxlan(), plan.spi, true, 1);
    EXPECT_THAT(sent_by("a"), ElementsAre(frame(9, 1)));
    arrive_opened(vxlan(), plan.spi, true, 0);
    expect_nothing_but(DropReason::backup_uplink);
    fail_over_to(0);
    // Of its SA's tunnel, or not at all.
    arrive_opened(vxlan(), 0x2002);
    expect_nothing_but(DropReason::selector_mismatch);
    EXPECT_EQ(inbound->counters().packets.read(), 1U) << "it was that SA's";
    arrive_opened(make_vxlan(from_vtep(2, 200), frame(9, 1)), plan.spi);
    expect_nothing_but(DropReason::selector_mismatch);
    Octets no_udp = vxlan();
    no_udp[23] = 6;
    fix_ipv4_checksum(no_udp);
    arrive_opened(no_udp, plan.spi);
    expect_nothing_but(DropReason::selector_mismatch);
}

TEST_F(InlineIpsecTest, WhatTheNicDidNotOpenIsDropped) {
    const SaPlan plan{.spi = 0x2001, .esn = false};
    take_by(plan, Engine::inline_protocol);
    const auto session =
        install({.spi = 0x2002, .esn = false}, Direction::inbound, Engine::inline_protocol);
    const auto peer = session_of(plan, Direction::outbound, false);
    const Octets esp = through(*peer, vxlan(), path().buffer_pool());
    // Refused, and in clear or still in ESP.
    arrive_opened(vxlan(), plan.spi, false);
    EXPECT_EQ(tenant_drops(blue), one(DropReason::bad_icv));
    expect_nothing_but(DropReason::bad_icv);
    arrive_opened(esp, plan.spi, false);
    expect_nothing_but(DropReason::bad_icv);
    arrive_opened(vxlan(), 0x2002, false); // of an SA that the path does not have
    expect_nothing_but(DropReason::bad_icv);
    // Not looked at.
    send(uplink(), esp);
    expect_nothing_but(DropReason::engine_failure);
    // Claims nothing.
    send(uplink(), vxlan());
    expect_nothing_but(DropReason::clear_text);
    // Opened by an SA that has gone, or of which the driver says nothing.
    arrive_opened(vxlan(), 0x2002);
    expect_nothing_but(DropReason::unknown_spi);
    arrive(vxlan(), [](FakeNic&, rte_mbuf* packet) {
        packet->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD;
        *rte_security_dynfield(packet) = 0;
    });
    expect_nothing_but(DropReason::unknown_spi);
    // An SA of another engine opens nothing that is in clear already.
    for (const auto engine : {Engine::cpu, Engine::inline_crypto}) {
        const SaPlan other{.spi = 0x2003};
        take_by(other, engine);
        arrive(vxlan(), [&](FakeNic&, rte_mbuf* packet) {
            packet->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD;
            *rte_security_dynfield(packet) = other.spi;
        });
        expect_nothing_but(DropReason::malformed);
        path().remove_inbound_sa(other.spi);
    }
}

class InlineIpsecWorkersTest : public InlineIpsecTest {
  protected:
    InlineIpsecWorkersTest() {
        rebuild(with_workers({0, 0}));
        begin();
    }

    struct Numbers {
        std::map<std::uint32_t, std::set<std::uint32_t>> by_spi;
        std::size_t sent = 0, packets = 0;
    };
    /// Of what is on its way by both uplinks. A number that was seen before is a failure.
    void collect(Numbers& used) {
        rte_mbuf* packet = nullptr;
        for (std::size_t by = 0; by < 2; ++by)
            while (uplink(by).receive_bulk(&packet, 1) == 1) {
                const auto* const esp = rte_pktmbuf_mtod_offset(packet, const rte_be32_t*,
                                                                net::ethernet_header_length + 20);
                const std::uint32_t spi = rte_be_to_cpu_32(esp[0]);
                const std::uint32_t number = rte_be_to_cpu_32(esp[1]);
                EXPECT_TRUE(used.by_spi[spi].insert(number).second)
                    << number << " of " << spi << " again";
                ++used.packets;
                rte_pktmbuf_free(packet);
            }
    }
    /// By both workers, some frames of which wait for the other one while the uplink changes.
    Numbers send_over_failovers() {
        std::mt19937 random(7);
        Numbers used;
        for (unsigned round = 0; round < 200; ++round) {
            fail_over_to(static_cast<overlay::UplinkIndex>(round % 2));
            for (unsigned i = random() % 8 + 1; i > 0; --i) {
                a().send(frame(1, 9));
                b().send(frame(2, 9));
                used.sent += 2;
            }
            for (unsigned walks = random() % 4; walks > 0; --walks)
                path().walk(random() % 2);
            collect(used);
        }
        run();
        collect(used);
        return used;
    }
};

TEST_F(InlineIpsecWorkersTest, WhatWaitedOverAFailoverLeavesAsItWasMarked) {
    const SaPlan plan{.spi = 0x1001};
    send_by(plan);
    const auto opens = session_of(plan, Direction::inbound, false);
    // One of the two ports is the other worker's, whose frames wait for the SA's in one burst.
    for (const overlay::UplinkIndex active : {0, 1}) {
        fail_over_to(active);
        a().send(frame(1, 9));
        b().send(frame(2, 9));
        path().walk(1);
    }
    run();
    const auto before = on_wire(0), after = on_wire(1);
    EXPECT_EQ(before.size(), 1U);
    EXPECT_EQ(after.size(), 3U);
    for (const auto& packets : {before, after})
        for (const Octets& packet : packets)
            EXPECT_FALSE(inner_of(through(*opens, packet, path().buffer_pool())).empty());
    EXPECT_EQ(drops(), Drops());
}

TEST_F(InlineIpsecWorkersTest, NoNumberIsUsedTwiceOverAnyFailovers) {
    for (const Engine engine : {Engine::inline_crypto, Engine::cpu})
        for (const std::size_t sas : {1U, 2U}) {
            rebuild(with_workers({0, 0}));
            begin();
            std::vector<std::shared_ptr<ipsec::SaSession>> sessions;
            for (std::size_t i = 0; i < sas; ++i)
                sessions.push_back(install({.spi = 0x1001 + static_cast<std::uint32_t>(i)},
                                           Direction::outbound, engine));
            ASSERT_TRUE(path().set_outbound_sas(blue, vtep2, sessions));
            const auto used = send_over_failovers();
            EXPECT_EQ(used.by_spi.size(), sas);
            EXPECT_EQ(used.packets, used.sent) << "and none is lost";
            for (const auto& [spi, numbers] : used.by_spi)
                EXPECT_EQ(*numbers.rbegin(), numbers.size()) << "nor is one left out";
            EXPECT_EQ(drops(), Drops());
        }
}

TEST_F(InlineIpsecWorkersTest, WhicheverWorkerReceivesTheSasWorkerTakes) {
    take_by({.spi = 0x2010, .esn = false}, Engine::inline_protocol, 0);
    take_by({.spi = 0x2011, .esn = false}, Engine::inline_protocol, 1);
    for (const std::uint32_t spi : {0x2010U, 0x2011U})
        arrive_opened(vxlan(), spi);
    EXPECT_EQ(sent_by("a").size(), 2U);
    EXPECT_EQ(drops(), Drops());
}

} // namespace
} // namespace sallyport::testing
