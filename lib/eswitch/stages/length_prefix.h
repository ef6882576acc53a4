// SPDX-License-Identifier: BSD-3-Clause
// "At most so long" in the only form that a match of octets and masks can say it: as prefixes of
// the 16-bit length. A prefix's length is part of the mask, so each is a pattern of its own.
#pragma once

#include "net/ip_address.h"

#include <cstdint>

namespace sallyport::eswitch {

inline constexpr std::uint8_t length_bits = 16;

/// Patterns of a stage that matches lengths of both families.
inline constexpr std::uint8_t length_patterns = 2 * length_bits;

struct LengthPrefix {
    std::uint16_t value = 0;
    /// 1 to 16.
    std::uint8_t bits = length_bits;

    [[nodiscard]] constexpr std::uint16_t mask() const {
        return static_cast<std::uint16_t>(0xffffU << (length_bits - bits));
    }
};

constexpr std::uint8_t length_pattern(net::IpFamily family, std::uint8_t prefix_bits) {
    return static_cast<std::uint8_t>((family == net::IpFamily::ipv4 ? 0 : length_bits) + prefix_bits
                                     - 1);
}
constexpr net::IpFamily length_pattern_family(std::uint8_t pattern) {
    return pattern < length_bits ? net::IpFamily::ipv4 : net::IpFamily::ipv6;
}
constexpr std::uint8_t length_pattern_bits(std::uint8_t pattern) {
    return static_cast<std::uint8_t>(pattern % length_bits + 1);
}

/// Calls @p visit with each of the prefixes that together are 0 to @p longest, @p longest below
/// 65535.
template<class Visit>
constexpr void for_each_prefix(std::uint16_t longest, Visit&& visit) {
    // Each bit of the first length that is too long ends one block of lengths that are not.
    const std::uint32_t beyond = std::uint32_t{longest} + 1;
    for (std::uint8_t bits = 1; bits <= length_bits; ++bits) {
        const std::uint32_t bit = 1U << (length_bits - bits);
        if ((beyond & bit) == 0) continue;
        const std::uint32_t above = ~((bit << 1) - 1);
        visit(LengthPrefix{static_cast<std::uint16_t>(beyond & above), bits});
    }
}

} // namespace sallyport::eswitch
