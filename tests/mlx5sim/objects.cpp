// SPDX-License-Identifier: BSD-3-Clause
#include "objects.h"

#include "report.h"

#include <string>

namespace mlx5sim {

namespace {

std::map<std::string, unsigned>& counts() {
    static auto* const instance = new std::map<std::string, unsigned>;
    return *instance;
}

} // namespace

std::recursive_mutex& card_lock() {
    static auto* const instance = new std::recursive_mutex;
    return *instance;
}

Counted::Counted(const char* kind) : kind_(kind) {
    const std::lock_guard guard(card_lock());
    ++counts()[kind];
}

Counted::~Counted() {
    const std::lock_guard guard(card_lock());
    --counts()[kind_];
}

std::map<std::string, unsigned> live_objects() {
    const std::lock_guard guard(card_lock());
    std::map<std::string, unsigned> live;
    for (const auto& [kind, count] : counts())
        if (count > 0) live[kind] = count;
    return live;
}

std::uint8_t* memory_at(std::uint32_t umem, std::uint64_t offset, std::size_t size) {
    const UserMemory* const memory = UserMemory::find(umem);
    if (memory == nullptr) refuse("there is no user memory %u", umem);
    if (offset > memory->size || size > memory->size - offset)
        refuse("%zu octets at %llu are not in user memory %u, which has %zu", size,
               static_cast<unsigned long long>(offset), umem, memory->size);
    return memory->address + offset;
}

} // namespace mlx5sim
