// SPDX-License-Identifier: BSD-3-Clause
#include "config/sa_section.h"

#include "config/values.h"
#include "ipsec/key_file.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace sallyport::config {

namespace {

/// A century, and what counters hold: a lifetime is a bound and no measure.
constexpr Range lifetime_seconds{0, 3'155'760'000, "0: none"};
constexpr Range lifetime_count{0, INT64_MAX, "0: none"};

class SaParser {
  public:
    SaParser(const Keys& keys, std::span<const net::IpAddress> remote_vteps,
             const NamedGroup& group)
        : keys_(keys), values_(keys), remote_vteps_(remote_vteps), group_(group),
          front_("sa." + group.name) {}

    void parse();

    SaSettings sa;
    TenantLines::Sa lines;

  private:
    [[nodiscard]] std::string key(std::string_view last) const {
        return fmt::format("{}.{}", front_, last);
    }
    const Entry* require(std::string_view last, std::string_view right);
    void parse_direction();
    void parse_remote_vtep();
    void parse_spi();
    void parse_algorithm();
    void complain_of_algorithm(const Entry& entry, ipsec::NamedAlgorithm named);
    void parse_key();
    void parse_inline_key(const Entry& entry);
    void check_inline_key();
    [[nodiscard]] std::optional<std::size_t> key_octets(const Entry& algorithm) const;
    void parse_replay_window();
    void parse_lifetime(std::string_view unit, const Range& range, std::uint64_t& hard,
                        std::uint64_t& soft);

    const Keys& keys_;
    Values values_;
    std::span<const net::IpAddress> remote_vteps_;
    const NamedGroup& group_;
    std::string front_;
    bool algorithm_known_ = true;
    /// Null where the key is in a file of its own.
    const Entry* inline_key_ = nullptr;
};

const Entry* SaParser::require(std::string_view last, std::string_view right) {
    const Entry* const entry = keys_.find(key(last));
    if (entry == nullptr) keys_.complain(group_.line, key(last), "missing", std::string(right));
    return entry;
}

void SaParser::parse() {
    sa.name = group_.name;
    lines.name = group_.line;
    values_.name(group_.line, front_, group_.name);
    parse_direction();
    parse_remote_vtep();
    parse_spi();
    parse_key();
    parse_algorithm();  // may need the key's size
    check_inline_key(); // is of the algorithm's size
    constexpr auto modes = std::to_array<std::pair<std::string_view, ipsec::Mode>>(
        {{"transport", ipsec::Mode::transport}, {"tunnel", ipsec::Mode::tunnel}});
    values_.take_choice(key("mode"), modes, sa.mode);
    values_.take_flag(key("esn"), sa.esn);
    parse_replay_window(); // depends on the direction
    values_.take_flag(key("udp_encapsulation"), sa.udp_encapsulation);
    parse_lifetime("seconds", lifetime_seconds, sa.hard.seconds, sa.soft.seconds);
    parse_lifetime("bytes", lifetime_count, sa.hard.octets, sa.soft.octets);
    parse_lifetime("packets", lifetime_count, sa.hard.packets, sa.soft.packets);
}

void SaParser::parse_direction() {
    if (require("direction", "out or in") == nullptr) return;
    constexpr auto directions = std::to_array<std::pair<std::string_view, ipsec::Direction>>(
        {{"out", ipsec::Direction::outbound}, {"in", ipsec::Direction::inbound}});
    values_.take_choice(key("direction"), directions, sa.direction);
}

void SaParser::parse_remote_vtep() {
    const Entry* const entry = require("remote_vtep", "a remote_vtep of this tenant");
    if (entry == nullptr) return;
    const auto address = values_.unicast_address(*entry, entry->value);
    if (!address) return;
    sa.remote_vtep = *address;
    if (std::find(remote_vteps_.begin(), remote_vteps_.end(), *address) != remote_vteps_.end())
        return;
    keys_.complain(
        *entry, address->to_string() + " is no remote_vtep of this tenant",
        remote_vteps_.empty()
            ? fmt::format("remote_vtep = {} before the first section", address->to_string())
            : fmt::format("a remote_vtep, as {}", remote_vteps_.front().to_string()));
}

void SaParser::parse_spi() {
    const Entry* const entry = require("spi", "spi = NUMBER, the one that the peer has");
    if (entry == nullptr) return;
    lines.spi = entry->line;
    if (const auto spi =
            values_.decimal_or_hex(*entry, {ipsec::smallest_spi, 0xffffffff, "32 bits"}))
        sa.spi = static_cast<std::uint32_t>(*spi);
}

void SaParser::parse_algorithm() {
    const Entry* const entry = keys_.find(key("algorithm"));
    if (entry == nullptr) return;
    auto named = ipsec::find_algorithm(entry->value);
    if (named.needs_key) {
        const auto octets = key_octets(*entry);
        algorithm_known_ = octets.has_value();
        if (!algorithm_known_) return;
        named = ipsec::find_algorithm(entry->value, *octets);
    }
    if (named.algorithm)
        sa.algorithm = *named.algorithm;
    else
        complain_of_algorithm(*entry, std::move(named));
}

void SaParser::complain_of_algorithm(const Entry& entry, ipsec::NamedAlgorithm named) {
    algorithm_known_ = false;
    if (named.needs_key)
        return keys_.complain(entry, std::move(named.complaint), "a key of that length");
    std::vector<std::string> names;
    for (const ipsec::AlgorithmInfo& suite : ipsec::algorithms())
        names.emplace_back(suite.name);
    const std::string near = nearest(entry.value, names);
    keys_.complain(entry, std::move(named.complaint),
                   near.empty() ? "one of " + ipsec::algorithm_names()
                                : fmt::format("did you mean {}?", near));
}

/// @return absent where there is no key to ask, which is complained of
std::optional<std::size_t> SaParser::key_octets(const Entry& algorithm) const {
    if (inline_key_ != nullptr) {
        const ipsec::ParsedKey parsed = ipsec::parse_key(inline_key_->secret);
        if (parsed.fault != ipsec::KeyFault::none) return std::nullopt;
        return parsed.key.size();
    }
    if (sa.key_file.empty()) return std::nullopt;
    const auto read = ipsec::read_key_file(sa.key_file, {});
    if (read) return read->size();
    keys_.complain(*keys_.find(key("key_file")),
                   fmt::format("{}; its length tells which {} is meant", read.error().message(),
                               algorithm.value),
                   "a key file that can be read, or another name of the algorithm: "
                       + ipsec::algorithm_names());
    return std::nullopt;
}

void SaParser::parse_key() {
    if (const Entry* const entry = keys_.find(key("key"))) return parse_inline_key(*entry);
    const Entry* const entry = require(
        "key_file", "key_file = PATH, of mode 0600, or key = DIGITS in a file of mode 0600");
    if (entry == nullptr) return;
    lines.key = entry->line;
    if (auto path = values_.path(*entry)) sa.key_file = std::move(*path);
}

void SaParser::parse_inline_key(const Entry& entry) {
    lines.key = entry.line;
    sa.key_file = keys_.file();
    sa.key_inline = true;
    inline_key_ = &entry;
    if (const Entry* const file = keys_.find(key("key_file")))
        keys_.complain(*file, fmt::format("a key file beside a key at line {}", entry.line),
                       "one of the two");
}

void SaParser::check_inline_key() {
    if (inline_key_ == nullptr) return;
    const Entry& entry = *inline_key_;
    if (const Error* const exposure = keys_.exposure())
        keys_.complain(entry, "a key in this file, which " + exposure->what, exposure->remedy);
    // Here for its complaints only; the one that is used is read when the SA comes up.
    const ipsec::ParsedKey parsed = ipsec::parse_key(entry.secret);
    if (parsed.fault != ipsec::KeyFault::none)
        return keys_.complain(entry, ipsec::to_string(parsed.fault), std::string(ipsec::key_form));
    if (!algorithm_known_) return;
    if (auto wrong = ipsec::wrong_key_size(sa.algorithm, parsed.key.size()))
        keys_.complain(entry, std::move(wrong->what), std::move(wrong->remedy));
}

void SaParser::parse_replay_window() {
    const Entry* const entry = keys_.find(key("replay_window"));
    if (entry == nullptr) return;
    if (sa.direction == ipsec::Direction::outbound)
        return keys_.complain(*entry, "a replay window of an outbound SA", "direction = in");
    values_.take_number(entry->key,
                        {ipsec::smallest_replay_window, ipsec::largest_replay_window, "packets"},
                        sa.replay_window);
}

void SaParser::parse_lifetime(std::string_view unit, const Range& range, std::uint64_t& hard,
                              std::uint64_t& soft) {
    values_.take_number(key(fmt::format("lifetime_{}", unit)), range, hard);
    soft = hard - hard / 10;
    const Entry* const entry = keys_.find(key(fmt::format("soft_lifetime_{}", unit)));
    if (entry == nullptr) return;
    values_.take_number(entry->key, range, soft);
    if (hard != 0 && soft > hard)
        keys_.complain(*entry, fmt::format("{} is more than lifetime_{} = {}", soft, unit, hard),
                       "less, that there is time to rekey");
}

} // namespace

void parse_sas(const Keys& keys, std::span<const net::IpAddress> remote_vteps, TenantFile& tenant) {
    for (const NamedGroup& group : keys.named("sa")) {
        if (!tenant.settings.is_protected) {
            keys.complain(group.line, "sa." + group.name, "an SA of a tenant without protection",
                          "protection = ipsec before the first section, or no SA");
            continue;
        }
        SaParser parser(keys, remote_vteps, group);
        parser.parse();
        tenant.settings.sas.push_back(std::move(parser.sa));
        tenant.lines.sas.push_back(parser.lines);
    }
}

} // namespace sallyport::config
