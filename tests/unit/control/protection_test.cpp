// SPDX-License-Identifier: BSD-3-Clause
// SAs of protected tenants on a real software path: how they come up, and why they do not.
#include "fakes.h"
#include "ipsec/sequence_store.h"
#include "protected_tenant.h"

#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/stat.h>

namespace sallyport::control {
namespace {

using fakes::ip;
using fakes::ProtectionTest;
using namespace std::chrono_literals;

TEST_F(ProtectionTest, SasComeAndGoWithTheirTenant) {
    start(settings());
    key_file("out-1", "a1");
    key_file("in-1", "b2");
    const auto file = tenant_file(
        "red.conf", protected_red(sa("out-1", "out", "0x1001") + sa("in-1", "in", "0x2001")));
    auto added = controller->add_tenant(file);
    ASSERT_TRUE(added) << added.error().message();
    const SaReport out = report("out-1");
    EXPECT_EQ(out.tenant, "red");
    EXPECT_EQ(out.settings.spi, 0x1001U);
    EXPECT_EQ(out.state, SaState::active);
    EXPECT_EQ(out.choice.engine, ipsec::Engine::cpu);
    EXPECT_FALSE(out.choice.device.empty());
    EXPECT_EQ(out.choice.reasons.size(), 3U) << "why no better engine";
    EXPECT_EQ(out.sequence, 1U);
    EXPECT_EQ(report("in-1").sequence, 0U);
    EXPECT_FALSE(controller->ipsec().devices.empty());

    ASSERT_TRUE(controller->remove_tenant("red"));
    EXPECT_TRUE(controller->ipsec().sas.empty());
    added = controller->add_tenant(file);
    ASSERT_TRUE(added) << added.error().message();
    EXPECT_EQ(report("out-1").sequence, 1U + ipsec::reservation_step(true))
        << "behind all that may have been used";
}

TEST_F(ProtectionTest, NumbersGoOnBehindARestart) {
    key_file("out-1", "a1");
    auto wanted = settings();
    const auto file = tenant_file("red.conf", protected_red(sa("out-1", "out", "0x1001")));
    start(wanted);
    ASSERT_TRUE(controller->add_tenant(file));
    controller.reset();
    wanted = settings();
    wanted.ipsec.new_state_file = false;
    start(wanted);
    auto added = controller->add_tenant(file);
    ASSERT_TRUE(added) << added.error().message();
    EXPECT_EQ(report("out-1").sequence, 1U + ipsec::reservation_step(true));
}

TEST_F(ProtectionTest, AMissingStateFileIsRefused) {
    key_file("out-1", "a1");
    auto wanted = settings();
    wanted.ipsec.new_state_file = false;
    start(wanted);
    auto refused = controller->add_tenant(
        tenant_file("red.conf", protected_red(sa("out-1", "out", "0x1001"))));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find((folder / "numbers").native()), std::string::npos);
    EXPECT_NE(refused.error().message().find("ipsec.new_state_file"), std::string::npos)
        << refused.error().message();
    EXPECT_EQ(controller->tenants().size(), 1U);
}

TEST_F(ProtectionTest, WrongKeysAreRefusedAndNothingStays) {
    start(settings());
    const auto file = tenant_file(
        "red.conf", protected_red(sa("out-1", "out", "0x1001") + sa("in-1", "in", "0x2001")));
    key_file("out-1", "a1");
    const auto in_key = folder / "in-1";
    const auto refusal = [&] {
        auto refused = controller->add_tenant(file);
        EXPECT_FALSE(refused);
        EXPECT_EQ(controller->tenants().size(), 1U);
        EXPECT_TRUE(controller->ipsec().sas.empty());
        const std::string message = refused ? "" : refused.error().message();
        expect_no_key(message);
        EXPECT_NE(message.find("tenant red, sa in-1: key file " + in_key.native()),
                  std::string::npos)
            << message;
        return message;
    };
    EXPECT_NE(refusal().find("No such file"), std::string::npos);
    key_file("in-1", "b2");
    ASSERT_EQ(::chmod(in_key.c_str(), 0640), 0);
    EXPECT_NE(refusal().find("chmod 600"), std::string::npos);
    key_file("in-1", "a1");
    EXPECT_NE(refusal().find("its key is that of sa out-1 of tenant red"), std::string::npos);
    std::ofstream(in_key) << "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2";
    EXPECT_NE(refusal().find("the key has 16 octets, aes128gcm16 takes 20"), std::string::npos);
    key_file("in-1", "b2");
    EXPECT_TRUE(controller->add_tenant(file)) << "what was begun is undone each time";
}

TEST_F(ProtectionTest, AnEngineThatIsNotThereIsRefused) {
    key_file("out-1", "a1");
    for (const auto engine : {ipsec::Engine::inline_protocol, ipsec::Engine::inline_crypto}) {
        auto wanted = settings();
        wanted.ipsec.offload = engine;
        start(wanted);
        auto refused = controller->add_tenant(
            tenant_file("red.conf", protected_red(sa("out-1", "out", "0x1001"))));
        ASSERT_FALSE(refused);
        EXPECT_NE(refused.error().message().find("sa red/out-1: the engine that is demanded is not "
                                                 "to be had: "
                                                 + std::string(to_string(engine))
                                                 + ": p0: its driver has no IPsec"),
                  std::string::npos)
            << refused.error().message();
        controller.reset();
    }
}

TEST_F(ProtectionTest, AStartWithoutItsKeysFails) {
    auto wanted = settings();
    wanted.tenants[0].is_protected = true;
    config::SaSettings out;
    out.name = "out-1";
    out.remote_vtep = ip("192.0.2.2");
    out.spi = 0x1001;
    out.key_file = folder / "none";
    wanted.tenants[0].sas = {out};
    auto refused = Controller::start(wanted, *loop);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("tenant blue, sa out-1: key file"), std::string::npos);
    wanted = settings();
    wanted.tenants[0].is_protected = true;
    out.key_file = key_file("out-1", "a1");
    wanted.tenants[0].sas = {out};
    start(wanted);
    EXPECT_EQ(report("out-1").tenant, "blue");
}

