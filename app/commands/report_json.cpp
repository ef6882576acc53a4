// SPDX-License-Identifier: BSD-3-Clause
#include "commands/report_json.h"

#include <fmt/chrono.h>

namespace sallyport::commands {

namespace {

template<class T>
Json text_or_null(const std::optional<T>& value) {
    return value ? Json(value->to_string()) : Json();
}

Json text_or_null(const std::string& text) {
    return text.empty() ? Json() : Json(text);
}

Json macs_json(const std::vector<net::MacAddress>& macs) {
    return array_json(macs, [](const net::MacAddress& mac) { return mac.to_string(); });
}

Json addresses_json(const std::vector<net::IpAddress>& addresses) {
    return array_json(addresses, [](const net::IpAddress& address) { return address.to_string(); });
}

Json time_json(const std::optional<std::chrono::system_clock::time_point>& time) {
    if (!time) return {};
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(*time)));
}

Json tenant_counters_json(const control::TenantReport& tenant) {
    const datapath::TenantCounters& counters = tenant.counters;
    return {
        {"rx_packets", counters.rx_packets},
        {"rx_bytes", counters.rx_bytes},
        {"tx_packets", counters.tx_packets},
        {"tx_bytes", counters.tx_bytes},
        {"encap_packets", counters.encap_packets},
        {"encap_bytes", counters.encap_bytes},
        {"decap_packets", counters.decap_packets},
        {"decap_bytes", counters.decap_bytes},
        {"flooded_packets", counters.flooded_packets},
        {"learn_queue_full", counters.learn_queue_full},
        {"learn_refused", tenant.learn_refused},
        {"moves", tenant.moves},
    };
}

/// Bits per second, as the tenant file has it.
Json rate_json(const std::optional<net::RateLimit>& limit) {
    return limit ? Json(limit->octets_per_second * 8) : Json();
}
Json burst_json(const std::optional<net::RateLimit>& limit) {
    return limit ? Json(limit->burst_octets) : Json();
}

Json nic_json(const std::optional<control::NicTenantCounters>& nic) {
    if (!nic) return {};
    return {{"switched_packets", nic->switched.packets},  {"switched_bytes", nic->switched.bytes},
            {"encap_packets", nic->encapsulated.packets}, {"encap_bytes", nic->encapsulated.bytes},
            {"decap_packets", nic->decapsulated.packets}, {"decap_bytes", nic->decapsulated.bytes}};
}

Json nic_json(const std::optional<control::NicPortCounters>& nic) {
    if (!nic) return {};
    return {{"rx_packets", nic->sent.packets},
            {"rx_bytes", nic->sent.bytes},
            {"tx_packets", nic->delivered.packets},
            {"tx_bytes", nic->delivered.bytes},
            {"rate_exceeded_packets", nic->over_rate.packets},
            {"rate_exceeded_bytes", nic->over_rate.bytes}};
}

} // namespace

Json drops_json(const datapath::DropCounts& drops) {
    Json json = Json::object();
    for (std::size_t i = 0; i < drops.size(); ++i)
        json[std::string(datapath::name(static_cast<datapath::DropReason>(i)))] = drops[i];
    return json;
}

Json port_info_json(const control::PortReport& port) {
    return {
        {"name", port.name},
        {"dpdk_id", port.dpdk_id},
        {"role", std::string(datapath::to_string(port.role))},
        {"tenant", text_or_null(port.tenant)},
        {"device", port.device},
        {"driver", port.driver},
        {"interface", text_or_null(port.interface)},
        {"mac", port.mac.to_string()},
        {"allowed_macs", port.role != datapath::PortRole::vm_port ? Json()
                         : port.allowed_macs.empty()              ? Json("any")
                                                                  : macs_json(port.allowed_macs)},
        {"rate", rate_json(port.rate_limit)},
        {"burst", burst_json(port.rate_limit)},
        {"mtu", port.mtu},
        {"rx_queues", port.rx_queues},
        {"tx_queues", port.tx_queues},
        {"link_up", port.link_up},
        {"link_speed_mbps", port.link_speed_mbps == 0 ? Json() : Json(port.link_speed_mbps)},
        {"promiscuous", port.promiscuous},
    };
}

