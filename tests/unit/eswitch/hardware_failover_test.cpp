// SPDX-License-Identifier: BSD-3-Clause
// What a failover costs the NIC, and what becomes of it on a bad day.
#include "hardware_path_fixture.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

namespace sallyport::testing {
namespace {

overlay::RowChange put_change(overlay::Row row) {
    return {overlay::RowChange::Kind::put, std::move(row)};
}

/// Of so many tenants and next hops, with stations behind remote vteps, what a failover costs.
void expect_failovers_cost(unsigned tenants, unsigned next_hops, unsigned stations) {
    eswitch::Settings settings = EswitchLab::small_settings();
    settings.tenants = tenants;
    settings.tunnels = tenants;
    settings.next_hops = next_hops;
    settings.fdb_entries = tenants * stations;
    EswitchLab lab(settings);
    ASSERT_TRUE(lab.path().set_underlay_mac(underlay_mac));
    std::vector<overlay::RowChange> changes;
    const auto put = [&](overlay::Row row) {
        changes.push_back({overlay::RowChange::Kind::put, std::move(row)});
    };
    put(overlay::UplinkRow{0});
    const auto address = [](std::uint8_t n) { return vtep_address(IpFamily::ipv4, n); };
    for (std::uint8_t n = 0; n < next_hops; ++n) {
        const overlay::NextHopLink link{underlay_mac, mac(n)}, other{underlay_mac, mac(0x80 | n)};
        put(overlay::NextHopRow{n, address(100 + n), {link, other}});
        put(overlay::VtepRow{n, address(2 + n), n});
    }
    for (unsigned n = 0; n < tenants; ++n) {
        const auto id = static_cast<overlay::TenantId>(n);
        const overlay::VtepId vtep = n % next_hops;
        put(overlay::TenantRow{.id = id,
                               .name = "tenant" + std::to_string(n),
                               .vni = n + 1,
                               .local_vtep = address(1),
                               .remote_vteps = {vtep}});
        for (unsigned station = 1; station <= stations; ++station)
            put(overlay::FdbRow{id, net::MacAddress::from_u64(0x020000000000 | station),
                                overlay::VtepRef{vtep}, overlay::FdbOrigin::learned});
    }
    ASSERT_TRUE(lab.path().apply(changes, nullptr));
    ASSERT_EQ(lab.path().entries_in_hardware(), std::size_t{tenants} * stations);
    for (const std::optional<overlay::UplinkIndex> active :
         {std::optional<overlay::UplinkIndex>(1), std::optional<overlay::UplinkIndex>(0), {}}) {
        const eswitch::InstalledRules::Counts before = lab.path().rule_counts();
        lab.put(overlay::UplinkRow{active});
        const eswitch::InstalledRules::Counts& after = lab.path().rule_counts();
        EXPECT_EQ(after.updated - before.updated, next_hops);
        EXPECT_EQ(after.created - before.created, active ? 1U : 0U) << "what comes from the uplink";
        EXPECT_EQ(after.destroyed - before.destroyed, 1U);
    }
}

TEST(FailoverCost, IsThatOfTheNextHopsWhateverTheTenantsAndStations) {
    expect_failovers_cost(1, 1, 1);
    expect_failovers_cost(1, 1, 4000);
    expect_failovers_cost(16, 1, 250);
    expect_failovers_cost(16, 16, 250);
    expect_failovers_cost(4096, 1, 4);
    expect_failovers_cost(4096, 16, 25);
}

/// Next hop n leads to the stations 20 + n.
class FailingFailoverTest : public HardwarePathTest {
  protected:
    static constexpr std::uint8_t next_hops = 3;

