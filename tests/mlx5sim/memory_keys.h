// SPDX-License-Identifier: BSD-3-Clause
// What of the process's memory the card may read and write, by the keys that verbs gave for it.
#pragma once

#include <cstdint>

namespace mlx5sim {

/// From now on @p key covers @p size octets at @p address.
void add_key(std::uint32_t key, std::uint64_t address, std::uint64_t size);
void remove_key(std::uint32_t key);

/// Whether all of the range is the key's. card_lock() is held.
bool covers(std::uint32_t key, std::uint64_t address, std::size_t size);

} // namespace mlx5sim
