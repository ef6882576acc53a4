// SPDX-License-Identifier: BSD-3-Clause
// The active-backup state machine: pure logic, told everything, doing nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::failover {

inline constexpr std::size_t uplink_count = 2;
using UplinkIndex = std::uint8_t;

/// Why the active uplink changed.
enum class Reason : std::uint8_t {
    /// The first uplink ever became active.
    start,
    /// The active one lost its link, the other took over.
    link_down,
    /// None was usable, one got its link.
    link_up,
    /// An operator set an uplink up or down.
    administrative,
    /// An operator asked for the other uplink.
    requested,
    /// The last usable uplink went, by link or by an operator.
    all_down,
};
/// As operators see it: "link down".
std::string_view to_string(Reason reason);

/// A change of the active uplink. Absent uplinks: none is usable.
struct Switch {
    std::optional<UplinkIndex> from;
    std::optional<UplinkIndex> to;
    Reason reason = Reason::start;

    bool operator==(const Switch&) const = default;
};

enum class SwitchRefusal : std::uint8_t {
    backup_not_usable,
    /// The uplink asked for carries the traffic already.
    already_active,
};
/// A sentence without a trailing stop.
std::string_view to_string(SwitchRefusal refusal);

/// Invariants: at most one uplink is active; one is active whenever one is usable (link up and
/// administratively up); the active one is left only when it is not usable or on request.
/// Not thread-safe; owned by the control thread.
class StateMachine {
  public:
    /// @param primary preferred when both become usable at the same time, from no active uplink
    explicit StateMachine(UplinkIndex primary);

    /// Each returns the switch that the event causes, if any. Telling the same state twice is
    /// harmless.
    /// @param uplink below uplink_count
    std::optional<Switch> link(UplinkIndex uplink, bool up);
    /// Both links at the same time, as at the start: only so can the primary be preferred.
    std::optional<Switch> links(const std::array<bool, uplink_count>& up);
    std::optional<Switch> administrative(UplinkIndex uplink, bool up);

    /// "failover switch": to the other uplink. Without an active uplink none is usable, so that the
    /// request is refused. Exactly one of the two members of the result is set.
    struct RequestResult {
        std::optional<Switch> done;
        std::optional<SwitchRefusal> refused;
    };
    RequestResult request_switch();
    /// The same to a named uplink.
    RequestResult request_switch(UplinkIndex uplink);

    [[nodiscard]] std::optional<UplinkIndex> active() const { return active_; }
    [[nodiscard]] bool link_up(UplinkIndex uplink) const { return states_[uplink].link; }
    [[nodiscard]] bool administratively_up(UplinkIndex uplink) const {
        return states_[uplink].administrative;
    }
    [[nodiscard]] bool usable(UplinkIndex uplink) const {
        return states_[uplink].link && states_[uplink].administrative;
    }

  private:
    struct State {
        bool link = false;
        bool administrative = true;
    };
    [[nodiscard]] std::optional<UplinkIndex> best() const;
    std::optional<Switch> decide(Reason reason);
    Switch change(std::optional<UplinkIndex> to, Reason reason);

    std::array<State, uplink_count> states_{};
    UplinkIndex primary_;
    std::optional<UplinkIndex> active_;
    bool was_active_ = false;
};

} // namespace sallyport::failover
