// SPDX-License-Identifier: BSD-3-Clause
// The hardware path by itself: what becomes of single rows, and of a NIC that has a bad day.
#include "eswitch/model/encap_hash.h"
#include "hardware_path_fixture.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include <gmock/gmock.h>

namespace sallyport::testing {
namespace {

TEST_F(HardwarePathTest, VmsOfATenantReachEachOther) {
    const ModelVerdict verdict = lab_->from_vm(a, frame(1, 2));
    expect_port(verdict, EswitchLab::vm_port(b));
    EXPECT_EQ(verdict.packet, frame(1, 2));
    EXPECT_EQ(why(1), "");
}

TEST_F(HardwarePathTest, ARemoteStationIsReachedThroughTheActiveUplink) {
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
        rebuild({}, family);
        for (const overlay::UplinkIndex active : overlay::all_uplinks) {
            lab_->put(overlay::UplinkRow{active});
            const ModelVerdict verdict = lab_->from_vm(a, frame(1, 9));
            expect_port(verdict, EswitchLab::uplink_port(active));
            OuterFrame outer = from_vtep(2, 100, family);
            outer.destination = mac(active == 0 ? 0xf0 : 0xf1);
            outer.source = underlay_mac;
            std::swap(outer.source_ip, outer.destination_ip);
            outer.source_port = eswitch::encap_source_port(
                *eswitch::encap_flow(frame(1, 9), eswitch::parse_layers(frame(1, 9), {}).outer));
            outer.checksum = false;
            Octets expected = make_vxlan(outer, frame(1, 9));
            if (family == IpFamily::ipv4) {
                expected[20] = 0x40; // DF
                fix_ipv4_checksum(expected);
            }
            EXPECT_EQ(verdict.packet, expected);
        }
    }
}

TEST_F(HardwarePathTest, ATunnelledFrameIsDelivered) {
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
        rebuild({}, family);
        const ModelVerdict verdict = lab_->from_uplink(0, tunnelled(9, 2));
        expect_port(verdict, EswitchLab::vm_port(b));
        EXPECT_EQ(verdict.packet, frame(9, 2));
        expect_cpu(lab_->from_uplink(1, tunnelled(9, 2)), tunnelled(9, 2));
        expect_cpu(lab_->from_uplink(0, tunnelled(9, 2, 3)), tunnelled(9, 2, 3));
        expect_cpu(lab_->from_uplink(0, tunnelled(9, 2, 4)), tunnelled(9, 2, 4));
        expect_cpu(lab_->from_uplink(0, tunnelled(8, 2)), tunnelled(8, 2));
    }
}

TEST_F(HardwarePathTest, WhatTheNicDoesNotKnowGoesToTheCpu) {
    expect_cpu(lab_->from_vm(a, frame(3, 2)), frame(3, 2));
    expect_cpu(lab_->from_vm(b, frame(1, 2)), frame(1, 2));
    expect_cpu(lab_->from_vm(a, frame(1, 3)), frame(1, 3));
    expect_cpu(lab_->from_vm(a, broadcast(1)), broadcast(1));
    expect_cpu(lab_->from_vm(a, frame(1, 1)), frame(1, 1));
}

TEST_F(HardwarePathTest, AStationThatMovesIsFollowedAtOnce) {
    for (const bool can_update : {true, false}) {
        rebuild({.can_update = can_update});
        remote(2, 1);
        expect_port(lab_->from_vm(a, frame(1, 2)), EswitchLab::uplink_port(0));
        expect_cpu(lab_->from_vm(b, frame(2, 1)), frame(2, 1));
        expect_port(lab_->from_uplink(0, tunnelled(2, 1, 3)), EswitchLab::vm_port(a));
        EXPECT_EQ(nic().live_duplicates(), 0U);
    }
}

TEST_F(HardwarePathTest, FailoverTouchesOneRuleForEachNextHop) {
    for (std::uint8_t station = 20; station < 120; ++station)
        remote(station, station % 2);
    const eswitch::InstalledRules::Counts before = path().rule_counts();
    lab_->put(overlay::UplinkRow{1});
    const eswitch::InstalledRules::Counts after = path().rule_counts();
    EXPECT_EQ(after.updated - before.updated, 1U) << "the next hop";
    EXPECT_EQ(after.created - before.created, 1U) << "what comes from the uplink";
    EXPECT_EQ(after.destroyed - before.destroyed, 1U);
    expect_port(lab_->from_vm(a, frame(1, 20)), EswitchLab::uplink_port(1));
}

