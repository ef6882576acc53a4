// SPDX-License-Identifier: BSD-3-Clause
// What the software path does with one packet, told from the rows alone: the graph's decisions, in
// the graph's order, in words.
#pragma once

#include "control/sa_report.h"
#include "datapath/drop_reason.h"
#include "net/detector_frames.h"
#include "net/mac_address.h"
#include "overlay/forwarding_state.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sallyport::control {

/// What the walk looks at.
struct SoftwareScene {
    const overlay::ForwardingState& state;
    /// Names, by index.
    std::array<std::string, overlay::uplink_count> uplinks{};
    net::MacAddress underlay_mac{};
    /// By uplink.
    std::array<net::DetectorStation, overlay::uplink_count> detectors{};
    std::string host_port{}; // empty: there is none
    bool accept_udp6_zero_checksum = false;
    /// Of all tenants.
    std::vector<SaReport> sas{};
};

struct SoftwareWalk {
    /// A sentence each.
    std::vector<std::string> steps;
    /// Why it ends before a port; of a flooded frame, all of its copies. Absent: it goes on.
    std::optional<datapath::DropReason> drop;
};

/// Nothing is changed: what would be learned is only said.
/// @param frame of any octets
SoftwareWalk walk_from_vm(const SoftwareScene& scene, const overlay::VmPortRow& port,
                          std::span<const std::uint8_t> frame);
/// What an SA would make of an ESP packet is not looked into.
SoftwareWalk walk_from_uplink(const SoftwareScene& scene, overlay::UplinkIndex uplink,
                              std::span<const std::uint8_t> packet);

} // namespace sallyport::control
