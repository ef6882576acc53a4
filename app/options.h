// SPDX-License-Identifier: BSD-3-Clause
// The process's command line.
#pragma once

#include "base/error.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

struct Options {
    /// What stands before "--".
    std::vector<std::string> eal_arguments;
    std::filesystem::path config = "/etc/sallyport/sallyport.conf";
    /// Wins over the config's tenants.directory.
    std::optional<std::filesystem::path> tenants;
    bool interactive = false;
    bool check_config = false;
    bool help = false;
    bool version = false;
};

/// "[EAL options] -- [our options]"; without "--" all are ours.
/// @param arguments without the program's name
Expected<Options> parse_options(const std::vector<std::string>& arguments);

/// What --help prints.
std::string options_help();

} // namespace sallyport
