// SPDX-License-Identifier: BSD-3-Clause
// Rows and ports that go away under packets on their way, and numbers that are used again by
// another tenant: nothing of the old may reach the new.
#include "encapsulated.h"
#include "fixture.h"

namespace sallyport::testing {
namespace {

class RemovalTest : public OneTenantTest {
  protected:
    /// As the control thread removes a tenant: fdb first, the row last.
    void remove_blue() {
        for (std::uint8_t station = 1; station < 20; ++station)
            hypervisor().remove(overlay::FdbRow{blue, mac(station), {}, {}});
        remove_port("a");
        remove_port("b");
        hypervisor().remove(row);
    }
    /// Another tenant that gets all the numbers blue had: id, tunnels, vm ports.
    void put_red_in_place_of_blue() {
        overlay::TenantRow red = tenant_row(200, {vtep2, vtep3});
        red.id = blue;
        red.name = "red";
        hypervisor().put(red);
        row = red;
    }
};

TEST_F(RemovalTest, TenantGoneFromTheUnderlaysView) {
    const Octets packet = make_vxlan(from_vtep(2, vni), broadcast(9));
    uplink().send(packet);
    remove_blue();
    run();
    EXPECT_TRUE(sent().count("a") == 0 && drops().size() <= 1);
    // With the last tenant of the endpoint it is no longer ours at all.
    EXPECT_EQ(drops(), Drops());
}

TEST_F(RemovalTest, VniIsUnknownWhileTheEndpointIsAnothers) {
    hypervisor().add_tenant(tenant_row(300, {vtep2}));
    uplink().send(make_vxlan(from_vtep(2, vni), broadcast(9)));
    remove_blue();
    run();
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::vni_unknown));
}

TEST_F(RemovalTest, QueuedFramesOfARemovedTenantReachNobody) {
    put_local(blue, 2, "b");
    put_remote(blue, 9, vtep2);
    uplink().send(make_vxlan(from_vtep(2, vni), frame(9, 2)));
    uplink().send(make_vxlan(from_vtep(2, vni), broadcast(9)));
    remove_blue();
    put_red_in_place_of_blue();
    add_port(blue, "r1");
    add_port(blue, "r2");
    put_local(blue, 2, "r2");
    run();
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::vni_unknown, 2));
    EXPECT_EQ(path().tenant_counters(blue).decap_packets, 0U);
}

TEST_F(RemovalTest, FramesQueuedAtAPortDoNotEnterTheTenantThatGetsItsNumber) {
    // The port goes and comes with its number, its frames wait in the driver.
    RingPort port("moving", datapath::PortRole::vm_port, 1500, path().buffer_pool());
    ASSERT_TRUE(path().attach_vm_port(50, port.port()));
    hypervisor().put(overlay::VmPortRow{50, blue, "moving", {mac(1)}});
    port.send(broadcast(1));
    hypervisor().remove(overlay::VmPortRow{50, blue, "moving", {}});
    path().detach(port.port());
    run();
    EXPECT_TRUE(sent().empty());
    const auto red = hypervisor().add_tenant(tenant_row(200, {vtep2}));
    add_port(red, "r");
    run();
    EXPECT_TRUE(sent().empty()) << "nobody polls a detached port";
}

TEST_F(RemovalTest, CountersStartFromZeroWhenTheNumberIsUsedAgain) {
    send(a(), broadcast(1));
    send(a(), make_frame({.destination = mac(1), .source = broadcast_mac}));
    drain();
    EXPECT_EQ(path().tenant_counters(blue).rx_packets, 2U);
    remove_blue();
    put_red_in_place_of_blue();
    const auto counters = path().tenant_counters(blue);
    EXPECT_EQ(counters.rx_packets + counters.tx_packets + counters.encap_packets
                  + counters.flooded_packets,
              0U);
    EXPECT_EQ(tenant_drops(blue), Drops());
    EXPECT_EQ(drops(), one(DropReason::source_mac_invalid)) << "the process forgets nothing";
}

TEST_F(RemovalTest, UpdateOfALivingTenantKeepsItsCounters) {
    send(a(), broadcast(1));
    drain();
    change_tenant([](auto& changed) { changed.mtu = 1400; });
    EXPECT_EQ(path().tenant_counters(blue).rx_packets, 1U);
}

TEST_F(RemovalTest, LearnedStationsOfARemovedTenantAreForgotten) {
    send(a(), frame(1, 77));
    send(uplink(), make_vxlan(from_vtep(2, vni), frame(9, 77)));
    drain();
    remove_blue();
    put_red_in_place_of_blue();
    std::vector<overlay::LearnEvent> events;
    path().take_learned(events, 100);
    EXPECT_TRUE(events.empty()) << "stations of blue in the tenant that has its number now";
}

