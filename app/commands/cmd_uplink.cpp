// SPDX-License-Identifier: BSD-3-Clause
#include "commands/commands.h"
#include "commands/report_json.h"

namespace sallyport::commands {

namespace {

using shell::Align;
using shell::column;
using shell::member_text;

std::string up_or_down(const Json& row, const char* key) {
    return row.at(key).get<bool>() ? "up" : "down";
}

std::string render_failover(const Json& failover) {
    static const shell::Renderer table = shell::table(
        {column("UPLINK", "name"),
         {"STATE",
          [](const Json& row) { return row.at("active").get<bool>() ? "active" : "backup"; }},
         {"LINK", [](const Json& row) { return up_or_down(row, "link_up"); }},
         {"ADMIN", [](const Json& row) { return up_or_down(row, "administratively_up"); }},
         column("LINK STATE FROM", "link_source"),
         column("SWITCHES TO", "switches_to", Align::right),
         column("LAST CHANGE", "last_change")},
        "no uplinks");
    const Json& active = failover.at("active");
    return shell::render_pairs({
               {"active uplink", active.is_null() ? "none: traffic to the underlay is dropped"
                                                  : active.get<std::string>()},
               {"because of", member_text(failover, "last_reason")},
               {"switches", member_text(failover, "switches")},
           })
           + '\n' + table(failover.at("uplinks"));
}

std::string render_failover_history(const Json& records) {
    static const shell::Renderer table =
        shell::table({column("NO", "number", Align::right), column("TIME", "time"),
                      column("FROM", "from"), column("TO", "to"), column("REASON", "reason"),
                      column("SEEN BY", "seen_by"), column("DECIDED", "decided_us", Align::right),
                      column("SOFTWARE", "software_switched_us", Align::right),
                      column("NIC", "hardware_updated_us", Align::right),
                      column("RULES", "hardware_rules", Align::right),
                      column("SAS", "sas_moved_us", Align::right),
                      column("ANNOUNCED", "announced_us", Align::right),
                      column("FIRST OUT", "first_sent_us", Align::right),
                      column("FIRST IN", "first_received_us", Align::right)},
                     "the active uplink has not changed since the start");
    return table(records)
           + (records.empty() ? "" : "times in microseconds since the event was seen\n");
}

std::string uplink_name(const control::Controller& controller,
                        const std::optional<failover::UplinkIndex>& index) {
    const auto& uplinks = controller.settings().uplinks;
    return index && *index < uplinks.size() ? uplinks[*index].name : "none";
}

Expected<shell::Output> switch_uplink(control::Controller& controller) {
    Expected<failover::Switch> done = controller.switch_uplink();
    if (!done) return tl::unexpected(done.error());
    Json data{{"from", uplink_name(controller, done->from)},
              {"to", uplink_name(controller, done->to)}};
    return shell::Output{.data = data, .render = [](const Json& switched) {
                             return "active uplink: " + member_text(switched, "to") + " (was "
                                    + member_text(switched, "from") + ")";
                         }};
}

} // namespace

void add_uplink_commands(const Context& context) {
    control::Controller& controller = context.controller;
    context.commands.add("show uplink", "the two uplinks, which is active and why",
                         [&controller](const shell::Arguments&) -> Expected<shell::Output> {
                             return shell::Output{.data = failover_json(controller.failover()),
                                                  .render = render_failover};
                         });
    context.commands.add(
        "show failover history", "the latest switches, each with its times",
        [&controller](const shell::Arguments&) -> Expected<shell::Output> {
            const auto& uplinks = controller.settings().uplinks;
            Json records =
                array_json(controller.failover_history(), [&uplinks](const auto& record) {
                    return failover_record_json(record, uplinks);
                });
            return shell::Output{.data = std::move(records), .render = render_failover_history};
        });
    context.commands.add("set uplink <uplink:uplink> <state:(up|down)>",
                         "administrative state of an uplink",
                         [&controller](const shell::Arguments& arguments) {
                             return done(controller.set_uplink(arguments.word("uplink"),
                                                               arguments.word("state") == "up"));
                         });
    context.commands.add(
        "failover switch", "make the other uplink active",
        [&controller](const shell::Arguments&) { return switch_uplink(controller); });
}

} // namespace sallyport::commands
