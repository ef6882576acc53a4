// SPDX-License-Identifier: BSD-3-Clause
// JSON -> what DPDK's telemetry can carry. Its data are poorer: dictionaries whose keys are
// letters, digits, '_' and '/', with at most 256 members; arrays of numbers or strings only;
// strings below 128 octets; and 16 KiB for a whole answer, beyond which members are left out
// without a word.
#pragma once

#include "base/error.h"
#include "shell/output.h"

#include <cstddef>
#include <string>
#include <string_view>

struct rte_tel_data;

namespace sallyport::telemetry {

using shell::Json;

/// Octets of JSON that surely fit into one answer, with room for what DPDK puts around it.
inline constexpr std::size_t answer_budget = 15000;
/// Entries of a page at most: members of a dictionary.
inline constexpr std::size_t page_entries = 255;

/// A key as telemetry takes it: other characters become '_'.
std::string telemetry_key(std::string_view key);

/// A part of a longer list.
struct Window {
    std::size_t total = 0;
    /// Number of the first of the entries in the list.
    std::size_t offset = 0;
    /// Array of objects; page_entries of them are enough.
    Json entries = Json::array();
};

/// {"total", "offset", "next_offset" (where there is more), "entries": {"0": {...}, ...}}, keyed by
/// the entries' numbers in the list, with as many entries as fit the answer. An entry that would
/// not fit by itself has its lists shortened.
Json page(const Window& window);

/// Shortens lists of more than @p most elements, at any depth; how many there were is told in
/// "KEY_total".
void shorten_lists(Json& object, std::size_t most);

/// Fills @p data from an object. Null members are left out; booleans are 0 and 1; arrays of objects
/// become dictionaries keyed by index; characters that DPDK cannot escape become '?'.
Expected<void> fill(rte_tel_data* data, const Json& object);

} // namespace sallyport::telemetry
