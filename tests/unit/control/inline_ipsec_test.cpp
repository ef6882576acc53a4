// SPDX-License-Identifier: BSD-3-Clause
// SAs in the NICs of both uplinks, from the tenant's file to the wire, on a running controller.
#include "fakes.h"
#include "protected_tenant.h"
#include "support/frames.h"
#include "support/plugged_nic.h"

#include <array>
#include <cstring>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <rte_ethdev.h>

namespace sallyport::control {
namespace {

using datapath::DropReason;
using fakes::ip;
using fakes::mac;
using fakes::ProtectionTest;
using ::testing::ElementsAre;
using testing::FakeNic;
using ::testing::HasSubstr;
using testing::NicRule;
using testing::NicSession;
using testing::Octets;
using testing::PluggedNic;
using testing::RingDevice;

constexpr auto crypto_action = RTE_SECURITY_ACTION_TYPE_INLINE_CRYPTO;
constexpr auto protocol_action = RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL;

class InlineIpsecTest : public ProtectionTest {
  protected:
    void SetUp() override {
        ProtectionTest::SetUp();
        pool = rte_mempool_lookup("inline-ipsec");
        if (pool == nullptr) pool = rte_pktmbuf_pool_create("inline-ipsec", 1023, 0, 0, 2048, 0);
        ASSERT_NE(pool, nullptr);
        for (const char* name : {"p0", "p1"}) {
            Uplink& uplink = uplinks.at(name[1] == '0' ? 0 : 1);
            uplink.ring = std::make_unique<RingDevice>(name, pool);
            uplink.nic = std::make_unique<FakeNic>(name);
            uplink.plugged = std::make_unique<PluggedNic>(uplink.ring->device(), *uplink.nic);
        }
        vm = std::make_unique<RingDevice>("vm", pool);
        key_file("out-1", "a1");
        key_file("in-1", "b2");
    }
    /// Both NICs encrypt for us, and open whole what comes.
    void offer_all() {
        for (const Uplink& uplink : uplinks) {
            uplink.nic->offer(crypto_action, ipsec::Mode::transport, ipsec::Direction::outbound)
                .ipsec.options.esn = 1;
            uplink.nic->offer(protocol_action, ipsec::Mode::transport, ipsec::Direction::inbound)
                .ipsec.replay_win_sz_max = 128;
        }
    }
    config::Settings settings() {
        config::Settings settings = ProtectionTest::settings();
        for (std::size_t i = 0; i < uplinks.size(); ++i)
            settings.uplinks[i].device = uplinks.at(i).ring->device();
        return settings;
    }
    /// Tenant "red" with an SA each way.
    Expected<void> add_red() {
        std::string text =
            protected_red(sa("out-1", "out", "0x1001") + sa("in-1", "in", "0x2001", "esn = off\n"));
        text.replace(text.find("net_null_red1,no-rx=1"), 21, vm->device());
        text.insert(0, "fdb = 02:00:00:00:02:01 vtep 192.0.2.2\n"
                       "fdb = 02:00:00:00:03:01 port red1\n");
        return controller->add_tenant(tenant_file("red.conf", text));
    }
    void start_with_red() {
        start(settings());
        const auto added = add_red();
        ASSERT_TRUE(added) << added.error().message();
    }

    static Octets inner(const char* destination, const char* source) {
        return testing::make_frame({.destination = mac(destination), .source = mac(source)});
    }
    /// What the VM sends, and what it is sent.
    static Octets from_vm() { return inner("02:00:00:00:02:01", "02:00:00:00:03:01"); }
    static Octets to_vm() { return inner("02:00:00:00:03:01", "02:00:00:00:02:01"); }
    /// In VXLAN from the remote vtep, as the NIC gives it after ESP.
    static Octets opened() {
        return testing::make_vxlan({.destination = mac("02:00:00:00:00:01"),
                                    .source = mac("02:00:00:00:00:02"),
                                    .source_ip = ip("192.0.2.2"),
                                    .destination_ip = ip("192.0.2.1"),
                                    .vni = 200},
                                   to_vm());
    }
    /// Waits for the next packet with ESP by an uplink; announcements are passed over, and all
    /// other IP is a leak. @return the session that it is marked for; null: none of this uplink's
    /// NIC
    const NicSession* session_of_next(std::size_t uplink) {
        const NicSession* session = nullptr;
        const bool came = run_until([&] {
            rte_mbuf* packet = nullptr;
            while (uplinks.at(uplink).ring->receive_bulk(&packet, 1) == 1) {
                const auto* const octets = rte_pktmbuf_mtod(packet, const std::uint8_t*);
                const bool is_esp = octets[12] == 0x08 && octets[13] == 0 && octets[23] == 50;
                EXPECT_TRUE(is_esp || octets[12] != 0x08 || octets[13] != 0) << "in clear";
                if (is_esp) session = uplinks.at(uplink).nic->session_of(packet);
                rte_pktmbuf_free(packet);
                if (is_esp) return true;
            }
            return false;
        });
        EXPECT_TRUE(came) << "nothing leaves by p" << uplink;
        return session;
    }
    template<class Treat>
    void arrive(std::size_t uplink, Treat treat) {
        rte_mbuf* packet = uplinks.at(uplink).ring->make_packet(opened());
        treat(*uplinks.at(uplink).nic, packet);
        uplinks.at(uplink).ring->send_bulk(&packet, 1);
    }
    [[nodiscard]] std::uint64_t drops(DropReason reason) const {
        return controller->drops()[static_cast<std::size_t>(reason)];
    }
    static const NicSession& session(const FakeNic& nic,
                                     rte_security_ipsec_sa_direction direction) {
        for (const NicSession& session : nic.sessions)
            if (session.ipsec.direction == direction) return session;
        throw std::runtime_error("no such session");
    }

