// SPDX-License-Identifier: BSD-3-Clause
// A reload touches what differs and nothing else; a bad file nothing at all.
#include "fakes.h"
#include "protected_tenant.h"

#include <string>

#include <gtest/gtest.h>

namespace sallyport::control {
namespace {

using fakes::ip;
using fakes::mac;
using fakes::ProtectionTest;
using Difference = TenantReload::Difference;

const std::string green_text = "name = green\nvni = 300\nlocal_vtep = 192.0.2.1\n"
                               "remote_vtep = 192.0.2.2\nremote_vtep = 192.0.2.3\n"
                               "fdb = 02:00:00:00:09:01 vtep 192.0.2.2\n"
                               "[vm_port.green1]\ndevice = net_null_green1,no-rx=1\nmac = any\n"
                               "[vm_port.green2]\ndevice = net_null_green2,no-rx=1\nmac = any\n";

class ReloadTest : public ProtectionTest {
  protected:
    /// Tenants green and, protected, red; blue has no file and is removed.
    void begin() {
        start(settings());
        ASSERT_TRUE(controller->remove_tenant("blue"));
        key_file("out-1", "a1");
        key_file("in-1", "b2");
        key_file("out-2", "c3");
        key_file("in-2", "d4");
        auto added = controller->add_tenant(tenant_file("green.conf", green_text));
        ASSERT_TRUE(added) << added.error().message();
        tenant_file("red.conf",
                    protected_red(sa("out-1", "out", "0x1001") + sa("in-1", "in", "0x2001")));
        added = controller->add_tenant(folder / "red.conf");
        ASSERT_TRUE(added) << added.error().message();
    }
    TenantReload reload(const std::string& tenant) {
        auto reloaded = controller->reload_tenants(tenant);
        EXPECT_TRUE(reloaded) << reloaded.error().message();
        return reloaded ? reloaded->front() : TenantReload{};
    }
    std::string refusal(const std::string& tenant) {
        const auto before = controller->settings();
        const Names ports = port_names();
        const auto fdb = controller->fdb("")->size();
        const auto refused = controller->reload_tenants(tenant);
        EXPECT_FALSE(refused);
        EXPECT_EQ(controller->settings(), before);
        EXPECT_EQ(port_names(), ports);
        EXPECT_EQ(controller->fdb("")->size(), fdb);
        EXPECT_EQ(report("out-1").state, SaState::active);
        EXPECT_EQ(report("in-1").state, SaState::active);
        return refused ? "" : refused.error().message();
    }
};

TEST_F(ReloadTest, TheSameFileChangesNothing) {
    begin();
    const auto reloaded = controller->reload_tenants("");
    ASSERT_TRUE(reloaded) << reloaded.error().message();
    ASSERT_EQ(reloaded->size(), 2U);
    for (const auto& tenant : *reloaded) {
        EXPECT_EQ(tenant.vm_ports, Difference{});
        EXPECT_EQ(tenant.fdb, Difference{});
        EXPECT_EQ(tenant.sas, Difference{});
        EXPECT_TRUE(tenant.settings.empty());
    }
    EXPECT_EQ(report("out-1").sequence, 1U) << "the same session";
}

TEST_F(ReloadTest, WhatDiffersIsChanged) {
    begin();
    const auto port_id = port("green1").dpdk_id;
    tenant_file("green.conf", "name = green\nvni = 300\nlocal_vtep = 192.0.2.1\nmtu = 1400\n"
                              "flooding = off\nageing_time = 7\nmax_learned = 9\n"
                              "remote_vtep = 192.0.2.3\nremote_vtep = 192.0.2.4\n"
                              "fdb = 02:00:00:00:09:01 vtep 192.0.2.4\n"
                              "[vm_port.green1]\ndevice = net_null_green1,no-rx=1\n"
                              "mac = 02:00:00:00:09:02\nrate = 1000000\n"
                              "[vm_port.green3]\ndevice = net_null_green3,no-rx=1\nmac = any\n");
    const TenantReload reloaded = reload("green");
    EXPECT_EQ(reloaded.settings, (Names{"mtu", "flooding", "ageing_time", "max_learned"}));
    EXPECT_EQ(reloaded.remote_vteps, (Difference{1, 0, 1}));
    EXPECT_EQ(reloaded.vm_ports, (Difference{1, 1, 1}));
    EXPECT_EQ(reloaded.fdb, (Difference{0, 1, 0}));
    EXPECT_EQ(port_names(), (Names{"p0", "p1", "green1", "green3", "red1"}));
    EXPECT_EQ(port("green1").dpdk_id, port_id) << "it was not opened again";
    EXPECT_EQ(port("green1").allowed_macs, std::vector{mac("02:00:00:00:09:02")});
    EXPECT_TRUE(port("green1").rate_limit);
    EXPECT_EQ(controller->settings().tenants[0].max_learned, 9U);
    EXPECT_EQ(controller->fdb("green")->front().vtep, ip("192.0.2.4"));
    tenant_file("green.conf", green_text);
    EXPECT_EQ(reload("green").vm_ports, (Difference{1, 1, 1})) << "and back";
}

TEST_F(ReloadTest, WhatTheShellAddedGoes) {
    begin();
    ASSERT_TRUE(controller->add_fdb("green", {mac("02:00:00:00:09:09"), "green1", std::nullopt}));
    EXPECT_EQ(reload("green").fdb, (Difference{0, 0, 1}));
    EXPECT_EQ(controller->fdb("green")->size(), 1U);
}

TEST_F(ReloadTest, SasAreReplacedAsByARekey) {
    begin();
    tenant_file("red.conf",
                "remote_vtep = 192.0.2.4\n"
                    + protected_red(sa("out-2", "out", "0x1002") + sa("in-1", "in", "0x2001")
                                    + sa("in-2", "in", "0x2002")));
    const TenantReload reloaded = reload("red");
    EXPECT_EQ(reloaded.sas, (Difference{2, 0, 1}));
    EXPECT_EQ(reloaded.remote_vteps, (Difference{1, 0, 0}));
    EXPECT_FALSE(has("out-1"));
    EXPECT_EQ(report("out-2").state, SaState::active);
    EXPECT_EQ(report("in-1").state, SaState::active);
    tenant_file("red.conf", protected_red(sa("out-2", "out", "0x1002")));
    EXPECT_EQ(reload("red").sas, (Difference{0, 0, 2}));
    EXPECT_EQ(report("in-1").state, SaState::retiring);
    ASSERT_TRUE(controller->remove_tenant("red"));
}

TEST_F(ReloadTest, SasGoAtOnceWithTheirVtep) {
    begin();
    std::string text = protected_red("");
    text.replace(text.find("192.0.2.2"), 9, "192.0.2.4");
    tenant_file("red.conf", text);
    EXPECT_EQ(reload("red").sas, (Difference{0, 0, 2}));
    EXPECT_TRUE(controller->ipsec().sas.empty());
}

TEST_F(ReloadTest, ABadFileChangesNothingOfAnyTenant) {
    begin();
    const std::string sas = sa("out-2", "out", "0x1002") + sa("in-2", "in", "0x2002");
    tenant_file("red.conf", protected_red(sas));
    tenant_file("green.conf", "mtu = 20\n" + green_text);
    EXPECT_NE(refusal("").find("green.conf:1: mtu"), std::string::npos);
    tenant_file("green.conf", "mtu = 1400\nprotection = ipsec\n" + green_text);
    EXPECT_NE(refusal("").find("green.conf:2: protection: none cannot become ipsec"),
              std::string::npos);
    std::filesystem::remove(folder / "green.conf");
    EXPECT_NE(refusal("").find("green.conf: no such file"), std::string::npos);
    tenant_file("green.conf", green_text);
    EXPECT_EQ(controller->reload_tenants("")->back().sas, (Difference{2, 0, 2}));
}

TEST_F(ReloadTest, WhatFailsHalfwayIsUndone) {
    begin();
    const std::string more = "[vm_port.red2]\ndevice = net_null_red2,no-rx=1\nmac = any\n";
    const std::string sas = sa("out-2", "out", "0x1002") + sa("in-2", "in", "0x2002");
    tenant_file("red.conf", "remote_vtep = 192.0.2.4\n" + protected_red(more + sas)
                                + "[vm_port.red3]\ndevice = net_no_such_driver\nmac = any\n");
    EXPECT_NE(refusal("red").find("tenant red, vm port red3"), std::string::npos);
    EXPECT_EQ(controller->ipsec().sas.size(), 2U);
    // Its second new key is missing.
    tenant_file("red.conf", protected_red(more + sas + sa("in-9", "in", "0x2009")));
    EXPECT_NE(refusal("red").find("in-9"), std::string::npos);
    EXPECT_EQ(controller->ipsec().sas.size(), 2U);
    tenant_file("red.conf", protected_red(more + sas));
    EXPECT_EQ(reload("red").sas, (Difference{2, 0, 2})) << "nothing of the attempts is in the way";
}

TEST_F(ReloadTest, AnUnknownTenantIsAnsweredWithThoseThereAre) {
    begin();
    const auto refused = controller->reload_tenants("blue");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("green, red"), std::string::npos);
}

} // namespace
} // namespace sallyport::control
