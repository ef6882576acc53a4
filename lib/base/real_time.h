// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/error.h"

namespace sallyport::base {

/// Puts the calling thread ahead of all threads without a real-time priority (sched(7): SCHED_RR,
/// the lowest priority there is). Threads that it starts afterwards are ordinary ones.
Expected<void> enter_real_time();

} // namespace sallyport::base