TEST_F(HardwarePathTest, WithoutAnActiveUplinkNothingLeavesAndNothingComesBackEncapsulated) {
    lab_->put(overlay::UplinkRow{});
    EXPECT_EQ(lab_->from_vm(a, frame(1, 9)).fate, Fate::drop);
    expect_cpu(lab_->from_uplink(0, tunnelled(9, 2)), tunnelled(9, 2));
    lab_->put(overlay::UplinkRow{0});
    lab_->put(overlay::NextHopRow{0, vtep_address(IpFamily::ipv4, 254), {std::nullopt, link(1)}});
    EXPECT_EQ(lab_->from_vm(a, frame(1, 9)).fate, Fate::drop) << "the neighbour is not resolved";
}

TEST_F(HardwarePathTest, AVtepWithoutRouteLeavesItsRowsToTheCpu) {
    lab_->put(overlay::VtepRow{0, vtep_address(IpFamily::ipv4, 2), {}});
    expect_cpu(lab_->from_vm(a, frame(1, 9)), frame(1, 9));
    EXPECT_EQ(why(9), "no route leads to the vtep");
    expect_port(lab_->from_uplink(0, tunnelled(9, 2)), EswitchLab::vm_port(b));
    lab_->put(overlay::VtepRow{0, vtep_address(IpFamily::ipv4, 2), 0});
    EXPECT_EQ(why(9), "");
    expect_port(lab_->from_vm(a, frame(1, 9)), EswitchLab::uplink_port(0));
}

TEST_F(HardwarePathTest, ARepresentorThatGoesTakesItsRulesWithIt) {
    lab_->remove_vm_port(b);
    expect_cpu(lab_->from_vm(b, frame(2, 1)), frame(2, 1));
    expect_cpu(lab_->from_vm(a, frame(1, 2)), frame(1, 2));
    EXPECT_EQ(why(2), "no representor is attached to the vm port");
    lab_->add_vm_port(b);
    expect_port(lab_->from_vm(b, frame(2, 1)), EswitchLab::vm_port(a));
    expect_port(lab_->from_vm(a, frame(1, 2)), EswitchLab::vm_port(b));
}

TEST_F(HardwarePathTest, AVmSendsOnlyFromMacsThatItMayUse) {
    lab_->put(overlay::VmPortRow{a, blue, "a", {mac(7)}});
    expect_cpu(lab_->from_vm(a, frame(1, 2)), frame(1, 2));
    expect_port(lab_->from_vm(b, frame(2, 1)), EswitchLab::vm_port(a));
    EXPECT_EQ(why(1), "the vm port may not send from it");
    lab_->put(overlay::VmPortRow{a, blue, "a", {mac(1), mac(7)}});
    expect_port(lab_->from_vm(a, frame(1, 2)), EswitchLab::vm_port(b));
}

TEST_F(HardwarePathTest, NoRowLeadsIntoAnotherTenant) {
    overlay::TenantRow red = row_;
    red.id = 1;
    red.vni = 200;
    lab_->put(red);
    lab_->put(FdbRow{red.id, mac(5), overlay::VmPortRef{b}, FdbOrigin::configured});
    EXPECT_EQ(path().why_in_software(red.id, mac(5)), "the vm port is another tenant's");
    const Octets foreign = make_vxlan(from_vtep(2, 200), frame(9, 5));
    expect_cpu(lab_->from_uplink(0, foreign), foreign);
}

TEST_F(HardwarePathTest, WhatTheNicCannotDoAlikeStaysInSoftwareAndSaysWhy) {
    row_.udp_port = 8472;
    lab_->put(row_);
    EXPECT_EQ(why(9), "the NIC knows VXLAN on UDP port 4789 only");
    expect_cpu(lab_->from_vm(a, frame(1, 9)), frame(1, 9));
    expect_port(lab_->from_vm(a, frame(1, 2)), EswitchLab::vm_port(b));

    eswitch::Settings settings = EswitchLab::small_settings();
    settings.dont_fragment = false;
    rebuild(settings);
    EXPECT_THAT(why(9), ::testing::HasSubstr("underlay.dont_fragment"));
    settings.dont_fragment = true;
    settings.zero_checksum_ipv4 = false;
    rebuild(settings);
    EXPECT_THAT(why(9), ::testing::HasSubstr("underlay.udp_checksum"));
    expect_port(lab_->from_uplink(0, tunnelled(9, 2)), EswitchLab::vm_port(b));
    rebuild(EswitchLab::small_settings(), {}, IpFamily::ipv6);
    EXPECT_THAT(why(9), ::testing::HasSubstr("underlay.udp6_zero_checksum"));
    expect_cpu(lab_->from_uplink(0, tunnelled(9, 2)), tunnelled(9, 2));
}

