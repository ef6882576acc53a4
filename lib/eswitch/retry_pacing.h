// SPDX-License-Identifier: BSD-3-Clause
// When a NIC is asked again for what it refused.
#pragma once

#include <algorithm>
#include <chrono>

namespace sallyport::eswitch {

/// At once where something has changed; while it is to no avail after a second, then after twice as
/// long each time, up to a minute.
class RetryPacing {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::seconds shortest{1};
    static constexpr std::chrono::seconds longest{60};

    [[nodiscard]] bool is_due(Clock::time_point now) const { return now >= due_; }
    /// It may be otherwise now.
    void changed() { *this = {}; }
    /// The NIC was asked, and took nothing.
    void was_refused(Clock::time_point now) {
        due_ = now + interval_;
        interval_ = std::min(2 * interval_, longest);
    }

  private:
    Clock::time_point due_ = Clock::time_point::min();
    std::chrono::seconds interval_ = shortest;
};

} // namespace sallyport::eswitch