Json port_stats_json(const control::PortReport& port) {
    const datapath::PortCounters& counters = port.counters;
    return {
        {"name", port.name},
        {"rx_packets", counters.rx_packets},
        {"rx_bytes", counters.rx_bytes},
        {"tx_packets", counters.tx_packets},
        {"tx_bytes", counters.tx_bytes},
        {"rx_missed", counters.rx_missed},
        {"rx_errors", counters.rx_errors},
        {"rx_no_buffer", counters.rx_no_buffer},
        {"tx_errors", counters.tx_errors},
        {"nic", nic_json(port.nic)},
        {"drops", drops_json(port.drops)},
    };
}

Json failover_json(const control::FailoverReport& failover) {
    auto uplink_json = [](const control::UplinkReport& uplink) -> Json {
        return {
            {"name", uplink.name},
            {"index", uplink.index},
            {"active", uplink.active},
            {"link_up", uplink.link_up},
            {"administratively_up", uplink.administratively_up},
            {"present", uplink.present},
            {"fault", text_or_null(uplink.fault)},
            {"link_source", uplink.link_source},
            {"switches_to", uplink.switches_to},
            {"last_change", time_json(uplink.last_change)},
        };
    };
    return {
        {"active", failover.active ? Json(*failover.active) : Json()},
        {"last_reason", failover.last_reason},
        {"switches", failover.switches},
        {"uplinks", array_json(failover.uplinks, uplink_json)},
    };
}

Json probe_report_json(const failover::ProbeReport& report) {
    const auto gap = [](const failover::ProbeGap& longest) -> Json {
        return {
            {"us", longest.length.count()}, {"after", longest.after}, {"before", longest.before}};
    };
    const auto microseconds = [](const std::optional<std::chrono::microseconds>& time) {
        return time ? Json(time->count()) : Json();
    };
    return {
        {"sent", report.sent},
        {"received", report.received},
        {"lost_there", report.lost_there},
        {"lost_back", report.lost_back},
        {"unanswered", report.unanswered},
        {"duplicates", report.duplicates},
        {"reordered", report.reordered},
        {"gap", gap(report.gap)},
        {"gap_there", gap(report.gap_there)},
        {"gap_back", gap(report.gap_back)},
        {"shortest_round_trip_us", microseconds(report.shortest_round_trip)},
        {"longest_round_trip_us", microseconds(report.longest_round_trip)},
    };
}

Json failover_record_json(const failover::FailoverRecord& record,
                          const std::vector<config::UplinkSettings>& uplinks) {
    using failover::Milestone;
    const auto name = [&uplinks](std::optional<failover::UplinkIndex> index) {
        return index && *index < uplinks.size() ? Json(uplinks[*index].name) : Json();
    };
    const auto after = [&record](Milestone milestone) {
        const auto time = record.after(milestone);
        return time ? Json(time->count()) : Json();
    };
    const bool has_rules = record.after(Milestone::hardware_updated).has_value();
    return {
        {"number", record.number},
        {"time", time_json(record.wall_time)},
        {"from", name(record.what.from)},
        {"to", name(record.what.to)},
        {"reason", to_string(record.what.reason)},
        {"seen_by", to_string(record.source)},
        {"decided_us", after(Milestone::decided)},
        {"software_switched_us", after(Milestone::software_switched)},
        {"hardware_updated_us", after(Milestone::hardware_updated)},
        {"sas_moved_us", after(Milestone::sas_moved)},
        {"announced_us", after(Milestone::announced)},
        {"first_sent_us", after(Milestone::first_sent)},
        {"first_received_us", after(Milestone::first_received)},
        {"hardware_rules", has_rules ? Json(record.hardware_rules.changed) : Json()},
        {"hardware_refused", has_rules ? Json(record.hardware_rules.refused) : Json()},
        {"hardware_time_us", has_rules ? Json(record.hardware_time.count()) : Json()},
    };
}

Json probe_json(const std::optional<control::ProbeStatus>& probe) {
    if (!probe) return {};
    Json json{{"vtep", probe->vtep.to_string()},
              {"packets_per_second", probe->packets_per_second},
              {"running", probe->running}};
    json.update(probe_report_json(probe->report));
    return json;
}

