// SPDX-License-Identifier: BSD-3-Clause
// The NIC's meter profiles: one for each rate limit in use, however many vm ports have it.
#pragma once

#include "base/error.h"
#include "eswitch/flow_api.h"
#include "net/rate_limit.h"

#include <cstdint>
#include <map>
#include <set>

namespace sallyport::eswitch {

/// The thread that owns the flow queue.
class MeterProfiles {
  public:
    /// @param flow must outlive the object
    MeterProfiles(FlowApi& flow, std::uint16_t proxy) : flow_(flow), proxy_(proxy) {}
    /// No rule may use them any more.
    ~MeterProfiles() { keep_only({}); }
    MeterProfiles(const MeterProfiles&) = delete;
    MeterProfiles& operator=(const MeterProfiles&) = delete;

    /// Makes it unless there is one. The error is the driver's.
    Expected<void> add(const net::RateLimit& limit);
    /// Null: there is none.
    [[nodiscard]] rte_flow_meter_profile* find(const net::RateLimit& limit) const;
    /// Removes the others, which no rule may use any more.
    void keep_only(const std::set<net::RateLimit>& limits);

  private:
    struct Profile {
        std::uint32_t id = 0;
        rte_flow_meter_profile* handle = nullptr;
    };

    FlowApi& flow_;
    std::uint16_t proxy_;
    std::uint32_t next_id_ = 0;
    std::map<net::RateLimit, Profile> profiles_;
};

} // namespace sallyport::eswitch
