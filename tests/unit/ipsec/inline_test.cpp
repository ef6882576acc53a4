// SPDX-License-Identifier: BSD-3-Clause
// Inline engines on a NIC that the test plays, and which engine an SA gets.
#include "ipsec/engine_choice.h"
#include "ipsec/inline_engine.h"
#include "lab.h"
#include "support/fake_nic.h"

#include <cstring>

#include <gmock/gmock.h>

namespace sallyport::testing {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto crypto_action = RTE_SECURITY_ACTION_TYPE_INLINE_CRYPTO;
constexpr auto protocol_action = RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL;

class InlineTest : public IpsecTest {
  protected:
    InlineTest() : first("p0"), second("p1") {}

    /// On both uplinks.
    void offer(rte_security_session_action_type action, Mode mode, bool esn = true) {
        for (FakeNic* nic : {&first, &second})
            for (const Direction direction : {Direction::outbound, Direction::inbound}) {
                rte_security_capability& capability = nic->offer(action, mode, direction);
                capability.ipsec.options.esn = esn ? 1 : 0;
                capability.ipsec.options.udp_encap = 1;
                capability.ipsec.options.ecn = 1;
                capability.ipsec.replay_win_sz_max = 128;
            }
    }
    EngineEnvironment environment(bool both = true) {
        EngineEnvironment result;
        result.devices = &crypto();
        result.uplinks = {&first};
        if (both) result.uplinks.push_back(&second);
        return result;
    }
    InstalledSa install(const SaOptions& options, Direction direction, Offload offload = {},
                        bool both = true) {
        auto sa = install_sa(sa_settings(options, direction), offload, environment(both));
        if (!sa) throw std::runtime_error(sa.error().message());
        return std::move(*sa);
    }
    std::string complaint(const SaOptions& options, Direction direction, Offload offload,
                          bool both = true) {
        const auto sa = install_sa(sa_settings(options, direction), offload, environment(both));
        return sa ? "" : sa.error().message();
    }

