// SPDX-License-Identifier: BSD-3-Clause
// The line that declares a command: "fdb add <tenant:tenant> <mac:mac> vtep <address:address>".
#pragma once

#include "base/error.h"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::shell {

/// One word of a command.
struct WordSpec {
    /// Name of the argument; empty for a fixed word.
    std::string name;
    /// What the argument is: "mac", "address", "path", or any other word, by which completion finds
    /// its choices. Empty where only the given literals are taken. With "..." at its end it is all
    /// words that are left, of which the last one is not "json": the command's last argument.
    std::string kind;
    /// A fixed word, or the words of <name:(a|b)>.
    std::vector<std::string> literals;

    [[nodiscard]] bool is_free() const { return literals.empty(); }
    [[nodiscard]] bool takes_rest() const { return kind.ends_with("..."); }
    /// As in a usage line: "add", "<tenant>", "(up|down)".
    [[nodiscard]] std::string usage() const;

    bool operator==(const WordSpec&) const = default;
};

/// Takes words, <name:kind> and <name:(a|b|...)>, separated by single spaces.
Expected<std::vector<WordSpec>> parse_command_spec(std::string_view spec);

std::string usage(const std::vector<WordSpec>& words);

/// A word at the beginning of a command line.
struct Word {
    /// Without quotes; part of the line.
    std::string_view text;
    /// Octets of the line, quotes included; 0 where no word begins.
    std::size_t length = 0;
};

/// A word ends at a blank, a comment or the line's end, unless it stands in double quotes (which
/// must then be followed by one of these).
/// @param line zero-terminated, begins with the word
Word first_word(const char* line);

/// All words up to the line's end or a comment, but for a last "json"; without the blanks around
/// them, and with the quotes in them.
/// @param line as above
Word all_words(const char* line);

} // namespace sallyport::shell
