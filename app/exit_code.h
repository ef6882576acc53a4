// SPDX-License-Identifier: BSD-3-Clause
// Exit codes of the process, as documented in docs/commands.md.
#pragma once

namespace sallyport {

enum class ExitCode : int {
    /// Stopped by SIGTERM, SIGINT or "quit"; or --help, --version, --check-config were done.
    success = 0,
    /// Ports, the shell's socket, or anything else that failed at run time.
    failure = 1,
    command_line = 2,
    /// The config has complaints, or cannot be read.
    config = 3,
    /// Another instance runs on the same config.
    already_running = 4,
    /// DPDK's EAL could not be initialised.
    eal = 5,
};

} // namespace sallyport
