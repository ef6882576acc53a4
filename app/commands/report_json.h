// SPDX-License-Identifier: BSD-3-Clause
// Reports of the control thread as JSON: what "show ... json" and telemetry both give. Keys are
// stable; what is unknown or absent is null.
#pragma once

#include "config/settings.h"
#include "control/controller.h"
#include "shell/output.h"

namespace sallyport::commands {

using shell::Json;

/// Every reason with its count, zero or not, in the order of drop_reason.h.
Json drops_json(const datapath::DropCounts& drops);

Json port_info_json(const control::PortReport& port);
/// Counters and drops.
Json port_stats_json(const control::PortReport& port);
Json failover_json(const control::FailoverReport& failover);
/// Members "..._us" are microseconds since the event was seen.
Json detector_json(const control::DetectorReport& report);
Json failover_record_json(const failover::FailoverRecord& record,
                          const std::vector<config::UplinkSettings>& uplinks);
/// Null: there was none.
Json probe_json(const std::optional<control::ProbeStatus>& probe);
Json drill_json(const std::optional<control::DrillStatus>& drill,
                const std::vector<config::UplinkSettings>& uplinks);
Json tenant_json(const control::TenantReport& tenant);
/// What a reload changed.
Json tenant_reload_json(const control::TenantReload& reload);
Json fdb_json(const control::FdbReport& entry);
Json vtep_json(const control::VtepReport& vtep);
Json next_hop_json(const control::NextHopReport& next_hop);
Json graph_json(const std::vector<datapath::NodeCounters>& nodes,
                const std::vector<datapath::WorkerCounters>& workers);
Json flow_json(const control::FlowReport& flow);
Json eswitch_json(const control::EswitchReport& eswitch);
Json explanation_json(const control::ExplainReport& explanation);
/// Settings, engine, counters; never a key.
Json sa_json(const control::SaReport& sa);
/// A tenant's keys of one SA as in its file; never a key.
Json sa_settings_json(const config::SaSettings& sa);
/// For each tenant whether it is protected, and how many SAs of @p report go each way.
Json ipsec_policy_json(const std::vector<config::TenantSettings>& tenants,
                       const control::IpsecReport& report);
/// Totals of all SAs that there were, and the drops of packets that no SA took.
Json ipsec_stats_json(const control::IpsecReport& report, const datapath::DropCounts& drops);
/// Keys as in the files, one object a section.
Json config_json(const config::Settings& settings);
/// A tenant's keys as in its file.
Json tenant_settings_json(const config::TenantSettings& tenant);

/// An array of what @p to_json makes of each element.
template<class Range, class Function>
Json array_json(const Range& range, Function to_json) {
    Json array = Json::array();
    for (const auto& element : range)
        array.push_back(to_json(element));
    return array;
}

} // namespace sallyport::commands
