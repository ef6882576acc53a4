// SPDX-License-Identifier: BSD-3-Clause
// The text of one key -> a typed value, or a complaint that says what would be right.
#pragma once

#include "config/keys.h"
#include "net/ip_address.h"
#include "net/mac_address.h"

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace sallyport::config {

/// Both ends included.
struct Range {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    /// What the number is: "octets".
    std::string_view unit{};
};

/// Reads single values. Every reader complains and returns nothing where the value is wrong.
class Values {
  public:
    /// @param keys must outlive the object
    explicit Values(const Keys& keys) : keys_(keys) {}

    [[nodiscard]] std::optional<std::uint64_t> number(const Entry& entry, const Range& range) const;
    /// The same; behind "0x" hexadecimal. What is said of a wrong one is both ways too.
    [[nodiscard]] std::optional<std::uint64_t> decimal_or_hex(const Entry& entry,
                                                              const Range& range) const;
    /// The same, of digits that k, M or G (thousands, millions, thousands of millions) may follow.
    [[nodiscard]] std::optional<std::uint64_t> scaled_number(const Entry& entry,
                                                             const Range& range) const;
    /// Index into @p words.
    [[nodiscard]] std::optional<std::size_t> choice(const Entry& entry,
                                                    std::span<const std::string_view> words) const;
    /// Letters, digits, '-', '_' and '.', beginning and ending with a letter or digit; at most 63
    /// characters; none of the words that the shell reads otherwise.
    bool name(unsigned line, std::string_view key, std::string_view text) const;
    /// A name that Linux takes for a network interface.
    bool interface(const Entry& entry) const;
    bool device(const Entry& entry) const;
    /// @param text part of the entry's value
    [[nodiscard]] std::optional<net::IpAddress> unicast_address(const Entry& entry,
                                                                std::string_view text) const;
    [[nodiscard]] std::optional<net::IpPrefix> prefix(const Entry& entry) const;
    [[nodiscard]] std::optional<net::MacAddress> unicast_mac(const Entry& entry,
                                                             std::string_view text) const;
    /// Relative paths are relative to the folder of the file that names them.
    [[nodiscard]] std::optional<std::filesystem::path> path(const Entry& entry) const;

    // The same for keys that may be absent: the target stays as it is then, or after a complaint.
    template<class Number>
    void take_number(std::string_view key, const Range& range, Number& target) const;
    /// @tparam Duration whose count the number is
    template<class Duration>
    void take_duration(std::string_view key, const Range& range, Duration& target) const;
    template<class Value, std::size_t count>
    void take_choice(std::string_view key,
                     const std::array<std::pair<std::string_view, Value>, count>& choices,
                     Value& target) const;
    void take_flag(std::string_view key, bool& target) const;
    void take_path(std::string_view key, std::filesystem::path& target,
                   std::string_view none) const;

  private:
    [[nodiscard]] std::optional<std::uint64_t> number_in(const Entry& entry,
                                                         std::string_view digits,
                                                         std::uint64_t unit, const Range& range,
                                                         std::string right) const;
    bool refuse_unusable(const Entry& entry, const net::IpAddress& address) const;

    const Keys& keys_;
};

template<class Number>
void Values::take_number(std::string_view key, const Range& range, Number& target) const {
    const Entry* entry = keys_.find(key);
    if (entry == nullptr) return;
    if (const auto value = number(*entry, range)) target = static_cast<Number>(*value);
}

template<class Duration>
void Values::take_duration(std::string_view key, const Range& range, Duration& target) const {
    auto count = static_cast<std::uint64_t>(target.count());
    take_number(key, range, count);
    target = Duration(static_cast<typename Duration::rep>(count));
}

template<class Value, std::size_t count>
void Values::take_choice(std::string_view key,
                         const std::array<std::pair<std::string_view, Value>, count>& choices,
                         Value& target) const {
    const Entry* entry = keys_.find(key);
    if (entry == nullptr) return;
    std::array<std::string_view, count> words;
    for (std::size_t i = 0; i < count; ++i)
        words[i] = choices[i].first;
    if (const auto index = choice(*entry, words)) target = choices[*index].second;
}

/// "a, b or c"
std::string alternatives(std::span<const std::string> words);

/// The blank-separated parts of a value.
std::vector<std::string_view> words_of(std::string_view value);

} // namespace sallyport::config
