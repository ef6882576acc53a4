// SPDX-License-Identifier: BSD-3-Clause
// The fdb entries of all tenants, with the learned ones in a row for ageing.
#pragma once

#include "overlay/forwarding_state.h"
#include "overlay/row.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace sallyport::overlay {

/// Hash of MAC addresses, which VMs choose: keyed, so that none can be chosen to collide.
class MacHash {
  public:
    /// With a key of its own.
    MacHash();
    std::size_t operator()(const net::MacAddress& mac) const noexcept;

  private:
    std::uint64_t key_;
};

class FdbTable {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;

    [[nodiscard]] std::optional<FdbRow> find(TenantId tenant, const net::MacAddress& mac) const;
    /// New, or instead of the entry of the same tenant and MAC.
    /// @param now kept for learned entries that are new or change place
    void put(const FdbRow& row, TimePoint now);
    void remove(TenantId tenant, const net::MacAddress& mac);

    [[nodiscard]] std::size_t size() const { return size_; }
    template<class Visit>
    void for_each(TenantId tenant, Visit&& visit) const {
        if (tenant >= tenants_.size()) return;
        for (const auto& [mac, entry] : tenants_[tenant])
            visit(FdbRow{tenant, mac, entry.target, entry.origin});
    }
    /// One more than the largest tenant id that ever had an entry.
    [[nodiscard]] std::size_t tenant_bound() const { return tenants_.size(); }

    /// See ForwardingState::learned_at().
    [[nodiscard]] const std::vector<ForwardingState::LearnedEntry>& learned() const {
        return learned_;
    }

  private:
    struct Entry {
        FdbTarget target;
        FdbOrigin origin = FdbOrigin::learned;
        /// Place in learned_; of learned entries only.
        std::uint32_t learned_index = 0;
    };
    using Map = std::unordered_map<net::MacAddress, Entry, MacHash>;

    void forget_learned(std::uint32_t index);

    MacHash hash_;
    std::vector<Map> tenants_;
    std::vector<ForwardingState::LearnedEntry> learned_;
    std::size_t size_ = 0;
};

} // namespace sallyport::overlay
