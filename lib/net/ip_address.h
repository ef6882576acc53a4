// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::net {

enum class IpFamily : std::uint8_t { ipv4 = 4, ipv6 = 6 };

/// "IPv4" or "IPv6".
std::string_view to_string(IpFamily family);

/// An IPv4 or IPv6 address, octets in network byte order; IPv4 uses the first four, the rest are 0.
struct IpAddress {
    std::array<std::uint8_t, 16> octets{};
    IpFamily family = IpFamily::ipv4;

    /// Takes what inet_pton(3) takes for either family; no zone, no prefix length.
    static std::optional<IpAddress> parse(std::string_view text);
    /// @param octets at least 4 or 16 octets, network byte order; copied
    static IpAddress from_octets(IpFamily family, const std::uint8_t* octets);

    [[nodiscard]] bool is_ipv4() const { return family == IpFamily::ipv4; }
    [[nodiscard]] bool is_ipv6() const { return family == IpFamily::ipv6; }
    /// 0.0.0.0 or ::
    [[nodiscard]] bool is_unspecified() const;
    /// 224.0.0.0/4 or ff00::/8 (and 255.255.255.255)
    [[nodiscard]] bool is_multicast() const;
    [[nodiscard]] bool is_loopback() const;

    /// As inet_ntop(3) writes it.
    [[nodiscard]] std::string to_string() const;

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the result for a pointer
    auto operator<=>(const IpAddress&) const = default;
};

/// An address with the length of its network's prefix: "192.0.2.1/24".
struct IpPrefix {
    IpAddress address;
    std::uint8_t length = 32;

    /// Without "/length" the prefix is the whole address (/32 or /128).
    static std::optional<IpPrefix> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the result for a pointer
    auto operator<=>(const IpPrefix&) const = default;
};

} // namespace sallyport::net

template<>
struct std::hash<sallyport::net::IpAddress> {
    std::size_t operator()(const sallyport::net::IpAddress& address) const noexcept {
        return std::hash<std::string_view>{}(
            {reinterpret_cast<const char*>(address.octets.data()), address.octets.size()});
    }
};
