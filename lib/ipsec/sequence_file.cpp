// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/sequence_file.h"

#include "net/hex.h"

#include <algorithm>
#include <charconv>

namespace sallyport::ipsec {

namespace {

constexpr std::string_view title = "sallyport-sequence-numbers 1";

/// FNV-1a, 64 bits.
std::uint64_t checksum(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char character : text)
        hash = (hash ^ static_cast<std::uint8_t>(character)) * 0x100000001b3;
    return hash;
}

std::string hex(const Sha256& octets) {
    std::string text;
    net::append_hex(text, octets);
    return text;
}

std::optional<Sha256> parse_name(std::string_view text) {
    if (text.size() != 2 * sizeof(Sha256)) return std::nullopt;
    const auto octets = net::parse_hex(text);
    if (!octets || octets->size() != sizeof(Sha256)) return std::nullopt;
    Sha256 name;
    std::copy(octets->begin(), octets->end(), name.begin());
    return hex(name) == text ? std::optional(name) : std::nullopt;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return std::to_string(number) == text ? std::optional(number) : std::nullopt;
}

/// Takes lines and words off the front.
struct Lines {
    std::string_view rest;

    std::optional<std::string_view> next() {
        const std::size_t end = rest.find('\n');
        if (end == std::string_view::npos) return std::nullopt;
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end + 1);
        return line;
    }
};

std::string_view after(std::string_view line, std::string_view word) {
    return line.starts_with(word) ? line.substr(word.size()) : std::string_view();
}

bool parse_sa(std::string_view line, SequenceState& state) {
    const std::string_view entry = after(line, "sa ");
    if (entry.size() <= 2 * sizeof(Sha256) || entry[2 * sizeof(Sha256)] != ' ') return false;
    const auto name = parse_name(entry.substr(0, 2 * sizeof(Sha256)));
    const auto bound = parse_number(entry.substr(2 * sizeof(Sha256) + 1));
    // In order, so that a state has one text only.
    if (!name || !bound || state.bounds.size() >= most_stored_sas
        || (!state.bounds.empty() && *name <= state.bounds.rbegin()->first))
        return false;
    state.bounds.emplace_hint(state.bounds.end(), *name, *bound);
    return true;
}

} // namespace

std::string to_text(const SequenceState& state) {
    std::string text = std::string(title) + "\nsalt " + hex(state.salt) + "\n";
    for (const auto& [name, bound] : state.bounds)
        text += "sa " + hex(name) + " " + std::to_string(bound) + "\n";
    return text + "checksum " + std::to_string(checksum(text)) + "\n";
}

std::optional<SequenceState> parse_sequence_file(std::string_view text) {
    if (text.size() > largest_sequence_file) return std::nullopt;
    Lines lines{text};
    if (lines.next() != title) return std::nullopt;
    const auto salt_line = lines.next();
    const auto salt = salt_line ? parse_name(after(*salt_line, "salt ")) : std::nullopt;
    if (!salt) return std::nullopt;
    SequenceState state{*salt, {}};
    for (;;) {
        const std::string_view before = lines.rest;
        const auto line = lines.next();
        if (!line) return std::nullopt;
        if (line->starts_with("checksum ")) {
            const auto told = parse_number(after(*line, "checksum "));
            const std::string_view covered = text.substr(0, text.size() - before.size());
            if (told != checksum(covered) || !lines.rest.empty()) return std::nullopt;
            return state;
        }
        if (!parse_sa(*line, state)) return std::nullopt;
    }
}

} // namespace sallyport::ipsec
