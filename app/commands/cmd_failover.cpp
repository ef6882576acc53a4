// SPDX-License-Identifier: BSD-3-Clause
#include "commands/commands.h"
#include "commands/report_json.h"

#include <charconv>

#include <fmt/format.h>

namespace sallyport::commands {

namespace {

using shell::Align;
using shell::column;
using shell::member_text;

std::string render_failover_history(const Json& records) {
    static const shell::Renderer table =
        shell::table({column("NO", "number", Align::right), column("TIME", "time"),
                      column("FROM", "from"), column("TO", "to"), column("REASON", "reason"),
                      column("SEEN BY", "seen_by"), column("DECIDED", "decided_us", Align::right),
                      column("SOFTWARE", "software_switched_us", Align::right),
                      column("NIC", "hardware_updated_us", Align::right),
                      column("RULES", "hardware_rules", Align::right),
                      column("REFUSED", "hardware_refused", Align::right),
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

constexpr std::uint32_t usual_rate = 1000;

Expected<std::uint32_t> rate_of(const std::string& text) {
    constexpr std::uint32_t most = 100'000;
    std::uint32_t rate = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
    if (error != std::errc() || end != text.data() + text.size() || rate == 0 || rate > most)
        return failure(fmt::format("'{}' is no rate", text), {},
                       fmt::format("packets per second, 1 to {}", most));
    return rate;
}

std::string gap_text(const Json& gap) {
    return fmt::format("{} us, between packets {} and {}", gap.at("us").get<std::int64_t>(),
                       gap.at("after").get<std::uint64_t>(), gap.at("before").get<std::uint64_t>());
}

std::string render_traffic(const Json& report) {
    return shell::render_pairs({
        {"sent", member_text(report, "sent")},
        {"answered", member_text(report, "received")},
        {"lost on the way there", member_text(report, "lost_there")},
        {"lost on the way back", member_text(report, "lost_back")},
        {"not answered yet", member_text(report, "unanswered")},
        {"twice", member_text(report, "duplicates")},
        {"out of order", member_text(report, "reordered")},
        {"longest gap there", gap_text(report.at("gap_there"))},
        {"longest gap back", gap_text(report.at("gap_back"))},
        {"round trip", fmt::format("{} to {} us", member_text(report, "shortest_round_trip_us"),
                                   member_text(report, "longest_round_trip_us"))},
    });
}

std::string render_probe(const Json& probe) {
    if (probe.is_null()) return "no probe was started\n";
    return fmt::format("{} a second to {}, {}\n", member_text(probe, "packets_per_second"),
                       member_text(probe, "vtep"),
                       probe.at("running").get<bool>() ? "running" : "finished")
           + render_traffic(probe);
}

std::string render_drill(const Json& drill) {
    if (drill.is_null()) return "no drill was started\n";
    std::string text =
        fmt::format("{} a second to {}: {}\n", member_text(drill, "packets_per_second"),
                    member_text(drill, "vtep"), member_text(drill, "state"));
    if (!drill.at("failure").is_null()) text += member_text(drill, "failure") + '\n';
    for (const Json& leg : drill.at("switches"))
        text += fmt::format("\n{} -> {}\n", member_text(leg, "from"), member_text(leg, "to"))
                + render_traffic(leg);
    return text;
}

using Start = Expected<void> (control::Controller::*)(const net::IpAddress&, std::uint32_t);

/// "failover probe ADDRESS [rate N]" and the like.
void add_stream_command(const Context& context, const std::string& what, const std::string& help,
                        Start start) {
    control::Controller& controller = context.controller;
    context.commands.add(
        what + " <address:address>", help, [&controller, start](const shell::Arguments& arguments) {
            return done((controller.*start)(arguments.address("address"), usual_rate));
        });
    context.commands.add(
        what + " <address:address> rate <rate:rate>", help + ", so many packets a second",
        [&controller, start](const shell::Arguments& arguments) -> Expected<shell::Output> {
            const auto rate = rate_of(arguments.word("rate"));
            if (!rate) return tl::unexpected(rate.error());
            return done((controller.*start)(arguments.address("address"), *rate));
        });
}

} // namespace

void add_failover_commands(const Context& context) {
    control::Controller& controller = context.controller;
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
    context.commands.add(
        "failover switch", "make the other uplink active",
        [&controller](const shell::Arguments&) { return switch_uplink(controller); });
    add_stream_command(context, "failover probe", "send a numbered stream to another hypervisor",
                       &control::Controller::start_probe);
    context.commands.add("failover probe stop", "end the stream",
                         [&controller](const auto&) { return done(controller.stop_probe()); });
    context.commands.add("show failover probe", "what became of the latest stream",
                         [&controller](const shell::Arguments&) -> Expected<shell::Output> {
                             return shell::Output{.data = probe_json(controller.probe()),
                                                  .render = render_probe};
                         });
    add_stream_command(context, "failover drill",
                       "switch over and back under a stream to another hypervisor",
                       &control::Controller::start_drill);
    context.commands.add("show failover drill", "what the latest drill cost",
                         [&controller](const shell::Arguments&) -> Expected<shell::Output> {
                             return shell::Output{.data = drill_json(controller.drill(),
                                                                     controller.settings().uplinks),
                                                  .render = render_drill};
                         });
}

} // namespace sallyport::commands
