// SPDX-License-Identifier: BSD-3-Clause
// A rule as the hardware path wants it: a stage, one of its patterns and sets of actions, and the
// values that fill them in.
#pragma once

#include "eswitch/traffic_account.h"
#include "net/ip_address.h"
#include "net/mac_address.h"
#include "net/overhead.h"
#include "net/rate_limit.h"
#include "overlay/row.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include <rte_flow.h>

namespace sallyport::eswitch {

/// What is put in front of a frame, zeros behind it.
using EncapHeader = std::array<std::uint8_t, net::vxlan_encap_length(net::IpFamily::ipv6)>;

/// The stages in the order of a packet's way; a stage is one template table. Those of one group
/// follow each other.
enum class StageId : std::uint8_t {
    from_uplink,
    from_vm,
    police,
    terminate_ipv4,
    terminate_ipv6,
    peer,
    vm_station,
    encapsulable,
    fits,
    remote_station,
    deliver,
    own_station,
    fdb,
    uplink,
};
inline constexpr std::size_t stage_count = 14;

/// What the packet must have. Members that a stage does not match stay zero.
struct RuleMatch {
    /// DPDK port id of the represented port.
    std::uint16_t port = 0;
    std::uint32_t tag = 0;
    net::MacAddress mac{};
    net::IpAddress address{};
    std::uint32_t vni = 0;
    /// Length of the IP packet as its header counts it; the pattern says which bits matter.
    std::uint16_t length = 0;

    bool operator==(const RuleMatch&) const = default;
};

/// What is done with it. Members that a stage does not use stay zero.
struct RuleEffect {
    std::uint16_t port = 0;
    std::uint32_t tag = 0;
    overlay::NextHopLink link{};
    net::RateLimit rate_limit{};
    /// The NIC's, for that limit.
    rte_flow_meter_profile* meter = nullptr;
    EncapHeader encap{};

    bool operator==(const RuleEffect&) const = default;
};

struct RuleSpec {
    StageId stage{};
    std::uint8_t pattern = 0;
    std::uint8_t actions = 0;
    RuleMatch match{};
    RuleEffect effect{};
    TrafficAccount account = no_account;

    bool operator==(const RuleSpec&) const = default;
};

} // namespace sallyport::eswitch