TEST_F(HardwarePathTest, ARefusedRowStaysInSoftwareWithTheDriversWords) {
    for (const bool at_call : {true, false}) {
        rebuild();
        eswitch::Failure failure{.message = "no more counters"};
        failure.when = at_call ? eswitch::Failure::When::call : eswitch::Failure::When::completion;
        nic().fail_next(eswitch::Operation::create, 1, failure);
        remote(10, 1);
        EXPECT_THAT(why(10), ::testing::HasSubstr(at_call ? "no more counters" : "an error"));
        expect_cpu(lab_->from_vm(a, frame(1, 10)), frame(1, 10));
        expect_cpu(lab_->from_uplink(0, tunnelled(10, 1, 3)), tunnelled(10, 1, 3));
        EXPECT_EQ(nic().failed_handles(), 0U);
        remote(11, 1);
        EXPECT_EQ(why(11), "") << "others are not disturbed";
        EXPECT_NE(why(10), "") << "nothing has become free";
        lab_->remove(remote_row(11, 1));
        EXPECT_EQ(why(10), "") << "a rule has become free";
        expect_port(lab_->from_vm(a, frame(1, 10)), EswitchLab::uplink_port(0));
    }
}

TEST_F(HardwarePathTest, WhatIsRefusedOnIsAskedForLessAndLessOften) {
    using std::chrono::seconds;
    const auto start = std::chrono::steady_clock::now();
    nic().fail_at_random(eswitch::Operation::create, 1);
    remote(10, 1);
    std::vector<int> asked;
    const auto asks_at = [&](int second) {
        const std::uint64_t before = path().rule_counts().refused;
        EXPECT_TRUE(path().retry(start + seconds(second)));
        return path().rule_counts().refused > before;
    };
    for (int second = 0; second < 200; ++second)
        if (asks_at(second)) asked.push_back(second);
    EXPECT_EQ(asked, (std::vector<int>{0, 1, 3, 7, 15, 31, 63, 123, 183}));
    lab_->put(overlay::UplinkRow{1});
    EXPECT_TRUE(asks_at(200)) << "something has changed";
    EXPECT_FALSE(asks_at(200));
    EXPECT_TRUE(asks_at(201));
    nic().fail_at_random(eswitch::Operation::create, 0);
    EXPECT_FALSE(asks_at(202));
    EXPECT_NE(why(10), "");
    EXPECT_FALSE(asks_at(203));
    EXPECT_EQ(why(10), "");
}

TEST_F(HardwarePathTest, WhatIsNoFdbEntryIsAlsoAskedForOnceARuleHasBecomeFree) {
    nic().fail_next(eswitch::Operation::create, 1);
    lab_->put(overlay::UplinkRow{1});
    expect_cpu(lab_->from_uplink(1, tunnelled(9, 1)), tunnelled(9, 1));
    remote(10, 1);
    expect_cpu(lab_->from_uplink(1, tunnelled(9, 1)), tunnelled(9, 1));
    lab_->remove(remote_row(10, 1));
    expect_port(lab_->from_uplink(1, tunnelled(9, 1)), EswitchLab::vm_port(a));
}

TEST_F(HardwarePathTest, AQueueThatIsBusyWhenItIsPushedIsPushedAgain) {
    nic().fail_next(eswitch::Operation::push, 5, {.code = EBUSY});
    remote(10, 1);
    EXPECT_EQ(path().death(), "");
    EXPECT_EQ(why(10), "");
    expect_port(lab_->from_vm(a, frame(1, 10)), EswitchLab::uplink_port(0));
}

TEST_F(HardwarePathTest, AChangeThatIsRefusedLeavesNoOldRuleBehind) {
    for (const bool can_update : {true, false}) {
        rebuild({.can_update = can_update});
        nic().fail_next(can_update ? eswitch::Operation::update : eswitch::Operation::create, 1,
                        at_completion);
        local(2, a);
        EXPECT_NE(why(2), "");
        expect_cpu(lab_->from_vm(a, frame(1, 2)), frame(1, 2));
        EXPECT_EQ(nic().live_duplicates(), 0U);
    }
}

