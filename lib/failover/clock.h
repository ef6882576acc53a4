// SPDX-License-Identifier: BSD-3-Clause
// The clock that everything here is told by: nobody here reads it.
#pragma once

#include <chrono>
#include <optional>

namespace sallyport::failover {

/// Monotonic; callers give times that never decrease.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

/// The sooner of two deadlines, of which either may be none.
inline std::optional<TimePoint> sooner(std::optional<TimePoint> one, std::optional<TimePoint> two) {
    if (!one || !two) return one ? one : two;
    return *one < *two ? one : two;
}

} // namespace sallyport::failover
