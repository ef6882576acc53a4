// SPDX-License-Identifier: BSD-3-Clause
#include "config/failover_section.h"

#include <algorithm>

#include <spdlog/fmt/fmt.h>

namespace sallyport::config {

namespace {

void parse_primary(const Keys& keys, std::span<const std::string> uplinks,
                   failover::StateMachineSettings& policy) {
    const Entry* const entry = keys.find("failover.primary");
    if (entry == nullptr) return;
    const auto found = std::find(uplinks.begin(), uplinks.end(), entry->value);
    if (found != uplinks.end())
        policy.primary = static_cast<failover::UplinkIndex>(found - uplinks.begin());
    else if (entry->value == "none")
        policy.primary.reset();
    else
        keys.complain(*entry, fmt::format("no uplink is named {}", in_quotes(entry->value)),
                      (uplinks.empty() ? "the name of an uplink" : alternatives(uplinks))
                          + " or none");
}

void parse_policy(const Values& values, failover::StateMachineSettings& policy) {
    const auto preempt = std::to_array<std::pair<std::string_view, failover::Preempt>>(
        {{to_string(failover::Preempt::never), failover::Preempt::never},
         {to_string(failover::Preempt::failure), failover::Preempt::failure},
         {to_string(failover::Preempt::always), failover::Preempt::always}});
    values.take_choice("failover.preempt", preempt, policy.preempt);
    values.take_duration("failover.updelay_ms", {0, 600'000, "milliseconds"}, policy.updelay);
    values.take_duration("failover.downdelay_ms", {0, 60'000, "milliseconds"}, policy.downdelay);
    values.take_duration("failover.hold_down_ms", {0, 600'000, "milliseconds"},
                         policy.hold_down_base);
    values.take_duration("failover.hold_down_limit_ms", {0, 3'600'000, "milliseconds"},
                         policy.hold_down_limit);
    values.take_duration("failover.hold_down_quiet_ms", {0, 3'600'000, "milliseconds"},
                         policy.hold_down_quiet);
}

void parse_neighbour_targets(const Keys& keys, const Values& values,
                             NeighbourProbeSettings& probe) {
    for (const Entry& entry : keys.all("failover.neighbour_target")) {
        if (entry.value == "nexthops") {
            probe.next_hops = true;
            continue;
        }
        const auto address = values.unicast_address(entry, entry.value);
        if (!address) continue;
        if (std::ranges::find(probe.targets, *address) != probe.targets.end())
            keys.complain(entry, address->to_string() + " is given twice", "once");
        else if (probe.targets.size() == most_neighbour_targets)
            keys.complain(entry, fmt::format("target number {}", probe.targets.size() + 1),
                          fmt::format("at most {}", most_neighbour_targets));
        else
            probe.targets.push_back(*address);
    }
}

void parse_neighbour_probe(const Keys& keys, const Values& values, NeighbourProbeSettings& probe) {
    parse_neighbour_targets(keys, values, probe);
    values.take_duration("failover.neighbour_interval_ms", {10, 60'000, "milliseconds"},
                         probe.reachability.interval);
    values.take_number("failover.neighbour_missed_max", {1, 255, "probes"},
                       probe.reachability.missed_max);
    constexpr auto needed =
        std::to_array<std::pair<std::string_view, bool>>({{"any", false}, {"all", true}});
    values.take_choice("failover.neighbour_needed", needed, probe.reachability.all_targets);
}

void parse_bfd(const Keys& keys, const Values& values, failover::BfdSettings& bfd) {
    values.take_number("failover.bfd_multiplier", {1, 255, "packets"}, bfd.detect_multiplier);
    const Entry* const entry = keys.find("failover.bfd_interval_ms");
    if (entry == nullptr) return;
    const auto interval = values.number(*entry, {10, 60'000, "milliseconds"});
    if (!interval) return;
    bfd.desired_min_tx = std::chrono::milliseconds(*interval);
    bfd.required_min_rx = bfd.desired_min_tx;
}

} // namespace

void parse_failover(const Keys& keys, std::span<const std::string> uplinks,
                    FailoverSettings& settings) {
    const Values values(keys);
    parse_primary(keys, uplinks, settings.policy);
    parse_policy(values, settings.policy);
    values.take_flag("failover.real_time", settings.real_time);
    values.take_duration("failover.poll_interval_ms", {1, 1000, "milliseconds"},
                         settings.poll_interval);
    values.take_number("failover.announce_count", {1, 255}, settings.announce_count);
    values.take_duration("failover.announce_interval_ms", {1, 10000, "milliseconds"},
                         settings.announce_interval);
    parse_neighbour_probe(keys, values, settings.neighbour_probe);
    parse_bfd(keys, values, settings.bfd);
    if (const Entry* entry = keys.find("failover.probe_port");
        entry != nullptr && entry->value == "none")
        settings.probe_port = 0;
    else
        values.take_number("failover.probe_port", {1, 65535}, settings.probe_port);
}

} // namespace sallyport::config
