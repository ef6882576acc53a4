// SPDX-License-Identifier: BSD-3-Clause
#include "checksum.h"

#include <cstring>

#include <endian.h>

namespace mlx5sim {

// Halves of words are added apart, so that no carry is lost; the order of octets does not matter to
// the sum but at its end (RFC 1071, section 2).
Sum& Sum::add(std::span<const std::uint8_t> octets) {
    const std::uint8_t* at = octets.data();
    std::size_t left = octets.size();
    for (; left >= 8; at += 8, left -= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, sizeof word);
        sum_ += (word & 0xffffffff) + (word >> 32);
    }
    if (left > 0) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, left);
        sum_ += (word & 0xffffffff) + (word >> 32);
    }
    return *this;
}

Sum& Sum::add_word(std::uint16_t word) {
    sum_ += htobe16(word);
    return *this;
}

std::uint16_t Sum::folded() const {
    std::uint64_t sum = sum_;
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return be16toh(static_cast<std::uint16_t>(sum));
}

} // namespace mlx5sim
