// SPDX-License-Identifier: BSD-3-Clause
// Feeds the active-backup state machine and does what it decides.
#pragma once

#include "base/error.h"
#include "failover/state_machine.h"
#include "overlay/forwarding_state.h"

#include <array>
#include <chrono>
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

    /// @param state must outlive the object
    FailoverControl(Names names, failover::UplinkIndex primary, overlay::ForwardingState& state,
                    Switched switched);

    Expected<void> start(const std::array<bool, failover::uplink_count>& links_up);
    void link(failover::UplinkIndex uplink, bool up);
    Expected<void> set_uplink(const std::string& name, bool administratively_up);
    Expected<failover::Switch> request_switch();

    [[nodiscard]] const failover::StateMachine& machine() const { return machine_; }
    [[nodiscard]] const UplinkHistory& history(failover::UplinkIndex uplink) const {
        return history_[uplink];
    }
    [[nodiscard]] const std::optional<failover::Switch>& last_switch() const { return last_; }
    [[nodiscard]] std::uint64_t switches() const { return switches_; }
    [[nodiscard]] const std::string& name(failover::UplinkIndex uplink) const {
        return names_[uplink];
    }

  private:
    Expected<void> apply(const failover::Switch& done);
    [[nodiscard]] std::string name_or_none(std::optional<failover::UplinkIndex> uplink) const;
    [[nodiscard]] Error refusal(failover::SwitchRefusal why) const;
    void changed(failover::UplinkIndex uplink);

    Names names_;
    failover::StateMachine machine_;
    overlay::ForwardingState& state_;
    Switched switched_;
    std::array<UplinkHistory, failover::uplink_count> history_{};
    std::optional<failover::Switch> last_;
    std::uint64_t switches_ = 0;
};

} // namespace sallyport::control
