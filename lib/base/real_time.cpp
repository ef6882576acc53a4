// SPDX-License-Identifier: BSD-3-Clause
#include "base/real_time.h"

#include "base/errno_text.h"

#include <utility>

#include <sched.h>

namespace sallyport::base {

Expected<RealTime> RealTime::enter() {
    sched_param parameters{};
    parameters.sched_priority = sched_get_priority_min(SCHED_RR);
    // Of the calling thread, as Linux has it.
    if (::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameters) == 0)
        return RealTime();
    return failure("cannot take a real-time priority: " + errno_text(), {},
                   "give the process CAP_SYS_NICE, or a real-time limit (ulimit -r 1)");
}

RealTime::RealTime(RealTime&& other) noexcept : entered_(std::exchange(other.entered_, false)) {}

RealTime::~RealTime() {
    if (!entered_) return;
    const sched_param parameters{};
    // With the flag, which only the privileged may take back, nobody is refused this.
    ::sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &parameters);
}

} // namespace sallyport::base
