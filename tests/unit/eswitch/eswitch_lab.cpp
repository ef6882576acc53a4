// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch_lab.h"

#include "eswitch/bring_up/flow_resources.h"
#include "eswitch/rule_text.h"
#include "eswitch/stages/stage.h"
#include "eswitch/tag.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace sallyport::testing {

using namespace eswitch;

namespace {

constexpr std::uint32_t queue_size = 128;

constexpr std::uint32_t few_counters = 1 << 16;

} // namespace

Settings EswitchLab::small_settings() {
    Settings settings;
    settings.tenants = 16;
    settings.vm_ports = most_tagged_ids;
    settings.tunnels = 64;
    settings.next_hops = 16;
    settings.fdb_entries = 1024;
    return settings;
}

EswitchLab::EswitchLab(const Settings& settings, const StrictOptions& options, std::uint32_t batch)
    : nic_(model_, options) {
    for (const overlay::UplinkIndex index : overlay::all_uplinks) {
        model_.add_port(uplink_port(index), ModelFlowApi::PortKind::wire);
        nic_.add_port(uplink_port(index), StrictPortKind::wire);
    }
    for (const overlay::UplinkIndex index : overlay::all_uplinks)
        bring_up(uplink_port(index), std::max(few_counters, eswitch::needed_counters(settings)));
    auto pipeline = Pipeline::create(flow_, uplink_port(0), settings);
    EXPECT_TRUE(pipeline) << pipeline.error().message();
    if (!pipeline) return;
    path_.emplace(flow_, std::move(*pipeline), settings,
                  FlowQueue::Options{.size = queue_size, .batch = batch});
    for (const overlay::UplinkIndex index : overlay::all_uplinks)
        EXPECT_TRUE(path_->attach_uplink(index, uplink_port(index)));
}

EswitchLab::~EswitchLab() {
    path_.reset();
    EXPECT_EQ(nic_.violations(), std::vector<std::string>{});
    if (forgiven_) return;
    EXPECT_EQ(nic_.leaks(), nic_.stranded_rules());
}

void EswitchLab::bring_up(std::uint16_t port, std::uint32_t counters) {
    rte_flow_error error{};
    rte_flow_port_attr attributes{};
    attributes.nb_counters = counters;
    attributes.nb_meters = 64;
    ASSERT_EQ(nic_.configure(port, attributes, 1, queue_size, error), 0) << error.message;
    ASSERT_EQ(nic_.start_port(port), 0);
}

void EswitchLab::add_vm_port(overlay::VmPortId id) {
    if (representors_.insert(id).second) {
        model_.add_port(vm_port(id), ModelFlowApi::PortKind::vport);
        nic_.add_port(vm_port(id), StrictPortKind::vport);
        bring_up(vm_port(id), few_counters);
    }
    EXPECT_TRUE(path_->attach_vm_port(id, vm_port(id)));
}

void EswitchLab::remove_vm_port(overlay::VmPortId id) {
    EXPECT_TRUE(path_->detach(vm_port(id)));
}

std::string EswitchLab::describe(const ModelVerdict& verdict) const {
    std::map<const rte_flow*, std::string> rules;
    path_->for_each_rule([&](const RuleReport& rule) {
        if (rule.handle != nullptr)
            rules[nic_.behind(rule.handle)] =
                fmt::format("{}: {} -> {}", stage(rule.spec.stage).name, match_text(rule.spec),
                            actions_text(rule.spec));
    });
    std::string text;
    for (const ModelStep& step : verdict.steps) {
        const auto rule = rules.find(step.rule);
        text += fmt::format("  group {}, tag {:x}: {}\n", step.group, step.tag,
                            step.rule == nullptr  ? "no rule matches"
                            : rule == rules.end() ? "a rule that the path does not know of"
                                                  : rule->second);
    }
    return text;
}

void EswitchLab::put(overlay::Row row) {
    const std::vector<overlay::RowChange> changes{{overlay::RowChange::Kind::put, std::move(row)}};
    EXPECT_TRUE(path_->apply(changes, nullptr));
}

void EswitchLab::remove(overlay::Row row) {
    const std::vector<overlay::RowChange> changes{
        {overlay::RowChange::Kind::remove, std::move(row)}};
    EXPECT_TRUE(path_->apply(changes, nullptr));
}

} // namespace sallyport::testing