    FakeNic first, second;
};

TEST_F(InlineTest, TheDriverSeesTheSaFieldByField) {
    offer(crypto_action, Mode::transport);
    const auto sa = install({.udp = true, .esn = true, .first = 7}, Direction::outbound);
    EXPECT_EQ(sa.choice.engine, Engine::inline_crypto);
    EXPECT_EQ(sa.choice.device, "p0, p1");
    for (const FakeNic* nic : {&first, &second}) {
        ASSERT_EQ(nic->sessions.size(), 1U);
        const NicSession& session = nic->sessions[0];
        EXPECT_EQ(session.action, crypto_action);
        EXPECT_EQ(session.protocol, RTE_SECURITY_PROTOCOL_IPSEC);
        EXPECT_EQ(session.ipsec.spi, 0x12345678U) << "host byte order";
        const std::uint8_t salt[] = {0x50, 0x51, 0x52, 0x53};
        EXPECT_EQ(std::memcmp(&session.ipsec.salt, salt, 4), 0) << "octets as in the key";
        EXPECT_EQ(session.ipsec.direction, RTE_SECURITY_IPSEC_SA_DIR_EGRESS);
        EXPECT_EQ(session.ipsec.proto, RTE_SECURITY_IPSEC_SA_PROTO_ESP);
        EXPECT_EQ(session.ipsec.mode, RTE_SECURITY_IPSEC_SA_MODE_TRANSPORT);
        EXPECT_EQ(session.ipsec.options.esn, 1U);
        EXPECT_EQ(session.ipsec.options.udp_encap, 1U);
        EXPECT_EQ(session.ipsec.options.ecn, 0U);
        EXPECT_EQ(session.ipsec.options.copy_dscp, 0U);
        EXPECT_EQ(session.ipsec.udp.sport, 4500U);
        EXPECT_EQ(session.ipsec.udp.dport, 4500U);
        EXPECT_EQ(session.ipsec.esn.value, 7U);
        EXPECT_EQ(session.ipsec.replay_win_sz, 0U);
        EXPECT_EQ(session.xform.type, RTE_CRYPTO_SYM_XFORM_AEAD);
        EXPECT_EQ(session.xform.aead.op, RTE_CRYPTO_AEAD_OP_ENCRYPT);
        EXPECT_EQ(session.xform.aead.algo, RTE_CRYPTO_AEAD_AES_GCM);
        EXPECT_EQ(session.xform.aead.iv.length, 12U);
        EXPECT_EQ(session.xform.aead.digest_length, 16U);
        EXPECT_EQ(session.xform.aead.aad_length, 12U);
        EXPECT_EQ(session.key[0], 0x40);
        EXPECT_EQ(session.key[15], 0x4f);
        EXPECT_TRUE(nic->steered_spis.empty());
    }
}

TEST_F(InlineTest, InlineProtocolIsToldTheRest) {
    offer(protocol_action, Mode::tunnel);
    SaSettings settings = sa_settings(
        {.mode = Mode::tunnel, .outer = IpFamily::ipv6, .inner = IpFamily::ipv6, .window = 128},
        Direction::inbound);
    settings.soft.packets = 10, settings.hard.packets = 20;
    settings.soft.octets = 1000, settings.hard.octets = 2000;
    const auto sa = install_sa(std::move(settings), {}, environment());
    ASSERT_TRUE(sa) << sa.error().message();
    EXPECT_EQ(sa->choice.engine, Engine::inline_protocol);
    ASSERT_EQ(second.sessions.size(), 1U);
    const NicSession& session = second.sessions[0];
    EXPECT_EQ(session.action, protocol_action);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(session.userdata), 0x12345678U) << "the SPI";
    EXPECT_EQ(session.ipsec.direction, RTE_SECURITY_IPSEC_SA_DIR_INGRESS);
    EXPECT_EQ(session.ipsec.mode, RTE_SECURITY_IPSEC_SA_MODE_TUNNEL);
    EXPECT_EQ(session.ipsec.tunnel.type, RTE_SECURITY_IPSEC_TUNNEL_IPV6);
    const auto peer = net::IpAddress::parse("2001:db8::1"),
               self = net::IpAddress::parse("2001:db8::2");
    EXPECT_EQ(std::memcmp(&session.ipsec.tunnel.ipv6.src_addr, peer->octets.data(), 16), 0);
    EXPECT_EQ(std::memcmp(&session.ipsec.tunnel.ipv6.dst_addr, self->octets.data(), 16), 0);
    EXPECT_EQ(session.ipsec.options.ecn, 1U);
    EXPECT_EQ(session.ipsec.replay_win_sz, 128U);
    EXPECT_EQ(session.ipsec.esn.value, 0U) << "the newest seen";
    EXPECT_EQ(session.ipsec.life.packets_soft_limit, 10U);
    EXPECT_EQ(session.ipsec.life.packets_hard_limit, 20U);
    EXPECT_EQ(session.ipsec.life.bytes_soft_limit, 1000U);
    EXPECT_EQ(session.ipsec.life.bytes_hard_limit, 2000U);
    EXPECT_EQ(session.xform.aead.op, RTE_CRYPTO_AEAD_OP_DECRYPT);
    EXPECT_THAT(first.steered_spis, ElementsAre(0x12345678U));
    EXPECT_THAT(second.steered_spis, ElementsAre(0x12345678U));
}

