// SPDX-License-Identifier: BSD-3-Clause
#include "config/source.h"

#include "net/hex.h"

#include <algorithm>
#include <sstream>

#include <boost/locale/utf.hpp>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <spdlog/fmt/fmt.h>

namespace sallyport::config {

namespace {

namespace options = boost::program_options;

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::string_view blanks = " \t\r";
/// Behind the last dot of those that have a secret.
constexpr std::string_view secret_key = "key";

std::string_view without_blanks(std::string_view text) {
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// The line without its comment and the blanks around what remains.
std::string_view content(std::string_view line) {
    return without_blanks(line.substr(0, line.find('#')));
}

/// What stands behind "key" or "sa.NAME.key", the '=' included; empty in any other line.
std::string_view behind_secret_key(std::string_view line) {
    const std::string_view word = line.substr(0, line.find_first_of(" \t="));
    if (word.substr(word.rfind('.') + 1) != secret_key) return {};
    return without_blanks(line.substr(word.size()));
}

/// A key that goes on in the next line, or behind a slip of the fingers.
bool may_be_secret(std::string_view line) {
    constexpr unsigned suspicious = 16;
    unsigned digits = 0;
    for (const char character : line) {
        if (net::hex_digit(character))
            ++digits;
        else if (character != ':' && blanks.find(character) == blanks.npos)
            digits = 0;
        if (digits == suspicious) return true;
    }
    return false;
}

bool is_utf8(std::string_view text) {
    using Traits = boost::locale::utf::utf_traits<char>;
    const char* position = text.data();
    const char* const end = position + text.size();
    while (position != end) {
        const auto point = Traits::decode(position, end);
        if (point == boost::locale::utf::illegal || point == boost::locale::utf::incomplete)
            return false;
    }
    return true;
}

bool has_control_character(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char character) {
        const auto octet = static_cast<unsigned char>(character);
        return (octet < 0x20 && octet != '\t') || octet == 0x7f;
    });
}

/// Reads line by line with Boost's own parser, which tells keys and values but not where they
/// stood: every line is parsed for itself, behind the section line in force.
class LineParser {
  public:
    LineParser(Source& source, Complaints& complaints) : source_(source), complaints_(complaints) {}

    /// @return false: the rest of the file is not worth reading
    bool parse(std::string_view line);

  private:
    void complain(std::string wrong, std::string right) {
        complaints_.push_back({source_.file, line_, "", std::move(wrong), std::move(right)});
    }
    void parse_content(std::string_view line);
    void parse_plain(std::string_view line, std::string_view secret);
    void take(std::string_view line, const std::vector<options::option>& parsed,
              std::string_view secret);

    Source& source_;
    Complaints& complaints_;
    unsigned line_ = 0;
    std::string section_line_;
    std::string section_;
};

bool LineParser::parse(std::string_view line) {
    ++line_;
    if (line.find('\0') != std::string_view::npos) {
        complain("NUL octet", "a text file in UTF-8; nothing from here on was read");
        return false;
    }
    if (line.size() > longest_line) {
        complain(fmt::format("line of {} octets", line.size()),
                 fmt::format("at most {} octets", longest_line));
        return true;
    }
    line = content(line);
    if (!line.empty()) parse_content(line);
    return true;
}

void LineParser::parse_content(std::string_view line) {
    if (has_control_character(line) || !is_utf8(line))
        return complain("control character, or text that is not UTF-8", "plain UTF-8 text");
    // Boost 1.74 reads in front of an empty section name.
    if (line == "[]") return complain("section without a name", "[NAME]");
    const std::string_view secret = behind_secret_key(line);
    if (secret.empty()) return parse_plain(line, {});
    if (secret.front() != '=')
        return complain(fmt::format("no '=' behind '{}'", secret_key), "`key = DIGITS`");
    // Boost and its streams copy what they get, and wipe nothing.
    line.remove_suffix(secret.size() - 1);
    parse_plain(line, without_blanks(secret.substr(1)));
}

void LineParser::parse_plain(std::string_view line, std::string_view secret) {
    // A key of ours at the end shows which section is in force behind the line.
    constexpr std::string_view probe = "?=\n";
    std::istringstream text(fmt::format("{}\n{}\n{}", section_line_, line, probe));
    static const options::options_description any_key;
    try {
        take(line, options::parse_config_file(text, any_key, true).options, secret);
    } catch (const options::error&) {
        complain(may_be_secret(line) ? "cannot read what may be a part of a key"
                                     : fmt::format("cannot read {}", in_quotes(line)),
                 "`key = value`, `[section]` or `# comment`");
    }
}

void LineParser::take(std::string_view line, const std::vector<options::option>& parsed,
                      std::string_view secret) {
    std::string section = parsed.back().string_key;
    section.pop_back();
    if (!section.empty()) section.pop_back();
    if (parsed.size() == 1) {
        section_line_ = line;
        section_ = section;
        source_.sections.push_back({std::move(section), line_});
        return;
    }
    const options::option& option = parsed.front();
    if (option.string_key.empty() || option.string_key.back() == '.')
        return complain("no key in front of '='", "`key = value`");
    source_.entries.push_back({option.string_key, option.value.front(), secret, section_, line_});
}

} // namespace

Source parse_source(const SourceText& given, Complaints& complaints) {
    Source source{given.file, given.exposure, {}, {}};
    std::string_view text = given.text;
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    LineParser parser(source, complaints);
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (!parser.parse(text.substr(0, end))) break;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return source;
}

std::string in_quotes(std::string_view value) {
    constexpr std::size_t most = 80;
    if (value.size() <= most) return fmt::format("'{}'", value);
    std::size_t end = most;
    // Never inside a UTF-8 sequence.
    while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xc0) == 0x80)
        --end;
    return fmt::format("'{}...'", value.substr(0, end));
}

} // namespace sallyport::config
