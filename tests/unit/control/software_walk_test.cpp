// SPDX-License-Identifier: BSD-3-Clause
// What is said of a packet is what the software path does with it: the words are held against the
// path itself, frame by frame.
#include "control/software_walk.h"
#include "fixture.h"
#include "random_traffic.h"
#include "support/frames.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::testing {
namespace {

using control::SoftwareScene;
using control::SoftwareWalk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

overlay::TenantSpec blue_spec(const overlay::TenantRow& row) {
    overlay::TenantSpec spec;
    spec.name = "blue";
    spec.vni = 100;
    spec.local_vtep = row.local_vtep;
    spec.learning = row.learning;
    spec.flooding = row.flooding;
    spec.pass_inner_vlan = row.pass_inner_vlan;
    spec.is_protected = row.is_protected;
    spec.remote_vteps = {vtep_address(row.local_vtep.family, 2),
                         vtep_address(row.local_vtep.family, 3)};
    spec.vm_ports = {{"a", {}}, {"b", {mac(2), mac(3)}}};
    spec.fdb = {{mac(3), "b"}, {mac(4), spec.remote_vteps[0]}, {mac(5), spec.remote_vteps[1]}};
    return spec;
}

/// The same rows in a software path and in a forwarding state: blue with the ports a (any MAC) and
/// b (2 and 3), and the stations 3 to 5, of which the one behind vtep 3 has no way there.
class SoftwareWalkTest : public OneTenantTest {
  protected:
    template<class Change>
    void arrange(IpFamily family, Change change) {
        restart(Hypervisor::small_settings());
        build(family);
        change_tenant(change);
        hypervisor().put(
            overlay::VmPortRow{hypervisor().vm_port_id("b"), blue, "b", {mac(2), mac(3)}});
        hypervisor().put(overlay::VtepRow{vtep3, vtep_address(family, 3), std::nullopt});
        put_local(blue, 3, "b", overlay::FdbOrigin::configured);
        put_remote(blue, 4, vtep2, overlay::FdbOrigin::configured);
        put_remote(blue, 5, vtep3, overlay::FdbOrigin::configured);

        state_ = std::make_unique<overlay::ForwardingState>(overlay::Limits{},
                                                            std::vector<overlay::Path*>{});
        ASSERT_TRUE(state_->set_active_uplink(overlay::UplinkIndex{0}));
        ASSERT_TRUE(state_->add_tenant(blue_spec(row)));
        const overlay::NextHopLink link{underlay_mac, next_hop_mac};
        ASSERT_TRUE(state_->set_next_hop(vtep_address(family, 2),
                                         *net::IpAddress::parse("192.0.2.254"), {link, link}));
    }
    void SetUp() override {
        arrange(IpFamily::ipv4, [](overlay::TenantRow&) {});
    }

    [[nodiscard]] SoftwareScene scene() const {
        SoftwareScene scene{.state = *state_};
        scene.uplinks = {"p0", "p1"};
        scene.underlay_mac = underlay_mac;
        scene.host_port = "host";
        return scene;
    }
    [[nodiscard]] SoftwareWalk from(const std::string& port, const Octets& octets) const {
        if (port == "p0" || port == "p1")
            return walk_from_uplink(scene(), port == "p0" ? 0 : 1, octets);
        return walk_from_vm(scene(), *state_->find_vm_port(port), octets);
    }
    static std::string text(const SoftwareWalk& walk) {
        return std::accumulate(
            walk.steps.begin(), walk.steps.end(), std::string(),
            [](std::string all, const std::string& step) { return std::move(all) + step + "\n"; });
    }
    /// As the text says it.
    static std::string spoken(const std::string& port) {
        if (port == "host") return "Linux by host";
        return port == "p0" ? "vtep" : port == "p1" ? "p1" : port;
    }

