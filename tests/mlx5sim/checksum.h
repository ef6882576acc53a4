// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum (RFC 1071), and the sums of the pseudo-headers before TCP and UDP.
#pragma once

#include <cstdint>
#include <span>

namespace mlx5sim {

/// The sum of 16-bit words in the order of the host, not folded yet.
class Sum {
  public:
    /// Only the last part that is added may have an odd number of octets.
    Sum& add(std::span<const std::uint8_t> octets);
    /// A word of the pseudo-header, in the host's order.
    Sum& add_word(std::uint16_t word);
    /// One's complement sum, in the host's order.
    std::uint16_t folded() const;
    /// What a checksum field holds, in the host's order.
    std::uint16_t complement() const { return static_cast<std::uint16_t>(~folded()); }

  private:
    std::uint64_t sum_ = 0;
};

} // namespace mlx5sim
