// SPDX-License-Identifier: BSD-3-Clause
// What a command answers: data, and how to show it as text.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace sallyport::shell {

/// Keeps the order of its members.
using Json = nlohmann::ordered_json;

/// Text of the data for a person, each line ended by '\n'.
using Renderer = std::function<std::string(const Json&)>;

/// What happens after the answer.
enum class Then { go_on, end_session, stop_process };

// clang-tidy takes the JSON's destructor for one that throws.
// NOLINTNEXTLINE(bugprone-exception-escape)
struct Output {
    /// The whole answer; what the word `json` prints.
    Json data;
    /// Empty: nothing is shown.
    Renderer render;
    Then then = Then::go_on;

    /// Either form, ended by '\n' unless empty.
    [[nodiscard]] std::string text(bool json) const;
};

/// A line or more of plain text; `json` gives a string.
Output plain_text(std::string text);

enum class Align { left, right };

struct Column {
    std::string header;
    /// Text of the cell, from a row of the data.
    Renderer cell;
    Align align = Align::left;
};

/// The column shows the row's member of that name. A member may be missing.
Column column(std::string header, std::string key, Align align = Align::left);

/// Shows an array of objects, a line each under a line of headers.
/// @param when_empty shown instead where there is no row
Renderer table(std::vector<Column> columns, std::string when_empty);

/// Two columns of label and value, without header; pairs with an empty value are left out.
std::string render_pairs(const std::vector<std::pair<std::string, std::string>>& pairs);

/// A value as people read it: "-" for null, "yes" and "no", array elements separated by ", ".
std::string value_text(const Json& value);

/// Member @p key of an object as people read it; "-" where it is missing.
std::string member_text(const Json& object, const std::string& key);

} // namespace sallyport::shell
