// SPDX-License-Identifier: BSD-3-Clause
// Changes of running tenants: what differs, in an order that breaks nothing, and no more.
#include "overlay/fdb_learning.h"
#include "recording_path.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace sallyport::overlay::test {
namespace {

class TenantChanges : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(state.add_tenant(blue()));
        path.log.clear();
    }
    ForwardingState::ChangedTenant change(const TenantSpec& spec) {
        const auto wider = state.widen_tenant(spec);
        EXPECT_TRUE(wider) << wider.error().message();
        auto changed = state.change_tenant(spec);
        EXPECT_TRUE(changed) << changed.error().message();
        EXPECT_EQ(path.rows(), rows_of(state));
        EXPECT_EQ(path.violations, std::vector<std::string>{});
        return changed ? *changed : ForwardingState::ChangedTenant{};
    }
    void learn(std::uint64_t station, FdbTarget at) {
        FdbLearning learning(state);
        learning.judge(std::vector{LearnEvent{0, mac(station), at}}, {});
        ASSERT_TRUE(state.find_fdb(0, mac(station)));
        path.log.clear();
    }

    RecordingPath path;
    ForwardingState state{Limits{}, {&path}};
};

TEST_F(TenantChanges, TheSameAgainCostsThePathNothing) {
    const auto changed = change(blue());
    EXPECT_TRUE(path.log.empty());
    EXPECT_EQ(changed.fdb, ForwardingState::Difference{});
}

TEST_F(TenantChanges, OnlyWhatDiffersReachesThePath) {
    TenantSpec spec = blue();
    spec.mtu = 1400;
    spec.vm_ports[0].macs = {mac(7)};
    spec.fdb.push_back({mac(0x12), address("192.0.2.3")});
    change(spec);
    EXPECT_EQ(path.log, (std::vector<std::string>{"put tenant 0", "put fdb 0 02:00:00:00:00:12",
                                                  "put vm_port 0"}));
    EXPECT_EQ(state.find_tenant("blue")->row.mtu, 1400);
}

TEST_F(TenantChanges, ASmallerMtuHoldsBeforeAllElseAndALargerOneAfterIt) {
    TenantSpec spec = blue();
    spec.mtu = 1400;
    ASSERT_TRUE(state.widen_tenant(spec));
    EXPECT_EQ(state.find_tenant("blue")->row.mtu, 1400);
    spec.mtu = 9000;
    ASSERT_TRUE(state.widen_tenant(spec));
    EXPECT_EQ(state.find_tenant("blue")->row.mtu, 1400);
    ASSERT_TRUE(state.change_tenant(spec));
    EXPECT_EQ(state.find_tenant("blue")->row.mtu, 9000);
}

TEST_F(TenantChanges, AnEntryMovesFromAVtepThatGoesToOneThatComes) {
    TenantSpec spec = blue();
    spec.remote_vteps = {address("192.0.2.3"), address("192.0.2.9")};
    spec.fdb[0].target = address("192.0.2.9");
    const auto changed = change(spec);
    EXPECT_EQ(changed.gone_vteps, std::vector{address("192.0.2.2")});
    EXPECT_EQ(changed.fdb, (ForwardingState::Difference{0, 1, 0}));
    EXPECT_EQ(state.find_vtep(address("192.0.2.2")), nullptr);
    EXPECT_EQ(std::get<VtepRef>(state.find_fdb(0, mac(0x10))->target).id,
              state.find_vtep(address("192.0.2.9"))->id);
}

TEST_F(TenantChanges, LearnedEntriesStayWhereTheyCouldBeLearnedAgain) {
    const VmPortId port = state.find_vm_port("blue1")->id;
    const VtepId vtep = state.find_vtep(address("192.0.2.3"))->id;
    learn(1, VmPortRef{port});
    learn(0x20, VtepRef{vtep});
    TenantSpec spec = blue();
    spec.vm_ports[0].macs = {mac(7)};
    change(spec);
    EXPECT_FALSE(state.find_fdb(0, mac(1))) << "the VM may not send from it any more";
    EXPECT_TRUE(state.find_fdb(0, mac(0x20)));
    spec.remote_vteps = {address("192.0.2.2")};
    const auto changed = change(spec);
    EXPECT_FALSE(state.find_fdb(0, mac(0x20)));
    EXPECT_EQ(changed.fdb, ForwardingState::Difference{}) << "none was configured";
}

TEST_F(TenantChanges, WithoutLearningTheVmsOwnAddressesAreConfigured) {
    learn(1, VmPortRef{state.find_vm_port("blue1")->id});
    TenantSpec spec = blue();
    spec.learning = false;
    EXPECT_EQ(change(spec).fdb, (ForwardingState::Difference{3, 0, 0}));
    EXPECT_EQ(state.find_fdb(0, mac(1))->origin, FdbOrigin::configured);
    EXPECT_EQ(change(blue()).fdb, (ForwardingState::Difference{0, 0, 3}));
}

TEST_F(TenantChanges, WhatThePathRefusesLeavesAllAsItWas) {
    TenantSpec spec = blue();
    spec.remote_vteps.push_back(address("192.0.2.9"));
    spec.vm_ports.push_back({"blue3", {}});
    spec.fdb = {{mac(0x12), address("192.0.2.9")}};
    const auto before = rows_of(state);
    path.refuse_key("vm_port 2");
    EXPECT_FALSE(state.widen_tenant(spec));
    EXPECT_EQ(rows_of(state), before);
    EXPECT_EQ(path.rows(), before);
    path.refuse_key("");
    ASSERT_TRUE(state.widen_tenant(spec));
    const auto wide = rows_of(state);
    path.refuse_key("fdb 0 02:00:00:00:00:12");
    EXPECT_FALSE(state.change_tenant(spec));
    EXPECT_EQ(rows_of(state), wide);
    path.refuse_key("");
    ASSERT_TRUE(state.change_tenant(blue())) << "and back";
    EXPECT_EQ(rows_of(state), before);
    EXPECT_EQ(path.rows(), before);
}

TEST_F(TenantChanges, WhatASegmentStandsOnCannotChange) {
    TenantSpec spec = blue();
    spec.vni = 101;
    EXPECT_FALSE(state.widen_tenant(spec));
    spec = blue();
    spec.is_protected = true;
    EXPECT_FALSE(state.change_tenant(spec));
    spec = blue();
    spec.remote_vteps.push_back(address("192.0.2.9"));
    EXPECT_FALSE(state.change_tenant(spec)) << "it was not widened";
    spec = blue();
    spec.name = "green";
    EXPECT_FALSE(state.change_tenant(spec));
    EXPECT_TRUE(path.log.empty());
}

} // namespace
} // namespace sallyport::overlay::test
