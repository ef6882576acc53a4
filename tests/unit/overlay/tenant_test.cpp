// SPDX-License-Identifier: BSD-3-Clause
#include "recording_path.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace sallyport::overlay::test {
namespace {

class Tenants : public testing::Test {
  protected:
    RecordingPath first;
    RecordingPath second;
    ForwardingState state{Limits{}, {&first, &second}};

    void expect_consistent() {
        EXPECT_EQ(first.rows(), rows_of(state));
        EXPECT_EQ(second.rows(), rows_of(state));
        EXPECT_EQ(first.violations, std::vector<std::string>{});
    }
    /// The error of adding @p spec, which must leave no trace.
    std::string refused(const TenantSpec& spec) {
        const auto before = rows_of(state);
        const std::size_t changes = first.log.size();
        const auto added = state.add_tenant(spec);
        EXPECT_FALSE(added);
        EXPECT_EQ(rows_of(state), before);
        EXPECT_EQ(first.log.size(), changes);
        return added ? "" : added.error().message();
    }
};

#define EXPECT_CONTAINS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(Tenants, RowsArePutBeforeWhatRefersToThem) {
    const auto added = state.add_tenant(blue());
    ASSERT_TRUE(added) << added.error().message();
    const std::vector<std::string> expected{
        "put vtep 0",
        "put vtep 1",
        "put tenant 0",
        "put vm_port 0",
        "put vm_port 1",
        "put fdb 0 02:00:00:00:00:10",
        "put fdb 0 02:00:00:00:00:11",
    };
    EXPECT_EQ(first.log, expected);
    EXPECT_EQ(second.log, expected);
    EXPECT_EQ(added->id, 0);
    EXPECT_EQ(added->new_vteps, (std::vector{address("192.0.2.3"), address("192.0.2.2")}));
    expect_consistent();
}

TEST_F(Tenants, RemovalGoesTheOtherWay) {
    ASSERT_TRUE(state.add_tenant(blue()));
    first.log.clear();
    const auto removed = state.remove_tenant("blue");
    ASSERT_TRUE(removed) << removed.error().message();
    // The fdb has no order.
    std::sort(first.log.begin(), first.log.begin() + 2);
    EXPECT_EQ(first.log, (std::vector<std::string>{
                             "remove fdb 0 02:00:00:00:00:10", "remove fdb 0 02:00:00:00:00:11",
                             "remove vm_port 0", "remove vm_port 1", "remove tenant 0",
                             "remove vtep 0", "remove vtep 1"}));
    EXPECT_EQ(removed->gone_vteps.size(), 2U);
    ASSERT_EQ(removed->vm_ports.size(), 2U);
    EXPECT_EQ(removed->vm_ports[1].name, "blue2");
    EXPECT_EQ(state.find_tenant("blue"), nullptr);
    EXPECT_EQ(state.find_tenant_by_vni(100), nullptr);
    EXPECT_EQ(state.find_vm_port("blue1"), nullptr);
    EXPECT_EQ(state.fdb_size(), 0U);
    expect_consistent();
    EXPECT_EQ(first.rows().size(), 1U); // the uplink
}

TEST_F(Tenants, RowsSayWhatTheSpecSays) {
    TenantSpec spec = blue();
    spec.udp_port = 8472;
    spec.mtu = 9000;
    spec.flooding = false;
    spec.pass_inner_vlan = true;
    spec.is_protected = true;
    spec.max_learned = 7;
    spec.ageing_time = std::chrono::seconds(11);
    ASSERT_TRUE(state.add_tenant(spec));
    const TenantEntry* tenant = state.find_tenant("blue");
    ASSERT_NE(tenant, nullptr);
    const TenantRow expected{.id = 0,
                             .name = "blue",
                             .vni = 100,
                             .local_vtep = address("192.0.2.1"),
                             .udp_port = 8472,
                             .mtu = 9000,
                             .learning = true,
                             .flooding = false,
                             .pass_inner_vlan = true,
                             .is_protected = true,
                             .remote_vteps = {0, 1}};
    EXPECT_EQ(tenant->row, expected);
    EXPECT_EQ(tenant->max_learned, 7U);
    EXPECT_EQ(tenant->ageing_time, std::chrono::seconds(11));
    EXPECT_EQ(tenant->vm_ports, (std::vector<VmPortId>{0, 1}));
    EXPECT_EQ(tenant->configured, 2U);
    EXPECT_EQ(tenant->learned, 0U);
    EXPECT_EQ(state.tenant(0), tenant);
    EXPECT_EQ(state.find_tenant_by_vni(100), tenant);
    const VmPortRow port{1, 0, "blue2", {mac(2), mac(3)}};
    ASSERT_NE(state.find_vm_port("blue2"), nullptr);
    EXPECT_EQ(*state.find_vm_port("blue2"), port);
    EXPECT_EQ(*state.vm_port(1), port);
    EXPECT_EQ(state.find_fdb(0, mac(0x11)),
              (FdbRow{0, mac(0x11), VmPortRef{1}, FdbOrigin::configured}));
    EXPECT_EQ(state.find_fdb(0, mac(0x10)),
              (FdbRow{0, mac(0x10), VtepRef{1}, FdbOrigin::configured}));
    EXPECT_EQ(state.find_fdb(0, mac(1)), std::nullopt);
}

