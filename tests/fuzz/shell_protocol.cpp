// SPDX-License-Identifier: BSD-3-Clause
// What a client or server of the shell may send: the same lines come out however the stream is cut
// up, none is too long, and a hello or header that is read is written as the same.
#include "shell/protocol.h"
#include "target.h"

#include <string_view>
#include <vector>

using namespace sallyport;
using namespace sallyport::shell::protocol;

namespace {

/// As a server reads: all lines there are, then the next piece.
std::vector<std::string> lines_of(std::string_view stream, std::size_t piece) {
    LineBuffer buffer;
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < stream.size() && !buffer.overflown(); at += piece) {
        buffer.append(stream.substr(at, piece));
        while (auto line = buffer.next()) {
            fuzz::require(line->size() <= longest_line, "a line is within its bound");
            lines.push_back(*line);
        }
        fuzz::require(!buffer.has_line() || buffer.overflown(), "no line is left behind");
    }
    return lines;
}

void check_hello(std::string_view line) {
    const auto hello = parse_hello(line);
    if (!hello) return;
    const std::string written = to_line(*hello);
    fuzz::require(written.ends_with('\n'), "a hello ends with its line");
    const auto again = parse_hello(std::string_view(written).substr(0, written.size() - 1));
    fuzz::require(again.has_value(), "a hello that was written can be read");
    fuzz::require(again->mode == hello->mode, "the mode stays");
    fuzz::require(again->folder == hello->folder || again->folder.empty(), "the folder stays");
}

void check_header(std::string_view line) {
    const auto header = parse_answer_header(line);
    if (!header) return;
    fuzz::require(header->length <= longest_answer, "the length of an answer is within its bound");
}

void check_answer(std::string_view text) {
    const std::string answer = to_answer(true, text);
    const std::size_t end = answer.find('\n');
    fuzz::require(end != std::string::npos, "an answer has a header");
    const auto header = parse_answer_header(std::string_view(answer).substr(0, end));
    fuzz::require(header && header->done && header->length == text.size(),
                  "the header tells the answer's length");
    fuzz::require(std::string_view(answer).substr(end + 1) == text, "the answer is whole");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    const std::string_view stream(reinterpret_cast<const char*>(data), size);
    const auto lines = lines_of(stream, 1);
    fuzz::require(lines == lines_of(stream, 7), "lines do not depend on how the stream is cut up");
    for (const std::string& line : lines) {
        check_hello(line);
        check_header(line);
    }
    check_hello(stream);
    check_answer(stream);
    return 0;
}