TEST_F(InlineTest, WhatTheNicSendsIsWhatTheCpuWouldSend) {
    offer(crypto_action, Mode::transport);
    offer(crypto_action, Mode::tunnel);
    for (const SaOptions& shape : all_shapes()) {
        if (shape.algorithm != Algorithm::aes_128_gcm) continue;
        SCOPED_TRACE(shape.name());
        const auto here = session(shape, Direction::outbound);
        if (shape.udp && shape.outer == IpFamily::ipv6) {
            EXPECT_THAT(complaint(shape, Direction::outbound, Engine::inline_crypto),
                        HasSubstr("has yet to encrypt"));
            continue;
        }
        const auto there = install(shape, Direction::outbound);
        ASSERT_EQ(there.choice.engine, Engine::inline_crypto);
        const IpFamily family = shape.mode == Mode::tunnel ? shape.inner : shape.outer;
        for (std::uint8_t port = 0; port < 2; ++port)
            for (std::size_t size = 64; size < 70; ++size) {
                const Octets clear = clear_frame(family, size);
                rte_mbuf* packet = make_packet(clear);
                PacketFault fault{};
                ASSERT_EQ(there.session->protect(&packet, &fault, 1, l2, port).good, 1);
                FakeNic& nic = port == 0 ? first : second;
                EXPECT_EQ(nic.session_of(packet), &nic.sessions[0]);
                nic.transmit(packet, crypto());
                EXPECT_EQ(octets_of_packet(packet), run_one(*here, clear));
                rte_pktmbuf_free(packet);
            }
        EXPECT_EQ(there.session->next_sequence(), 13U) << "counted over both ports";
    }
}

TEST_F(InlineTest, WhatTheNicDecryptsIsTaken) {
    offer(crypto_action, Mode::transport);
    offer(crypto_action, Mode::tunnel);
    for (const SaOptions& shape : all_shapes()) {
        if (shape.algorithm != Algorithm::aes_128_gcm) continue;
        SCOPED_TRACE(shape.name());
        const auto peer = session(shape, Direction::outbound);
        const auto inbound = install(shape, Direction::inbound);
        const IpFamily family = shape.mode == Mode::tunnel ? shape.inner : shape.outer;
        const Octets clear = clear_frame(family, 200);
        const Octets sent = run_one(*peer, clear), damaged = run_one(*peer, clear);
        const auto take = [&](Octets frame, bool by_nic) {
            rte_mbuf* packet = make_packet(frame);
            if (by_nic) first.receive(packet, crypto());
            PacketFault fault{};
            const bool good = inbound.session->unprotect(&packet, &fault, 1, l2).good == 1;
            if (good) {
                EXPECT_EQ(octets_of_packet(packet), clear);
                EXPECT_EQ(packet->ol_flags & RTE_MBUF_F_RX_SEC_OFFLOAD, 0U);
            }
            rte_pktmbuf_free(packet);
            return good ? "" : std::string(name(fault));
        };
        EXPECT_EQ(take(sent, false), "engine-failure") << "the NIC did not look at it";
        EXPECT_EQ(take(sent, true), "");
        EXPECT_EQ(take(sent, true), "replayed");
        Octets changed = damaged;
        changed.back() ^= 1;
        EXPECT_EQ(take(changed, true), "bad-icv");
        EXPECT_EQ(take(damaged, true), "");
    }
}

// Right in all but that nobody encrypted it: librte_ipsec would take it.
TEST_F(InlineTest, AnEspPacketInClearIsNotTaken) {
    offer(crypto_action, Mode::transport);
    const auto outbound = install({}, Direction::outbound);
    const auto inbound = install({}, Direction::inbound);
    rte_mbuf* packet = make_packet(clear_frame(IpFamily::ipv4, 100));
    PacketFault fault{};
    ASSERT_EQ(outbound.session->protect(&packet, &fault, 1, l2).good, 1);
    EXPECT_EQ(inbound.session->unprotect(&packet, &fault, 1, l2).good, 0);
    EXPECT_EQ(fault, PacketFault::engine_failure);
    EXPECT_EQ(inbound.session->newest_sequence(), 0U);
    rte_pktmbuf_free(packet);
}

