// SPDX-License-Identifier: BSD-3-Clause
// What a driver leaves behind when its process ends is a defect of it or of the program, and the
// process fails by it.
#include "faults.h"
#include "objects.h"
#include "report.h"

#include <cstdio>
#include <string>

#include <unistd.h>

namespace {

constexpr int leaked_status = 97;

[[gnu::destructor]] void report_leaks() {
    const auto live = mlx5sim::live_objects();
    // Of a card that is gone nothing is left that could have been given back.
    if (live.empty() || mlx5sim::faults().removed) return;
    for (const auto& [kind, count] : live)
        mlx5sim::say("alive at exit: %u %s", count, kind.c_str());
    std::fflush(nullptr);
    _exit(leaked_status);
}

} // namespace