TEST_F(Tenants, MacsOfVmPortsAreConfiguredWhereNothingIsLearned) {
    ASSERT_TRUE(state.add_tenant(red()));
    const TenantEntry& tenant = *state.find_tenant("red");
    EXPECT_EQ(tenant.configured, 3U);
    EXPECT_EQ(state.find_fdb(tenant.row.id, mac(1))->target, FdbTarget(VmPortRef{0}));
    // The fdb entry in the spec says otherwise, and stands.
    EXPECT_EQ(state.find_fdb(tenant.row.id, mac(2))->target, FdbTarget(VtepRef{0}));
    expect_consistent();
}

TEST_F(Tenants, RemoteVtepsAreSharedAndCounted) {
    ASSERT_TRUE(state.add_tenant(blue()));
    const auto added = state.add_tenant(red());
    ASSERT_TRUE(added);
    EXPECT_EQ(added->new_vteps, std::vector{address("2001:db8::2")});
    EXPECT_EQ(state.tenants_of_vtep(address("192.0.2.2")), 2U);
    // Ascending, though the spec lists the new one first.
    EXPECT_EQ(state.find_tenant("red")->row.remote_vteps, (std::vector<VtepId>{1, 2}));
    EXPECT_EQ(state.tenants_of_vtep(address("192.0.2.3")), 1U);
    EXPECT_EQ(state.tenants_of_vtep(address("192.0.2.9")), 0U);
    EXPECT_EQ(state.vteps().size(), 3U);
    const VtepId shared = state.find_vtep(address("192.0.2.2"))->id;

    const auto removed = state.remove_tenant("blue");
    ASSERT_TRUE(removed);
    EXPECT_EQ(removed->gone_vteps, std::vector{address("192.0.2.3")});
    EXPECT_EQ(state.find_vtep(address("192.0.2.3")), nullptr);
    ASSERT_NE(state.find_vtep(address("192.0.2.2")), nullptr);
    EXPECT_EQ(state.find_vtep(address("192.0.2.2"))->id, shared);
    EXPECT_EQ(state.tenants_of_vtep(address("192.0.2.2")), 1U);
    expect_consistent();

    ASSERT_TRUE(state.remove_tenant("red"));
    EXPECT_EQ(state.vteps().size(), 0U);
    expect_consistent();
}

TEST_F(Tenants, IdsAreReused) {
    ASSERT_TRUE(state.add_tenant(blue()));
    ASSERT_TRUE(state.add_tenant(red()));
    ASSERT_TRUE(state.remove_tenant("blue"));
    TenantSpec green = blue();
    green.name = "green";
    green.vm_ports = {{"green1", {}}, {"green2", {}}, {"green3", {}}};
    green.remote_vteps = {address("192.0.2.7"), address("192.0.2.8")};
    green.fdb.clear();
    const auto added = state.add_tenant(green);
    ASSERT_TRUE(added);
    EXPECT_EQ(added->id, 0);
    EXPECT_EQ(state.find_tenant("green")->vm_ports, (std::vector<VmPortId>{0, 1, 4}));
    EXPECT_EQ(state.find_vtep(address("192.0.2.7"))->id, 0U);
    EXPECT_EQ(state.find_vtep(address("192.0.2.8"))->id, 3U);
    expect_consistent();
}

