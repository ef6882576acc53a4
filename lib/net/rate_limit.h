// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <compare>
#include <cstdint>

namespace sallyport::net {

/// A token bucket over whole Ethernet frames without FCS: the committed part of RFC 2697, whose
/// excess burst is zero. Both are above zero.
struct RateLimit {
    std::uint64_t octets_per_second = 0;
    /// Octets that may come at once; at least the largest frame.
    std::uint64_t burst_octets = 0;

    auto operator<=>(const RateLimit&) const = default;
};

} // namespace sallyport::net
