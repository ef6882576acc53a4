// SPDX-License-Identifier: BSD-3-Clause
#include "control/tenants.h"
#include "fakes.h"

#include <set>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sallyport::control {
namespace {

using fakes::ip;
using fakes::mac;

config::TenantSettings blue() {
    config::TenantSettings tenant;
    tenant.name = "blue";
    tenant.vni = 100;
    tenant.local_vtep = ip("192.0.2.1");
    tenant.remote_vteps = {ip("192.0.2.2"), ip("192.0.2.3")};
    tenant.vm_ports = {{"blue1", "net_null0", {mac("02:00:00:00:01:01")}},
                       {"blue2", "net_null1", {}},
                       {"blue3", "net_null2", {}}};
    tenant.fdb = {{mac("02:00:00:00:02:01"), "", ip("192.0.2.2")},
                  {mac("02:00:00:00:01:02"), "blue2", std::nullopt}};
    return tenant;
}

TEST(ToSpec, CarriesEveryKeyOfTheFile) {
    config::TenantSettings tenant = blue();
    tenant.udp_port = 8472;
    tenant.mtu = 1400;
    tenant.learning = false;
    tenant.flooding = false;
    tenant.pass_inner_vlan = true;
    tenant.is_protected = true;
    tenant.ageing_time = std::chrono::seconds(17);
    tenant.max_learned = 99;
    auto spec = to_spec(tenant);
    EXPECT_EQ(spec.name, "blue");
    EXPECT_EQ(spec.vni, 100U);
    EXPECT_EQ(spec.local_vtep, ip("192.0.2.1"));
    EXPECT_EQ(spec.udp_port, 8472);
    EXPECT_EQ(spec.mtu, 1400);
    EXPECT_FALSE(spec.learning);
    EXPECT_FALSE(spec.flooding);
    EXPECT_TRUE(spec.pass_inner_vlan);
    EXPECT_TRUE(spec.is_protected);
    EXPECT_EQ(spec.ageing_time, std::chrono::seconds(17));
    EXPECT_EQ(spec.max_learned, 99U);
    EXPECT_EQ(spec.remote_vteps, tenant.remote_vteps);
    ASSERT_EQ(spec.vm_ports.size(), 3U);
    EXPECT_EQ(spec.vm_ports[0].name, "blue1");
    EXPECT_EQ(spec.vm_ports[0].macs, tenant.vm_ports[0].macs);
    ASSERT_EQ(spec.fdb.size(), 2U);
    EXPECT_EQ(std::get<net::IpAddress>(spec.fdb[0].target), ip("192.0.2.2"));
    EXPECT_EQ(std::get<std::string>(spec.fdb[1].target), "blue2");
}

class RecordingVmPorts final : public VmPorts {
  public:
    Expected<void> open_vm_port(const config::TenantSettings&,
                                const config::VmPortSettings& settings,
                                overlay::VmPortId id) override {
        if (settings.name == refused) return failure("no such device", "vm port " + settings.name);
        open.emplace(settings.name, id);
        return {};
    }
    void close_vm_port(const std::string& name) override { open.erase(name); }
    void change_vm_port(const config::VmPortSettings& settings) override {
        told[settings.name] = settings;
    }

    std::map<std::string, overlay::VmPortId> open;
    std::map<std::string, config::VmPortSettings> told;
    std::string refused;
};

class TenantsTest : public ::testing::Test {
  protected:
    fakes::Path path;
    fakes::Kernel kernel;
    overlay::ForwardingState state{overlay::Limits{}, {&path}};
    NextHops next_hops{state, &kernel, mac("02:00:00:00:00:01")};
    RecordingVmPorts ports;
    unsigned pauses = 0;
    Tenants tenants{state, ports, next_hops, [this] { ++pauses; }};

