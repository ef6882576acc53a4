// SPDX-License-Identifier: BSD-3-Clause
// Seconds for ageing, cheap enough to be read in every walk.
#pragma once

#include <cstdint>

#include <rte_cycles.h>

namespace sallyport::datapath {

/// Seconds of the TSC: the same on all cores, from an arbitrary start, never 0. One object a
/// thread.
class CoarseClock {
  public:
    CoarseClock() : hertz_(rte_get_tsc_hz()) {}

    std::uint32_t seconds() {
        const std::uint64_t now = rte_rdtsc();
        if (now >= next_) {
            const std::uint64_t whole = now / hertz_;
            seconds_ = static_cast<std::uint32_t>(whole) + 1;
            next_ = (whole + 1) * hertz_;
        }
        return seconds_;
    }

  private:
    std::uint64_t hertz_;
    std::uint64_t next_ = 0;
    std::uint32_t seconds_ = 1;
};

} // namespace sallyport::datapath
