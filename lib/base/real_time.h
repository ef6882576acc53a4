// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/error.h"

namespace sallyport::base {

/// Puts a thread ahead of all threads without a real-time priority (sched(7): SCHED_RR, the lowest
/// priority there is), for as long as the object lives. Threads that it starts are ordinary ones.
class RealTime {
  public:
    /// Of the calling thread, which must be the one that destroys the object.
    static Expected<RealTime> enter();
    ~RealTime();
    RealTime(RealTime&& other) noexcept;
    RealTime& operator=(RealTime&&) = delete;

  private:
    RealTime() = default;
    bool entered_ = true;
};

} // namespace sallyport::base
