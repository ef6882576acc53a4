// SPDX-License-Identifier: BSD-3-Clause
// The fdb of all tenants as the workers look it up: rte_hash, lock-free for readers.
#pragma once

#include "base/error.h"
#include "datapath/rcu.h"
#include "net/mac_address.h"
#include "overlay/row.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <rte_hash.h>

namespace sallyport::datapath {

/// Tenant in the upper 16 bits, MAC in the lower 48, as one word.
using FdbKey = std::uint64_t;
constexpr FdbKey fdb_key(overlay::TenantId tenant, std::uint64_t mac) {
    return std::uint64_t{tenant} << 48 | mac;
}

/// What a lookup gives, packed into the word that rte_hash keeps beside the key, so that a hit
/// costs no further cache line.
struct FdbEntry {
    enum class Kind : std::uint8_t { vm_port = 1, tunnel = 2 };

    Kind kind = Kind::vm_port;
    bool configured = false;
    /// VmPortId or tunnel index.
    std::uint32_t target = 0;
    /// Index of the entry's last-seen time, 26 bits.
    std::uint32_t slot = 0;

    [[nodiscard]] std::uint64_t pack() const {
        return std::uint64_t{slot} << 36 | std::uint64_t{target} << 4 | (configured ? 4U : 0U)
               | static_cast<std::uint64_t>(kind);
    }
    static FdbEntry unpack(std::uint64_t word) {
        return {static_cast<Kind>(word & 3), (word & 4) != 0, static_cast<std::uint32_t>(word >> 4),
                static_cast<std::uint32_t>(word >> 36)};
    }
    /// Same place, whoever told.
    [[nodiscard]] bool at(Kind where, std::uint32_t id) const {
        return kind == where && target == id;
    }
};

class FdbTable {
  public:
    /// @param capacity entries that fit for certain
    static Expected<std::unique_ptr<FdbTable>> create(RcuDomain& domain, std::uint32_t capacity,
                                                      const std::string& name);

    /// Control thread. Replaces an entry of the same key, and keeps its age.
    Expected<void> put(FdbKey key, FdbEntry::Kind kind, std::uint32_t target, bool configured,
                       std::uint32_t now_seconds);
    void remove(FdbKey key);
    /// When a worker last saw a frame from the station; absent: no such entry.
    [[nodiscard]] std::optional<std::uint32_t> last_seen(FdbKey key) const;

    /// Workers. @param keys at most RTE_HASH_LOOKUP_BULK_MAX of them
    /// @return bit i set: words[i] is the packed entry of keys[i]
    std::uint64_t lookup(const FdbKey* keys, std::uint32_t count, std::uint64_t* words) const;

    /// Workers: changes with every put() and remove(). Never 0.
    [[nodiscard]] std::uint32_t generation() const {
        return generation_.load(std::memory_order_acquire);
    }

    /// Workers: how many entries were removed, modulo 2^32.
    [[nodiscard]] std::uint32_t removals() const {
        return removals_.load(std::memory_order_acquire);
    }

    /// Workers: the station was seen. Writes only when the second has changed, to spare the line.
    void touch(std::uint32_t slot, std::uint32_t now_seconds) const {
        std::atomic<std::uint32_t>& seen = last_seen_[slot];
        if (seen.load(std::memory_order_relaxed) != now_seconds)
            seen.store(now_seconds, std::memory_order_relaxed);
    }

  private:
    struct Free {
        void operator()(rte_hash* hash) const { rte_hash_free(hash); }
    };
    explicit FdbTable(RcuDomain& domain) : domain_(domain) {}
    void next_generation();

    RcuDomain& domain_;
    std::unique_ptr<rte_hash, Free> hash_;
    mutable std::vector<std::atomic<std::uint32_t>> last_seen_;
    std::vector<std::uint32_t> free_slots_;
    std::atomic<std::uint32_t> generation_{1};
    std::atomic<std::uint32_t> removals_{0};
};

} // namespace sallyport::datapath