TEST_F(ProtectionTest, SurplusSasAreTold) {
    start(settings());
    std::string sas;
    key_file("out-1", "a1");
    key_file("out-2", "b2");
    ASSERT_TRUE(controller->add_tenant(tenant_file(
        "red.conf", protected_red(sa("out-1", "out", "0x1001") + sa("out-2", "out", "0x1002")))));
    EXPECT_EQ(report("out-1").state, SaState::active);
    EXPECT_EQ(report("out-2").state, SaState::surplus) << "there is one worker";
}

TEST_F(ProtectionTest, SoftLifetimeIsToldOnce) {
    start(settings());
    key_file("out-1", "a1");
    ASSERT_TRUE(controller->add_tenant(tenant_file(
        "red.conf", protected_red(sa("out-1", "out", "0x1001",
                                     "lifetime_seconds = 100\nsoft_lifetime_seconds = 1\n")))));
    const std::string warning = "tenant red, sa out-1: its soft lifetime is over";
    ASSERT_TRUE(run_until([&] { return log.str().find(warning) != std::string::npos; }));
    auto later = loop->after(100ms, [&] { loop->stop(); });
    loop->run();
    loop->cancel(later);
    EXPECT_EQ(log.str().find(warning), log.str().rfind(warning));
    EXPECT_EQ(report("out-1").lifetime, ipsec::Lifetime::soft);
}

