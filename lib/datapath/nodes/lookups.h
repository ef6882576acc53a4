// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "datapath/tunnel_table.h"

#include <cstdint>

#include <rte_hash.h>

namespace sallyport::datapath {

inline constexpr std::uint16_t lookup_batch = 32;
static_assert(lookup_batch <= RTE_HASH_LOOKUP_BULK_MAX);

inline constexpr std::uint32_t nothing_found = 0xffffffff;

/// Gathers the keys of a batch; packets of one key come in runs, and share one lookup.
template<class Key>
class Lookups {
  public:
    void add(std::uint16_t packet, const Key& key) {
        if (count_ == 0 || !(keys_[count_ - 1] == key)) keys_[count_++] = key;
        key_of_[packet] = static_cast<std::uint16_t>(count_ - 1);
    }
    void resolve(const TunnelTable<Key>& table) {
        if (count_ > 0) hits_ = table.lookup(keys_, count_, numbers_);
    }
    [[nodiscard]] std::uint32_t found(std::uint16_t packet) const {
        const std::uint16_t key = key_of_[packet];
        return (hits_ >> key & 1) != 0 ? numbers_[key] : nothing_found;
    }

  private:
    Key keys_[lookup_batch];
    std::uint32_t numbers_[lookup_batch];
    std::uint16_t key_of_[lookup_batch];
    std::uint16_t count_ = 0;
    std::uint64_t hits_ = 0;
};

} // namespace sallyport::datapath
