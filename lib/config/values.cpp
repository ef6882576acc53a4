// SPDX-License-Identifier: BSD-3-Clause
#include "config/values.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include <spdlog/fmt/fmt.h>

namespace sallyport::config {

namespace {

constexpr std::size_t longest_name = 63;
/// IFNAMSIZ of Linux less the NUL.
constexpr std::size_t longest_interface = 15;

constexpr std::array<std::string_view, 3> reserved_names{"all", "json", "host"};

constexpr auto scales = std::to_array<std::pair<char, std::uint64_t>>(
    {{'k', 1000}, {'M', 1000 * 1000}, {'G', 1000 * 1000 * 1000}});

bool is_letter_or_digit(char character) {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z')
           || (character >= '0' && character <= '9');
}

bool is_name(std::string_view text) {
    if (text.empty() || text.size() > longest_name) return false;
    return is_letter_or_digit(text.front()) && is_letter_or_digit(text.back())
           && std::all_of(text.begin(), text.end(), [](char character) {
                  return is_letter_or_digit(character)
                         || std::string_view("-_.").find(character) != std::string_view::npos;
              });
}

bool is_ipv4_mapped(const net::IpAddress& address) {
    constexpr std::array<std::uint8_t, 12> front{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return address.is_ipv6() && std::equal(front.begin(), front.end(), address.octets.begin());
}

std::string not_a(std::string_view text, std::string_view what) {
    return text.empty() ? "no value" : fmt::format("{} is no {}", in_quotes(text), what);
}

} // namespace

std::string alternatives(std::span<const std::string> words) {
    if (words.empty()) return {};
    std::string text = words[0];
    for (std::size_t i = 1; i < words.size(); ++i)
        text += (i + 1 == words.size() ? " or " : ", ") + words[i];
    return text;
}

std::vector<std::string_view> words_of(std::string_view value) {
    std::vector<std::string_view> words;
    for (std::size_t begin = 0; (begin = value.find_first_not_of(" \t", begin)) != value.npos;) {
        const std::size_t end = std::min(value.find_first_of(" \t", begin), value.size());
        words.push_back(value.substr(begin, end - begin));
        begin = end;
    }
    return words;
}

std::optional<std::uint64_t> Values::number(const Entry& entry, const Range& range) const {
    std::string right = fmt::format("{} to {}", range.low, range.high);
    if (!range.unit.empty()) right += fmt::format(" ({})", range.unit);
    return number_in(entry, entry.value, 1, range, std::move(right));
}

std::optional<std::uint64_t> Values::decimal_or_hex(const Entry& entry, const Range& range) const {
    if (!entry.value.starts_with("0x")) return number(entry, range);
    const char* const begin = entry.value.data() + 2;
    const char* const end = entry.value.data() + entry.value.size();
    std::uint64_t value = 0;
    const auto read = std::from_chars(begin, end, value, 16);
    if (read.ptr == end && read.ec == std::errc{} && value >= range.low && value <= range.high)
        return value;
    const bool is_number = read.ptr == end && read.ec != std::errc::invalid_argument;
    keys_.complain(entry,
                   is_number ? in_quotes(entry.value) + " is out of range"
                             : not_a(entry.value, "hexadecimal number"),
                   fmt::format("{:#x} to {:#x}", range.low, range.high));
    return std::nullopt;
}

std::optional<std::uint64_t> Values::scaled_number(const Entry& entry, const Range& range) const {
    std::string_view digits = entry.value;
    std::uint64_t unit = 1;
    for (const auto& [letter, meaning] : scales) {
        if (!digits.ends_with(letter)) continue;
        digits.remove_suffix(1);
        unit = meaning;
        break;
    }
    return number_in(entry, digits, unit, range,
                     fmt::format("{} to {} ({}), as `1500000`, `1500k`, `20M` or `10G`", range.low,
                                 range.high, range.unit));
}

std::optional<std::uint64_t> Values::number_in(const Entry& entry, std::string_view digits,
                                               std::uint64_t unit, const Range& range,
                                               std::string right) const {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool all_digits =
        end == digits.data() + digits.size() && error != std::errc::invalid_argument;
    if (!all_digits) {
        keys_.complain(entry, not_a(entry.value, "decimal number"), std::move(right));
        return std::nullopt;
    }
    if (error != std::errc{} || value > range.high / unit || value * unit < range.low) {
        keys_.complain(entry, in_quotes(entry.value) + " is out of range", std::move(right));
        return std::nullopt;
    }
    return value * unit;
}

std::optional<std::size_t> Values::choice(const Entry& entry,
                                          std::span<const std::string_view> words) const {
    const auto found = std::find(words.begin(), words.end(), entry.value);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    keys_.complain(entry, not_a(entry.value, "known word"),
                   alternatives(std::vector<std::string>(words.begin(), words.end())));
    return std::nullopt;
}

bool Values::name(unsigned line, std::string_view key, std::string_view text) const {
    if (!is_name(text)) {
        keys_.complain(line, key, not_a(text, "name"),
                       "letters, digits, '-', '_' and '.', a letter or digit at both ends, at most "
                           + std::to_string(longest_name) + " characters");
        return false;
    }
    if (std::find(reserved_names.begin(), reserved_names.end(), text) != reserved_names.end()) {
        keys_.complain(line, key, in_quotes(text) + " is reserved for commands", "another name");
        return false;
    }
    return true;
}

bool Values::interface(const Entry& entry) const {
    const std::string_view text = entry.value;
    const bool good = !text.empty() && text.size() <= longest_interface && text != "."
                      && text != ".." && text.find_first_of("/: \t") == std::string_view::npos;
    if (!good)
        keys_.complain(
            entry, not_a(text, "interface name"),
            fmt::format("at most {} characters, without '/', ':' and blanks", longest_interface));
    return good;
}

bool Values::device(const Entry& entry) const {
    const bool good = !entry.value.empty() && entry.value.front() != ',';
    if (!good)
        keys_.complain(entry, not_a(entry.value, "device"),
                       "DPDK device arguments, as `net_tap0,iface=blue1` or `0000:03:00.2`");
    return good;
}

bool Values::refuse_unusable(const Entry& entry, const net::IpAddress& address) const {
    std::string_view kind;
    if (address.is_unspecified())
        kind = "the unspecified address";
    else if (address.is_multicast())
        kind = "a multicast or broadcast address";
    else if (address.is_loopback())
        kind = "a loopback address";
    else if (is_ipv4_mapped(address))
        kind = "an IPv4-mapped IPv6 address";
    else
        return false;
    keys_.complain(entry, fmt::format("{} is {}", address.to_string(), kind),
                   "a unicast address of the underlay");
    return true;
}

std::optional<net::IpAddress> Values::unicast_address(const Entry& entry,
                                                      std::string_view text) const {
    const auto address = net::IpAddress::parse(text);
    if (!address) {
        keys_.complain(entry, not_a(text, "IP address"), "as `192.0.2.1` or `2001:db8::1`");
        return std::nullopt;
    }
    if (refuse_unusable(entry, *address)) return std::nullopt;
    return address;
}

std::optional<net::IpPrefix> Values::prefix(const Entry& entry) const {
    const auto prefix = net::IpPrefix::parse(entry.value);
    if (!prefix || entry.value.find('/') == std::string::npos) {
        keys_.complain(entry, not_a(entry.value, "address with prefix length"),
                       "ADDRESS/LENGTH, as `192.0.2.1/24` or `2001:db8::1/64`");
        return std::nullopt;
    }
    if (refuse_unusable(entry, prefix->address)) return std::nullopt;
    return prefix;
}

std::optional<net::MacAddress> Values::unicast_mac(const Entry& entry,
                                                   std::string_view text) const {
    const auto mac = net::MacAddress::parse(text);
    const std::string_view right = "the MAC address of one station, as `02:00:00:00:00:01`";
    if (!mac) {
        keys_.complain(entry, not_a(text, "MAC address"), std::string(right));
        return std::nullopt;
    }
    if (mac->is_multicast() || mac->is_zero()) {
        keys_.complain(entry,
                       fmt::format("{} is {}", mac->to_string(),
                                   mac->is_zero() ? "zero" : "a multicast address"),
                       std::string(right));
        return std::nullopt;
    }
    return mac;
}

std::optional<std::filesystem::path> Values::path(const Entry& entry) const {
    std::error_code error;
    auto path = std::filesystem::absolute(keys_.file(), error).parent_path() / entry.value;
    if (entry.value.empty() || error) {
        keys_.complain(entry, not_a(entry.value, "path"), "a path");
        return std::nullopt;
    }
    return path.lexically_normal();
}

void Values::take_flag(std::string_view key, bool& target) const {
    constexpr std::array<std::pair<std::string_view, bool>, 2> choices{
        {{"on", true}, {"off", false}}};
    take_choice(key, choices, target);
}

void Values::take_path(std::string_view key, std::filesystem::path& target,
                       std::string_view none) const {
    const Entry* entry = keys_.find(key);
    if (entry == nullptr) return;
    if (entry->value == none)
        target.clear();
    else if (auto value = path(*entry))
        target = std::move(*value);
}

} // namespace sallyport::config
