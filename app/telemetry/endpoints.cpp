// SPDX-License-Identifier: BSD-3-Clause
#include "commands/report_json.h"
#include "telemetry/telemetry.h"

#include <algorithm>

namespace sallyport::telemetry {

namespace {

using namespace sallyport::commands;

/// The part of a list that can be on a page from @p offset on.
template<class List, class Function>
Json page_of(const List& list, std::size_t offset, Function to_json) {
    Window window{.total = list.size(), .offset = std::min(offset, list.size())};
    std::size_t end = std::min(window.offset + page_entries, list.size());
    for (std::size_t i = window.offset; i < end; ++i)
        window.entries.push_back(to_json(list[i]));
    return page(window);
}

/// As many as there is room for beside the tables.
constexpr std::size_t most_ports_in_one_answer = 64;

/// Telemetry has nothing to say that there is nothing.
Json or_empty(Json json) {
    return json.is_null() ? Json::object() : json;
}

Json port_json(const control::PortReport& port) {
    Json json = port_info_json(port);
    json.update(port_stats_json(port));
    return json;
}

} // namespace

std::vector<Endpoint> endpoints(const control::Controller& controller) {
    return {
        {"/sallyport/port", "Ports with counters and drops. Parameter: offset",
         [&controller](std::size_t offset) {
             return page_of(controller.ports(), offset, port_json);
         }},
        {"/sallyport/uplink", "The two uplinks, which is active and why. No parameters",
         [&controller](std::size_t) { return failover_json(controller.failover()); }},
        {"/sallyport/detector", "What tells that an uplink leads nowhere. Parameter: offset",
         [&controller](std::size_t offset) {
             return page_of(controller.detectors(), offset, detector_json);
         }},
        {"/sallyport/failover_history", "The latest switches with their times. Parameter: offset",
         [&controller](std::size_t offset) {
             return page_of(controller.failover_history(), offset,
                            [&controller](const auto& record) {
                                return failover_record_json(record, controller.settings().uplinks);
                            });
         }},
        {"/sallyport/failover_probe", "The latest numbered stream. No parameters",
         [&controller](std::size_t) { return or_empty(probe_json(controller.probe())); }},
        {"/sallyport/failover_drill", "What the latest drill cost. No parameters",
         [&controller](std::size_t) {
             return or_empty(drill_json(controller.drill(), controller.settings().uplinks));
         }},
        {"/sallyport/tenant", "Tenants with counters and drops. Parameter: offset",
         [&controller](std::size_t offset) {
             return page_of(controller.tenants(), offset, tenant_json);
         }},
        {"/sallyport/fdb", "MAC addresses of all tenants. Parameter: offset",
         [&controller](std::size_t offset) {
             auto entries = controller.fdb("");
             return page_of(entries ? *entries : std::vector<control::FdbReport>{}, offset,
                            fdb_json);
         }},
        {"/sallyport/vtep", "Local and remote vteps. Parameter: offset",
         [&controller](std::size_t offset) {
             return page_of(controller.vteps(), offset, vtep_json);
         }},
        {"/sallyport/nexthop", "Underlay neighbours by uplink. Parameter: offset",
         [&controller](std::size_t offset) {
             return page_of(controller.next_hops(), offset, next_hop_json);
         }},
        {"/sallyport/flow", "Rules of the hardware path. Parameter: offset",
         [&controller](std::size_t offset) {
             auto flows = controller.flows({});
             return page_of(flows ? *flows : std::vector<control::FlowReport>{}, offset, flow_json);
         }},
        {"/sallyport/eswitch", "The NIC's E-Switch. No parameters",
         [&controller](std::size_t) {
             Json eswitch = eswitch_json(controller.eswitch());
             shorten_lists(eswitch, most_ports_in_one_answer);
             return eswitch;
         }},
        {"/sallyport/ipsec", "Security associations with counters. Parameter: offset",
         [&controller](std::size_t offset) {
             return page_of(controller.ipsec().sas, offset, sa_json);
         }},
        {"/sallyport/ipsec_policy",
         "Which tenants are protected, and by how many SAs. "
         "Parameter: offset",
         [&controller](std::size_t offset) {
             const Json policy =
                 ipsec_policy_json(controller.settings().tenants, controller.ipsec());
             return page_of(policy, offset, [](const Json& tenant) { return tenant; });
         }},
        {"/sallyport/ipsec_stats", "Packets through ESP, and those refused by fault. No parameters",
         [&controller](std::size_t) {
             return ipsec_stats_json(controller.ipsec(), controller.drops());
         }},
        {"/sallyport/drop", "Dropped packets by reason. No parameters",
         [&controller](std::size_t) { return drops_json(controller.drops()); }},
        {"/sallyport/graph", "Graph nodes and workers. No parameters",
         [&controller](std::size_t) {
             Json graph = graph_json(controller.node_counters(), controller.worker_counters());
             shorten_lists(graph, page_entries);
             return graph;
         }},
    };
}

Expected<void> add_endpoints(Telemetry& telemetry, const control::Controller& controller) {
    for (const Endpoint& endpoint : endpoints(controller))
        if (auto added = telemetry.add(endpoint.name, endpoint.help, endpoint.answer); !added)
            return added;
    return {};
}

} // namespace sallyport::telemetry
