// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::net {

/// An Ethernet address (IEEE 802), octets in transmission order.
struct MacAddress {
    std::array<std::uint8_t, 6> octets{};

    /// Takes six hexadecimal octets of one or two digits separated by ':' or '-'; nothing else.
    static std::optional<MacAddress> parse(std::string_view text);

    /// @param octets six, copied
    static MacAddress from_octets(const std::uint8_t* octets) {
        MacAddress mac;
        std::copy_n(octets, mac.octets.size(), mac.octets.begin());
        return mac;
    }

    /// The first transmitted octet is the most significant of the 48 bits.
    static constexpr MacAddress from_u64(std::uint64_t value) {
        MacAddress mac;
        for (int i = 5; i >= 0; --i, value >>= 8)
            mac.octets[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value);
        return mac;
    }
    [[nodiscard]] constexpr std::uint64_t to_u64() const {
        std::uint64_t value = 0;
        for (std::uint8_t octet : octets)
            value = value << 8 | octet;
        return value;
    }

    [[nodiscard]] constexpr bool is_multicast() const { return (octets[0] & 1) != 0; }
    [[nodiscard]] constexpr bool is_zero() const { return to_u64() == 0; }

    /// Lower case, separated by ':'.
    [[nodiscard]] std::string to_string() const;

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the result for a pointer
    auto operator<=>(const MacAddress&) const = default;
};

} // namespace sallyport::net

template<>
struct std::hash<sallyport::net::MacAddress> {
    std::size_t operator()(const sallyport::net::MacAddress& mac) const noexcept {
        return std::hash<std::uint64_t>{}(mac.to_u64());
    }
};
