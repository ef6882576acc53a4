// SPDX-License-Identifier: BSD-3-Clause
#include "overlay/fdb_table.h"

#include <random>

namespace sallyport::overlay {

MacHash::MacHash() {
    std::random_device random;
    key_ = static_cast<std::uint64_t>(random()) << 32 | random();
}

std::size_t MacHash::operator()(const net::MacAddress& mac) const noexcept {
    // The finalizer of splitmix64: every bit of the key and the address reaches every bit.
    std::uint64_t value = mac.to_u64() ^ key_;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9U;
    value = (value ^ value >> 27) * 0x94d049bb133111ebU;
    return value ^ value >> 31;
}

std::optional<FdbRow> FdbTable::find(TenantId tenant, const net::MacAddress& mac) const {
    if (tenant >= tenants_.size()) return std::nullopt;
    const auto found = tenants_[tenant].find(mac);
    if (found == tenants_[tenant].end()) return std::nullopt;
    return FdbRow{tenant, mac, found->second.target, found->second.origin};
}

void FdbTable::put(const FdbRow& row, TimePoint now) {
    while (tenants_.size() <= row.tenant)
        tenants_.emplace_back(0, hash_);
    const auto [place, added] = tenants_[row.tenant].try_emplace(row.mac);
    Entry& entry = place->second;
    const bool was_learned = !added && entry.origin == FdbOrigin::learned;
    const bool is_learned = row.origin == FdbOrigin::learned;
    if (added) ++size_;
    if (was_learned && !is_learned) forget_learned(entry.learned_index);
    if (is_learned && !was_learned) {
        entry.learned_index = static_cast<std::uint32_t>(learned_.size());
        learned_.push_back({row.tenant, row.mac, now});
    } else if (is_learned && entry.target != row.target) {
        learned_[entry.learned_index].since = now;
    }
    entry.target = row.target;
    entry.origin = row.origin;
}

void FdbTable::remove(TenantId tenant, const net::MacAddress& mac) {
    if (tenant >= tenants_.size()) return;
    const auto found = tenants_[tenant].find(mac);
    if (found == tenants_[tenant].end()) return;
    if (found->second.origin == FdbOrigin::learned) forget_learned(found->second.learned_index);
    tenants_[tenant].erase(found);
    --size_;
}

void FdbTable::forget_learned(std::uint32_t index) {
    learned_[index] = learned_.back();
    const ForwardingState::LearnedEntry& moved = learned_[index];
    tenants_[moved.tenant].find(moved.mac)->second.learned_index = index;
    learned_.pop_back();
}

} // namespace sallyport::overlay
