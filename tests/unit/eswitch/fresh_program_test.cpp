// SPDX-License-Identifier: BSD-3-Clause
// However the rows came to be what they are, and whatever the NIC refused on the way: once it takes
// everything again, its rules are those of a hardware path that gets the rows at once, and the NIC
// does the same with packets.
#include "eswitch_lab.h"
#include "failover/state_machine.h"
#include "random_rows.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>

#include <fmt/format.h>

namespace sallyport::testing {
namespace {

using overlay::Row;

/// What names a row.
std::tuple<std::size_t, std::uint32_t, std::uint64_t> key_of(const Row& row) {
    if (const auto* const fdb = std::get_if<overlay::FdbRow>(&row))
        return {row.index(), fdb->tenant, fdb->mac.to_u64()};
    return std::visit(
        [&](const auto& other) -> std::tuple<std::size_t, std::uint32_t, std::uint64_t> {
            if constexpr (requires { other.id; }) return {row.index(), other.id, 0};
            return {row.index(), 0, 0};
        },
        row);
}

class FreshProgramTest : public RandomRowsTest, public ::testing::WithParamInterface<unsigned> {
  protected:
    FreshProgramTest() : RandomRowsTest(GetParam()) {
        eswitch::StrictOptions nic;
        nic.seed = GetParam();
        nic.can_update = random_.chance(50);
        nic.completion = eswitch::StrictOptions::Completion::late_and_mixed;
        nic.full_table_fails_at_once = random_.chance(50);
        lab_.emplace(EswitchLab::small_settings(), nic);
        EXPECT_TRUE(lab_->path().set_underlay_mac(underlay_mac));
    }
    void SetUp() override { build(); }

    void put_elsewhere(const Row& row) override {
        if (const auto* const port = std::get_if<overlay::VmPortRow>(&row))
            lab_->add_vm_port(port->id);
        lab_->put(row);
        rows_.insert_or_assign(key_of(row), row);
    }
    void remove_elsewhere(const Row& row) override {
        if (const auto* const port = std::get_if<overlay::VmPortRow>(&row)) {
            remove_rows_of(*port);
            lab_->remove_vm_port(port->id);
        }
        lab_->remove(row);
        rows_.erase(key_of(row));
    }
    /// As the control thread does.
    void remove_rows_of(const overlay::VmPortRow& port) {
        for (const auto& [key, row] : std::map(rows_)) {
            const auto* const fdb = std::get_if<overlay::FdbRow>(&row);
            if (fdb != nullptr && fdb->target == overlay::FdbTarget{overlay::VmPortRef{port.id}})
                remove(row);
        }
    }

    void fail_at_random(double rate) {
        const eswitch::Failure later{.when = eswitch::Failure::When::completion};
        for (const auto operation : {eswitch::Operation::create, eswitch::Operation::update,
                                     eswitch::Operation::add_meter_profile})
            lab_->nic().fail_at_random(operation, rate,
                                       random_.chance(50) ? eswitch::Failure{} : later);
    }

    /// Tunnels and length classes by what they stand for, since their numbers are given as they
    /// come.
    static std::multiset<std::string> program(EswitchLab& lab) {
        std::map<std::uint32_t, std::string> tunnels;
        lab.path().for_each_rule([&](const eswitch::RuleReport& rule) {
            if (rule.spec.stage == eswitch::StageId::peer)
                tunnels[rule.spec.effect.tag] = fmt::format("tunnel {} {}", rule.spec.match.tag,
                                                            rule.spec.match.address.to_string());
        });
        std::multiset<std::string> rules;
        lab.path().for_each_rule([&](const eswitch::RuleReport& rule) {
            eswitch::RuleSpec spec = rule.spec;
            std::string name;
            if (spec.stage == eswitch::StageId::peer) name = tunnels[spec.effect.tag];
            if (spec.stage == eswitch::StageId::remote_station) name = tunnels[spec.match.tag];
            if (!name.empty()) spec.match.tag = spec.effect.tag = 0;
            if (spec.stage == eswitch::StageId::vm_station) spec.effect.tag &= 0xffffff;
            if (spec.stage == eswitch::StageId::fits
                || spec.stage == eswitch::StageId::encapsulable)
                spec.match.tag = 0;
            rules.insert(fmt::format(
                "{} pattern {} actions {} match port {} tag {:x} mac {} address {} vni {} length "
                "{} "
                "effect port {} tag {:x} to {} encap {:02x} {} {}",
                eswitch::stage(spec.stage).name, spec.pattern, spec.actions, spec.match.port,
                spec.match.tag, spec.match.mac.to_string(), spec.match.address.to_string(),
                spec.match.vni, spec.match.length, spec.effect.port, spec.effect.tag,
                spec.effect.link.destination.to_string(), fmt::join(spec.effect.encap, ""), name,
                rule.in_hardware ? "in hardware" : "missing"));
        });
        return rules;
    }

