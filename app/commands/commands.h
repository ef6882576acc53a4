// SPDX-License-Identifier: BSD-3-Clause
// The shell's commands. docs/commands.md describes them; cmd_<noun>.cpp has those of a noun.
#pragma once

#include "control/controller.h"
#include "shell/command_set.h"

#include <string>

namespace sallyport::commands {

/// What commands act on. All must outlive the command set.
struct Context {
    control::Controller& controller;
    shell::CommandSet& commands;
};

/// Adds all of the below, and what completion offers for names.
void add_all(const Context& context);

void add_port_commands(const Context& context);
void add_uplink_commands(const Context& context);
void add_detector_commands(const Context& context);
void add_failover_commands(const Context& context);
void add_tenant_commands(const Context& context);
void add_fdb_commands(const Context& context);
void add_ipsec_commands(const Context& context);
void add_underlay_commands(const Context& context);
void add_drop_commands(const Context& context);
void add_graph_commands(const Context& context);
void add_flow_commands(const Context& context);
void add_process_commands(const Context& context);

/// "NAME1, NAME2", or "none": what there is, for the message about a name that there is not.
std::string name_list(const std::vector<std::string>& names);

/// Rows of an array with members name and drops as a table of what was dropped; empty if nothing.
/// @param header of the column of names
std::string render_drops(const shell::Json& rows, const std::string& header);

/// A command that says nothing when it is done.
inline Expected<shell::Output> done(const Expected<void>& result) {
    if (!result) return tl::unexpected(result.error());
    return shell::Output{};
}

} // namespace sallyport::commands
