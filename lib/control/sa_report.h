// SPDX-License-Identifier: BSD-3-Clause
// What commands and telemetry show of IPsec: plain values, never a key.
#pragma once

#include "config/settings.h"
#include "ipsec/engine_choice.h"
#include "ipsec/packet_fault.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::control {

/// Index by ipsec::PacketFault.
using FaultCounts = std::array<std::uint64_t, ipsec::packet_fault_count>;

struct SaTotals {
    std::uint64_t packets = 0;
    /// Of IP packets in clear.
    std::uint64_t octets = 0;
    FaultCounts faults{};

    SaTotals& operator+=(const SaTotals& more);
};

/// What an SA counted so far.
SaTotals totals_of(const ipsec::SaCounters& counters);

enum class SaState : std::uint8_t {
    active,
    /// Outbound: there are more SAs to the vtep than workers.
    surplus,
    /// Inbound: no longer in the file, taken until the grace time ends.
    retiring,
};

/// "active", "surplus", "retiring".
constexpr std::string_view to_string(SaState state) {
    constexpr std::array<std::string_view, 3> names{"active", "surplus", "retiring"};
    return names[static_cast<std::size_t>(state)];
}

struct SaReport {
    std::string tenant;
    config::SaSettings settings;
    SaState state = SaState::active;
    ipsec::EngineChoice choice;
    /// Outbound: the next number; inbound: the newest taken, 0 before the first.
    std::uint64_t sequence = 0;
    SaTotals totals;
    ipsec::Lifetime lifetime = ipsec::Lifetime::fresh;
};

struct IpsecReport {
    /// By tenant, in the order of the file.
    std::vector<SaReport> sas;
    /// With those of SAs that are gone.
    SaTotals outbound;
    SaTotals inbound;
    /// Crypto devices with what they run, a line each.
    std::vector<std::string> devices;
};

} // namespace sallyport::control
