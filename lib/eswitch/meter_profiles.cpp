// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/meter_profiles.h"

namespace sallyport::eswitch {

Expected<void> MeterProfiles::add(const net::RateLimit& limit) {
    if (profiles_.contains(limit)) return {};
    rte_mtr_meter_profile profile{};
    profile.alg = RTE_MTR_SRTCM_RFC2697;
    profile.srtcm_rfc2697 = {.cir = limit.octets_per_second, .cbs = limit.burst_octets, .ebs = 0};
    rte_flow_error error{};
    const std::uint32_t id = next_id_++;
    auto* const handle = flow_.add_meter_profile(proxy_, id, profile, error);
    if (handle == nullptr) return failure("no meter: " + describe(error, 0), "hardware path");
    profiles_.emplace(limit, Profile{id, handle});
    return {};
}

rte_flow_meter_profile* MeterProfiles::find(const net::RateLimit& limit) const {
    const auto found = profiles_.find(limit);
    return found == profiles_.end() ? nullptr : found->second.handle;
}

void MeterProfiles::keep_only(const std::set<net::RateLimit>& limits) {
    std::erase_if(profiles_, [&](const auto& entry) {
        if (limits.contains(entry.first)) return false;
        // Nobody could do anything about a refusal, and the number is not used again.
        rte_flow_error error{};
        flow_.remove_meter_profile(proxy_, entry.second.id, error);
        return true;
    });
}

} // namespace sallyport::eswitch
