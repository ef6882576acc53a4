// SPDX-License-Identifier: BSD-3-Clause
#include "net/ip_address.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>

namespace sallyport::net {

namespace {

int socket_family(IpFamily family) {
    return family == IpFamily::ipv4 ? AF_INET : AF_INET6;
}

} // namespace

std::string_view to_string(IpFamily family) {
    return family == IpFamily::ipv4 ? "IPv4" : "IPv6";
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    const std::string terminated(text);
    // inet_pton would take "192.0.2.1\0junk" for the address in front of the NUL.
    if (terminated.find('\0') != std::string::npos) return std::nullopt;
    for (IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
        IpAddress address{{}, family};
        if (inet_pton(socket_family(family), terminated.c_str(), address.octets.data()) == 1)
            return address;
    }
    return std::nullopt;
}

IpAddress IpAddress::from_octets(IpFamily family, const std::uint8_t* octets) {
    IpAddress address{{}, family};
    std::memcpy(address.octets.data(), octets, family == IpFamily::ipv4 ? 4 : 16);
    return address;
}

bool IpAddress::is_unspecified() const {
    return std::all_of(octets.begin(), octets.end(), [](std::uint8_t octet) { return octet == 0; });
}

bool IpAddress::is_multicast() const {
    if (is_ipv6()) return octets[0] == 0xff;
    const bool broadcast = std::all_of(octets.begin(), octets.begin() + 4,
                                       [](std::uint8_t octet) { return octet == 0xff; });
    return (octets[0] & 0xf0) == 0xe0 || broadcast;
}

bool IpAddress::is_loopback() const {
    if (is_ipv4()) return octets[0] == 127;
    return octets[15] == 1
           && std::all_of(octets.begin(), octets.begin() + 15,
                          [](std::uint8_t octet) { return octet == 0; });
}

std::string IpAddress::to_string() const {
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(socket_family(family), octets.data(), text, sizeof text);
    return text;
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    const std::uint8_t longest = address->is_ipv4() ? 32 : 128;
    IpPrefix prefix{*address, longest};
    if (slash == std::string_view::npos) return prefix;
    const std::string_view digits = text.substr(slash + 1);
    auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), prefix.length);
    if (error != std::errc{} || end != digits.data() + digits.size() || prefix.length > longest)
        return std::nullopt;
    return prefix;
}

std::string IpPrefix::to_string() const {
    return address.to_string() + "/" + std::to_string(length);
}

} // namespace sallyport::net