TEST_F(RemovalTest, LearnedStationsOfOthersAreKept) {
    const auto red = hypervisor().add_tenant(tenant_row(200, {vtep2}));
    add_port(red, "r");
    send(hypervisor().vm_port("r"), frame(1, 77));
    send(a(), frame(2, 77));
    send(hypervisor().vm_port("r"), frame(3, 77));
    drain();
    remove_blue();
    std::vector<overlay::LearnEvent> events;
    path().take_learned(events, 100);
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].mac, mac(1));
    EXPECT_EQ(events[1].mac, mac(3));
}

// An entry that outlives its tunnel, which the control thread never lets happen, must still not
// lead into the tenant that gets the tunnel's number.
TEST_F(RemovalTest, EntryOfARemovedTunnelLeadsNowhere) {
    put_remote(blue, 9, vtep2);
    change_tenant([&](auto& changed) { changed.remote_vteps = {vtep3}; });
    send(a(), frame(1, 9));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::tenant_gone));
    const auto red = hypervisor().add_tenant(tenant_row(200, {vtep2}));
    add_port(red, "r");
    send(a(), frame(1, 9));
    EXPECT_TRUE(sent().empty()) << "with the VNI of another tenant";
    EXPECT_EQ(drops(), one(DropReason::tenant_gone, 2));
}

TEST_F(RemovalTest, PortGoneUnderItsFdbEntry) {
    put_local(blue, 2, "b");
    remove_port("b");
    send(a(), frame(1, 2));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::port_gone));
    add_port(blue, "c");
    send(a(), frame(1, 2));
    EXPECT_TRUE(sent().empty()) << "another number";
}

TEST_F(RemovalTest, VtepRemovedIsRefusedAtOnce) {
    const Octets packet = make_vxlan(from_vtep(2, vni), broadcast(9));
    send(uplink(), packet);
    EXPECT_EQ(sent().size(), 2U);
    uplink().send(packet);
    change_tenant([&](auto& changed) { changed.remote_vteps = {vtep3}; });
    run();
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::vtep_unknown));
    change_tenant([&](auto& changed) { changed.remote_vteps = {vtep2, vtep3}; });
    send(uplink(), packet);
    EXPECT_EQ(sent().size(), 2U);
}

TEST_F(RemovalTest, TenantMovesToAnotherVni) {
    const Octets old_packet = make_vxlan(from_vtep(2, vni), broadcast(9));
    change_tenant([](auto& changed) { changed.vni = 101; });
    send(uplink(), old_packet);
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::vni_unknown));
    send(uplink(), make_vxlan(from_vtep(2, 101), broadcast(9)));
    EXPECT_EQ(sent().size(), 2U);
    send(a(), broadcast(1));
    for (const Octets& packet : sent_by("p0"))
        EXPECT_EQ(decode(packet).vni, 101U);
}

TEST_F(RemovalTest, RemovingWhatIsNotThereIsHarmless) {
    hypervisor().remove(overlay::FdbRow{blue, mac(77), {}, {}});
    hypervisor().remove(overlay::VmPortRow{999, blue, "none", {}});
    overlay::TenantRow none = tenant_row(999);
    none.id = 9;
    hypervisor().remove(none);
    send(a(), broadcast(1));
    EXPECT_EQ(sent().size(), 2U);
}

TEST_F(RemovalTest, LimitsAreSaidAndChangeNothing) {
    overlay::TenantRow beyond = tenant_row(300);
    beyond.id = Hypervisor::small_settings().tenants;
    using overlay::RowChange;
    const auto refused = hypervisor().apply({{RowChange::Kind::put, beyond}});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("limits.tenants"), std::string::npos);
    std::vector<overlay::VtepId> vteps;
    for (unsigned n = 10; n < 10 + Hypervisor::small_settings().tunnels; ++n)
        vteps.push_back(add_vtep(n));
    overlay::TenantRow many = tenant_row(300, vteps);
    many.id = 5;
    std::size_t applied = 99;
    const std::vector<RowChange> changes{{RowChange::Kind::put, many}};
    const auto full = path().apply(changes, &applied);
    ASSERT_FALSE(full);
    EXPECT_EQ(applied, 0U);
    EXPECT_NE(full.error().message().find("limits.tunnels"), std::string::npos);
    // All tunnels are back: as many as there are but blue's two.
    many.remote_vteps.resize(vteps.size() - 2);
    hypervisor().put(many);
    send(a(), broadcast(1));
    EXPECT_EQ(sent()["p0"].size(), 2U);
}

TEST_F(RemovalTest, PortsComeAndGoWithoutEnd) {
    for (unsigned i = 0; i < 100; ++i) {
        add_port(blue, "c");
        a().send(broadcast(1));
        hypervisor().vm_port("c").send(broadcast(3));
        if (i % 2 == 0) run();
        remove_port("c");
    }
    run();
    drain();
}

} // namespace
} // namespace sallyport::testing
