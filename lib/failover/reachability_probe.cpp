// SPDX-License-Identifier: BSD-3-Clause
#include "failover/reachability_probe.h"

#include <algorithm>
#include <utility>

namespace sallyport::failover {

void ReachabilityProbe::set_targets(std::span<const net::IpAddress> addresses) {
    std::vector<Target> targets;
    for (const net::IpAddress& address : addresses) {
        const auto known = std::ranges::find(targets_, address, &Target::address);
        targets.push_back(known == targets_.end() ? Target{.address = address} : *known);
    }
    targets_ = std::move(targets);
}

void ReachabilityProbe::link(bool up, TimePoint now) {
    if (up == next_.has_value()) return;
    next_ = up ? std::optional(now) : std::nullopt;
    if (up) return;
    for (Target& target : targets_)
        target = {.address = target.address, .lost = true};
}

std::vector<net::IpAddress> ReachabilityProbe::due(TimePoint now) {
    std::vector<net::IpAddress> addresses;
    if (!next_ || now < *next_) return addresses;
    // Not from *next_: after a pause of ours, probes in quick succession would prove nothing.
    next_ = now + settings_.interval;
    for (Target& target : targets_) {
        if (target.asked && ++target.missed >= settings_.missed_max) target.lost = true;
        target.asked = true;
        addresses.push_back(target.address);
    }
    return addresses;
}

bool ReachabilityProbe::reply(const net::IpAddress& address) {
    const auto target = std::ranges::find(targets_, address, &Target::address);
    if (target == targets_.end()) return false;
    *target = {.address = address};
    return true;
}

std::optional<TimePoint> ReachabilityProbe::next_deadline() const {
    return targets_.empty() ? std::nullopt : next_;
}

bool ReachabilityProbe::failed() const {
    if (settings_.all_targets) return std::ranges::any_of(targets_, &Target::lost);
    return !targets_.empty() && std::ranges::all_of(targets_, &Target::lost);
}

} // namespace sallyport::failover