TEST_F(HardwarePathTest, RowsLeaveTheNicWithTheirNextHop) {
    nic().fail_next(eswitch::Operation::update, 1, at_completion);
    lab_->put(overlay::NextHopRow{0, vtep_address(IpFamily::ipv4, 254), {link(1), link(2)}});
    EXPECT_EQ(why(9), "the NIC has no rule for the next hop");
    expect_cpu(lab_->from_vm(a, frame(1, 9)), frame(1, 9));
    lab_->put(overlay::NextHopRow{0, vtep_address(IpFamily::ipv4, 254), {link(3), link(2)}});
    EXPECT_EQ(why(9), "");
    expect_port(lab_->from_vm(a, frame(1, 9)), EswitchLab::uplink_port(0));
}

TEST_F(HardwarePathTest, ARuleThatCannotBeDestroyedClosesTheGate) {
    nic().fail_next(eswitch::Operation::destroy, 1, at_completion);
    lab_->remove(local_row(2, b));
    EXPECT_THAT(path().closed(), ::testing::HasSubstr("would not destroy"));
    for (const auto& octets : {frame(1, 2), frame(1, 9)})
        expect_cpu(lab_->from_vm(a, octets), octets);
    expect_cpu(lab_->from_uplink(0, tunnelled(9, 1)), tunnelled(9, 1));
    lab_->put(overlay::UplinkRow{1});
    local(3, a);
    expect_cpu(lab_->from_vm(a, frame(1, 3)), frame(1, 3));
}

TEST_F(HardwarePathTest, ADeadQueueIsAnErrorAndNothingElse) {
    nic().kill_queue(0);
    lab_->forgive_leftovers();
    std::size_t applied = 0;
    const std::vector<overlay::RowChange> changes{
        {overlay::RowChange::Kind::put, remote_row(10, 1)}};
    for (int time = 0; time < 2; ++time) {
        const auto done = path().apply(changes, &applied);
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().remedy, "restart the process");
    }
}

TEST_F(HardwarePathTest, TrafficIsAddedUpBeyondTheEndOfItsRules) {
    for (const bool can_update : {true, false}) {
        rebuild({.can_update = can_update});
        const auto send_some = [&] {
            lab_->from_vm(a, frame(1, 2));
            lab_->from_vm(b, frame(2, 9));
            lab_->from_vm(b, frame(2, 3)); // to the CPU
            lab_->from_uplink(0, tunnelled(9, 1));
        };
        send_some();
        remote(9, 1);
        lab_->put(overlay::VmPortRow{b, blue, "b", {mac(2)}});
        lab_->remove(local_row(2, b));
        local(2, b);
        remote(9, 0);
        send_some();
        const auto traffic = path().traffic();
        const std::size_t small = frame(1, 2).size();
        EXPECT_EQ(traffic.tenants.at(blue).switched, (eswitch::Traffic{2, 2 * small}));
        EXPECT_EQ(traffic.tenants.at(blue).encapsulated, (eswitch::Traffic{2, 2 * small}));
        EXPECT_EQ(traffic.tenants.at(blue).decapsulated.packets, 2U);
        EXPECT_EQ(traffic.vm_ports.at(a).sent.packets, 2U);
        EXPECT_EQ(traffic.vm_ports.at(b).sent.packets, 4U);
        EXPECT_EQ(traffic.vm_ports.at(a).delivered.packets, 2U);
        EXPECT_EQ(traffic.vm_ports.at(b).delivered.packets, 2U);
        path().reset_traffic();
        EXPECT_EQ(path().traffic().vm_ports.at(b).sent.packets, 0U);
        send_some();
        EXPECT_EQ(path().traffic().tenants.at(blue).switched.packets, 1U);
    }
}

TEST_F(HardwarePathTest, AStationIsIdleWhileNoFrameOfItMeetsItsRule) {
    EXPECT_EQ(path().idle_time(blue, mac(1)), std::chrono::seconds(0));
    EXPECT_FALSE(path().idle_time(blue, mac(50)));
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    EXPECT_GE(path().idle_time(blue, mac(1)), std::chrono::seconds(1));
    lab_->from_vm(a, frame(1, 2));
    EXPECT_EQ(path().idle_time(blue, mac(1)), std::chrono::seconds(0));
    EXPECT_GE(path().idle_time(blue, mac(9)), std::chrono::seconds(0));
    lab_->from_uplink(0, tunnelled(9, 1));
    EXPECT_EQ(path().idle_time(blue, mac(9)), std::chrono::seconds(0));
}