Json drill_json(const std::optional<control::DrillStatus>& drill,
                const std::vector<config::UplinkSettings>& uplinks) {
    using State = control::DrillReport::State;
    if (!drill) return {};
    const control::DrillReport& report = drill->report;
    const auto leg_json = [&uplinks](const control::DrillReport::Leg& leg) {
        const auto name = [&uplinks](const std::optional<failover::UplinkIndex>& index) {
            return index ? Json(uplinks.at(*index).name) : Json();
        };
        Json json{{"from", name(leg.what.from)}, {"to", name(leg.what.to)}};
        json.update(probe_report_json(leg.traffic));
        return json;
    };
    return {
        {"vtep", drill->vtep.to_string()},
        {"packets_per_second", drill->packets_per_second},
        {"state", report.state == State::running ? "running"
                  : report.state == State::done  ? "done"
                                                 : "failed"},
        {"failure", report.failure.empty() ? Json() : Json(report.failure)},
        {"switches", array_json(report.legs, leg_json)},
    };
}

Json tenant_settings_json(const config::TenantSettings& tenant) {
    auto port_json = [](const config::VmPortSettings& port) -> Json {
        return {{"name", port.name},
                {"device", port.device},
                {"mac", port.macs.empty() ? Json("any") : macs_json(port.macs)},
                {"rate", rate_json(port.rate_limit)},
                {"burst", burst_json(port.rate_limit)}};
    };
    auto entry_json = [](const config::FdbSettings& entry) -> Json {
        return {{"mac", entry.mac.to_string()},
                {"vm_port", text_or_null(entry.vm_port)},
                {"vtep", text_or_null(entry.vtep)}};
    };
    return {
        {"name", tenant.name},
        {"file", tenant.file.string()},
        {"vni", tenant.vni},
        {"local_vtep", tenant.local_vtep.to_string()},
        {"udp_port", tenant.udp_port},
        {"mtu", tenant.mtu},
        {"learning", tenant.learning},
        {"flooding", tenant.flooding},
        {"inner_vlan", tenant.pass_inner_vlan ? "pass" : "drop"},
        {"protection", tenant.is_protected ? "ipsec" : "none"},
        {"ageing_time", tenant.ageing_time.count()},
        {"max_learned", tenant.max_learned},
        {"remote_vteps", addresses_json(tenant.remote_vteps)},
        {"vm_ports", array_json(tenant.vm_ports, port_json)},
        {"fdb", array_json(tenant.fdb, entry_json)},
        {"sas", array_json(tenant.sas, sa_settings_json)},
    };
}

Json tenant_json(const control::TenantReport& tenant) {
    Json json = tenant_settings_json(tenant.settings);
    json.erase("fdb");
    json.erase("sas");
    json["learned_entries"] = tenant.learned_entries;
    json["configured_entries"] = tenant.configured_entries;
    json["counters"] = tenant_counters_json(tenant);
    json["nic"] = nic_json(tenant.nic);
    json["drops"] = drops_json(tenant.counters.drops);
    return json;
}

Json tenant_reload_json(const control::TenantReload& reload) {
    const auto difference = [](const control::TenantReload::Difference& counts) {
        return Json{
            {"added", counts.added}, {"changed", counts.changed}, {"removed", counts.removed}};
    };
    return {{"tenant", reload.tenant},
            {"settings", reload.settings},
            {"remote_vteps", difference(reload.remote_vteps)},
            {"vm_ports", difference(reload.vm_ports)},
            {"fdb", difference(reload.fdb)},
            {"sas", difference(reload.sas)}};
}

Json fdb_json(const control::FdbReport& entry) {
    return {
        {"tenant", entry.tenant},
        {"mac", entry.mac.to_string()},
        {"vm_port", text_or_null(entry.vm_port)},
        {"vtep", text_or_null(entry.vtep)},
        {"origin", entry.origin == overlay::FdbOrigin::learned ? "learned" : "configured"},
        {"idle_seconds", entry.idle ? Json(entry.idle->count()) : Json()},
        {"in_hardware", entry.in_hardware ? Json(*entry.in_hardware) : Json()},
        {"why_in_software", text_or_null(entry.why_in_software)},
    };
}

Json vtep_json(const control::VtepReport& vtep) {
    return {
        {"address", vtep.address.to_string()},
        {"local", vtep.local},
        {"next_hop", text_or_null(vtep.next_hop)},
        {"resolved", vtep.resolved},
        {"tenants", vtep.tenants},
    };
}

Json next_hop_json(const control::NextHopReport& next_hop) {
    auto link_json = [](const control::NextHopReport::Link& link) -> Json {
        return {{"uplink", link.uplink},
                {"source", text_or_null(link.source)},
                {"destination", text_or_null(link.destination)}};
    };
    return {
        {"address", next_hop.address.to_string()},
        {"configured", next_hop.configured},
        {"links", array_json(next_hop.links, link_json)},
    };
}

