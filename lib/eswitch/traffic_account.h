// SPDX-License-Identifier: BSD-3-Clause
// Whose traffic a rule's counter counts, so that it can be added up beyond the rule's end.
#pragma once

#include "overlay/row.h"

#include <cstdint>

namespace sallyport::eswitch {

/// A kind in the upper half, a vm port's or tenant's number in the lower, where it has one.
using TrafficAccount = std::uint32_t;
inline constexpr TrafficAccount no_account = 0;

constexpr TrafficAccount sent_by(overlay::VmPortId id) {
    return 1U << 16 | id;
}
/// From another vm port.
constexpr TrafficAccount switched_to(overlay::VmPortId id) {
    return 2U << 16 | id;
}
constexpr TrafficAccount decapsulated_for(overlay::VmPortId id) {
    return 3U << 16 | id;
}
constexpr TrafficAccount encapsulated_for(overlay::TenantId id) {
    return 4U << 16 | id;
}

/// Dropped, being more than the vm port may send.
constexpr TrafficAccount policed_of(overlay::VmPortId id) {
    return 5U << 16 | id;
}

/// Dropped, since no uplink was active.
inline constexpr TrafficAccount without_uplink = 6U << 16;
/// Dropped, since the next hop's MAC was not known on the active uplink.
inline constexpr TrafficAccount without_neighbour = 7U << 16;

struct Traffic {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;

    Traffic& operator+=(const Traffic& other) {
        packets += other.packets;
        bytes += other.bytes;
        return *this;
    }
    bool operator==(const Traffic&) const = default;
};

} // namespace sallyport::eswitch
