// SPDX-License-Identifier: BSD-3-Clause
// Meter profiles as mlx5 keeps them: by number, and without a look at who uses them.
#include "strict_flow_api.h"

#include <algorithm>
#include <limits>

namespace sallyport::eswitch {

namespace {

// What the meters of a ConnectX-6 Dx can be set to, octets a second and octets.
constexpr std::uint64_t most_octets_per_second = std::uint64_t{8} * (1ULL << 30) * 0xff;
constexpr std::uint64_t most_burst_octets = std::uint64_t{0xff} << 31;

Verdict check_profile(const rte_mtr_meter_profile& profile) {
    if (profile.alg != RTE_MTR_SRTCM_RFC2697 || profile.packet_mode != 0)
        return refuse(ENOTSUP, "the double plays meters of RFC 2697 by octets only");
    const auto& limit = profile.srtcm_rfc2697;
    if (limit.cir == 0 || limit.cir > most_octets_per_second || limit.cbs == 0
        || limit.cbs > most_burst_octets || limit.ebs > most_burst_octets)
        return refuse(ENOTSUP, "Profile values out of range.");
    return {};
}

} // namespace

StrictMeterProfile* StrictFlowApi::find_meter(std::uint32_t id) {
    const auto found = std::find_if(
        meter_profiles_.begin(), meter_profiles_.end(),
        [id](const StrictMeterProfile& profile) { return profile.id == id && !profile.dead; });
    return found == meter_profiles_.end() ? nullptr : &*found;
}

rte_flow_meter_profile* StrictFlowApi::add_meter_profile(std::uint16_t port, std::uint32_t id,
                                                         const rte_mtr_meter_profile& profile,
                                                         rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    if (!ports_.proxy() || port != *ports_.proxy() || ports_.configuration(port) == nullptr)
        return report_null(*refuse(EINVAL, "non-template flow engine was not configured"), error);
    if (Verdict verdict = draw_refusal(Operation::add_meter_profile))
        return report_null(*verdict, error);
    if (Verdict verdict = check_profile(profile)) return report_null(*verdict, error);
    if (id == std::numeric_limits<std::uint32_t>::max())
        return report_null(*refuse(EINVAL, "Meter profile id not valid."), error);
    if (find_meter(id) != nullptr)
        return report_null(*refuse(EEXIST, "Meter profile already exists."), error);
    auto* const wrapped = wrapped_.add_meter_profile(port, id, profile, error);
    if (wrapped == nullptr) {
        violate_refused("add a meter profile", error);
        return nullptr;
    }
    meter_profiles_.push_back({.id = id, .handle = wrapped});
    return wrapped;
}

int StrictFlowApi::remove_meter_profile(std::uint16_t port, std::uint32_t id,
                                        rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    StrictMeterProfile* const profile = find_meter(id);
    if (profile == nullptr) return report(*refuse(ENOENT, "Meter profile id is invalid."), error);
    rules_.each([&](const StrictRule& rule) {
        if (rule.meter == profile->handle) violate("a meter profile removed while a rule uses it");
    });
    profile->dead = true;
    if (wrapped_.remove_meter_profile(port, id, error) != 0)
        violate_refused("remove a meter profile", error);
    return 0;
}

} // namespace sallyport::eswitch