    struct Uplink {
        std::unique_ptr<RingDevice> ring;
        std::unique_ptr<FakeNic> nic;
        std::unique_ptr<PluggedNic> plugged;
    };
    rte_mempool* pool = nullptr;
    std::array<Uplink, 2> uplinks;
    std::unique_ptr<RingDevice> vm;
};

TEST_F(InlineIpsecTest, TheNicsOfBothUplinksHaveEachSa) {
    offer_all();
    start_with_red();
    EXPECT_EQ(report("out-1").choice.engine, ipsec::Engine::inline_crypto);
    EXPECT_EQ(report("out-1").choice.device, "p0, p1");
    EXPECT_EQ(report("in-1").choice.engine, ipsec::Engine::inline_protocol);
    EXPECT_EQ(report("in-1").choice.device, "p0, p1");
    EXPECT_THAT(report("out-1").choice.reasons,
                ElementsAre("inline-protocol: p0: no inline-protocol of outbound ESP in transport "
                            "mode"));
    for (const Uplink& uplink : uplinks) {
        EXPECT_EQ(uplink.plugged->rx_on, RTE_ETH_RX_OFFLOAD_SECURITY);
        EXPECT_EQ(uplink.plugged->tx_on, RTE_ETH_TX_OFFLOAD_SECURITY);
        ASSERT_EQ(uplink.nic->sessions.size(), 2U);
        const NicSession& out = session(*uplink.nic, RTE_SECURITY_IPSEC_SA_DIR_EGRESS);
        EXPECT_EQ(out.action, crypto_action);
        EXPECT_EQ(out.protocol, RTE_SECURITY_PROTOCOL_IPSEC);
        EXPECT_EQ(out.ipsec.proto, RTE_SECURITY_IPSEC_SA_PROTO_ESP);
        EXPECT_EQ(out.ipsec.mode, RTE_SECURITY_IPSEC_SA_MODE_TRANSPORT);
        EXPECT_EQ(out.ipsec.spi, 0x1001U);
        const std::uint8_t salt[] = {0xa1, 0xa1, 0xa1, 0x77};
        EXPECT_EQ(std::memcmp(&out.ipsec.salt, salt, sizeof salt), 0);
        EXPECT_EQ(out.ipsec.options.esn, 1U);
        EXPECT_EQ(out.ipsec.options.udp_encap, 0U);
        EXPECT_EQ(out.ipsec.esn.value, 1U);
        EXPECT_EQ(out.xform.type, RTE_CRYPTO_SYM_XFORM_AEAD);
        EXPECT_EQ(out.xform.aead.op, RTE_CRYPTO_AEAD_OP_ENCRYPT);
        EXPECT_EQ(out.xform.aead.algo, RTE_CRYPTO_AEAD_AES_GCM);
        EXPECT_EQ(out.xform.aead.digest_length, 16U);
        EXPECT_EQ(out.xform.aead.aad_length, 12U);
        EXPECT_EQ(out.key, Octets(16, 0xa1));
        const NicSession& in = session(*uplink.nic, RTE_SECURITY_IPSEC_SA_DIR_INGRESS);
        EXPECT_EQ(in.action, protocol_action);
        EXPECT_EQ(in.ipsec.mode, RTE_SECURITY_IPSEC_SA_MODE_TRANSPORT);
        EXPECT_EQ(in.ipsec.spi, 0x2001U);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(in.userdata), 0x2001U);
        EXPECT_EQ(in.ipsec.options.esn, 0U);
        EXPECT_EQ(in.ipsec.replay_win_sz, 64U);
        EXPECT_EQ(in.xform.aead.op, RTE_CRYPTO_AEAD_OP_DECRYPT);
        EXPECT_EQ(in.xform.aead.aad_length, 8U);
        EXPECT_EQ(in.key, Octets(16, 0xb2));
        ASSERT_EQ(uplink.plugged->rules.size(), 1U);
        const NicRule& rule = uplink.plugged->rules[0];
        EXPECT_EQ(rule.session, in.handle);
        EXPECT_TRUE(rule.ingress);
        EXPECT_THAT(rule.source, ElementsAre(192, 0, 2, 2));
        EXPECT_THAT(rule.destination, ElementsAre(192, 0, 2, 1));
        EXPECT_EQ(rule.spi, 0x2001U);
    }
    ASSERT_TRUE(controller->remove_tenant("red"));
    for (const Uplink& uplink : uplinks) {
        EXPECT_TRUE(uplink.nic->sessions.empty());
        EXPECT_TRUE(uplink.plugged->rules.empty());
    }
}

TEST_F(InlineIpsecTest, SessionsGoBeforeTheirPorts) {
    offer_all();
    start_with_red();
    controller.reset();
    for (const Uplink& uplink : uplinks)
        EXPECT_EQ(uplink.plugged->sessions_at_close, std::optional<std::size_t>(0));
}

TEST_F(InlineIpsecTest, WhatTheVmSendsLeavesByTheSessionOfItsUplink) {
    offer_all();
    start_with_red();
    vm->send(from_vm());
    EXPECT_EQ(session_of_next(0), &session(*uplinks[0].nic, RTE_SECURITY_IPSEC_SA_DIR_EGRESS));
    ASSERT_TRUE(controller->set_uplink("p0", false));
    vm->send(from_vm());
    EXPECT_EQ(session_of_next(1), &session(*uplinks[1].nic, RTE_SECURITY_IPSEC_SA_DIR_EGRESS));
    ASSERT_TRUE(controller->set_uplink("p0", true));
    ASSERT_TRUE(controller->set_uplink("p1", false));
    vm->send(from_vm());
    EXPECT_EQ(session_of_next(0), &session(*uplinks[0].nic, RTE_SECURITY_IPSEC_SA_DIR_EGRESS));
    EXPECT_EQ(report("out-1").sequence, 4U) << "counted over both uplinks";
}

TEST_F(InlineIpsecTest, WhatTheNicOpenedReachesTheVm) {
    offer_all();
    start_with_red();
    const auto arrives = [&](std::size_t uplink) {
        arrive(uplink, [](FakeNic& nic, rte_mbuf* packet) { nic.open_whole(packet, 0x2001); });
        std::vector<Octets> received;
        run_until([&] { return !(received = vm->receive()).empty(); });
        return received;
    };
    EXPECT_THAT(arrives(0), ElementsAre(to_vm()));
    ASSERT_TRUE(controller->set_uplink("p0", false));
    EXPECT_THAT(arrives(1), ElementsAre(to_vm()));
    EXPECT_EQ(report("in-1").totals.packets, 2U);
    arrive(1, [](FakeNic& nic, rte_mbuf* packet) { nic.open_whole(packet, 0x2001, false); });
    EXPECT_TRUE(run_until([&] { return drops(DropReason::bad_icv) == 1; }));
    EXPECT_EQ(report("in-1").totals.packets, 2U);
    arrive(1, [](FakeNic&, rte_mbuf*) {});
    EXPECT_TRUE(run_until([&] { return drops(DropReason::clear_text) == 1; }));
    EXPECT_TRUE(vm->receive().empty());
}

TEST_F(InlineIpsecTest, ANicThatCannotSaysWhy) {
    uplinks[0]
        .nic->offer(crypto_action, ipsec::Mode::transport, ipsec::Direction::outbound)
        .ipsec.options.esn = 1;
    uplinks[1].nic->offer(crypto_action, ipsec::Mode::transport, ipsec::Direction::outbound);
    start_with_red();
    EXPECT_EQ(report("out-1").choice.engine, ipsec::Engine::cpu);
    ASSERT_EQ(report("out-1").choice.reasons.size(), 3U);
    EXPECT_EQ(report("out-1").choice.reasons[1], "inline-crypto: p1: no extended sequence numbers");
    EXPECT_EQ(report("in-1").choice.reasons[1],
              "inline-crypto: p0: no inline-crypto of inbound ESP in transport mode");
    EXPECT_TRUE(uplinks[0].nic->sessions.empty());
}

TEST_F(InlineIpsecTest, ADemandOnBothUplinksFailsWithTheOneThatCannot) {
    offer_all();
    uplinks[1].plugged->tx_offer = 0;
    auto wanted = settings();
    wanted.ipsec.offload = ipsec::Engine::inline_crypto;
    start(wanted);
    const auto refused = add_red();
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(),
                HasSubstr("inline-crypto: p1: its driver has IPsec, but cannot switch it on"));
    EXPECT_TRUE(uplinks[0].nic->sessions.empty());
}

TEST_F(InlineIpsecTest, IpsecStaysOffWhereTheConfigWantsNone) {
    offer_all();
    auto wanted = settings();
    wanted.ipsec.offload = ipsec::Engine::cpu;
    start(wanted);
    ASSERT_TRUE(add_red());
    EXPECT_EQ(report("out-1").choice.engine, ipsec::Engine::cpu);
    for (const Uplink& uplink : uplinks)
        EXPECT_EQ(uplink.plugged->rx_on | uplink.plugged->tx_on, 0U);
}

} // namespace
} // namespace sallyport::control
