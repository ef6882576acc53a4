// SPDX-License-Identifier: BSD-3-Clause
#include "net/mac_address.h"

#include <charconv>

#include <spdlog/fmt/fmt.h>

namespace sallyport::net {

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
    MacAddress mac;
    const char* position = text.data();
    const char* const end = position + text.size();
    for (std::size_t i = 0; i < mac.octets.size(); ++i) {
        if (i > 0) {
            if (position == end || (*position != ':' && *position != '-')) return std::nullopt;
            ++position;
        }
        const char* const octet_end = end - position > 2 ? position + 2 : end;
        auto [next, error] = std::from_chars(position, octet_end, mac.octets[i], 16);
        if (error != std::errc{}) return std::nullopt;
        position = next;
    }
    return position == end ? std::optional(mac) : std::nullopt;
}

std::string MacAddress::to_string() const {
    return fmt::format("{:02x}", fmt::join(octets, ":"));
}

} // namespace sallyport::net
