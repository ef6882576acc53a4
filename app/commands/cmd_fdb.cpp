// SPDX-License-Identifier: BSD-3-Clause
#include "commands/commands.h"
#include "commands/report_json.h"

namespace sallyport::commands {

namespace {

using shell::column;

std::string target_text(const Json& entry) {
    return entry.at("vtep").is_null() ? "port " + shell::member_text(entry, "vm_port")
                                      : "vtep " + shell::member_text(entry, "vtep");
}

std::string idle_text(const Json& entry) {
    const Json& idle = entry.at("idle_seconds");
    return idle.is_null() ? "-" : idle.dump() + " s";
}

/// Why an entry is in software says where it is; "hardware" where there is nothing to say.
std::string path_text(const Json& entry) {
    return entry.at("in_hardware").is_null() ? "software"
           : entry.at("in_hardware").get<bool>()
               ? "hardware"
               : "software: " + shell::member_text(entry, "why_in_software");
}

Expected<shell::Output> show_fdb(const Context& context, const std::string& tenant) {
    static const shell::Renderer table = shell::table({column("TENANT", "tenant"),
                                                       column("MAC", "mac"),
                                                       {"BEHIND", target_text},
                                                       column("ORIGIN", "origin"),
                                                       {"IDLE", idle_text, shell::Align::right},
                                                       {"PATH", path_text}},
                                                      "no fdb entries");
    auto entries = context.controller.fdb(tenant);
    if (!entries) return tl::unexpected(entries.error());
    shell::Output output{.data = {}, .render = table};
    context.commands.aside(entries->size(), [&] {
        output.data = array_json(*entries, fdb_json);
        entries->clear();
    });
    return output;
}

} // namespace

void add_fdb_commands(const Context& context) {
    control::Controller& controller = context.controller;
    context.commands.add("show fdb", "MAC addresses of all tenants",
                         [context](const shell::Arguments&) { return show_fdb(context, ""); });
    context.commands.add("show fdb <tenant:tenant>", "MAC addresses of one tenant",
                         [context](const shell::Arguments& arguments) {
                             return show_fdb(context, arguments.word("tenant"));
                         });
    context.commands.add("fdb add <tenant:tenant> <mac:mac> vtep <address:address>",
                         "static entry behind a remote vtep",
                         [&controller](const shell::Arguments& arguments) {
                             config::FdbSettings entry;
                             entry.mac = arguments.mac("mac");
                             entry.vtep = arguments.address("address");
                             return done(controller.add_fdb(arguments.word("tenant"), entry));
                         });
    context.commands.add("fdb add <tenant:tenant> <mac:mac> port <port:vm_port>",
                         "static entry behind a vm port",
                         [&controller](const shell::Arguments& arguments) {
                             config::FdbSettings entry;
                             entry.mac = arguments.mac("mac");
                             entry.vm_port = arguments.word("port");
                             return done(controller.add_fdb(arguments.word("tenant"), entry));
                         });
    context.commands.add(
        "fdb del <tenant:tenant> <mac:mac>", "remove an entry, static or learned",
        [&controller](const shell::Arguments& arguments) {
            return done(controller.remove_fdb(arguments.word("tenant"), arguments.mac("mac")));
        });
}

} // namespace sallyport::commands
