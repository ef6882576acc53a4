// SPDX-License-Identifier: BSD-3-Clause
// How much of the NIC's match key (its "definer") patterns take. The parser lays all headers out in
// one block of 32-bit words; a key selects a few whole words and a few single octets of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <rte_flow.h>

namespace sallyport::eswitch {

class DefinerUse {
  public:
    /// What the masks of one pattern touch, and what its items imply.
    static DefinerUse of(std::span<const rte_flow_item> items);

    /// All pattern templates of a table share one key.
    void merge(const DefinerUse& other);

    /// Six words anywhere, three more below the addresses, eight octets below the addresses.
    /// @param full_width NICs newer than ConnectX-6 take nine words anywhere
    [[nodiscard]] bool fits(bool full_width) const;

  private:
    /// Addresses, tunnel headers and registers begin here: beyond the reach of octet selectors.
    static constexpr std::size_t first_far_word = 64;
    static constexpr std::size_t words = 104;

    struct Layout;
    friend struct Layout;

    /// A bit for each octet of the word, the first octet lowest.
    std::array<std::uint8_t, words> octets_{};
};

} // namespace sallyport::eswitch
