// SPDX-License-Identifier: BSD-3-Clause
#include "commands/commands.h"
#include "commands/report_json.h"

#include <fmt/format.h>

namespace sallyport::commands {

namespace {

using shell::Align;
using shell::column;

/// Mean with one decimal place; "-" of nothing.
shell::Renderer ratio(const std::string& dividend, const std::string& divisor, double factor = 1) {
    return [=](const Json& row) {
        auto under = row.at(divisor).get<double>();
        return under == 0 ? std::string("-")
                          : fmt::format("{:.1f}", row.at(dividend).get<double>() / under * factor);
    };
}

std::string render_graph(const Json& graph) {
    static const shell::Renderer nodes =
        shell::table({column("NODE", "node"),
                      column("CALLS", "calls", Align::right),
                      column("PACKETS", "packets", Align::right),
                      column("CYCLES", "cycles", Align::right),
                      {"PACKETS/CALL", ratio("packets", "calls"), Align::right},
                      {"CYCLES/PACKET", ratio("cycles", "packets"), Align::right}},
                     "no graph nodes");
    static const shell::Renderer workers =
        shell::table({column("WORKER LCORE", "lcore"),
                      column("LOOPS", "loops", Align::right),
                      column("IDLE LOOPS", "idle_loops", Align::right),
                      {"IDLE %", ratio("idle_loops", "loops", 100), Align::right},
                      column("SLEEPS", "sleeps", Align::right)},
                     "no workers");
    return nodes(graph.at("nodes")) + '\n' + workers(graph.at("workers"));
}

} // namespace

void add_graph_commands(const Context& context) {
    control::Controller& controller = context.controller;
    context.commands.add("show graph stats", "cycles and packets by graph node, and worker loops",
                         [&controller](const shell::Arguments&) -> Expected<shell::Output> {
                             return shell::Output{.data = graph_json(controller.node_counters(),
                                                                     controller.worker_counters()),
                                                  .render = render_graph};
                         });
}

} // namespace sallyport::commands
