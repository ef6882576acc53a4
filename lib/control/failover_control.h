// SPDX-License-Identifier: BSD-3-Clause
// Feeds the active-backup state machine and does what it decides.
#pragma once

#include "base/error.h"
#include "control/event_loop.h"
#include "control/link_watch.h"
#include "datapath/first_packets.h"
#include "failover/failover_record.h"
#include "failover/state_machine.h"
#include "overlay/forwarding_state.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

namespace sallyport::control {

/// Owned by the control thread; every call comes from there.
class FailoverControl {
  public:
    using Names = std::array<std::string, failover::uplink_count>;
    /// The active uplink is another one, absent: none. Called after the paths were switched.
    using Switched = std::function<void(std::optional<failover::UplinkIndex>)>;

    struct UplinkHistory {
        /// How often it took over from the other one, or from none; the first activation at the
        /// start is none.
        std::uint64_t switches_to = 0;
        /// Of its link, its administrative state, or of being the active one.
        std::optional<std::chrono::system_clock::time_point> last_change;
    };

    /// What surrounds the control thread, and tests may play.
    struct Environment {
        /// The path whose switch takes rules; all others are switched by a store.
        const overlay::Path* hardware = nullptr;
        /// What became of the hardware path's rules so far; asked where there is one.
        std::function<failover::RuleCounts()> rules{};
        /// Empty: nobody can tell.
        std::function<datapath::FirstPacketTimes()> first_packets{};
        /// Packets are taken from this uplink too; absent: from the active one alone. Empty: nobody
        /// can.
        std::function<void(std::optional<failover::UplinkIndex>)> drain{};
        std::function<failover::TimePoint()> now = failover::Clock::now;
    };

    /// @param loop must outlive the object
    /// @param state must outlive the object
    FailoverControl(EventLoop& loop, Names names, const failover::StateMachineSettings& settings,
                    overlay::ForwardingState& state, Switched switched, Environment environment);
    ~FailoverControl();
    FailoverControl(const FailoverControl&) = delete;
    FailoverControl& operator=(const FailoverControl&) = delete;

    using OfEach = std::array<bool, failover::uplink_count>;
    /// @param present whose device is there
    Expected<void> start(const OfEach& links_up, const OfEach& present);
    void link(const LinkChange& change);
    /// @param failed what the detector says; told before or not
    void detected(failover::UplinkIndex uplink, failover::Detector detector, bool failed);
    Expected<void> set_uplink(const std::string& name, bool administratively_up);
    Expected<failover::Switch> request_switch();

    [[nodiscard]] const failover::StateMachine& machine() const { return machine_; }
    [[nodiscard]] const UplinkHistory& history(failover::UplinkIndex uplink) const {
        return history_[uplink];
    }
    [[nodiscard]] const std::optional<failover::Switch>& last_switch() const { return last_; }
    [[nodiscard]] std::uint64_t switches() const { return switches_; }
    /// The latest switches; the start is none.
    [[nodiscard]] const std::deque<failover::FailoverRecord>& records() const;
    /// Something of the latest switch has happened; the first time counts.
    void reach(failover::Milestone milestone, failover::TimePoint at);
    [[nodiscard]] const std::string& name(failover::UplinkIndex uplink) const {
        return names_[uplink];
    }

  private:
    /// What led to a switch, and when it was seen.
    struct Cause {
        failover::EventSource source;
        failover::TimePoint seen;
    };
    Expected<void> apply(const failover::Switch& done, Cause cause);
    Expected<void> move_paths(std::optional<failover::UplinkIndex> active);
    void note_first_packets() const;
    void drain(const failover::Switch& done);
    void end_drain();
    void deadline();
    void schedule();
    [[nodiscard]] std::string name_or_none(std::optional<failover::UplinkIndex> uplink) const;
    [[nodiscard]] Error refusal(failover::SwitchRefusal why) const;
    void changed(failover::UplinkIndex uplink);

    EventLoop& loop_;
    Names names_;
    failover::StateMachine machine_;
    overlay::ForwardingState& state_;
    Switched switched_;
    Environment environment_;
    std::array<UplinkHistory, failover::uplink_count> history_{};
    std::optional<failover::Switch> last_;
    std::uint64_t switches_ = 0;
    // The latest one is completed when it is asked for.
    mutable failover::FailoverHistory records_;
    /// Of the latest switch.
    std::uint64_t record_ = 0;
    EventLoop::TimerId timer_ = 0;
    EventLoop::TimerId drain_timer_ = 0;
};

} // namespace sallyport::control
