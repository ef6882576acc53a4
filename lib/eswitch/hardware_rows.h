// SPDX-License-Identifier: BSD-3-Clause
// The rows that the hardware path was given, each with its rules and with what hangs on it.
#pragma once

#include "eswitch/fdb_entries.h"
#include "eswitch/installed_rules.h"
#include "net/mac_address.h"
#include "overlay/row.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::eswitch {

inline constexpr std::uint16_t no_port = 0xffff;
inline constexpr std::uint32_t no_length_class = UINT32_MAX;

using OneRule = std::array<RuleId, 1>;

/// What all of these have: the driver's words, where it refused a rule; empty where it did not.
struct Refusable {
    std::string refused;
};

struct UplinkState : Refusable {
    /// DPDK port id.
    std::uint16_t port = no_port;
    OneRule rules{no_rule};
};

struct TenantState : Refusable {
    overlay::TenantRow row;
    std::uint32_t length_class = no_length_class;
    std::vector<TunnelId> tunnels;
    OneRule rules{no_rule};
};

struct VmPortState : Refusable {
    overlay::VmPortRow row;
    FdbList entries;
    /// From it; what is green, what is red.
    std::array<RuleId, 3> rules{no_rule, no_rule, no_rule};
};

struct TunnelState : Refusable {
    overlay::TenantId tenant = 0;
    overlay::VtepId vtep = 0;
    /// Only its number is still in use.
    bool gone = false;
    FdbList entries;
    OneRule rules{no_rule};
};

struct VtepState {
    overlay::VtepRow row;
    std::vector<TunnelId> tunnels;
};

struct NextHopState : Refusable {
    overlay::NextHopRow row;
    std::vector<overlay::VtepId> vteps;
    OneRule rules{no_rule};
    /// Its rule is in the NIC: packets may be sent its way.
    bool usable = false;
};

/// Tenants of one MTU share the rules that look at lengths.
struct LengthClassState : Refusable {
    std::uint16_t mtu = 0;
    std::uint32_t tenants = 0;
    std::array<RuleId, most_rules_of_owner> rules;

    LengthClassState() { rules.fill(no_rule); }
};

} // namespace sallyport::eswitch
