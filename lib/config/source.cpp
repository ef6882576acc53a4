// SPDX-License-Identifier: BSD-3-Clause
#include "config/source.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <sstream>
#include <system_error>

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

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

std::string reason(int error) {
    return std::generic_category().message(error);
}

/// The line without its comment and the blanks around what remains.
std::string_view content(std::string_view line) {
    line = line.substr(0, line.find('#'));
    const std::size_t first = line.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return line.substr(first, line.find_last_not_of(blanks) - first + 1);
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
    void take(std::string_view line, const std::vector<options::option>& parsed);

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
    // A key of ours at the end shows which section is in force behind the line.
    constexpr std::string_view probe = "?=\n";
    std::istringstream text(fmt::format("{}\n{}\n{}", section_line_, line, probe));
    static const options::options_description any_key;
    try {
        take(line, options::parse_config_file(text, any_key, true).options);
    } catch (const options::error&) {
        complain(fmt::format("cannot read {}", in_quotes(line)),
                 "`key = value`, `[section]` or `# comment`");
    }
}

void LineParser::take(std::string_view line, const std::vector<options::option>& parsed) {
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
    source_.entries.push_back({option.string_key, option.value.front(), section_, line_});
}

} // namespace

std::optional<std::string> read_file(const std::filesystem::path& file, Complaints& complaints) {
    const auto refuse = [&](std::string wrong, std::string right) {
        complaints.push_back({file, 0, "", std::move(wrong), std::move(right)});
        return std::nullopt;
    };
    std::error_code error;
    const auto status = std::filesystem::status(file, error);
    if (status.type() == std::filesystem::file_type::not_found)
        return refuse("no such file", "a readable file");
    if (error) return refuse("cannot be read: " + error.message(), "a readable file");
    // Also keeps us from waiting for the writer of a FIFO.
    if (status.type() != std::filesystem::file_type::regular)
        return refuse("is not a regular file", "a readable file");

    errno = 0;
    const std::unique_ptr<std::FILE, CloseFile> handle(std::fopen(file.c_str(), "re"));
    if (!handle) return refuse("cannot be read: " + reason(errno), "a readable file");
    std::string text;
    std::array<char, 16384> part;
    while (text.size() <= largest_file) {
        const std::size_t read = std::fread(part.data(), 1, part.size(), handle.get());
        if (read == 0) break;
        text.append(part.data(), read);
    }
    if (std::ferror(handle.get()) != 0)
        return refuse("cannot be read: " + reason(errno), "a readable file");
    if (text.size() > largest_file)
        return refuse("too large", fmt::format("at most {} octets", largest_file));
    return text;
}

Source parse_source(const std::filesystem::path& file, std::string_view text,
                    Complaints& complaints) {
    Source source{file, {}, {}};
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