TEST_F(HardwarePathTest, TrafficGoesOnThroughEveryChange) {
    for (const bool can_update : {true, false}) {
        // Each operation by itself, with a look at the traffic after it.
        rebuild(small_and_zero_checksums(), {.can_update = can_update}, IpFamily::ipv4, 1);
        remote(8, 0);
        unsigned looks = 0;
        lab_->watch([&] {
            ++looks;
            EXPECT_EQ(lab_->from_vm(a, frame(1, 2)).fate, Fate::port);
            EXPECT_EQ(lab_->from_vm(a, frame(1, 9)).fate, Fate::port);
            EXPECT_EQ(lab_->from_uplink(0, tunnelled(8, 2)).fate, Fate::port);
        });
        remote(9, 1);
        row_.mtu = 1400;
        lab_->put(row_);
        lab_->put(overlay::NextHopRow{0, vtep_address(IpFamily::ipv4, 254), {link(7), link(8)}});
        local(20, b);
        lab_->remove(local_row(20, b));
        lab_->put(overlay::VtepRow{1, vtep_address(IpFamily::ipv4, 3), 0});
        EXPECT_GT(looks, 20U);
        lab_->watch([] {});
    }
}

TEST_F(HardwarePathTest, WhatGoesOutGoesOnThroughFailover) {
    for (const bool can_update : {true, false}) {
        rebuild(small_and_zero_checksums(), {.can_update = can_update}, IpFamily::ipv4, 1);
        lab_->watch([&] {
            EXPECT_EQ(lab_->from_vm(a, frame(1, 9)).fate, Fate::port);
            EXPECT_TRUE(lab_->from_uplink(0, tunnelled(9, 2)).fate == Fate::port
                        || lab_->from_uplink(1, tunnelled(9, 2)).fate == Fate::port)
                << "the new one is heard before the old one is not";
        });
        lab_->put(overlay::UplinkRow{1});
        lab_->put(overlay::UplinkRow{0});
        lab_->watch([] {});
    }
}

TEST_F(HardwarePathTest, MtuIsJudgedByTheIpPacketsLength) {
    for (const std::uint16_t mtu : {68, 576, 1280, 1500, 1501, 1535, 1536}) {
        row_.mtu = mtu;
        lab_->put(row_);
        for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
            const std::size_t headers = family == IpFamily::ipv4 ? 28 : 48;
            expect_port(lab_->from_vm(a, frame(1, 2, family, mtu - headers)),
                        EswitchLab::vm_port(b));
            const Octets too_large = frame(1, 2, family, mtu - headers + 1);
            expect_cpu(lab_->from_vm(a, too_large), too_large);
        }
    }
}

TEST_F(HardwarePathTest, WhatIsBeyondAVmsRateEndsInTheNicAndIsCounted) {
    lab_->put(metered(frame(1, 2).size()));
    expect_port(lab_->from_vm(a, frame(1, 2)), EswitchLab::vm_port(b));
    Octets longer = frame(1, 2);
    longer.push_back(0);
    EXPECT_EQ(lab_->from_vm(a, longer).fate, Fate::drop);
    expect_port(lab_->from_vm(b, frame(2, 1)), EswitchLab::vm_port(a));
    // A miss is metered too, and the CPU's after that.
    expect_cpu(lab_->from_vm(a, frame(1, 7)), frame(1, 7));
    const auto traffic = path().traffic().vm_ports;
    EXPECT_EQ(traffic.at(a).sent.packets, 3U);
    EXPECT_EQ(traffic.at(a).over_rate, (eswitch::Traffic{1, longer.size()}));
    EXPECT_EQ(traffic.at(b).over_rate, eswitch::Traffic{});
}

TEST_F(HardwarePathTest, ARateThatChangesNeverOpensOrClosesTheWayInBetween) {
    for (const bool can_update : {true, false}) {
        rebuild({.can_update = can_update});
        const std::uint64_t enough = frame(1, 2).size();
        const auto change_to = [&](const overlay::VmPortRow& row) {
            lab_->watch(
                [&] { expect_port(lab_->from_vm(a, frame(1, 2)), EswitchLab::vm_port(b)); });
            lab_->put(row);
            lab_->watch([] {});
        };
        for (const std::uint64_t burst : {enough, enough + 1, enough}) {
            change_to(metered(burst));
            Octets longer = frame(1, 2);
            longer.resize(burst + 1);
            EXPECT_EQ(lab_->from_vm(a, longer).fate, Fate::drop) << burst;
        }
        change_to({a, blue, "a", {}});
        Octets longer = frame(1, 2);
        longer.push_back(0);
        expect_port(lab_->from_vm(a, longer), EswitchLab::vm_port(b));
    }
}

