// SPDX-License-Identifier: BSD-3-Clause
#include "commands/commands.h"
#include "commands/report_json.h"

#include <fmt/format.h>

namespace sallyport::commands {

namespace {

using shell::Align;
using shell::column;
using shell::member_text;

std::string render_neighbours(const Json& probe) {
    static const shell::Renderer table = shell::table(
        {column("NEIGHBOUR", "address"),
         {"ANSWERS", [](const Json& row) { return row.at("answers").get<bool>() ? "yes" : "no"; }},
         column("MISSED", "missed", Align::right)},
        "no neighbour to probe");
    return table(probe.at("targets"));
}

std::string render_bfd(const Json& bfd) {
    std::string discarded;
    for (const auto& [reason, count] : bfd.at("discarded").items())
        discarded += fmt::format("{}{} {}", discarded.empty() ? "" : ", ", count.dump(), reason);
    return shell::render_pairs({
        {"BFD", fmt::format("{} from {} to {}", member_text(bfd, "state"),
                            member_text(bfd, "local"), member_text(bfd, "peer"))},
        {"peer's MAC", member_text(bfd, "peer_mac")},
        {"last left up because of", member_text(bfd, "diagnostic")},
        {"the peer says", fmt::format("{}, {}", member_text(bfd, "remote_state"),
                                      member_text(bfd, "remote_diagnostic"))},
        {"sent every", member_text(bfd, "transmit_interval_us") + " us"},
        {"lost after", member_text(bfd, "detection_time_us") + " us"},
        {"sent", member_text(bfd, "sent")},
        {"received", member_text(bfd, "received")},
        {"discarded", discarded.empty() ? "0" : discarded},
    });
}

std::string render_detectors(const Json& uplinks) {
    std::string text;
    for (const Json& uplink : uplinks) {
        const bool none = uplink.at("neighbours").is_null() && uplink.at("bfd").is_null();
        text +=
            fmt::format("{}uplink {}{}\n", text.empty() ? "" : "\n", member_text(uplink, "uplink"),
                        none ? ": its link only" : ", as " + member_text(uplink, "mac"));
        if (!uplink.at("neighbours").is_null()) text += render_neighbours(uplink.at("neighbours"));
        if (!uplink.at("bfd").is_null()) text += render_bfd(uplink.at("bfd"));
    }
    return text;
}

} // namespace

void add_detector_commands(const Context& context) {
    control::Controller& controller = context.controller;
    context.commands.add("show detector", "what tells that an uplink leads nowhere",
                         [&controller](const shell::Arguments&) -> Expected<shell::Output> {
                             return shell::Output{
                                 .data = array_json(controller.detectors(), detector_json),
                                 .render = render_detectors};
                         });
}

} // namespace sallyport::commands
