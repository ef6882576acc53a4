// SPDX-License-Identifier: BSD-3-Clause
// Stages with a pattern for each IP family number them alike.
#pragma once

#include "net/ip_address.h"

#include <cstdint>

namespace sallyport::eswitch {

constexpr std::uint8_t pattern_of(net::IpFamily family) {
    return family == net::IpFamily::ipv4 ? 0 : 1;
}
constexpr net::IpFamily family_of_pattern(std::uint8_t pattern) {
    return pattern == 0 ? net::IpFamily::ipv4 : net::IpFamily::ipv6;
}

} // namespace sallyport::eswitch