    void expect_as_told(const std::string& port, RingPort& in, const Octets& octets) {
        const SoftwareWalk walk = from(port, octets);
        const std::string told = text(walk);
        reset_counters();
        send(in, octets);
        const auto out = sent();
        const Drops dropped = drops();
        // The port's driver decides that, and no row.
        if (dropped.contains("port-frame-size")) return;
        SCOPED_TRACE(port + ": " + told + ::testing::PrintToString(octets));
        if (walk.drop) {
            EXPECT_EQ(dropped.count(std::string(name(*walk.drop))), 1U);
        }
        for (const auto& [reason, count] : dropped) {
            EXPECT_THAT(told, HasSubstr("under " + reason));
            reasons_.insert(reason);
        }
        for (const auto& [name, frames] : out) {
            EXPECT_THAT(told, HasSubstr(spoken(name)));
            EXPECT_THAT(told, ::testing::ContainsRegex("sends|floods|hands|answers"));
        }
        if (out.empty()) {
            EXPECT_TRUE(walk.drop);
        }
    }
    void expect_as_told(unsigned seed, unsigned frames) {
        RandomTraffic traffic(seed);
        for (; frames > 0 && !HasFailure(); --frames) {
            expect_as_told("a", a(), traffic.vm_frame());
            expect_as_told("b", b(), traffic.vm_frame());
            const bool by_backup = traffic.chance(5);
            expect_as_told(by_backup ? "p1" : "p0", uplink(by_backup ? 1 : 0),
                           traffic.underlay_frame());
        }
    }

