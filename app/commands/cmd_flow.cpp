// SPDX-License-Identifier: BSD-3-Clause
#include "commands/commands.h"
#include "commands/packet_fields.h"
#include "commands/report_json.h"
#include "net/hex.h"
#include "net/overhead.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace sallyport::commands {

namespace {

using shell::Align;
using shell::column;
using shell::member_text;

std::string why_not(const Json& flow) {
    return flow.at("reason").is_null() ? "" : member_text(flow, "reason");
}

Expected<shell::Output> show_flow(const control::Controller& controller,
                                  const control::FlowFilter& filter) {
    static const shell::Renderer table = shell::table({column("GROUP", "group", Align::right),
                                                       column("TABLE", "table"),
                                                       column("TENANT", "tenant"),
                                                       column("STATE", "state"),
                                                       column("PACKETS", "packets", Align::right),
                                                       column("BYTES", "bytes", Align::right),
                                                       column("MATCH", "match"),
                                                       column("ACTIONS", "actions"),
                                                       {"WHY NOT", why_not}},
                                                      "no rules");
    const auto flows = controller.flows(filter);
    if (!flows) return tl::unexpected(flows.error());
    return shell::Output{.data = array_json(*flows, flow_json), .render = table};
}

std::string source_port_text(const Json& eswitch) {
    if (member_text(eswitch, "udp_source_port") == "nic") return "agreed with the NIC";
    const Json& why = eswitch.at("why_own_source_port");
    return "the software path's own"
           + (why.is_null() ? "" : ": " + member_text(eswitch, "why_own_source_port"));
}

std::string dropped_text(const Json& eswitch) {
    std::string text;
    for (const auto& [reason, packets] : eswitch.at("drops").items())
        text += (text.empty() ? "" : ", ") + reason + ' ' + packets.dump();
    return text;
}

std::string queue_text(const Json& eswitch) {
    return fmt::format("{} of {} operations, {} in flight", member_text(eswitch, "queues"),
                       member_text(eswitch, "queue_size"), member_text(eswitch, "in_flight"));
}

std::string render_eswitch(const Json& eswitch) {
    static const shell::Renderer tables =
        shell::table({column("GROUP", "group", Align::right), column("TABLE", "name"),
                      column("RULES", "rules", Align::right), column("SIZE", "size", Align::right)},
                     "no tables");
    static const shell::Renderer ports =
        shell::table({column("PORT", "name"), column("ROLE", "role"),
                      column("FUNCTION", "function"), column("DPDK ID", "dpdk_id", Align::right),
                      column("PROXY", "proxy"), column("DEVICE", "device")},
                     "no ports");
    const auto shown = [&eswitch](const char* key) {
        return eswitch.at(key).is_null() ? "" : member_text(eswitch, key);
    };
    std::string text = shell::render_pairs({
        {"E-Switch", shown("kind")},
        {"transfer proxy", shown("proxy")},
        {"flow queues", queue_text(eswitch)},
        {"fdb entries", shown("entries")},
        {"in hardware", shown("entries_in_hardware")},
        {"counters", shown("counters")},
        {"counters used", shown("counters_used")},
        {"counters left", shown("counters_left")},
        {"rules created", shown("created")},
        {"rules updated", shown("updated")},
        {"rules destroyed", shown("destroyed")},
        {"rules refused", shown("refused")},
        {"rules stranded", shown("stranded")},
        {"dropped", dropped_text(eswitch)},
        {"dead", shown("dead")},
        {"closed", shown("closed")},
        {"udp source port", source_port_text(eswitch)},
    });
    if (member_text(eswitch, "kind") == "none") return text;
    return text + '\n' + ports(eswitch.at("ports")) + '\n' + tables(eswitch.at("tables"));
}

Expected<shell::Output> show_testpmd(const control::Controller& controller) {
    auto program = controller.testpmd_program();
    if (!program) return tl::unexpected(program.error());
    return shell::plain_text(std::move(*program));
}

std::string fate_text(const Json& explanation) {
    const std::string fate = member_text(explanation, "fate");
    if (fate == "port") return "the NIC sends it by " + member_text(explanation, "port");
    if (fate == "drop") return "the NIC drops and counts it";
    return "the CPU gets it: " + member_text(explanation, "cpu");
}

std::string render_explanation(const Json& explanation) {
    std::string text;
    for (const Json& step : explanation.at("steps")) {
        text += fmt::format("group {} ", member_text(step, "group"));
        text += step.at("table").is_null()
                    ? std::string("no rule matches\n")
                    : fmt::format("{}: {} -> {}\n", member_text(step, "table"),
                                  member_text(step, "match"), member_text(step, "actions"));
    }
    text += fate_text(explanation) + '\n';
    if (member_text(explanation, "fate") == "port")
        text += "as " + member_text(explanation, "packet") + '\n';
    for (const Json& difference : explanation.at("differences"))
        text += "the card differs: " + shell::value_text(difference) + '\n';
    if (!explanation.at("cpu_gets_it").get<bool>()) return text;
    text += "the software path:\n";
    for (const Json& step : explanation.at("software"))
        text += "  " + shell::value_text(step) + '\n';
    return text;
}

Expected<shell::Output> explain(const control::Controller& controller, const std::string& port,
                                const std::vector<std::uint8_t>& packet) {
    const auto explanation = controller.explain(port, packet);
    if (!explanation) return tl::unexpected(explanation.error());
    return shell::Output{.data = explanation_json(*explanation), .render = render_explanation};
}

Expected<shell::Output> explain_hex(const control::Controller& controller,
                                    const shell::Arguments& arguments) {
    const auto packet = net::parse_hex(arguments.word("hex"));
    if (!packet || packet->size() < net::ethernet_header_length)
        return failure("no Ethernet frame in hexadecimal", "packet",
                       "give at least 14 octets, two digits each, without blanks");
    return explain(controller, arguments.word("port"), *packet);
}

/// Where VXLAN with this VNI comes to by the uplink.
Expected<VxlanEnd> vxlan_end(const control::Controller& controller, const std::string& uplink,
                             const PacketFields& fields) {
    VxlanEnd end;
    for (const control::PortReport& port : controller.ports())
        if (port.name == uplink && port.role == datapath::PortRole::uplink) end.mac = port.mac;
    if (end.mac.is_zero())
        return failure("vni and vtep are for packets from an uplink", "port " + uplink);
    // A VNI that no tenant has comes to a vtep of ours all the same.
    const auto& tenants = controller.settings().tenants;
    auto tenant = std::ranges::find(tenants, *fields.vni, &config::TenantSettings::vni);
    if (tenant == tenants.end())
        tenant = std::ranges::find_if(tenants, [&](const config::TenantSettings& any) {
            return any.local_vtep.family == fields.vtep->family;
        });
    if (tenant == tenants.end())
        return failure("no tenant has a vtep of this family", "vtep " + fields.vtep->to_string());
    end.vtep = tenant->local_vtep;
    end.udp_port = tenant->udp_port;
    return end;
}

Expected<shell::Output> explain_fields(const control::Controller& controller,
                                       const shell::Arguments& arguments, std::string_view text) {
    const std::string& port = arguments.word("port");
    const auto fields = parse_packet_fields(text);
    if (!fields) return tl::unexpected(fields.error());
    auto packet = make_frame(arguments.mac("source"), arguments.mac("destination"), *fields);
    if (packet && fields->vni) {
        const auto end = vxlan_end(controller, port, *fields);
        if (!end) return tl::unexpected(end.error());
        packet = encapsulate(*fields, *end, *packet);
    }
    if (!packet) return tl::unexpected(packet.error());
    return explain(controller, port, *packet);
}

} // namespace