TEST_F(Tenants, ListsAreSorted) {
    ASSERT_TRUE(state.add_tenant(red()));
    ASSERT_TRUE(state.add_tenant(blue()));
    ASSERT_EQ(state.tenants().size(), 2U);
    EXPECT_EQ(state.tenants()[0]->row.name, "blue");
    EXPECT_EQ(state.tenants()[1]->row.name, "red");
    const auto vteps = state.vteps();
    EXPECT_TRUE(
        std::is_sorted(vteps.begin(), vteps.end(), [](const VtepRow* left, const VtepRow* right) {
            return left->address < right->address;
        }));
}

TEST_F(Tenants, WhatIsWrongInASpecReachesNoPath) {
    ASSERT_TRUE(state.add_tenant(blue()));
    TenantSpec spec = red();
    spec.name = "blue";
    EXPECT_CONTAINS(refused(spec), "tenant blue: a tenant of this name exists already");
    spec = red();
    spec.name.clear();
    EXPECT_CONTAINS(refused(spec), "no name");
    spec = red();
    spec.vni = 100;
    EXPECT_CONTAINS(refused(spec), "VNI 100 belongs to tenant blue");
    for (std::uint32_t vni : {0U, 0x1000000U}) {
        spec.vni = vni;
        EXPECT_CONTAINS(refused(spec), "1 to 16777215");
    }
    spec = red();
    spec.remote_vteps.push_back(address("192.0.2.2"));
    EXPECT_CONTAINS(refused(spec), "192.0.2.2 is given twice");
    spec = red();
    spec.remote_vteps.push_back(spec.local_vtep);
    EXPECT_CONTAINS(refused(spec), "is the local one");
    spec = red();
    spec.vm_ports.push_back({"blue1", {}});
    EXPECT_CONTAINS(refused(spec), "vm port blue1 exists already");
    spec = red();
    spec.vm_ports.push_back({"red1", {}});
    EXPECT_CONTAINS(refused(spec), "vm port red1 exists already");
    spec = red();
    spec.fdb.push_back({mac(0x20), std::string("blue1")});
    EXPECT_CONTAINS(refused(spec), "the tenant has no vm port blue1");
    spec = red();
    spec.fdb.push_back({mac(0x20), address("192.0.2.3")});
    EXPECT_CONTAINS(refused(spec), "192.0.2.3 is no remote vtep of the tenant");
    spec = red();
    spec.fdb.push_back({mac(0x10), std::string("red1")});
    EXPECT_CONTAINS(refused(spec), "has two fdb entries");
    spec = red();
    spec.fdb.push_back({net::MacAddress::from_u64(0x010000000001U), std::string("red1")});
    EXPECT_CONTAINS(refused(spec), "no station has this address");
    spec = red();
    spec.fdb.push_back({net::MacAddress{}, std::string("red1")});
    EXPECT_CONTAINS(refused(spec), "no station has this address");
    const auto removed = state.remove_tenant("red");
    ASSERT_FALSE(removed);
    EXPECT_CONTAINS(removed.error().message(), "tenant red: there is no such tenant");
    EXPECT_TRUE(state.add_tenant(red()));
}

TEST_F(Tenants, LimitsHoldExactly) {
    const auto added_within = [](const Limits& limits) {
        RecordingPath path;
        ForwardingState limited(limits, {&path});
        if (auto added = limited.add_tenant(blue()); !added) return added.error().message();
        auto added = limited.add_tenant(red());
        EXPECT_EQ(path.rows(), rows_of(limited));
        return added ? std::string("added") : added.error().message();
    };
    // What blue and red need together.
    const Limits just_enough{
        .tenants = 2, .vm_ports = 4, .vteps = 3, .next_hops = 0, .fdb_entries = 5, .tunnels = 4};
    EXPECT_EQ(added_within(just_enough), "added");
    Limits limits = just_enough;
    limits.tenants = 1;
    EXPECT_CONTAINS(added_within(limits), "no room for another tenant, the limit is 1");
    limits = just_enough;
    limits.vm_ports = 3;
    EXPECT_CONTAINS(added_within(limits), "no room for its vm ports, the limit is 3");
    limits = just_enough;
    limits.vteps = 2;
    EXPECT_CONTAINS(added_within(limits), "no room for its remote vteps, the limit is 2");
    limits = just_enough;
    limits.tunnels = 3;
    EXPECT_CONTAINS(added_within(limits), "raise limits.tunnels");
    limits = just_enough;
    limits.fdb_entries = 4;
    EXPECT_CONTAINS(added_within(limits), "raise limits.fdb_entries");
}

} // namespace
} // namespace sallyport::overlay::test