    void expect_nothing() {
        EXPECT_TRUE(state.rows().size() <= 1) << "at most the uplink's row";
        EXPECT_EQ(state.find_tenant("blue"), nullptr);
        EXPECT_TRUE(state.vteps().empty());
        EXPECT_EQ(state.fdb_size(), 0U);
        EXPECT_TRUE(ports.open.empty());
        EXPECT_TRUE(kernel.destinations.empty());
        EXPECT_TRUE(tenants.local_vteps().empty());
    }
};

/// Blue with two entries and so many more.
config::TenantSettings with_entries(std::size_t more) {
    auto tenant = blue();
    for (std::size_t i = 0; i < more; ++i)
        tenant.fdb.push_back(
            {mac(fmt::format("02:cc:00:00:{:02x}:{:02x}", i >> 8, i & 255)), "", ip("192.0.2.3")});
    return tenant;
}

TEST_F(TenantsTest, OthersGetTheirTurnWhileManyEntriesGoIn) {
    const auto tenant = with_entries(4 * Tenants::entries_at_once);
    ASSERT_TRUE(tenants.add(tenant));
    EXPECT_EQ(state.fdb_size(), tenant.fdb.size());
    EXPECT_EQ(pauses, 4U);
    ASSERT_TRUE(tenants.remove("blue"));
    expect_nothing();
}

TEST_F(TenantsTest, AnEntryThatIsRefusedLateLeavesNothing) {
    path.refuse = [](const overlay::RowChange& change) {
        const auto* entry = std::get_if<overlay::FdbRow>(&change.row);
        return entry != nullptr && change.kind == overlay::RowChange::Kind::put
               && entry->mac == mac("02:cc:00:00:03:ff");
    };
    ASSERT_FALSE(tenants.add(with_entries(0x400)));
    EXPECT_GT(pauses, 0U) << "others had gone in";
    expect_nothing();
}

TEST_F(TenantsTest, PortsAreOpenedWithTheIdsOfTheirRows) {
    ASSERT_TRUE(tenants.add(blue()));
    ASSERT_EQ(ports.open.size(), 3U);
    for (const auto& [name, id] : ports.open) {
        ASSERT_NE(state.vm_port(id), nullptr);
        EXPECT_EQ(state.vm_port(id)->name, name);
    }
    EXPECT_EQ(kernel.destinations, (std::set{ip("192.0.2.2"), ip("192.0.2.3")}));
}

TEST_F(TenantsTest, RemovalLeavesNothing) {
    ASSERT_TRUE(tenants.add(blue()));
    ASSERT_TRUE(tenants.remove("blue"));
    expect_nothing();
}

TEST_F(TenantsTest, NothingStaysWhicheverPortCannotBeOpened) {
    for (const auto* refused : {"blue1", "blue2", "blue3"}) {
        ports.refused = refused;
        auto added = tenants.add(blue());
        ASSERT_FALSE(added);
        EXPECT_EQ(added.error().where, std::string("vm port ") + refused);
        expect_nothing();
    }
    ports.refused.clear();
    EXPECT_TRUE(tenants.add(blue())) << "and it can be added afterwards";
}

TEST_F(TenantsTest, NothingStaysWhenThePathRefusesTheRows) {
    path.refuse = [](const auto& change) {
        return std::holds_alternative<overlay::FdbRow>(change.row);
    };
    EXPECT_FALSE(tenants.add(blue()));
    path.refuse = nullptr;
    expect_nothing();
}

TEST_F(TenantsTest, ATenantStaysWholeWhenThePathRefusesToRemoveIt) {
    ASSERT_TRUE(tenants.add(blue()));
    path.refuse = [](const auto& change) {
        return change.kind == overlay::RowChange::Kind::remove
               && std::holds_alternative<overlay::TenantRow>(change.row);
    };
    EXPECT_FALSE(tenants.remove("blue"));
    EXPECT_NE(state.find_tenant("blue"), nullptr);
    EXPECT_EQ(ports.open.size(), 3U);
    EXPECT_EQ(kernel.destinations.size(), 2U);
    EXPECT_EQ(tenants.local_vteps().size(), 1U);
}

TEST_F(TenantsTest, SharedVtepsStayWatchedUntilTheLastTenantGoes) {
    auto red = blue();
    red.name = "red";
    red.vni = 200;
    red.vm_ports.clear();
    red.fdb.clear();
    red.remote_vteps = {ip("192.0.2.2"), ip("192.0.2.4")};
    ASSERT_TRUE(tenants.add(blue()));
    ASSERT_TRUE(tenants.add(red));
    EXPECT_EQ(tenants.local_vteps(), std::vector{ip("192.0.2.1")}) << "each address once";
    ASSERT_TRUE(tenants.remove("blue"));
    EXPECT_EQ(kernel.destinations, (std::set{ip("192.0.2.2"), ip("192.0.2.4")}));
    EXPECT_EQ(tenants.local_vteps(), std::vector{ip("192.0.2.1")});
    ASSERT_TRUE(tenants.remove("red"));
    expect_nothing();
}

/// Of all sorts of differences one.
config::TenantSettings other_blue() {
    config::TenantSettings tenant = blue();
    tenant.remote_vteps = {ip("192.0.2.3"), ip("192.0.2.4")};
    tenant.vm_ports.erase(tenant.vm_ports.begin() + 1);
    tenant.vm_ports[0].macs = {mac("02:00:00:00:01:0a")};
    tenant.vm_ports.push_back({"blue4", "net_null3", {}});
    tenant.fdb = {{mac("02:00:00:00:02:01"), "", ip("192.0.2.4")},
                  {mac("02:00:00:00:01:03"), "blue4", std::nullopt}};
    return tenant;
}

TEST_F(TenantsTest, AChangedTenantHasThePortsAndVtepsOfItsFile) {
    ASSERT_TRUE(tenants.add(blue()));
    ASSERT_TRUE(tenants.widen(blue(), other_blue()));
    EXPECT_EQ(ports.open.size(), 4U) << "the new one beside the old ones";
    EXPECT_EQ(kernel.destinations.size(), 3U);
    const auto changed = tenants.change(blue(), other_blue());
    ASSERT_TRUE(changed);
    EXPECT_EQ(ports.open.size(), 3U);
    EXPECT_FALSE(ports.open.contains("blue2"));
    EXPECT_EQ(state.find_vm_port("blue4")->id, ports.open.at("blue4"));
    EXPECT_EQ(ports.told.at("blue1").macs, other_blue().vm_ports[0].macs);
    EXPECT_EQ(kernel.destinations, (std::set{ip("192.0.2.3"), ip("192.0.2.4")}));
    using Difference = overlay::ForwardingState::Difference;
    EXPECT_EQ(changed->vm_ports, (Difference{1, 1, 1}));
    EXPECT_EQ(changed->remote_vteps, (Difference{1, 0, 1}));
    EXPECT_EQ(changed->fdb, (Difference{1, 1, 1}));
    ASSERT_TRUE(tenants.remove("blue"));
    expect_nothing();
}

TEST_F(TenantsTest, APortThatCannotBeOpenedLeavesTheTenantAsItWas) {
    ASSERT_TRUE(tenants.add(blue()));
    const auto before = state.rows();
    ports.refused = "blue4";
    EXPECT_FALSE(tenants.widen(blue(), other_blue()));
    EXPECT_EQ(state.rows(), before);
    EXPECT_EQ(ports.open.size(), 3U);
    EXPECT_EQ(kernel.destinations.size(), 2U);
}

TEST_F(TenantsTest, AnUnknownTenantCannotBeRemoved) {
    EXPECT_FALSE(tenants.remove("green"));
}

} // namespace
} // namespace sallyport::control