    static std::string difference(const std::multiset<std::string>& have,
                                  const std::multiset<std::string>& fresh) {
        std::string text;
        for (const std::string& rule : have)
            if (have.count(rule) != fresh.count(rule)) text += "only here:  " + rule + "\n";
        for (const std::string& rule : fresh)
            if (have.count(rule) != fresh.count(rule)) text += "only fresh: " + rule + "\n";
        return text;
    }

    /// What the path says of itself is what is in the NIC.
    void expect_true_report() {
        std::size_t in_hardware = 0;
        lab_->path().for_each_rule(
            [&](const eswitch::RuleReport& rule) { in_hardware += rule.in_hardware ? 1 : 0; });
        EXPECT_EQ(in_hardware, lab_->nic().live_rules());
        EXPECT_EQ(lab_->path().rule_counts().rules, lab_->nic().live_rules());
        EXPECT_EQ(lab_->nic().failed_handles(), 0U);
        EXPECT_EQ(lab_->nic().live_duplicates(), 0U);
    }

    /// As from cables, switches and operators.
    std::optional<failover::Switch> random_event() {
        const auto uplink = static_cast<failover::UplinkIndex>(random_.number(2));
        const bool up = random_.chance(70);
        now_ += std::chrono::milliseconds(random_.number(300));
        switch (random_.number(4)) {
        case 0:
            return machine_.link(uplink, up, now_);
        case 1:
            return machine_.administrative(uplink, up, now_);
        case 2:
            return machine_.request_switch().done;
        default:
            return machine_.advance(now_);
        }
    }
    /// Gives the path each uplink that becomes active, and counts what it costs.
    void random_failovers(unsigned events) {
        for (; events > 0; --events) {
            const auto done = random_event();
            if (!done) continue;
            const eswitch::InstalledRules::Counts before = lab_->path().rule_counts();
            put(overlay::UplinkRow{done->to});
            const eswitch::InstalledRules::Counts& after = lab_->path().rule_counts();
            ++failovers_;
            if (failing_ || !lab_->nic().can_update()) continue;
            EXPECT_LE(after.updated - before.updated, 2U) << "the next hops";
            EXPECT_LE(after.created - before.created, 1U) << "what comes from the uplink";
            EXPECT_LE(after.destroyed - before.destroyed, 1U);
        }
    }

    std::unique_ptr<EswitchLab> fresh() {
        auto fresh = std::make_unique<EswitchLab>();
        EXPECT_TRUE(fresh->path().set_underlay_mac(underlay_mac));
        for (const Port& port : ports_)
            fresh->add_vm_port(port.id);
        // Index order is the order in which rows refer to each other, but for tenants.
        for (const auto& [key, row] : rows_)
            if (!std::holds_alternative<overlay::TenantRow>(row)
                && !std::holds_alternative<overlay::FdbRow>(row))
                fresh->put(row);
        for (const auto& [key, row] : rows_)
            if (std::holds_alternative<overlay::TenantRow>(row)) fresh->put(row);
        for (const auto& [key, row] : rows_)
            if (std::holds_alternative<overlay::FdbRow>(row)) fresh->put(row);
        return fresh;
    }

