// SPDX-License-Identifier: BSD-3-Clause
#include "commands/commands.h"

namespace sallyport::commands {

namespace {

void add_choices(const Context& context) {
    // Settings are at hand, while reports would read every counter for a name.
    control::Controller& controller = context.controller;
    auto tenants = [&controller] {
        std::vector<std::string> names;
        for (const config::TenantSettings& tenant : controller.settings().tenants)
            names.push_back(tenant.name);
        return names;
    };
    auto uplinks = [&controller] {
        std::vector<std::string> names;
        for (const config::UplinkSettings& uplink : controller.settings().uplinks)
            names.push_back(uplink.name);
        return names;
    };
    auto vm_ports = [&controller] {
        std::vector<std::string> names;
        for (const config::TenantSettings& tenant : controller.settings().tenants)
            for (const config::VmPortSettings& port : tenant.vm_ports)
                names.push_back(port.name);
        return names;
    };
    context.commands.set_choices("tenant", tenants);
    context.commands.set_choices("tenant_or_all", [tenants] {
        std::vector<std::string> names = tenants();
        names.insert(names.begin(), "all");
        return names;
    });
    context.commands.set_choices("uplink", uplinks);
    context.commands.set_choices("vm_port", vm_ports);
    context.commands.set_choices("uplink_or_vm_port", [uplinks, vm_ports] {
        std::vector<std::string> names = uplinks();
        for (std::string& name : vm_ports())
            names.push_back(std::move(name));
        return names;
    });
    context.commands.set_choices("port_or_all", [&controller, uplinks, vm_ports] {
        std::vector<std::string> names{"all"};
        for (const auto& part : {uplinks(), vm_ports()})
            names.insert(names.end(), part.begin(), part.end());
        if (const std::string& host = controller.settings().underlay.host_port; !host.empty())
            names.push_back(host);
        return names;
    });
}

} // namespace

void add_all(const Context& context) {
    add_choices(context);
    add_process_commands(context);
    add_port_commands(context);
    add_uplink_commands(context);
    add_detector_commands(context);
    add_failover_commands(context);
    add_tenant_commands(context);
    add_fdb_commands(context);
    add_ipsec_commands(context);
    add_underlay_commands(context);
    add_drop_commands(context);
    add_graph_commands(context);
    add_flow_commands(context);
}

std::string name_list(const std::vector<std::string>& names) {
    constexpr std::size_t most = 20;
    std::string list;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i)
        list += (list.empty() ? "" : ", ") + names[i];
    if (names.size() > most) list += ", and " + std::to_string(names.size() - most) + " more";
    return list.empty() ? "none" : list;
}

std::string render_drops(const shell::Json& rows, const std::string& header) {
    shell::Json drops = shell::Json::array();
    for (const shell::Json& row : rows)
        for (const auto& [reason, count] : row.at("drops").items())
            if (count != 0)
                drops.push_back({{"name", row.at("name")}, {"reason", reason}, {"count", count}});
    if (drops.empty()) return {};
    auto render = shell::table({shell::column(header, "name"), shell::column("DROPPED", "reason"),
                                shell::column("PACKETS", "count", shell::Align::right)},
                               "");
    return '\n' + render(drops);
}

} // namespace sallyport::commands
