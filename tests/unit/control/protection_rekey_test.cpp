// SPDX-License-Identifier: BSD-3-Clause
// A rekey makes new SAs before it breaks old ones, and leaves alone what did not change.
#include "ipsec/sequence_store.h"
#include "protected_tenant.h"

#include <string>

#include <gtest/gtest.h>

namespace sallyport::control {
namespace {

using fakes::ProtectionTest;
using namespace std::chrono_literals;

class RekeyTest : public ProtectionTest {
  protected:
    void begin(std::chrono::seconds grace) {
        auto wanted = settings();
        wanted.ipsec.rekey_grace = grace;
        start(wanted);
        key_file("out-1", "a1");
        key_file("in-1", "b2");
        key_file("out-2", "c3");
        key_file("in-2", "d4");
        write(sa("out-1", "out", "0x1001") + sa("in-1", "in", "0x2001"));
        auto added = controller->add_tenant(folder / "red.conf");
        ASSERT_TRUE(added) << added.error().message();
    }
    void write(const std::string& sas) { tenant_file("red.conf", protected_red(sas)); }
    std::string refusal() {
        auto refused = controller->rekey("red");
        EXPECT_FALSE(refused);
        EXPECT_EQ(controller->ipsec().sas.size(), 2U);
        EXPECT_EQ(report("out-1").state, SaState::active);
        EXPECT_EQ(report("in-1").state, SaState::active);
        const std::string message = refused ? "" : refused.error().message();
        expect_no_key(message);
        return message;
    }
};

TEST_F(RekeyTest, OldInboundSasAreTakenUntilTheGraceTimeEnds) {
    begin(1s);
    write(sa("out-2", "out", "0x1002") + sa("in-2", "in", "0x2002"));
    auto done = controller->rekey("red");
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(report("out-2").state, SaState::active);
    EXPECT_EQ(report("in-2").state, SaState::active);
    EXPECT_FALSE(has("out-1"));
    EXPECT_EQ(report("in-1").state, SaState::retiring);
    EXPECT_EQ(controller->settings().tenants.back().sas.size(), 2U);
    EXPECT_EQ(controller->settings().tenants.back().sas[0].name, "out-2");
    ASSERT_TRUE(run_until([&] { return !has("in-1"); }));
    EXPECT_EQ(controller->ipsec().sas.size(), 2U);

    // Its key and numbers are remembered on the disk.
    write(sa("out-1", "out", "0x1003") + sa("in-2", "in", "0x2002"));
    ASSERT_TRUE(controller->rekey("red"));
    EXPECT_EQ(report("out-1").sequence, 1U + ipsec::reservation_step(true));
}

TEST_F(RekeyTest, WhatDidNotChangeStays) {
    begin(100s);
    ASSERT_TRUE(controller->rekey("red"));
    EXPECT_EQ(controller->ipsec().sas.size(), 2U);
    EXPECT_EQ(report("out-1").sequence, 1U) << "the same session";
    write(sa("out-1", "out", "0x1001") + sa("in-2", "in", "0x2002"));
    ASSERT_TRUE(controller->rekey("red"));
    EXPECT_EQ(report("out-1").sequence, 1U);
    EXPECT_EQ(report("in-1").state, SaState::retiring);
    // The operator thinks better of it.
    write(sa("out-1", "out", "0x1001") + sa("in-1", "in", "0x2001"));
    ASSERT_TRUE(controller->rekey("red"));
    EXPECT_EQ(report("in-1").state, SaState::active);
    EXPECT_EQ(report("in-2").state, SaState::retiring);
    ASSERT_TRUE(controller->remove_tenant("red")) << "with one that waits for its end";
    EXPECT_TRUE(controller->ipsec().sas.empty());
}

TEST_F(RekeyTest, AWrongFileChangesNothing) {
    begin(100s);
    write(sa("out-2", "out", "0x1002") + sa("in-3", "in", "0x2003"));
    EXPECT_NE(refusal().find("sa in-3: key file"), std::string::npos);
    write(sa("out-2", "out", "0x1002") + sa("in-2", "in", "0x2001"));
    EXPECT_NE(refusal().find("its SPI 0x00002001 is that of sa in-1"), std::string::npos);
    write(sa("out-1", "out", "0x1002") + sa("in-1", "in", "0x2001"));
    EXPECT_NE(refusal().find("its key is that of sa out-1"), std::string::npos);
    write(sa("out-2", "outwards", "0x1002"));
    EXPECT_NE(refusal().find("red.conf:11: sa.out-2.direction"), std::string::npos);
    tenant_file("red.conf", fakes::red_text);
    EXPECT_NE(refusal().find("another protection"), std::string::npos);
    tenant_file("red.conf", "remote_vtep = 192.0.2.9\n" + protected_red(""));
    EXPECT_NE(refusal().find("another remote_vtep"), std::string::npos);
    write(sa("out-2", "out", "0x1002") + sa("in-2", "in", "0x2002"));
    auto done = controller->rekey("red");
    EXPECT_TRUE(done) << "and nothing of the attempts is in the way";
}

TEST_F(RekeyTest, UnknownAndUnprotectedTenants) {
    begin(100s);
    EXPECT_FALSE(controller->rekey("green"));
    EXPECT_FALSE(controller->rekey("blue"));
}

} // namespace
} // namespace sallyport::control