void add_flow_commands(const Context& context) {
    control::Controller& controller = context.controller;
    context.commands.add(
        "show flow", "rules of the hardware path, of a NIC or as one would get them",
        [&controller](const shell::Arguments&) { return show_flow(controller, {}); });
    context.commands.add("show flow all", "the same", [&controller](const shell::Arguments&) {
        return show_flow(controller, {});
    });
    context.commands.add("show flow tenant <tenant:tenant>", "those of one tenant",
                         [&controller](const shell::Arguments& arguments) {
                             return show_flow(controller, {arguments.word("tenant"), {}});
                         });
    context.commands.add("show flow port <port:uplink_or_vm_port>",
                         "those of one uplink or vm port",
                         [&controller](const shell::Arguments& arguments) {
                             return show_flow(controller, {{}, arguments.word("port")});
                         });
    context.commands.add("show eswitch", "the NIC's E-Switch: tables, counters, flow queue",
                         [&controller](const shell::Arguments&) -> Expected<shell::Output> {
                             return shell::Output{.data = eswitch_json(controller.eswitch()),
                                                  .render = render_eswitch};
                         });
    context.commands.add(
        "show flow testpmd", "the whole program as commands of testpmd",
        [&controller](const shell::Arguments&) { return show_testpmd(controller); });
    context.commands.add("explain port <port:uplink_or_vm_port> packet <hex:hex>",
                         "what the NIC does with a frame that comes in by the port",
                         [&controller](const shell::Arguments& arguments) {
                             return explain_hex(controller, arguments);
                         });
    const std::string stations =
        "explain port <port:uplink_or_vm_port> from <source:mac> to <destination:mac>";
    context.commands.add(stations, "the same of a small IPv4 packet between two stations",
                         [&controller](const shell::Arguments& arguments) {
                             return explain_fields(controller, arguments, "");
                         });
    context.commands.set_choices("packet_fields...", [] {
        return std::vector<std::string>{"ip", "udp", "tcp", "length", "vlan", "vni", "vtep"};
    });
    context.commands.add(stations + " <fields:packet_fields...>",
                         "of one with these fields: ip SOURCE DESTINATION, udp|tcp SOURCE "
                         "DESTINATION, length OCTETS, vlan ID, vni VNI vtep SOURCE",
                         [&controller](const shell::Arguments& arguments) {
                             return explain_fields(controller, arguments, arguments.word("fields"));
                         });
}

} // namespace sallyport::commands
