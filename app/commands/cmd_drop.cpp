// SPDX-License-Identifier: BSD-3-Clause
#include "commands/commands.h"
#include "commands/report_json.h"

namespace sallyport::commands {

namespace {

/// Only what was dropped, with its explanation.
std::string render_drop_table(const Json& drops) {
    static const shell::Renderer table = shell::table(
        {shell::column("REASON", "reason"), shell::column("PACKETS", "count", shell::Align::right),
         shell::column("MEANING", "meaning")},
        "no packet was dropped");
    Json rows = Json::array();
    for (std::size_t i = 0; i < datapath::drop_reason_count; ++i) {
        auto reason = static_cast<datapath::DropReason>(i);
        std::string name(datapath::name(reason));
        if (drops.at(name) != 0)
            rows.push_back({{"reason", name},
                            {"count", drops.at(name)},
                            {"meaning", std::string(datapath::explanation(reason))}});
    }
    return table(rows);
}

} // namespace

void add_drop_commands(const Context& context) {
    control::Controller& controller = context.controller;
    context.commands.add("show drop", "drop reasons with counts of the process",
                         [&controller](const shell::Arguments&) -> Expected<shell::Output> {
                             return shell::Output{.data = drops_json(controller.drops()),
                                                  .render = render_drop_table};
                         });
    context.commands.add("clear stats", "all counters to zero",
                         [&controller](const shell::Arguments&) -> Expected<shell::Output> {
                             controller.clear_counters();
                             return shell::Output{};
                         });
}

} // namespace sallyport::commands
