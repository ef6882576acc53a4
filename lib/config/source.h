// SPDX-License-Identifier: BSD-3-Clause
// A file as its lines: what stands where, before anything is known of what it means.
#pragma once

#include "config/file_content.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::config {

inline constexpr std::size_t longest_line = 4096;

/// One `key = value` line.
struct Entry {
    /// With the section in front: "underlay.mtu".
    std::string key;
    /// Empty where it is a secret.
    std::string value;
    /// The value of a key named "key", in the text that was parsed: there and nowhere else.
    std::string_view secret;
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
    /// As SourceText has it.
    const Error* exposure = nullptr;
    std::vector<Section> sections;
    std::vector<Entry> entries;
};

/// Every line that Boost.Program_options understands; a complaint for every other. A byte order
/// mark in front and carriage returns at line ends are tolerated. No copy is made of secrets, and
/// no complaint has any of them.
Source parse_source(const SourceText& text, Complaints& complaints);

/// A value as complaints show it: in quotes, cut where it is very long.
std::string in_quotes(std::string_view value);

} // namespace sallyport::config
