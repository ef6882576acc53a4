// SPDX-License-Identifier: BSD-3-Clause
#include "commands/commands.h"
#include "commands/report_json.h"

#include <algorithm>

namespace sallyport::commands {

namespace {

using shell::Align;
using shell::Column;
using shell::column;
using shell::member_text;

/// A column with a member of the row's counters.
Column counter(std::string header, std::string key) {
    return {
        std::move(header),
        [key = std::move(key)](const Json& row) { return member_text(row.at("counters"), key); },
        Align::right};
}

/// A column with the number of elements of a list.
Column count(std::string header, std::string key) {
    return {std::move(header),
            [key = std::move(key)](const Json& row) { return std::to_string(row.at(key).size()); },
            Align::right};
}

std::string render_all(const Json& tenants) {
    static const shell::Renderer table = shell::table(
        {column("TENANT", "name"), column("VNI", "vni", Align::right),
         column("LOCAL VTEP", "local_vtep"), count("REMOTE VTEPS", "remote_vteps"),
         count("VM PORTS", "vm_ports"), column("MTU", "mtu", Align::right),
         column("LEARNED", "learned_entries", Align::right),
         column("STATIC", "configured_entries", Align::right), counter("RX", "rx_packets"),
         counter("TX", "tx_packets"), counter("ENCAP", "encap_packets"),
         counter("DECAP", "decap_packets"), counter("FLOODED", "flooded_packets")},
        "no tenants");
    return table(tenants) + render_drops(tenants, "TENANT");
}

std::string packets_text(const Json& counters, const std::string& direction) {
    return member_text(counters, direction + "_packets") + " packets, "
           + member_text(counters, direction + "_bytes") + " bytes";
}

std::string vm_ports_text(const Json& tenant) {
    std::string text;
    for (const Json& port : tenant.at("vm_ports"))
        text += (text.empty() ? "" : ", ") + member_text(port, "name");
    return text.empty() ? "-" : text;
}

std::string on_off(const Json& tenant, const char* key) {
    return tenant.at(key).get<bool>() ? "on" : "off";
}

/// Empty without a NIC: then the line is left out.
std::string nic_text(const Json& tenant, const std::string& kind) {
    const Json& nic = tenant.at("nic");
    return nic.is_null() ? "" : packets_text(nic, kind);
}

std::string render_tenant(const Json& tenant) {
    const Json& counters = tenant.at("counters");
    std::string ageing = member_text(tenant, "ageing_time");
    return shell::render_pairs({
               {"tenant", member_text(tenant, "name")},
               {"file", member_text(tenant, "file")},
               {"VNI", member_text(tenant, "vni")},
               {"UDP port", member_text(tenant, "udp_port")},
               {"MTU", member_text(tenant, "mtu")},
               {"local vtep", member_text(tenant, "local_vtep")},
               {"remote vteps", member_text(tenant, "remote_vteps")},
               {"vm ports", vm_ports_text(tenant)},
               {"learning", on_off(tenant, "learning")},
               {"flooding", on_off(tenant, "flooding")},
               {"inner VLAN tags", member_text(tenant, "inner_vlan")},
               {"ageing time", ageing == "0" ? "never" : ageing + " s"},
               {"learned entries", member_text(tenant, "learned_entries") + " of at most "
                                       + member_text(tenant, "max_learned")},
               {"static entries", member_text(tenant, "configured_entries")},
               {"not learned, full", member_text(counters, "learn_refused")},
               {"not learned, busy", member_text(counters, "learn_queue_full")},
               {"moves", member_text(counters, "moves")},
               {"from vm ports", packets_text(counters, "rx")},
               {"to vm ports", packets_text(counters, "tx")},
               {"to remote vteps", packets_text(counters, "encap")},
               {"from remote vteps", packets_text(counters, "decap")},
               {"flooded", member_text(counters, "flooded_packets") + " packets"},
               {"NIC: among vm ports", nic_text(tenant, "switched")},
               {"NIC: to remote vteps", nic_text(tenant, "encap")},
               {"NIC: from remote vteps", nic_text(tenant, "decap")},
           })
           + render_drops(Json::array({tenant}), "TENANT");
}

Expected<shell::Output> show_tenant(const control::Controller& controller,
                                    const std::string& name) {
    std::vector<control::TenantReport> tenants = controller.tenants();
    if (name == "all")
        return shell::Output{.data = array_json(tenants, tenant_json), .render = render_all};
    auto tenant = std::find_if(tenants.begin(), tenants.end(), [&name](const auto& report) {
        return report.settings.name == name;
    });
    if (tenant != tenants.end())
        return shell::Output{.data = tenant_json(*tenant), .render = render_tenant};
    std::vector<std::string> names;
    names.reserve(tenants.size());
    for (const control::TenantReport& report : tenants)
        names.push_back(report.settings.name);
    return failure("no such tenant", "tenant " + name, "there are: " + name_list(names));
}

/// "+1 -2 ~3": added, removed, changed; "-" for none.
std::string difference_text(const Json& difference) {
    std::string text;
    for (const auto& [key, sign] :
         {std::pair{"added", '+'}, std::pair{"removed", '-'}, std::pair{"changed", '~'}})
        if (difference.at(key) != 0)
            text += (text.empty() ? "" : " ") + (sign + member_text(difference, key));
    return text.empty() ? "-" : text;
}

Column difference(std::string header, std::string key) {
    return {std::move(header),
            [key = std::move(key)](const Json& row) { return difference_text(row.at(key)); }};
}

std::string render_reloads(const Json& tenants) {
    static const shell::Renderer table =
        shell::table({column("TENANT", "tenant"), difference("REMOTE VTEPS", "remote_vteps"),
                      difference("VM PORTS", "vm_ports"), difference("FDB", "fdb"),
                      difference("SAS", "sas"), column("SETTINGS", "settings")},
                     "no tenants");
    return table(tenants);
}

Expected<shell::Output> reload(control::Controller& controller, const std::string& name) {
    const auto reloads = controller.reload_tenants(name == "all" ? "" : name);
    if (!reloads) return tl::unexpected(reloads.error());
    return shell::Output{.data = array_json(*reloads, tenant_reload_json),
                         .render = render_reloads};
}

} // namespace

void add_tenant_commands(const Context& context) {
    control::Controller& controller = context.controller;
    context.commands.add("show tenant <tenant:tenant_or_all>",
                         "VNI, vteps, vm ports, counters and drops of a tenant, or of all",
                         [&controller](const shell::Arguments& arguments) {
                             return show_tenant(controller, arguments.word("tenant"));
                         });
    context.commands.add("tenant add <file:path>", "load one more tenant file",
                         [&controller](const shell::Arguments& arguments) {
                             return done(controller.add_tenant(arguments.path("file")));
                         });
    context.commands.add("tenant reload <tenant:tenant_or_all>",
                         "read its file again, or all tenants', and change what differs",
                         [&controller](const shell::Arguments& arguments) {
                             return reload(controller, arguments.word("tenant"));
                         });
    context.commands.add("tenant del <tenant:tenant>", "remove a tenant, with its vm ports",
                         [&controller](const shell::Arguments& arguments) {
                             return done(controller.remove_tenant(arguments.word("tenant")));
                         });
}

} // namespace sallyport::commands