    /// What a NIC does with a packet.
    static std::string outcome(const eswitch::ModelVerdict& verdict) {
        using Fate = eswitch::ModelVerdict::Fate;
        const std::string groups = fmt::format("{} groups", verdict.steps.size());
        if (verdict.fate == Fate::cpu) return "to the CPU after " + groups;
        if (verdict.fate == Fate::drop) return "dropped after " + groups;
        return fmt::format("by port {} after {}: {:02x}", verdict.port, groups,
                           fmt::join(verdict.packet, ""));
    }
    /// What the path thinks the NIC has may be one thing, and what the NIC has another.
    void expect_same_forwarding(EswitchLab& fresh) {
        unsigned forwarded = 0;
        for (unsigned frames = 0; frames < 300 && !HasFailure(); ++frames) {
            const auto way = known_way();
            const bool from_vm = way ? way->port != nullptr : random_.chance(50);
            const Port& port = way && from_vm ? *way->port : random_.one_of(ports_);
            const Octets frame = way       ? way->frame
                                 : from_vm ? random_.vm_frame()
                                           : random_.underlay_frame();
            const auto uplink =
                static_cast<overlay::UplinkIndex>(random_.chance(90) ? active_ : 1 - active_);
            const auto run = [&](EswitchLab& lab) {
                return from_vm ? lab.from_vm(port.id, frame) : lab.from_uplink(uplink, frame);
            };
            const auto here = run(*lab_);
            const auto there = run(fresh);
            forwarded += here.fate == eswitch::ModelVerdict::Fate::port ? 1 : 0;
            EXPECT_EQ(outcome(here), outcome(there))
                << (from_vm ? port.name : "an uplink")
                << fmt::format(" sends {:02x}\n", fmt::join(frame, "")) << "here:\n"
                << lab_->describe(here) << "fresh:\n"
                << fresh.describe(there);
        }
        forwarded_ += forwarded;
    }
    /// Rules by the path's account, and by what the NIC does with packets.
    void expect_as_fresh(unsigned round) {
        const auto as_new = fresh();
        ASSERT_EQ(difference(program(*lab_), program(*as_new)), "")
            << "round " << round << " of seed " << GetParam();
        expect_same_forwarding(*as_new);
        ASSERT_FALSE(HasFailure()) << "round " << round << " of seed " << GetParam();
    }

    std::map<std::tuple<std::size_t, std::uint32_t, std::uint64_t>, Row> rows_;
    std::optional<EswitchLab> lab_;
    failover::StateMachine machine_{{.primary = failover::UplinkIndex{0},
                                     .preempt = failover::Preempt::always,
                                     .hold_down_base = std::chrono::milliseconds(100)}};
    failover::TimePoint now_ = failover::Clock::now();
    unsigned failovers_ = 0;
    unsigned forwarded_ = 0;
    bool failing_ = false;
};

TEST_P(FreshProgramTest, OnceTheNicTakesAllItsRulesAreThoseOfAFreshStart) {
    for (unsigned round = 0; round < 20; ++round) {
        fail_at_random(0.2);
        for (unsigned changes = 1 + random_.number(30); changes > 0; --changes)
            random_changes();
        fail_at_random(0);
        // Whoever was refused is asked again.
        for (const auto& [key, row] : std::map(rows_))
            lab_->put(row);
        ASSERT_NO_FATAL_FAILURE(expect_as_fresh(round));
        ASSERT_EQ(lab_->nic().failed_handles(), 0U);
        ASSERT_EQ(lab_->nic().live_duplicates(), 0U);
        ASSERT_EQ(lab_->nic().live_rules(), lab_->path().rule_counts().rules);
    }
    EXPECT_GT(forwarded_, 300U) << "else nothing was compared";
}

TEST_P(FreshProgramTest, AfterAnyFailoversItsRulesAreThoseOfAFreshStart) {
    for (unsigned round = 0; round < 10; ++round) {
        random_failovers(20);
        random_changes();
        // Which had its own idea of what is active.
        put(overlay::UplinkRow{machine_.active()});
        random_failovers(20);
        ASSERT_NO_FATAL_FAILURE(expect_as_fresh(round));
        expect_true_report();
    }
    EXPECT_GT(failovers_, 50U);
}

TEST_P(FreshProgramTest, WhatIsRefusedInAFailoverIsToldAndHealsByItself) {
    failing_ = true;
    for (unsigned round = 0; round < 10; ++round) {
        fail_at_random(0.3);
        random_failovers(10);
        random_changes();
        put(overlay::UplinkRow{machine_.active()});
        random_failovers(10);
        expect_true_report();
        fail_at_random(0);
        for (unsigned second = 0; second < 20; ++second)
            ASSERT_TRUE(lab_->path().retry(now_ += eswitch::RetryPacing::longest));
        ASSERT_NO_FATAL_FAILURE(expect_as_fresh(round));
        const auto counts = lab_->path().rule_counts();
        ASSERT_TRUE(lab_->path().retry(now_ += eswitch::RetryPacing::longest));
        EXPECT_EQ(lab_->path().rule_counts().created, counts.created)
            << "there is nothing left to ask for";
    }
}

INSTANTIATE_TEST_SUITE_P(Seed, FreshProgramTest, ::testing::Range(1U, 9U));

} // namespace
} // namespace sallyport::testing