TEST_F(InlineTest, InlineProtocolLeavesTheFrameToTheNic) {
    offer(protocol_action, Mode::transport);
    const auto outbound = install({}, Direction::outbound, {}, false);
    ASSERT_EQ(outbound.choice.engine, Engine::inline_protocol);
    const Octets clear = clear_frame(IpFamily::ipv4, 100);
    rte_mbuf* packet = make_packet(clear);
    PacketFault fault{};
    ASSERT_EQ(outbound.session->protect(&packet, &fault, 1, l2).good, 1);
    EXPECT_EQ(octets_of_packet(packet), clear);
    EXPECT_NE(packet->ol_flags & RTE_MBUF_F_TX_SEC_OFFLOAD, 0U);
    EXPECT_EQ(packet->l2_len, 14U);
    EXPECT_EQ(packet->l3_len, 20U);
    EXPECT_EQ(first.session_of(packet), &first.sessions[0]);
    EXPECT_EQ(outbound.session->next_sequence(), 2U);
    packet->ol_flags &= ~RTE_MBUF_F_TX_SEC_OFFLOAD;
    EXPECT_EQ(outbound.session->protect(&packet, &fault, 1, l2, 1).good, 0) << "not on that port";
    EXPECT_EQ(packet->ol_flags & RTE_MBUF_F_TX_SEC_OFFLOAD, 0U);

    const auto inbound = install({}, Direction::inbound);
    const auto take = [&](std::uint64_t flags) {
        packet->ol_flags = flags;
        return inbound.session->unprotect(&packet, &fault, 1, l2).good == 1
                   ? ""
                   : std::string(name(fault));
    };
    EXPECT_EQ(take(RTE_MBUF_F_RX_SEC_OFFLOAD), "");
    EXPECT_EQ(take(RTE_MBUF_F_RX_SEC_OFFLOAD | RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED), "bad-icv");
    EXPECT_EQ(take(0), "engine-failure") << "the NIC did not open it";
    rte_pktmbuf_free(packet);
}

TEST_F(InlineTest, ReasonsTellWhatIsMissing) {
    auto sa = install({}, Direction::outbound);
    EXPECT_EQ(sa.choice.engine, Engine::cpu);
    EXPECT_EQ(sa.choice.device, "crypto_aesni_gcm_sallyport");
    ASSERT_EQ(sa.choice.reasons.size(), 3U);
    EXPECT_EQ(sa.choice.reasons[0], "inline-protocol: p0: its driver has no IPsec");
    EXPECT_EQ(sa.choice.reasons[1], "inline-crypto: p0: its driver has no IPsec");
    EXPECT_THAT(sa.choice.reasons[2], HasSubstr("lookaside: "));
    sa = {};

    offer(crypto_action, Mode::transport, false);
    const auto reason = [&](const SaOptions& options, Direction direction = Direction::inbound) {
        return complaint(options, direction, Engine::inline_crypto);
    };
    EXPECT_EQ(reason({}), "");
    EXPECT_THAT(reason({.algorithm = Algorithm::aes_256_gcm}), HasSubstr("p0: no aes256gcm16"));
    EXPECT_THAT(reason({.esn = true}), HasSubstr("no extended sequence numbers"));
    EXPECT_THAT(reason({.mode = Mode::tunnel}),
                HasSubstr("no inline-crypto of inbound ESP in tunnel mode"));
    EXPECT_EQ(reason({.window = 4096}), "") << "the window is ours";
    EXPECT_THAT(complaint({}, Direction::inbound, Engine::inline_protocol),
                HasSubstr("the engine that is demanded is not to be had: inline-protocol: p0: no "
                          "inline-protocol of inbound ESP in transport mode; or set offload"));
    offer(protocol_action, Mode::transport, false);
    EXPECT_THAT(complaint({.window = 4096}, Direction::inbound, Engine::inline_protocol),
                HasSubstr("a replay window of at most 128 packets"));
    EXPECT_THAT(complaint({.first = 9}, Direction::outbound, Engine::inline_protocol, false),
                HasSubstr("no promise to start at a sequence number other than 1"));
    EXPECT_THAT(complaint({}, Direction::outbound, Engine::inline_protocol),
                HasSubstr("count sequence numbers of its own"));
    offer(protocol_action, Mode::transport);
    EXPECT_THAT(complaint({.esn = true}, Direction::inbound, Engine::inline_protocol),
                HasSubstr("would not know the high half of extended sequence numbers"));
}

