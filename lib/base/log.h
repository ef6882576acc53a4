// SPDX-License-Identifier: BSD-3-Clause
// The process's log: spdlog's default logger with our formats, on standard error or a file.
// Everybody logs with spdlog::info() and the like.
#pragma once

#include "base/error.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace sallyport::base {

struct LogOptions {
    /// trace, debug, info, warning or error.
    std::string level = "info";
    /// One JSON object a line with time, level, message and node; else text.
    bool json = false;
    /// Appended to, made with mode 0640 where it does not exist; empty: standard error.
    std::filesystem::path file;
    /// Name of this node, part of every line.
    std::string node;
};

/// Makes spdlog's default logger write as the options say. Call it before other threads log; a
/// second call replaces the first one's choice.
Expected<void> open_log(const LogOptions& options);

/// Closes and opens the log file again, for log rotation. Nothing happens for standard error; on
/// failure the old file stays in use. Thread: any.
Expected<void> reopen_log();

/// @param level trace, debug, info, warning or error. Thread: any.
Expected<void> set_log_level(std::string_view level);

} // namespace sallyport::base