    std::unique_ptr<overlay::ForwardingState> state_;
    std::set<std::string> reasons_;
};

TEST_F(SoftwareWalkTest, TheSoftwarePathDoesWhatIsSaid) {
    expect_as_told(1, 3000);
    EXPECT_GT(reasons_.size(), 15U) << ::testing::PrintToString(reasons_);
    arrange(IpFamily::ipv4, [](overlay::TenantRow& row) {
        row.learning = row.flooding = false;
        row.pass_inner_vlan = true;
    });
    // Then the MACs of b are configured entries.
    put_local(blue, 2, "b", overlay::FdbOrigin::configured);
    expect_as_told(2, 1000);
    arrange(IpFamily::ipv4, [](overlay::TenantRow& row) { row.is_protected = true; });
    expect_as_told(3, 1000);
    for (const char* const reason : {"flooding-off", "source-mac-static", "no-sa", "clear-text"})
        EXPECT_TRUE(reasons_.contains(reason)) << reason;
}

TEST_F(SoftwareWalkTest, OfIpv6Too) {
    arrange(IpFamily::ipv6, [](overlay::TenantRow&) {});
    RandomTraffic traffic(4);
    for (unsigned n = 0; n < 1000 && !HasFailure(); ++n) {
        OuterFrame outer = from_vtep(2 + traffic.number(3), 100, IpFamily::ipv6);
        outer.checksum = traffic.chance(70);
        outer.traffic_class = static_cast<std::uint8_t>(traffic.number(4));
        Octets packet = make_vxlan(outer, traffic.vm_frame());
        if (traffic.chance(20)) traffic.mutate(packet, 90);
        expect_as_told("p0", uplink(), packet);
    }
    EXPECT_TRUE(reasons_.contains("outer-udp6-zero-checksum"));
    EXPECT_TRUE(reasons_.contains("outer-udp-checksum"));
}

TEST_F(SoftwareWalkTest, LearnsAndForwards) {
    EXPECT_THAT(from("a", frame(1, 3)).steps,
                ElementsAre("learns 02:00:00:00:10:01 behind vm port a",
                            "finds 02:00:00:00:10:03 behind vm port b", "sends it by vm port b"));
    EXPECT_THAT(from("a", frame(1, 4)).steps,
                ElementsAre("learns 02:00:00:00:10:01 behind vm port a",
                            "finds 02:00:00:00:10:04 behind vtep 192.0.2.2",
                            "encapsulates it in VXLAN with vni 100 to vtep 192.0.2.2",
                            "sends it by uplink p0 to " + next_hop_mac.to_string()));
    const overlay::FdbRow elsewhere{0, mac(1), overlay::VtepRef{0}, overlay::FdbOrigin::learned};
    ASSERT_TRUE(state_->put_learned({&elsewhere, 1}, std::chrono::steady_clock::now()));
    EXPECT_THAT(text(from("a", frame(1, 3))),
                HasSubstr("moves 02:00:00:00:10:01 from vtep 192.0.2.2 to vm port a\n"));
}

TEST_F(SoftwareWalkTest, RefusesUnderAReason) {
    const SoftwareWalk spoofed = from("b", frame(1, 3));
    EXPECT_EQ(spoofed.drop, DropReason::source_mac_spoofed);
    EXPECT_THAT(spoofed.steps, ElementsAre("drops it under source-mac-spoofed: source MAC is not "
                                           "one of the vm port's"));
    EXPECT_EQ(from("p1", frame(1, 3)).drop, DropReason::backup_uplink);
    EXPECT_EQ(from("a", frame(1, 5)).drop, DropReason::next_hop_unresolved);
    ASSERT_TRUE(state_->set_active_uplink(std::nullopt));
    EXPECT_EQ(from("a", frame(1, 4)).drop, DropReason::no_active_uplink);
}

TEST_F(SoftwareWalkTest, FloodsToAllAndSaysWhoDoesNotGetIt) {
    EXPECT_THAT(from("a", broadcast(1)).steps,
                ElementsAre("learns 02:00:00:00:10:01 behind vm port a",
                            "floods it to 1 vm ports and 2 vteps: vm port b, vtep 192.0.2.2",
                            "drops the copies to 1 of the vteps, to 192.0.2.3 under "
                            "next-hop-unresolved"));
}

TEST_F(SoftwareWalkTest, AnswersWhatIsTooBig) {
    const SoftwareWalk walk = from("a", frame(1, 3, IpFamily::ipv4, 1500));
    EXPECT_EQ(walk.drop, DropReason::mtu_exceeded_answered);
    EXPECT_THAT(text(walk), HasSubstr("answers the VM with ICMP fragmentation needed: 1528 octets "
                                      "of IP are more than the MTU of 1500\n"));
}

TEST_F(SoftwareWalkTest, NamesTheSasOfAProtectedTenant) {
    arrange(IpFamily::ipv4, [](overlay::TenantRow& row) { row.is_protected = true; });
    SoftwareScene with_sas = scene();
    control::SaReport out;
    out.tenant = "blue";
    out.settings.name = "out-1";
    out.settings.remote_vtep = vtep_address(IpFamily::ipv4, 2);
    control::SaReport in = out;
    in.settings.name = "in-1";
    in.settings.direction = ipsec::Direction::inbound;
    in.settings.spi = 0x1234;
    with_sas.sas = {out, in};
    EXPECT_THAT(text(walk_from_vm(with_sas, *state_->find_vm_port("a"), frame(1, 4))),
                HasSubstr("to vtep 192.0.2.2 in ESP of sa out-1\n"));

    Octets esp = make_vxlan(from_vtep(2, 100), frame(4, 3));
    constexpr std::size_t protocol = 14 + 9, payload = 14 + 20;
    esp[protocol] = 50;
    const auto with_spi = [&](std::uint16_t spi) {
        esp[payload] = esp[payload + 1] = 0;
        esp[payload + 2] = static_cast<std::uint8_t>(spi >> 8);
        esp[payload + 3] = static_cast<std::uint8_t>(spi);
        return walk_from_uplink(with_sas, 0, esp);
    };
    EXPECT_THAT(text(with_spi(0x1234)), HasSubstr("opens it by sa in-1 of tenant blue (spi "
                                                  "0x00001234)"));
    EXPECT_EQ(with_spi(0x1235).drop, DropReason::unknown_spi);
    EXPECT_THAT(text(from("p0", esp)), HasSubstr("hands it to Linux by host")) << "without SAs";
}

} // namespace
} // namespace sallyport::testing