TEST_F(ProtectionTest, KeysGoToAFileForWiresharkOnlyIfAsked) {
    auto wanted = settings();
    wanted.ipsec.keys_to_file = folder / "esp_sa";
    start(wanted);
    key_file("out-1", "a1");
    key_file("in-1", "b2");
    ASSERT_TRUE(controller->add_tenant(tenant_file(
        "red.conf", protected_red(sa("out-1", "out", "0x1001") + sa("in-1", "in", "0x2001")))));
    std::ifstream file(folder / "esp_sa");
    std::string line;
    std::getline(file, line);
    EXPECT_EQ(line, "\"IPv4\",\"192.0.2.1\",\"192.0.2.2\",\"0x00001001\",\"AES-GCM with 16 octet "
                    "ICV [RFC4106]\",\"0x"
                        + key_text("a1") + "\",\"NULL\",\"\"");
    std::getline(file, line);
    EXPECT_EQ(line.find("\"IPv4\",\"192.0.2.2\",\"192.0.2.1\",\"0x00002001\""), 0U) << line;
    struct stat status {};
    ASSERT_EQ(::stat((folder / "esp_sa").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
    EXPECT_NE(log.str().find("ALL IPSEC KEYS ARE WRITTEN"), std::string::npos);
}

/// Frames of one VM that is a ring: what the test sends by the port, the worker receives.
class ProtectedTraffic : public ProtectionTest {
  protected:
    void SetUp() override {
        ProtectionTest::SetUp();
        // Rings outlive their ports, with what is in them: so does the pool.
        pool = rte_mempool_lookup("protected-traffic");
        if (pool == nullptr)
            pool = rte_pktmbuf_pool_create("protected-traffic", 8191, 0, 0, 2048, 0);
        ASSERT_NE(pool, nullptr);
    }
    void add_red(const std::string& name, const std::string& more) {
        start(settings());
        key_file("out-1", "a1");
        auto text = protected_red(sa("out-1", "out", "0x1001", more));
        text.replace(text.find("net_null_red1,no-rx=1"), 21, "net_ring_" + name);
        text.insert(0, "fdb = 02:00:00:00:02:01 vtep 192.0.2.2\n");
        auto added = controller->add_tenant(tenant_file("red.conf", text));
        ASSERT_TRUE(added) << added.error().message();
    }
    /// From the VM to a station behind the remote vtep, of an experimental EtherType.
    void send(unsigned count) {
        const std::uint16_t id = port("red1").dpdk_id;
        constexpr std::uint8_t head[] = {2, 0, 0, 0, 2, 1, 2, 0, 0, 0, 3, 1, 0x88, 0xb5};
        while (count > 0) {
            rte_mbuf* packet = rte_pktmbuf_alloc(pool);
            if (packet != nullptr) {
                auto* const octets =
                    reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(packet, 60));
                std::fill_n(std::copy(std::begin(head), std::end(head), octets), 46, 0);
                if (rte_eth_tx_burst(id, 0, &packet, 1) == 1) {
                    --count;
                    continue;
                }
                rte_pktmbuf_free(packet);
            }
            std::this_thread::sleep_for(20us);
        }
    }
    [[nodiscard]] std::string state_file() const {
        std::ifstream file(folder / "numbers");
        return {std::istreambuf_iterator<char>(file), {}};
    }

    rte_mempool* pool = nullptr;
};

TEST_F(ProtectedTraffic, WhatTheVmSendsGoesByTheSa) {
    add_red("red1", "lifetime_packets = 120\nsoft_lifetime_packets = 50\n");
    send(100);
    ASSERT_TRUE(run_until([&] { return report("out-1").totals.packets == 100; }));
    EXPECT_EQ(report("out-1").sequence, 101U);
    EXPECT_EQ(controller->ipsec().outbound.packets, 100U);
    ASSERT_TRUE(
        run_until([&] { return log.str().find("soft lifetime is over") != std::string::npos; }));
    send(100);
    ASSERT_TRUE(run_until([&] {
        return log.str().find("its lifetime is over, its packets are dropped") != std::string::npos;
    }));
    EXPECT_LE(report("out-1").totals.packets, 120U);
    ASSERT_TRUE(controller->remove_tenant("red"));
    EXPECT_GE(controller->ipsec().outbound.packets, 100U) << "totals outlive the SA";
}

TEST_F(ProtectedTraffic, NumbersAreReservedAheadOfWhatIsSent) {
    add_red("red2", "esn = off\n");
    const std::string before = state_file();
    constexpr auto half = static_cast<unsigned>(ipsec::reservation_step(false) / 2);
    send(half - 1000);
    ASSERT_TRUE(run_until([&] { return report("out-1").sequence > half - 1000; }));
    EXPECT_EQ(state_file(), before);
    send(2000);
    ASSERT_TRUE(run_until([&] { return state_file() != before; }));
    EXPECT_EQ(report("out-1").totals.faults, FaultCounts{});
}

} // namespace
} // namespace sallyport::control
