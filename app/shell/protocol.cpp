// SPDX-License-Identifier: BSD-3-Clause
#include "shell/protocol.h"

#include <charconv>
#include <utility>

namespace sallyport::shell::protocol {

namespace {

constexpr std::string_view magic = "sallyport-shell ";
constexpr std::string_view version = "1 ";

/// Takes @p prefix off the front of @p text if it stands there.
bool skip(std::string_view& text, std::string_view prefix) {
    if (text.substr(0, prefix.size()) != prefix) return false;
    text.remove_prefix(prefix.size());
    return true;
}

} // namespace

Expected<Hello> parse_hello(std::string_view line) {
    if (line.size() > longest_line) return failure("the hello is too long");
    if (line.find('\0') != std::string_view::npos || !skip(line, magic))
        return failure("this is no sallyport-shell", "", "use sallyport-shell");
    if (!skip(line, version))
        return failure("sallyport-shell speaks another version of the protocol", "",
                       "use the one that was installed with this sallyport");
    Hello hello;
    if (skip(line, "interactive"))
        hello.mode = Mode::interactive;
    else if (!skip(line, "command"))
        return failure("unknown mode in the hello");
    if (!line.empty() && !skip(line, " ")) return failure("unknown mode in the hello");
    hello.folder = line;
    return hello;
}

std::string to_line(const Hello& hello) {
    std::string line(magic);
    line += version;
    line += hello.mode == Mode::interactive ? "interactive" : "command";
    if (hello.folder.find_first_of(std::string_view("\n\0", 2)) == std::string::npos
        && hello.folder.size() + line.size() < longest_line)
        line += ' ' + hello.folder;
    return line + '\n';
}

Expected<AnswerHeader> parse_answer_header(std::string_view line) {
    AnswerHeader header;
    if (skip(line, "error "))
        header.done = false;
    else if (!skip(line, "ok "))
        return failure("the answer has no header");
    const char* end = line.data() + line.size();
    auto [stop, error] = std::from_chars(line.data(), end, header.length);
    if (error != std::errc{} || stop != end || header.length > longest_answer)
        return failure("the answer's length is no number or too large");
    return header;
}

std::string to_answer(bool done, std::string_view text) {
    if (text.size() > longest_answer)
        return to_answer(false, "error: the answer has " + std::to_string(text.size())
                                    + " octets, more than fit; ask for less at a time\n");
    std::string answer = (done ? "ok " : "error ") + std::to_string(text.size()) + '\n';
    answer += text;
    return answer;
}

std::optional<std::string> LineBuffer::next() {
    std::size_t end = pending_.find('\n');
    if (end == std::string::npos || end > longest_line) return std::nullopt;
    std::string line = pending_.substr(0, end);
    pending_.erase(0, end + 1);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
}

bool LineBuffer::overflown() const {
    std::size_t end = pending_.find('\n');
    return (end == std::string::npos ? pending_.size() : end) > longest_line;
}

std::string LineBuffer::take_rest() {
    return std::exchange(pending_, {});
}

} // namespace sallyport::shell::protocol