    void rebuild_with_next_hops(bool can_update) {
        rebuild({.can_update = can_update});
        for (std::uint8_t n = 1; n < next_hops; ++n) {
            lab_->put(overlay::NextHopRow{
                n, vtep_address(IpFamily::ipv4, 250 - n), {link(0xa0 + n), link(0xb0 + n)}});
            lab_->put(overlay::VtepRow{n, vtep_address(IpFamily::ipv4, 2 + n), n});
            row_.remote_vteps.push_back(n);
        }
        row_.remote_vteps = {0, 1, 2};
        lab_->put(row_);
        for (std::uint8_t n = 0; n < next_hops; ++n)
            remote(20 + n, n);
    }
    /// Rules a switch takes: the next hops', and what comes from the uplink.
    static std::size_t operations(eswitch::Operation operation, bool can_update) {
        switch (operation) {
        case eswitch::Operation::update:
            return can_update ? next_hops : 0;
        default:
            return can_update ? 1 : next_hops + 1;
        }
    }
    void expect_true_report() {
        std::size_t in_hardware = 0;
        path().for_each_rule(
            [&](const eswitch::RuleReport& rule) { in_hardware += rule.in_hardware ? 1 : 0; });
        EXPECT_EQ(in_hardware, nic().live_rules());
        EXPECT_EQ(nic().failed_handles(), 0U);
    }
    /// Words of rules that the NIC does not have.
    std::vector<std::string> refusals() {
        std::vector<std::string> words;
        path().for_each_rule([&](const eswitch::RuleReport& rule) {
            if (!rule.in_hardware) words.emplace_back(rule.refused);
        });
        return words;
    }
    /// By the new uplink, or by the CPU, which knows about it; never by the old one or into the
    /// void.
    void expect_no_packet_astray() {
        for (std::uint8_t n = 0; n < next_hops; ++n) {
            const Octets sent = frame(1, 20 + n);
            const ModelVerdict verdict = lab_->from_vm(a, sent);
            if (verdict.fate == Fate::cpu)
                EXPECT_EQ(verdict.packet, sent);
            else
                expect_port(verdict, EswitchLab::uplink_port(1));
        }
    }
    void expect_all_by_the_new_uplink() {
        EXPECT_THAT(refusals(), ::testing::IsEmpty());
        for (std::uint8_t n = 0; n < next_hops; ++n) {
            EXPECT_EQ(why(20 + n), "");
            expect_port(lab_->from_vm(a, frame(1, 20 + n)), EswitchLab::uplink_port(1));
        }
        expect_port(lab_->from_uplink(1, tunnelled(20, 1)), EswitchLab::vm_port(a));
    }
    void fail_one(bool can_update, eswitch::Operation operation, eswitch::Failure::When when,
                  std::size_t spared) {
        rebuild_with_next_hops(can_update);
        nic().fail_next(operation, 1, {.when = when, .message = "no room"}, spared);
        const std::uint64_t before = path().rule_counts().refused;
        lab_->put(overlay::UplinkRow{1});
        expect_true_report();
        expect_no_packet_astray();
        // What is not updated at once is made anew before the old rule goes.
        const bool made_anew =
            operation == eswitch::Operation::update && when == eswitch::Failure::When::call;
        EXPECT_EQ(path().rule_counts().refused - before, made_anew ? 0U : 1U);
        if (!made_anew) {
            EXPECT_THAT(refusals(),
                        ::testing::Contains(::testing::HasSubstr(
                            when == eswitch::Failure::When::call ? "no room" : "an error")));
        }
        ASSERT_TRUE(path().retry());
        expect_true_report();
        expect_all_by_the_new_uplink();
    }
};

TEST_F(FailingFailoverTest, WhicheverRuleIsRefusedItIsToldAndHeals) {
    using When = eswitch::Failure::When;
    for (const bool can_update : {true, false})
        for (const auto operation : {eswitch::Operation::create, eswitch::Operation::update})
            for (const When when : {When::call, When::completion})
                for (std::size_t spared = 0; spared < operations(operation, can_update); ++spared) {
                    SCOPED_TRACE(::testing::Message()
                                 << (can_update ? "with" : "without") << " update, "
                                 << (operation == eswitch::Operation::create ? "create" : "update")
                                 << ' ' << spared << (when == When::call ? "" : " later"));
                    fail_one(can_update, operation, when, spared);
                }
}

TEST_F(FailingFailoverTest, WhicheverRuleWouldNotGoAllTrafficIsTheCpus) {
    using When = eswitch::Failure::When;
    for (const bool can_update : {true, false})
        for (const When when : {When::call, When::completion})
            for (std::size_t spared = 0; spared < (can_update ? 1 : next_hops + 1); ++spared) {
                rebuild_with_next_hops(can_update);
                nic().fail_next(eswitch::Operation::destroy, 1, {.when = when}, spared);
                lab_->put(overlay::UplinkRow{1});
                EXPECT_NE(path().closed(), "");
                expect_cpu(lab_->from_vm(a, frame(1, 20)), frame(1, 20));
                expect_cpu(lab_->from_uplink(1, tunnelled(20, 1)), tunnelled(20, 1));
                // What came from the old uplink may be the very rule that is beyond reach.
                const ModelVerdict old = lab_->from_uplink(0, tunnelled(20, 1));
                if (old.fate != Fate::cpu) expect_port(old, EswitchLab::vm_port(a));
                ASSERT_TRUE(path().retry());
                EXPECT_NE(path().closed(), "") << "until the restart";
                expect_cpu(lab_->from_vm(a, frame(1, 20)), frame(1, 20));
            }
}

TEST_F(FailingFailoverTest, ANicThatRefusesOnIsAskedAgainAndAgain) {
    rebuild_with_next_hops(false);
    nic().fail_at_random(eswitch::Operation::create, 1);
    lab_->put(overlay::UplinkRow{1});
    auto now = std::chrono::steady_clock::now();
    for (int minute = 0; minute < 5; ++minute) {
        const std::uint64_t refused = path().rule_counts().refused;
        ASSERT_TRUE(path().retry(now += std::chrono::minutes(1)));
        EXPECT_GT(path().rule_counts().refused, refused);
        expect_true_report();
        expect_no_packet_astray();
    }
    nic().fail_at_random(eswitch::Operation::create, 0);
    ASSERT_TRUE(path().retry(now + std::chrono::minutes(1)));
    expect_all_by_the_new_uplink();
    const eswitch::InstalledRules::Counts before = path().rule_counts();
    ASSERT_TRUE(path().retry());
    EXPECT_EQ(path().rule_counts().created, before.created) << "nothing is left to ask for";
}

TEST_F(FailingFailoverTest, ADeadFlowQueueHoldsNoFailoverBack) {
    rebuild_with_next_hops(false);
    nic().kill_queue(0);
    lab_->forgive_leftovers();
    EXPECT_TRUE(path().apply(std::vector{put_change(overlay::UplinkRow{1})}, nullptr))
        << "found dead in the middle of it";
    EXPECT_THAT(path().death(), ::testing::HasSubstr("the flow queue is dead"));
    EXPECT_TRUE(path().apply(std::vector{put_change(overlay::UplinkRow{0})}, nullptr));
    EXPECT_FALSE(path().apply(std::vector{put_change(overlay::NextHopRow{})}, nullptr))
        << "all else is refused";
}

TEST_F(HardwarePathTest, WhatHasNoWayOutIsCountedByItsReason) {
    EXPECT_EQ(path().dropped().no_active_uplink.packets, 0U);
    lab_->put(overlay::UplinkRow{});
    for (int i = 0; i < 3; ++i)
        lab_->from_vm(a, frame(1, 9));
    EXPECT_EQ(path().dropped().no_active_uplink.packets, 3U);
    EXPECT_EQ(path().dropped().next_hop_unresolved.packets, 0U);
    const overlay::NextHopRow unresolved{
        0, vtep_address(IpFamily::ipv4, 254), {std::nullopt, link(1)}};
    lab_->put(unresolved);
    lab_->put(overlay::UplinkRow{0});
    for (int i = 0; i < 2; ++i)
        lab_->from_vm(a, frame(1, 9));
    lab_->put(overlay::UplinkRow{1});
    expect_port(lab_->from_vm(a, frame(1, 9)), EswitchLab::uplink_port(1));
    EXPECT_EQ(path().dropped().no_active_uplink.packets, 3U) << "kept beyond the rule's end";
    EXPECT_EQ(path().dropped().next_hop_unresolved.packets, 2U);
    path().reset_traffic();
    EXPECT_EQ(path().dropped().no_active_uplink.packets, 0U);
    EXPECT_EQ(path().dropped().next_hop_unresolved.packets, 0U);
}

} // namespace
} // namespace sallyport::testing
