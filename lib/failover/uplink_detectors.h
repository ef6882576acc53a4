// SPDX-License-Identifier: BSD-3-Clause
// All detectors of one uplink, as the station that they are on its link: what they send and answer,
// and what they have found out. Pure logic.
#pragma once

#include "failover/bfd_link.h"
#include "failover/reachability_probe.h"
#include "failover/state_machine.h"
#include "net/detector_frames.h"
#include "net/ip_address.h"
#include "net/mac_address.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace sallyport::failover {

/// The MAC of an uplink's detectors: locally administered, and neither the underlay's nor the other
/// uplink's.
net::MacAddress detector_mac(const net::MacAddress& underlay_mac, UplinkIndex uplink);

struct UplinkDetectorSettings {
    net::MacAddress mac{};
    /// Absent: neighbours are not probed.
    std::optional<ReachabilitySettings> neighbours{};
    /// Absent: no BFD.
    std::optional<BfdEnds> bfd{};
    BfdSettings bfd_settings{};
};

/// Not thread-safe.
class UplinkDetectors {
  public:
    /// @param random as BfdSession's
    UplinkDetectors(const UplinkDetectorSettings& settings, const BfdSession::Random& random,
                    TimePoint now);

    /// What of the uplink's frames they are to be given.
    [[nodiscard]] net::DetectorStation station() const;

    /// Of the neighbour probe; without one, nothing.
    void set_targets(std::span<const net::IpAddress> addresses);
    /// Without its link nothing is sent. Told before it ever was: down.
    void link(bool up, TimePoint now);
    /// @param frame of any octets
    void receive(std::span<const std::uint8_t> frame, TimePoint now);

    /// Frames to be sent now, answers included. Give receive() all that has come first.
    std::vector<std::vector<std::uint8_t>> due(TimePoint now);
    /// The process ends: due() has what neighbours are to know of that.
    void stop(TimePoint now);
    /// When to call due() unless something is received first.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;

    /// One that is not in use has not failed.
    [[nodiscard]] bool failed(Detector detector) const;
    [[nodiscard]] const net::MacAddress& mac() const { return mac_; }
    [[nodiscard]] const std::optional<ReachabilityProbe>& neighbours() const { return neighbours_; }
    [[nodiscard]] const std::optional<BfdLink>& bfd() const { return bfd_; }

  private:
    void answer(const net::NeighbourRequest& request);
    /// Those to be probed now.
    std::vector<net::IpAddress> probe_targets(TimePoint now);
    /// To one that has answered, it goes to it alone: what is sent to all reaches every station of
    /// the network, ten times a second, from every hypervisor.
    [[nodiscard]] std::vector<std::uint8_t> probe(const net::IpAddress& target) const;

    net::MacAddress mac_;
    net::IpAddress link_local_;
    std::optional<ReachabilityProbe> neighbours_;
    /// Of targets that have answered.
    std::map<net::IpAddress, net::MacAddress> neighbour_macs_;
    std::optional<BfdLink> bfd_;
    bool link_up_ = false;
    std::vector<std::vector<std::uint8_t>> answers_;
};

} // namespace sallyport::failover
