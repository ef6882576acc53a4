// SPDX-License-Identifier: BSD-3-Clause
// The process: options, config, lock, log, EAL, control thread, shell, telemetry; and back.
#include "base/log.h"
#include "base/real_time.h"
#include "commands/commands.h"
#include "config/load.h"
#include "control/controller.h"
#include "control/event_loop.h"
#include "eal.h"
#include "exit_code.h"
#include "instance_lock.h"
#include "options.h"
#include "shell/command_set.h"
#include "shell/console.h"
#include "shell/server.h"
#include "signals.h"
#include "telemetry/telemetry.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <rte_version.h>
#include <spdlog/spdlog.h>

namespace sallyport {

namespace {

ExitCode complain(ExitCode code, const Error& error) {
    fmt::print(stderr, "sallyport: {}\n", error.message());
    return code;
}

void print_complaints(const std::vector<config::Complaint>& complaints) {
    for (const config::Complaint& complaint : complaints)
        fmt::print(stderr, "{}\n", complaint.message());
}

ExitCode check_config(const config::Settings& settings) {
    std::size_t vm_ports = 0;
    for (const config::TenantSettings& tenant : settings.tenants)
        vm_ports += tenant.vm_ports.size();
    fmt::print("{} uplinks, {} tenants, {} vm ports: ok\n", settings.uplinks.size(),
               settings.tenants.size(), vm_ports);
    return ExitCode::success;
}

/// The control thread waits for no ordinary one when a link is lost. But no start and no stop is a
/// reason to keep others from the processor.
void run_ahead(control::EventLoop& events) {
    const auto ahead = base::RealTime::enter();
    if (!ahead)
        spdlog::info("on a busy machine a failover will take longer: {}", ahead.error().message());
    events.run();
}

/// The control thread's life, once EAL is up.
Expected<void> serve(const Options& options, const config::Settings& settings,
                     std::optional<shell::ListeningSocket> socket) {
    auto loop = control::EventLoop::create();
    if (!loop) return tl::unexpected(loop.error());
    control::EventLoop& events = **loop;
    auto signals = SignalWatch::start(events);
    if (!signals) return tl::unexpected(signals.error());
    auto controller = control::Controller::start(settings, events);
    if (!controller) return tl::unexpected(controller.error());

    shell::CommandSet commands;
    commands.set_aside([&events](const auto& work) { events.run_aside(work); });
    commands::add_all({**controller, commands});
    auto stop = [&events] {
        spdlog::info("stopping: asked by the shell");
        events.stop();
    };
    std::unique_ptr<shell::Server> server;
    if (socket) {
        auto started = shell::Server::start(events, commands, std::move(*socket),
                                            {.node = settings.node, .stop = stop});
        if (!started) return tl::unexpected(started.error());
        server = std::move(*started);
    }
    telemetry::Telemetry telemetry(events);
    if (auto added = telemetry::add_endpoints(telemetry, **controller); !added) return added;
    std::unique_ptr<shell::Console> console;
    if (options.interactive) {
        auto started = shell::Console::start(events, commands, settings.node, stop);
        if (!started) return tl::unexpected(started.error());
        console = std::move(*started);
    }
    spdlog::info("{} is ready", settings.node);
    if (settings.failover.real_time)
        run_ahead(events);
    else
        events.run();
    return {};
}

ExitCode run(const std::string& program, const Options& options, const config::Settings& settings) {
    auto log = base::open_log({.level = settings.log.level,
                               .json = settings.log.format == config::LogFormat::json,
                               .file = settings.log.file,
                               .node = settings.node});
    if (!log) return complain(ExitCode::failure, log.error());
    spdlog::info("sallyport {} on {}", SALLYPORT_VERSION, rte_version());

    auto report = [](ExitCode code, const Error& error) {
        spdlog::critical("{}", error.message());
        return code;
    };
    // Before anything slow: a socket in use is told at once.
    std::optional<shell::ListeningSocket> socket;
    if (!settings.shell_socket.empty()) {
        auto opened = shell::ListeningSocket::open(settings.shell_socket);
        if (!opened) return report(ExitCode::failure, opened.error());
        socket = std::move(*opened);
    }
    block_signals();
    route_dpdk_log();
    auto eal = Eal::init(program, options.eal_arguments);
    if (!eal) return report(ExitCode::eal, eal.error());
    if (auto served = serve(options, settings, std::move(socket)); !served)
        return report(ExitCode::failure, served.error());
    spdlog::info("stopped");
    return ExitCode::success;
}

ExitCode start(const std::string& program, const std::vector<std::string>& arguments) {
    auto options = parse_options(arguments);
    if (!options) return complain(ExitCode::command_line, options.error());
    if (options->help) {
        fmt::print("{}", options_help());
        return ExitCode::success;
    }
    if (options->version) {
        fmt::print("sallyport {}\n{}\n", SALLYPORT_VERSION, rte_version());
        return ExitCode::success;
    }
    auto settings = config::load(options->config, options->tenants);
    if (!settings) {
        print_complaints(settings.error());
        return ExitCode::config;
    }
    if (options->check_config) return check_config(*settings);

    auto lock = lock_instance(options->config);
    if (!lock) return complain(ExitCode::config, lock.error());
    if (!*lock)
        return complain(ExitCode::already_running,
                        {"another sallyport runs on this config", options->config.string(),
                         "stop it first, or give this one a config of its own"});
    return run(program, *options, *settings);
}

} // namespace

} // namespace sallyport

int main(int argc, char** argv) {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    const int status = static_cast<int>(sallyport::start(argv[0], arguments));
    if (!sallyport::Eal::left_running()) return status;
    // Destructors would take from the driver's threads what they use: the log, DPDK's libraries.
    std::fflush(nullptr);
    std::_Exit(status);
}
