// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum (RFC 1071).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sallyport::eswitch {

/// Sum of 16-bit words in ones' complement, folded; an odd octet at the end is the upper one.
/// 0xffff over data that holds its own right checksum.
/// @param start what was summed before
inline std::uint16_t ones_sum(std::span<const std::uint8_t> octets, std::uint64_t start = 0) {
    std::uint64_t sum = start;
    std::size_t i = 0;
    for (; i + 1 < octets.size(); i += 2)
        sum += static_cast<unsigned>(octets[i] << 8 | octets[i + 1]);
    if (i < octets.size()) sum += static_cast<unsigned>(octets[i] << 8);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

} // namespace sallyport::eswitch
