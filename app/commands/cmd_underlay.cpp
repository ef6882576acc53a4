// SPDX-License-Identifier: BSD-3-Clause
#include "commands/commands.h"
#include "commands/report_json.h"

namespace sallyport::commands {

namespace {

using shell::column;
using shell::member_text;

std::string resolved_text(const Json& vtep) {
    return vtep.at("local").get<bool>() ? "-" : member_text(vtep, "resolved");
}

Expected<shell::Output> show_vteps(const control::Controller& controller) {
    static const shell::Renderer table = shell::table(
        {column("VTEP", "address"),
         {"TYPE", [](const Json& row) { return row.at("local").get<bool>() ? "local" : "remote"; }},
         column("NEXT HOP", "next_hop"),
         {"RESOLVED", resolved_text},
         column("TENANTS", "tenants")},
        "no vteps");
    return shell::Output{.data = array_json(controller.vteps(), vtep_json), .render = table};
}

/// A line for each uplink of each next hop.
std::string render_next_hops(const Json& next_hops) {
    static const shell::Renderer table = shell::table(
        {column("NEXT HOP", "address"), column("FROM", "from"), column("UPLINK", "uplink"),
         column("SOURCE MAC", "source"), column("DESTINATION MAC", "destination")},
        "no next hops");
    Json rows = Json::array();
    for (const Json& next_hop : next_hops)
        for (Json link : next_hop.at("links")) {
            link["address"] = next_hop.at("address");
            link["from"] = next_hop.at("configured").get<bool>() ? "config" : "kernel";
            if (link.at("destination").is_null()) link["destination"] = "unresolved";
            rows.push_back(std::move(link));
        }
    return table(rows);
}

} // namespace

void add_underlay_commands(const Context& context) {
    control::Controller& controller = context.controller;
    context.commands.add("show vtep", "local and remote vteps",
                         [&controller](const auto&) { return show_vteps(controller); });
    context.commands.add("show nexthop", "underlay neighbours by uplink",
                         [&controller](const shell::Arguments&) -> Expected<shell::Output> {
                             return shell::Output{
                                 .data = array_json(controller.next_hops(), next_hop_json),
                                 .render = render_next_hops};
                         });
}

} // namespace sallyport::commands