// What a NIC opened by inline protocol may hold the ESP of another SA, which it did not decrypt.
TEST_F(InlineTest, InlineProtocolIsNotBesideInlineCryptoUnlessDemanded) {
    offer(protocol_action, Mode::transport);
    for (FakeNic* nic : {&first, &second})
        nic->offer(crypto_action, Mode::tunnel, Direction::inbound);
    const auto sa = install({}, Direction::inbound);
    EXPECT_EQ(sa.choice.engine, Engine::cpu);
    EXPECT_THAT(sa.choice.reasons[0], HasSubstr("inline-protocol: not beside inline-crypto"));
    EXPECT_EQ(install({}, Direction::inbound, Engine::inline_protocol).choice.engine,
              Engine::inline_protocol);
}

TEST_F(InlineTest, WhatTheNicWasNotToldOfIsNotSent) {
    offer(crypto_action, Mode::transport);
    const auto sa = install({}, Direction::outbound);
    first.refuses_metadata = true;
    rte_mbuf* packet = make_packet(clear_frame(IpFamily::ipv4, 100));
    PacketFault fault{};
    const BurstResult result = sa.session->protect(&packet, &fault, 1, l2);
    EXPECT_EQ(result.good, 0);
    EXPECT_EQ(result.refused, 1);
    EXPECT_EQ(fault, PacketFault::engine_failure);
    rte_pktmbuf_free(packet);
}

TEST_F(InlineTest, OnePortThatCannotIsEnough) {
    first.offer(crypto_action, Mode::transport, Direction::outbound);
    const auto sa = install({}, Direction::outbound);
    EXPECT_EQ(sa.choice.engine, Engine::cpu);
    EXPECT_EQ(sa.choice.reasons[1], "inline-crypto: p1: its driver has no IPsec");
    EXPECT_TRUE(first.sessions.empty());
}

TEST_F(InlineTest, WhatFailsAtTheLastMomentIsOneMoreReason) {
    offer(crypto_action, Mode::transport);
    second.table_full = true;
    const auto sa = install({}, Direction::outbound);
    EXPECT_EQ(sa.choice.engine, Engine::cpu);
    EXPECT_THAT(sa.choice.reasons[1], HasSubstr("p1 refuses a session it says it can have"));
    EXPECT_TRUE(first.sessions.empty()) << "nothing is left behind";
    EXPECT_THAT(complaint({}, Direction::outbound, Engine::inline_crypto),
                HasSubstr("table of SAs"));
    second.table_full = false;
    first.refuses_rules = true;
    EXPECT_THAT(complaint({}, Direction::inbound, Engine::inline_crypto),
                HasSubstr("no more rules"));
    EXPECT_TRUE(first.sessions.empty());
}

TEST_F(InlineTest, LookasideAndCpuOnDemand) {
    offer(crypto_action, Mode::transport);
    EXPECT_EQ(install({}, Direction::outbound, Engine::cpu).choice.engine, Engine::cpu);
    const auto sa = install({}, Direction::outbound, Engine::lookaside);
    EXPECT_EQ(sa.choice.engine, Engine::lookaside);
    EXPECT_TRUE(sa.choice.reasons.empty());
    EXPECT_EQ(run(*sa.session, {clear_frame(IpFamily::ipv4, 100)}).good.size(), 1U);
}

TEST_F(InlineTest, KeysAreInNoReason) {
    for (const Engine engine : engines) {
        SaSettings settings =
            sa_settings({.algorithm = Algorithm::aes_256_gcm}, Direction::outbound);
        const auto sa = install_sa(std::move(settings), engine, environment());
        if (sa) continue;
        EXPECT_EQ(sa.error().message().find("404142"), std::string::npos);
        EXPECT_EQ(sa.error().message().find("64, 65"), std::string::npos);
    }
}

TEST(EngineTest, WordsOfTheConfig) {
    for (const Engine engine : engines)
        EXPECT_EQ(parse_offload(to_string(engine)), Offload(engine));
    EXPECT_EQ(parse_offload("auto"), std::optional<Offload>(Offload()));
    EXPECT_FALSE(parse_offload("gpu"));
}

} // namespace

} // namespace sallyport::testing
