// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/fdb_table.h"

#include <cerrno>
#include <cstring>

#include <rte_errno.h>
#include <rte_hash_crc.h>

namespace sallyport::datapath {

namespace {

constexpr std::uint32_t hash_seed = 0;

std::uint32_t hash_key(const void* key, std::uint32_t, std::uint32_t seed) {
    std::uint64_t word;
    std::memcpy(&word, key, sizeof word);
    return rte_hash_crc_8byte(word, seed);
}

int compare_keys(const void* left, const void* right, std::size_t) {
    return std::memcmp(left, right, sizeof(FdbKey));
}

} // namespace

Expected<std::unique_ptr<FdbTable>> FdbTable::create(RcuDomain& domain, std::uint32_t capacity,
                                                     const std::string& name) {
    const rte_hash_parameters parameters{
        .name = name.c_str(),
        .entries = capacity,
        .reserved = 0,
        .key_len = sizeof(FdbKey),
        .hash_func = hash_key,
        .hash_func_init_val = hash_seed,
        .socket_id = SOCKET_ID_ANY,
        // The extra buckets make the whole capacity usable whatever the keys hash to.
        .extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
    };
    std::unique_ptr<FdbTable> table(new FdbTable(domain));
    table->hash_.reset(rte_hash_create(&parameters));
    if (!table->hash_)
        return failure(std::string("cannot create the fdb: ") + rte_strerror(rte_errno),
                       "software path", "lower limits.fdb_entries or give EAL more memory (-m)");
    rte_hash_set_cmp_func(table->hash_.get(), compare_keys);
    rte_hash_rcu_config rcu{};
    rcu.v = domain.raw();
    rcu.mode = RTE_HASH_QSBR_MODE_DQ;
    if (rte_hash_rcu_qsbr_add(table->hash_.get(), &rcu) != 0)
        return failure(std::string("cannot tie the fdb to RCU: ") + rte_strerror(rte_errno),
                       "software path");
    table->last_seen_ = std::vector<std::atomic<std::uint32_t>>(capacity);
    table->free_slots_.reserve(capacity);
    for (std::uint32_t slot = capacity; slot > 0; --slot)
        table->free_slots_.push_back(slot - 1);
    return table;
}

Expected<void> FdbTable::put(FdbKey key, FdbEntry::Kind kind, std::uint32_t target, bool configured,
                             std::uint32_t now_seconds) {
    FdbEntry entry{kind, configured, target, 0};
    void* word = nullptr;
    const bool known = rte_hash_lookup_data(hash_.get(), &key, &word) >= 0;
    if (known) {
        entry.slot = FdbEntry::unpack(reinterpret_cast<std::uint64_t>(word)).slot;
    } else {
        if (free_slots_.empty())
            return failure("the fdb is full", "software path", "raise limits.fdb_entries");
        entry.slot = free_slots_.back();
    }
    touch(entry.slot, now_seconds);
    void* const packed = reinterpret_cast<void*>(entry.pack());
    int error = rte_hash_add_key_data(hash_.get(), &key, packed);
    if (error == -ENOSPC) {
        // What was removed lately holds its place until every worker has been quiescent.
        domain_.synchronize();
        error = rte_hash_add_key_data(hash_.get(), &key, packed);
    }
    if (error < 0)
        return failure(std::string("cannot add to the fdb: ") + rte_strerror(-error),
                       "software path", "raise limits.fdb_entries");
    if (!known) free_slots_.pop_back();
    next_generation();
    return {};
}

void FdbTable::remove(FdbKey key) {
    void* word = nullptr;
    if (rte_hash_lookup_data(hash_.get(), &key, &word) < 0) return;
    rte_hash_del_key(hash_.get(), &key);
    removals_.fetch_add(1, std::memory_order_release);
    next_generation();
    // A worker that still holds the word may touch the slot's next owner: that station looks alive
    // for a moment longer than it is, which ageing forgives.
    free_slots_.push_back(FdbEntry::unpack(reinterpret_cast<std::uint64_t>(word)).slot);
}

void FdbTable::next_generation() {
    const std::uint32_t next = generation_.load(std::memory_order_relaxed) + 1;
    generation_.store(next == 0 ? 1 : next, std::memory_order_release);
}

std::optional<std::uint32_t> FdbTable::last_seen(FdbKey key) const {
    void* word = nullptr;
    if (rte_hash_lookup_data(hash_.get(), &key, &word) < 0) return std::nullopt;
    const auto entry = FdbEntry::unpack(reinterpret_cast<std::uint64_t>(word));
    return last_seen_[entry.slot].load(std::memory_order_relaxed);
}

std::uint64_t FdbTable::lookup(const FdbKey* keys, std::uint32_t count,
                               std::uint64_t* words) const {
    const void* key_pointers[RTE_HASH_LOOKUP_BULK_MAX];
    hash_sig_t signatures[RTE_HASH_LOOKUP_BULK_MAX];
    for (std::uint32_t i = 0; i < count; ++i) {
        key_pointers[i] = &keys[i];
        signatures[i] = rte_hash_crc_8byte(keys[i], hash_seed);
    }
    std::uint64_t hits = 0;
    rte_hash_lookup_with_hash_bulk_data(hash_.get(), key_pointers, signatures, count, &hits,
                                        reinterpret_cast<void**>(words));
    return hits;
}

} // namespace sallyport::datapath
