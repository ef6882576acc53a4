// SPDX-License-Identifier: BSD-3-Clause
// Whether the next hops of one uplink answer: a link that is up may lead nowhere. Pure logic: it
// says whom to probe when, and is told who answered.
#pragma once

#include "failover/clock.h"
#include "net/ip_address.h"

#include <optional>
#include <span>
#include <vector>

namespace sallyport::failover {

struct ReachabilitySettings {
    /// Between two probes of each target (the bond's arp_interval).
    std::chrono::milliseconds interval{100};
    /// So many probes in a row without an answer, and the target is lost (the bond's
    /// arp_missed_max). Above zero.
    unsigned missed_max = 3;
    /// The uplink has failed when any target is lost, instead of when all are (the bond's
    /// arp_all_targets).
    bool all_targets = false;

    bool operator==(const ReachabilitySettings&) const = default;
};

/// The backup uplink has a probe of its own, and needs it more than the active one: nothing else
/// would show that it leads nowhere until it is too late. Its probes must not be sent from the
/// underlay's MAC and address, or the switches and next hops would move the traffic to it: see
/// UplinkDetectors, which gives them a station of their own.
///
/// A target is lost within (missed_max + 1) intervals of its last answer. A new one counts as
/// reachable until then; one of an uplink whose link was away counts as lost until it answers,
/// since a port may have its link before it forwards. Not thread-safe.
class ReachabilityProbe {
  public:
    /// Probes nothing before its link is up.
    explicit ReachabilityProbe(const ReachabilitySettings& settings) : settings_(settings) {}

    /// Next hops, or what the operator named; none: the uplink cannot fail by this. Those that
    /// were there before keep what is known of them.
    void set_targets(std::span<const net::IpAddress> addresses);
    /// Without its link an uplink is not probed.
    void link(bool up, TimePoint now);

    /// Those to which a probe is to be sent now; empty before next_deadline(). Also decides who is
    /// lost. Give reply() all that has come first.
    std::vector<net::IpAddress> due(TimePoint now);
    /// The target has answered on this uplink, to this uplink (net::parse_neighbour_reply()).
    /// @return false: it is no target
    bool reply(const net::IpAddress& address);

    /// When to call due().
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;
    [[nodiscard]] bool failed() const;

    struct Target {
        net::IpAddress address;
        bool lost = false;
        /// Probes in a row without an answer.
        unsigned missed = 0;
        /// A probe is under way.
        bool asked = false;
    };
    [[nodiscard]] std::span<const Target> targets() const { return targets_; }

  private:
    ReachabilitySettings settings_;
    std::vector<Target> targets_;
    /// Of the next probes; absent: no link.
    std::optional<TimePoint> next_;
};

} // namespace sallyport::failover
