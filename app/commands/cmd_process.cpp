// SPDX-License-Identifier: BSD-3-Clause
#include "base/log.h"
#include "commands/commands.h"
#include "commands/report_json.h"
#include "config/load.h"

#include <chrono>

#include <fmt/format.h>
#include <rte_version.h>

namespace sallyport::commands {

namespace {

std::string duration_text(std::int64_t seconds) {
    return fmt::format("{} d {:02}:{:02}:{:02}", seconds / 86400, seconds / 3600 % 24,
                       seconds / 60 % 60, seconds % 60);
}

/// Without the word "DPDK" in front that the library puts there.
std::string dpdk_version() {
    std::string_view version = rte_version();
    constexpr std::string_view prefix = "DPDK ";
    if (version.substr(0, prefix.size()) == prefix) version.remove_prefix(prefix.size());
    return std::string(version);
}

Expected<shell::Output> show_version(const control::Controller& controller) {
    auto uptime = std::chrono::duration_cast<std::chrono::seconds>(controller.uptime()).count();
    Json data{{"sallyport", SALLYPORT_VERSION},
              {"dpdk", dpdk_version()},
              {"node", controller.settings().node},
              {"uptime_seconds", uptime}};
    return shell::Output{
        .data = data, .render = [](const Json& version) {
            return shell::render_pairs({
                {"Sallyport", shell::member_text(version, "sallyport")},
                {"DPDK", shell::member_text(version, "dpdk")},
                {"node", shell::member_text(version, "node")},
                {"up for", duration_text(version.at("uptime_seconds").get<std::int64_t>())},
            });
        }};
}

Expected<shell::Output> show_config(const control::Controller& controller) {
    return shell::Output{.data = config_json(controller.settings()),
                         .render = [&controller](const Json&) {
                             return config::to_config_text(controller.settings());
                         }};
}

Expected<shell::Output> end(shell::Then then) {
    shell::Output output;
    output.then = then;
    return output;
}

} // namespace

void add_process_commands(const Context& context) {
    control::Controller& controller = context.controller;
    shell::CommandSet& commands = context.commands;
    commands.add("help", "all commands, a line each",
                 [&commands](const shell::Arguments&) -> Expected<shell::Output> {
                     return shell::plain_text(commands.help());
                 });
    commands.add("show version", "versions of Sallyport and DPDK",
                 [&controller](const shell::Arguments&) { return show_version(controller); });
    commands.add("show config", "settings in force, in the files' syntax",
                 [&controller](const shell::Arguments&) { return show_config(controller); });
    commands.add("log level <level:(trace|debug|info|warning|error)>", "how much is logged",
                 [](const shell::Arguments& arguments) {
                     return done(base::set_log_level(arguments.word("level")));
                 });
    commands.add("exit", "leave the shell; the process runs on (with -i: as quit)",
                 [](const shell::Arguments&) { return end(shell::Then::end_session); });
    commands.add("quit", "stop the process",
                 [](const shell::Arguments&) { return end(shell::Then::stop_process); });
}

} // namespace sallyport::commands
