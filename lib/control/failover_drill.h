// SPDX-License-Identifier: BSD-3-Clause
// "failover drill": over to the other uplink and back under live traffic, and what it cost.
#pragma once

#include "base/error.h"
#include "control/event_loop.h"
#include "control/failover_probe.h"
#include "failover/state_machine.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::control {

struct DrillReport {
    enum class State : std::uint8_t { running, done, failed };
    State state = State::running;
    /// Why it failed; the uplink that is active then is the one that it got to.
    std::string failure;
    /// There, and back: a stream each, with the switch in its middle.
    struct Leg {
        failover::Switch what;
        failover::ProbeReport traffic;
    };
    std::vector<Leg> legs;
};

/// Owned by the control thread; every call comes from there.
class FailoverDrill {
  public:
    struct Actions {
        std::function<Expected<std::unique_ptr<ProbeRun>>()> start_stream;
        std::function<Expected<failover::Switch>()> switch_uplink;
    };

    /// @param loop must outlive the object
    FailoverDrill(EventLoop& loop, Actions actions);
    /// A drill that is not over ends where it is.
    ~FailoverDrill();
    FailoverDrill(const FailoverDrill&) = delete;
    FailoverDrill& operator=(const FailoverDrill&) = delete;

    Expected<void> start();
    [[nodiscard]] const DrillReport& report() const { return report_; }

  private:
    void after(std::chrono::milliseconds delay, void (FailoverDrill::*step)());
    Expected<void> begin_leg();
    void switch_over();
    void end_stream();
    void collect();
    void fail(const Error& error);

    EventLoop& loop_;
    Actions actions_;
    std::unique_ptr<ProbeRun> stream_;
    DrillReport report_;
    EventLoop::TimerId timer_ = 0;
};

} // namespace sallyport::control
