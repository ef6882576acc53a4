// SPDX-License-Identifier: BSD-3-Clause
// What a table may match of a packet, laid out as the selectors of a match definer count it: words
// of 32 bits, the first 64 of them also octet by octet.
#pragma once

#include "packet.h"
#include "steering.h"

#include <array>
#include <cstdint>

namespace mlx5sim {

class MatchFields {
  public:
    explicit MatchFields(const Packet& packet);

    /// The tag that @p definer makes of the packet, under its mask, as entries are found by.
    std::array<std::uint8_t, 44> tag(const Definer& definer, bool jumbo) const;

    /// Ends the process with the name of a word or octet that is selected, and filled in nowhere.
    static void check(const Definer& definer, bool jumbo);

  private:
    static constexpr std::size_t words = 150;
    std::array<std::uint8_t, 4 * words> image_{};
};

} // namespace mlx5sim
