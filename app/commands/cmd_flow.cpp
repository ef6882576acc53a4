// SPDX-License-Identifier: BSD-3-Clause
#include "commands/commands.h"
#include "commands/report_json.h"
#include "net/hex.h"
#include "net/overhead.h"

#include <fmt/format.h>
#include <rte_ether.h>
#include <rte_ip.h>

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

std::string render_eswitch(const Json& eswitch) {
    static const shell::Renderer tables =
        shell::table({column("GROUP", "group", Align::right), column("TABLE", "name"),
                      column("RULES", "rules", Align::right), column("SIZE", "size", Align::right)},
                     "no tables");
    const auto shown = [&eswitch](const char* key) {
        return eswitch.at(key).is_null() ? "" : member_text(eswitch, key);
    };
    std::string text = shell::render_pairs({
        {"E-Switch", shown("kind")},
        {"transfer proxy", shown("proxy")},
        {"flow queue", shown("queue_size")},
        {"fdb entries", shown("entries")},
        {"in hardware", shown("entries_in_hardware")},
        {"counters", shown("counters")},
        {"counters used", shown("counters_used")},
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
    return text + '\n' + tables(eswitch.at("tables"));
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

/// The shortest IPv4 packet there is.
std::vector<std::uint8_t> ipv4_frame(const net::MacAddress& source,
                                     const net::MacAddress& destination) {
    std::vector<std::uint8_t> frame(destination.octets.begin(), destination.octets.end());
    frame.insert(frame.end(), source.octets.begin(), source.octets.end());
    frame.insert(frame.end(), {RTE_ETHER_TYPE_IPV4 >> 8, RTE_ETHER_TYPE_IPV4 & 0xff});
    rte_ipv4_hdr ip{};
    ip.version_ihl = RTE_IPV4_VHL_DEF;
    ip.total_length = rte_cpu_to_be_16(sizeof ip);
    ip.time_to_live = 64;
    ip.hdr_checksum = rte_ipv4_cksum(&ip);
    const auto* const octets = reinterpret_cast<const std::uint8_t*>(&ip);
    frame.insert(frame.end(), octets, octets + sizeof ip);
    return frame;
}

} // namespace

void add_flow_commands(const Context& context) {
    control::Controller& controller = context.controller;
    context.commands.add(
        "show flow", "rules of the hardware path, of a NIC or as one would get them",
        [&controller](const shell::Arguments&) { return show_flow(controller, {}); });
    context.commands.add("show flow tenant <tenant:tenant>", "those of one tenant",
                         [&controller](const shell::Arguments& arguments) {
                             return show_flow(controller, {arguments.word("tenant"), {}});
                         });
    context.commands.add("show flow port <port:vm_port>", "those of one vm port",
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
    context.commands.add(
        "explain port <port:uplink_or_vm_port> from <source:mac> to <destination:mac>",
        "the same of a small IPv4 packet between two stations",
        [&controller](const shell::Arguments& arguments) {
            return explain(controller, arguments.word("port"),
                           ipv4_frame(arguments.mac("source"), arguments.mac("destination")));
        });
}

} // namespace sallyport::commands
