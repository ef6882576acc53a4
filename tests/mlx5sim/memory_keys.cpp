// SPDX-License-Identifier: BSD-3-Clause
#include "memory_keys.h"

#include "objects.h"

#include <mutex>
#include <unordered_map>

namespace mlx5sim {

namespace {

struct Range {
    std::uint64_t address = 0, size = 0;
};

std::unordered_map<std::uint32_t, Range>& ranges() {
    static auto* const instance = new std::unordered_map<std::uint32_t, Range>;
    return *instance;
}

} // namespace

void add_key(std::uint32_t key, std::uint64_t address, std::uint64_t size) {
    const std::lock_guard guard(card_lock());
    ranges()[key] = {address, size};
}

void remove_key(std::uint32_t key) {
    const std::lock_guard guard(card_lock());
    ranges().erase(key);
}

bool covers(std::uint32_t key, std::uint64_t address, std::size_t size) {
    const auto found = ranges().find(key);
    if (found == ranges().end()) return false;
    const Range& range = found->second;
    return address >= range.address && size <= range.size
           && address - range.address <= range.size - size;
}

} // namespace mlx5sim