Json graph_json(const std::vector<datapath::NodeCounters>& nodes,
                const std::vector<datapath::WorkerCounters>& workers) {
    auto node_json = [](const datapath::NodeCounters& node) -> Json {
        return {{"node", node.node},
                {"calls", node.calls},
                {"packets", node.packets},
                {"cycles", node.cycles}};
    };
    auto worker_json = [](const datapath::WorkerCounters& worker) -> Json {
        return {{"lcore", worker.lcore},
                {"loops", worker.loops},
                {"idle_loops", worker.idle_loops},
                {"sleeps", worker.sleeps}};
    };
    return {{"nodes", array_json(nodes, node_json)}, {"workers", array_json(workers, worker_json)}};
}

Json flow_json(const control::FlowReport& flow) {
    // What has no rule has no place among them.
    const bool is_rule = !flow.table.empty();
    return {{"group", is_rule ? Json(flow.group) : Json()},
            {"table", text_or_null(flow.table)},
            {"tenant", text_or_null(flow.tenant)},
            {"vm_port", text_or_null(flow.vm_port)},
            {"uplink", text_or_null(flow.uplink)},
            {"state", flow.state},
            {"reason", text_or_null(flow.reason)},
            {"match", flow.match},
            {"actions", text_or_null(flow.actions)},
            {"packets", flow.packets},
            {"bytes", flow.bytes}};
}

Json eswitch_json(const control::EswitchReport& eswitch) {
    auto table_json = [](const control::EswitchReport::Table& table) -> Json {
        return {{"group", table.group},
                {"name", table.name},
                {"rules", table.rules},
                {"size", table.size}};
    };
    auto port_json = [](const control::EswitchReport::Port& port) -> Json {
        return {{"name", port.name},         {"role", port.is_uplink ? "uplink" : "vf"},
                {"function", port.function}, {"device", port.device},
                {"dpdk_id", port.dpdk_id},   {"proxy", port.is_proxy}};
    };
    using datapath::DropReason;
    Json drops;
    if (eswitch.kind != "none")
        drops = {
            {datapath::name(DropReason::no_active_uplink), eswitch.dropped_no_active_uplink},
            {datapath::name(DropReason::next_hop_unresolved), eswitch.dropped_next_hop_unresolved}};
    return {{"kind", eswitch.kind},
            {"proxy", text_or_null(eswitch.proxy)},
            {"ports", array_json(eswitch.ports, port_json)},
            {"queues", eswitch.queues},
            {"queue_size", eswitch.queue_size},
            {"in_flight", eswitch.in_flight},
            {"entries", eswitch.entries},
            {"entries_in_hardware", eswitch.entries_in_hardware},
            {"counters", eswitch.counters},
            {"counters_used", eswitch.counters_used},
            {"counters_left", eswitch.counters_left()},
            {"created", eswitch.created},
            {"updated", eswitch.updated},
            {"destroyed", eswitch.destroyed},
            {"refused", eswitch.refused},
            {"stranded", eswitch.stranded},
            {"drops", std::move(drops)},
            {"dead", text_or_null(eswitch.dead)},
            {"closed", text_or_null(eswitch.closed)},
            {"udp_source_port", eswitch.source_port_agreed ? "nic" : "software"},
            {"why_own_source_port", text_or_null(eswitch.why_own_source_port)},
            {"tables", array_json(eswitch.tables, table_json)}};
}

Json explanation_json(const control::ExplainReport& explanation) {
    auto step_json = [](const control::ExplainReport::Step& step) -> Json {
        return {{"group", step.group},
                {"table", text_or_null(step.table)},
                {"match", text_or_null(step.match)},
                {"actions", text_or_null(step.actions)}};
    };
    using Fate = control::ExplainReport::Fate;
    const char* const fate = explanation.fate == Fate::port   ? "port"
                             : explanation.fate == Fate::drop ? "drop"
                                                              : "cpu";
    return {{"steps", array_json(explanation.steps, step_json)},
            {"fate", fate},
            {"port", text_or_null(explanation.port)},
            {"packet", explanation.packet},
            {"cpu", text_or_null(explanation.cpu)},
            {"differences", explanation.differences},
            {"cpu_gets_it", explanation.cpu_gets_it},
            {"software", explanation.software},
            {"software_drop", text_or_null(explanation.software_drop)}};
}

} // namespace sallyport::commands
