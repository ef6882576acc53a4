// SPDX-License-Identifier: BSD-3-Clause
// The protocol on the shell's Unix socket, version 1. Lines end with '\n'; lengths are decimal.
//
//     client: sallyport-shell 1 MODE FOLDER        the hello; MODE is "interactive" or "command"
//     server: ok LENGTH                            or "error LENGTH", then the end
//             ... LENGTH octets                    the node's name, or the error message
//
// FOLDER is the client's working folder, to which paths in commands are relative; it may be empty.
//
// In mode "command" each following line of the client is one command, answered in order by
//
//     server: ok LENGTH                            done; or "error LENGTH": failed
//             ... LENGTH octets                    what it prints, or the error message
//
// In mode "interactive" both directions are octets from here on: keys to the line editor of the
// process, and what is to be shown on a terminal of VT100 kind from it.
//
// The server closes the connection after the commands "exit" and "quit", after a line or hello
// that breaks the bounds below (with a last "error" where it can), when the client does not read
// for a while, and when the process stops.
#pragma once

#include "base/error.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::shell::protocol {

/// Octets of one line without its end, hello included: a path of PATH_MAX and words around it.
inline constexpr std::size_t longest_line = 8192;
/// Octets of one answer.
inline constexpr std::size_t longest_answer = std::size_t{64} << 20;

enum class Mode { interactive, command };

struct Hello {
    Mode mode = Mode::command;
    std::string folder;

    bool operator==(const Hello&) const = default;
};

/// @param line without its end
Expected<Hello> parse_hello(std::string_view line);
/// With its end. A folder that cannot stand in a line is left out.
std::string to_line(const Hello& hello);

struct AnswerHeader {
    bool done = true;
    /// At most longest_answer.
    std::size_t length = 0;

    bool operator==(const AnswerHeader&) const = default;
};

/// @param line without its end
Expected<AnswerHeader> parse_answer_header(std::string_view line);
/// Header and text of an answer; one that is too long becomes an error that says so.
std::string to_answer(bool done, std::string_view text);

/// Cuts a stream of octets into lines.
class LineBuffer {
  public:
    void append(std::string_view octets) { pending_ += octets; }

    /// The next whole line without its end.
    std::optional<std::string> next();
    /// True: what is pending can only become a line beyond longest_line.
    [[nodiscard]] bool overflown() const;
    /// What came after the last line taken, which is then gone from here.
    std::string take_rest();
    /// Whether next() would return a line.
    [[nodiscard]] bool has_line() const { return pending_.find('\n') != std::string::npos; }

  private:
    std::string pending_;
};

} // namespace sallyport::shell::protocol
