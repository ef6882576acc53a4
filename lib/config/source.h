// SPDX-License-Identifier: BSD-3-Clause
// A file as its lines: what stands where, before anything is known of what it means.
#pragma once

#include "config/load.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::config {

using Complaints = std::vector<Complaint>;

inline constexpr std::size_t largest_file = std::size_t{1} << 20;
inline constexpr std::size_t longest_line = 4096;

/// One `key = value` line.
struct Entry {
    /// With the section in front: "underlay.mtu".
    std::string key;
    std::string value;
    /// The section it stands in, empty before the first.
    std::string section;
    /// From 1.
    unsigned line = 0;
};

/// A `[name]` line.
struct Section {
    std::string name;
    unsigned line = 0;
};

struct Source {
    std::filesystem::path file;
    std::vector<Section> sections;
    std::vector<Entry> entries;
};

/// The text of a regular file of at most largest_file octets.
/// @return absent after a complaint
std::optional<std::string> read_file(const std::filesystem::path& file, Complaints& complaints);

/// Every line that Boost.Program_options understands; a complaint for every other. A byte order
/// mark in front and carriage returns at line ends are tolerated.
Source parse_source(const std::filesystem::path& file, std::string_view text,
                    Complaints& complaints);

/// A value as complaints show it: in quotes, cut where it is very long.
std::string in_quotes(std::string_view value);

} // namespace sallyport::config
