// SPDX-License-Identifier: BSD-3-Clause
// What rte_flow_configure() is asked to set aside. It cannot be changed later.
#pragma once

#include "eswitch/settings.h"

#include <cstdint>

namespace sallyport::eswitch {

/// Counters for every rule that has one, with all tables full (stage_sizes()), and as many again as
/// an eighth of that, at least 1024.
///
/// The head-room is for rules that were destroyed: the driver gives their counters out again only
/// after its next cycle of queries, half a second later. So an eighth of all rules may be replaced
/// in that time. The driver adds a fifth of its own, if the card has so many.
std::uint32_t needed_counters(const Settings& settings);

/// A meter for each vm port, and one more each: a rule that is updated has its new meter before it
/// gives the old one back.
constexpr std::uint32_t needed_meters(const Settings& settings) {
    return 2 * settings.vm_ports;
}

/// Of the proxy there is one queue, of the operator's size; the others make no transfer rules, and
/// need one only because DPDK before 24.07 starts no port without.
inline constexpr std::uint16_t flow_queues = 1;
inline constexpr std::uint32_t spare_flow_queue_size = 64;

} // namespace sallyport::eswitch
