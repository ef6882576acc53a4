// SPDX-License-Identifier: BSD-3-Clause
// Section [failover] of the main file -> which uplink is used when, and what tells.
#pragma once

#include "config/keys.h"
#include "config/settings.h"
#include "config/values.h"

#include <array>
#include <span>
#include <string>

namespace sallyport::config {

inline constexpr auto failover_forms = std::to_array<KeyForm>({
    {"failover.primary"},
    {"failover.preempt"},
    {"failover.updelay_ms"},
    {"failover.downdelay_ms"},
    {"failover.hold_down_ms"},
    {"failover.hold_down_limit_ms"},
    {"failover.hold_down_quiet_ms"},
    {"failover.real_time"},
    {"failover.poll_interval_ms"},
    {"failover.announce_count"},
    {"failover.announce_interval_ms"},
    {"failover.neighbour_target", true},
    {"failover.neighbour_interval_ms"},
    {"failover.neighbour_missed_max"},
    {"failover.neighbour_needed"},
    {"failover.bfd_interval_ms"},
    {"failover.bfd_multiplier"},
    {"failover.probe_port"},
});

/// @param uplinks names that the file has, right or wrong
void parse_failover(const Keys& keys, std::span<const std::string> uplinks,
                    FailoverSettings& settings);

} // namespace sallyport::config
