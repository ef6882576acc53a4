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
          [](const Json& row) {
              if (!row.at("present").get<bool>()) return "removed";
              return row.at("active").get<bool>() ? "active" : "backup";
          }},
         {"LINK", [](const Json& row) { return up_or_down(row, "link_up"); }},
         {"ADMIN", [](const Json& row) { return up_or_down(row, "administratively_up"); }},
         column("NOT USABLE", "fault"),
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

} // namespace

void add_uplink_commands(const Context& context) {
    control::Controller& controller = context.controller;
    context.commands.add("show uplink", "the two uplinks, which is active and why",
                         [&controller](const shell::Arguments&) -> Expected<shell::Output> {
                             return shell::Output{.data = failover_json(controller.failover()),
                                                  .render = render_failover};
                         });
    context.commands.add("set uplink <uplink:uplink> <state:(up|down)>",
                         "administrative state of an uplink",
                         [&controller](const shell::Arguments& arguments) {
                             return done(controller.set_uplink(arguments.word("uplink"),
                                                               arguments.word("state") == "up"));
                         });
}

} // namespace sallyport::commands