TEST_F(HardwarePathTest, AMeterTheNicRefusesLeavesTheVmToSoftware) {
    nic().fail_next(eswitch::Operation::add_meter_profile, 1);
    lab_->put(metered(2000));
    expect_cpu(lab_->from_vm(a, frame(1, 2)), frame(1, 2));
    std::size_t refused = 0;
    path().for_each_rule([&](const eswitch::RuleReport& rule) {
        if (rule.vm_port != a || rule.refused.empty()) return;
        EXPECT_NE(rule.refused.find("injected failure"), std::string::npos) << rule.refused;
        EXPECT_FALSE(rule.in_hardware);
        ++refused;
    });
    EXPECT_EQ(refused, 3U);
    // And without its limit it is back.
    lab_->put(overlay::VmPortRow{a, blue, "a", {}});
    expect_port(lab_->from_vm(a, frame(1, 2)), EswitchLab::vm_port(b));
}

TEST_F(HardwarePathTest, VmsOfOneLimitShareAProfileAndTheLastTakesItAway) {
    const net::RateLimit limit{125'000, 2000};
    nic().fail_next(eswitch::Operation::add_meter_profile, 1, {}, 1);
    lab_->put(overlay::VmPortRow{a, blue, "a", {}, limit});
    lab_->put(overlay::VmPortRow{b, blue, "b", {}, limit});
    expect_port(lab_->from_vm(b, frame(2, 1)), EswitchLab::vm_port(a));
    const std::size_t with_profile = nic().leaks();
    lab_->put(overlay::VmPortRow{a, blue, "a", {}});
    EXPECT_EQ(nic().leaks(), with_profile - 2) << "two rules";
    lab_->put(overlay::VmPortRow{b, blue, "b", {}});
    EXPECT_EQ(nic().leaks(), with_profile - 2 - 3) << "two rules and the profile";
}

TEST_F(HardwarePathTest, AProtectedTenantIsTheCpusBetweenVtepsAndTheNicsBetweenVms) {
    row_.is_protected = true;
    lab_->put(row_);
    expect_port(lab_->from_vm(a, frame(1, 2)), EswitchLab::vm_port(b));
    expect_cpu(lab_->from_vm(a, frame(1, 9)), frame(1, 9));
    expect_cpu(lab_->from_uplink(0, tunnelled(9, 1)), tunnelled(9, 1));
    EXPECT_NE(why(9).find("IPsec"), std::string::npos) << why(9);
    const std::vector<std::string> all_but_local_traffic{
        "from vtep 192.0.2.2",       "from vtep 192.0.2.3",       "station 02:00:00:00:10:01",
        "station 02:00:00:00:10:02", "station 02:00:00:00:10:09", "vni 100 to 192.0.2.1"};
    EXPECT_EQ(gaps("IPsec"), all_but_local_traffic);
    row_.is_protected = false;
    lab_->put(row_);
    expect_port(lab_->from_vm(a, frame(1, 9)), EswitchLab::uplink_port(0));
    expect_port(lab_->from_uplink(0, tunnelled(9, 1)), EswitchLab::vm_port(a));
    EXPECT_EQ(gaps(), std::vector<std::string>{});
}

TEST_F(HardwarePathTest, WhatHasNoRuleIsToldWithItsReason) {
    lab_->remove_vm_port(b);
    EXPECT_EQ(gaps("no representor is attached"),
              (std::vector<std::string>{"packets from vm port b", "station 02:00:00:00:10:02"}));
    lab_->put(overlay::VtepRow{0, vtep_address(IpFamily::ipv4, 2), std::nullopt});
    EXPECT_EQ(gaps("no route leads to the vtep"),
              std::vector<std::string>{"station 02:00:00:00:10:09"});
    nic().fail_next(eswitch::Operation::destroy, 1, at_completion);
    lab_->remove(local_row(1, a));
    EXPECT_EQ(gaps("would not destroy"),
              (std::vector<std::string>{"packets from the active uplink", "packets from vm port a",
                                        "packets from vm port b"}));
}

} // namespace
} // namespace sallyport::testing
