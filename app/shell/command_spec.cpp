// SPDX-License-Identifier: BSD-3-Clause
#include "shell/command_spec.h"

#include <algorithm>
#include <cstring>

#include <cmdline_parse.h>

namespace sallyport::shell {

namespace {

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    for (;;) {
        std::size_t end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

Expected<WordSpec> parse_word(const std::string& text) {
    if (text.empty()) return failure("empty word");
    if (text.find_first_of("<>()|#\"") == std::string::npos) return WordSpec{{}, {}, {text}};
    std::size_t colon = text.find(':');
    if (text.front() != '<' || text.back() != '>' || colon == std::string::npos || colon < 2)
        return failure("'" + text + "' is neither a word nor <name:kind>");
    WordSpec word{text.substr(1, colon - 1), text.substr(colon + 1, text.size() - colon - 2), {}};
    if (word.kind.empty()) return failure("'" + text + "' has no kind");
    if (word.kind.front() != '(') return word;
    if (word.kind.back() != ')') return failure("'" + text + "' lacks ')'");
    word.literals = split(std::string_view(word.kind).substr(1, word.kind.size() - 2), '|');
    if (std::find(word.literals.begin(), word.literals.end(), "") != word.literals.end())
        return failure("'" + text + "' has an empty choice");
    word.kind.clear();
    return word;
}

} // namespace

std::string WordSpec::usage() const {
    if (is_free()) return "<" + name + ">" + (takes_rest() ? "..." : "");
    if (name.empty()) return literals.front();
    std::string text;
    for (const std::string& literal : literals)
        text += (text.empty() ? "(" : "|") + literal;
    return text + ")";
}

Expected<std::vector<WordSpec>> parse_command_spec(std::string_view spec) {
    std::vector<WordSpec> words;
    for (const std::string& text : split(spec, ' ')) {
        auto word = parse_word(text);
        if (!word) return failure(word.error().what, "command spec '" + std::string(spec) + "'");
        words.push_back(std::move(*word));
    }
    // librte_cmdline could not tell such a command from others.
    if (words.front().is_free())
        return failure("begins with an argument", "command spec '" + std::string(spec) + "'");
    return words;
}

std::string usage(const std::vector<WordSpec>& words) {
    std::string text;
    for (const WordSpec& word : words)
        text += (text.empty() ? "" : " ") + word.usage();
    return text;
}

Word first_word(const char* line) {
    if (*line == '"') {
        std::size_t end = 1;
        while (line[end] != '"') {
            if (line[end] == '\0' || line[end] == '\n' || line[end] == '\r') return {};
            ++end;
        }
        if (end == 1 || !cmdline_isendoftoken(line[end + 1])) return {};
        return {{line + 1, end - 1}, end + 1};
    }
    std::size_t length = 0;
    while (!cmdline_isendoftoken(line[length]))
        ++length;
    return {{line, length}, length};
}

Word all_words(const char* line) {
    std::size_t length = 0;
    for (const char* at = line;;) {
        const Word word = first_word(at);
        if (word.length == 0) break;
        const char* const end = at + word.length;
        at = end + std::strspn(end, " \t");
        if (word.text == "json" && first_word(at).length == 0) break;
        length = static_cast<std::size_t>(end - line);
    }
    return {{line, length}, length};
}

} // namespace sallyport::shell
