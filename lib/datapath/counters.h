// SPDX-License-Identifier: BSD-3-Clause
// Counters that one worker writes and the control thread reads.
#pragma once

#include "base/counter.h"
#include "datapath/drop_reason.h"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include <rte_config.h>

namespace sallyport::datapath {

using base::Counter;
using DropCounters = std::array<Counter, drop_reason_count>;

/// Of one tenant, of one worker.
struct TenantCounterBlock {
    Counter rx_packets, rx_bytes;
    Counter tx_packets, tx_bytes;
    Counter encap_packets, encap_bytes;
    Counter decap_packets, decap_bytes;
    Counter flooded_packets;
    Counter learn_queue_full;
    DropCounters drops;
};

/// Packets that came from no port: what the control thread injected.
inline constexpr std::size_t no_port = RTE_MAX_ETHPORTS;

/// Of one worker.
struct WorkerCounterBlock {
    Counter loops, idle_loops, sleeps;
    std::array<DropCounters, RTE_MAX_ETHPORTS + 1> port_drops;
    /// Drops of packets that belong to no tenant.
    DropCounters tenantless_drops;
};

} // namespace sallyport::datapath
