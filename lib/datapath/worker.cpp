// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/worker.h"

#include "datapath/coarse_clock.h"

#include <algorithm>
#include <ctime>

#include <rte_cycles.h>
#include <sys/prctl.h>

namespace sallyport::datapath {

namespace {

/// Walks without a packet before the first nap: short gaps are waited out awake.
constexpr std::uint32_t idle_walks_before_sleep = 64;

/// Naps grow from a microsecond to the limit while nothing arrives, and start over with a packet.
class Naps {
  public:
    explicit Naps(std::uint32_t longest_us) : longest_us_(longest_us) {}

    /// @return microseconds to sleep now; 0: stay awake
    std::uint32_t next(bool idle) {
        if (!idle || longest_us_ == 0) {
            idle_walks_ = 0;
            nap_us_ = 1;
            return 0;
        }
        if (++idle_walks_ < idle_walks_before_sleep) return 0;
        const std::uint32_t nap = nap_us_;
        nap_us_ = std::min(nap_us_ * 2, longest_us_);
        return nap;
    }

  private:
    std::uint32_t longest_us_;
    std::uint32_t idle_walks_ = 0;
    std::uint32_t nap_us_ = 1;
};

void sleep_us(std::uint32_t microseconds) {
    const timespec duration{0, static_cast<long>(microseconds) * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, nullptr);
}

} // namespace

void run_worker(Worker& worker, RcuDomain& domain, const std::atomic<bool>& stop,
                std::uint32_t max_sleep_us) {
    // The kernel's default slack of 50 us would make every nap longer than it is meant to be.
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    Naps naps(max_sleep_us);
    CoarseClock clock;
    domain.online(worker.index);
    while (!stop.load(std::memory_order_relaxed)) {
        worker.received = 0;
        worker.now_seconds = clock.seconds();
        rte_graph_walk(worker.graph);
        domain.quiescent(worker.index);
        worker.counters.loops.add(1);
        const bool idle = worker.received == 0;
        if (idle) worker.counters.idle_loops.add(1);
        const std::uint32_t nap = naps.next(idle);
        if (nap == 0) continue;
        worker.counters.sleeps.add(1);
        domain.offline(worker.index);
        sleep_us(nap);
        domain.online(worker.index);
    }
    domain.offline(worker.index);
}

} // namespace sallyport::datapath
