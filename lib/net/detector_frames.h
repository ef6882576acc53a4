// SPDX-License-Identifier: BSD-3-Clause
// Which frames that arrive by an uplink are for its failover detectors.
#pragma once

#include "net/ip_address.h"
#include "net/mac_address.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sallyport::net {

/// The detectors of an uplink are a station of their own: its MAC is not the underlay's, or what
/// they send by the backup uplink would draw the underlay's traffic to it.
struct DetectorStation {
    /// Zero: there are no detectors.
    MacAddress mac;
    /// For which they answer ARP requests and neighbour solicitations.
    std::vector<IpAddress> addresses;
};

/// Longer ones are no detector's: ARP, neighbour discovery and BFD are far shorter.
inline constexpr std::size_t most_detector_frame = 240;

/// Takes frames to the station's MAC, and questions for its addresses.
/// @param frame a whole Ethernet frame, of any octets
bool is_for_detectors(const DetectorStation& station, std::span<const std::uint8_t> frame);

} // namespace sallyport::net
