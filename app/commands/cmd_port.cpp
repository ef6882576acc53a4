// SPDX-License-Identifier: BSD-3-Clause
#include "commands/commands.h"
#include "commands/report_json.h"

#include <algorithm>

namespace sallyport::commands {

namespace {

using shell::Align;
using shell::column;
using shell::member_text;

std::string speed_text(const Json& port) {
    const Json& mbps = port.at("link_speed_mbps");
    if (mbps.is_null()) return "";
    auto value = mbps.get<std::uint32_t>();
    return value % 1000 == 0 ? std::to_string(value / 1000) + " Gb/s"
                             : std::to_string(value) + " Mb/s";
}

std::string link_text(const Json& port) {
    if (!port.at("link_up").get<bool>()) return "down";
    std::string speed = speed_text(port);
    return speed.empty() ? "up" : "up " + speed;
}

std::string queues_text(const Json& port) {
    return member_text(port, "rx_queues") + "/" + member_text(port, "tx_queues");
}

std::string render_info_table(const Json& ports) {
    static const shell::Renderer table = shell::table({column("PORT", "name"),
                                                       column("ROLE", "role"),
                                                       column("TENANT", "tenant"),
                                                       column("DRIVER", "driver"),
                                                       column("INTERFACE", "interface"),
                                                       column("MAC", "mac"),
                                                       column("MTU", "mtu", Align::right),
                                                       {"RX/TX QUEUES", queues_text},
                                                       {"LINK", link_text}},
                                                      "no ports");
    return table(ports);
}

std::string render_info(const Json& port) {
    auto shown = [&port](const char* key) {
        return port.at(key).is_null() ? "" : member_text(port, key);
    };
    return shell::render_pairs({
        {"port", shown("name")},
        {"DPDK port id", shown("dpdk_id")},
        {"role", shown("role")},
        {"tenant", shown("tenant")},
        {"device", shown("device")},
        {"driver", shown("driver")},
        {"kernel interface", shown("interface")},
        {"MAC", shown("mac")},
        {"VM may send from", shown("allowed_macs")},
        {"rate, bits per second", shown("rate")},
        {"burst, octets", shown("burst")},
        {"MTU", shown("mtu")},
        {"receive queues", shown("rx_queues")},
        {"transmit queues", shown("tx_queues")},
        {"link", link_text(port)},
        {"promiscuous", shown("promiscuous")},
    });
}

std::string render_stats_table(const Json& ports) {
    static const shell::Renderer table =
        shell::table({column("PORT", "name"), column("RX-PACKETS", "rx_packets", Align::right),
                      column("RX-BYTES", "rx_bytes", Align::right),
                      column("TX-PACKETS", "tx_packets", Align::right),
                      column("TX-BYTES", "tx_bytes", Align::right),
                      column("RX-MISSED", "rx_missed", Align::right),
                      column("RX-ERRORS", "rx_errors", Align::right),
                      column("RX-NO-BUFFER", "rx_no_buffer", Align::right),
                      column("TX-ERRORS", "tx_errors", Align::right)},
                     "no ports");
    return table(ports) + render_drops(ports, "PORT");
}

std::string render_port_stats(const Json& port) {
    return render_stats_table(Json::array({port}));
}

/// The report of one port, or of all as an array.
Expected<shell::Output> show_port(const control::Controller& controller, const std::string& name,
                                  Json (*to_json)(const control::PortReport&),
                                  const shell::Renderer& render_all,
                                  const shell::Renderer& render) {
    std::vector<control::PortReport> ports = controller.ports();
    if (name == "all")
        return shell::Output{.data = array_json(ports, to_json), .render = render_all};
    auto port = std::find_if(ports.begin(), ports.end(),
                             [&name](const auto& report) { return report.name == name; });
    if (port != ports.end()) return shell::Output{.data = to_json(*port), .render = render};
    std::vector<std::string> names{"all"};
    for (const control::PortReport& report : ports)
        names.push_back(report.name);
    return failure("no such port", "port " + name, "there are: " + name_list(names));
}

} // namespace

void add_port_commands(const Context& context) {
    control::Controller& controller = context.controller;
    context.commands.add("show port info <port:port_or_all>",
                         "driver, device, MAC, MTU, queues and link of a port, or of all",
                         [&controller](const shell::Arguments& arguments) {
                             return show_port(controller, arguments.word("port"), port_info_json,
                                              render_info_table, render_info);
                         });
    context.commands.add("show port stats <port:port_or_all>",
                         "packets, bytes, errors and drops of a port, or of all",
                         [&controller](const shell::Arguments& arguments) {
                             return show_port(controller, arguments.word("port"), port_stats_json,
                                              render_stats_table, render_port_stats);
                         });
}

} // namespace sallyport::commands
