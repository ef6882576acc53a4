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

/// Why the active uplink changed, or did not.
enum class Reason : std::uint8_t {
    start,
    link_down,
    link_up,
    administrative,
    requested,
    all_down,
};
std::string_view to_string(Reason reason);

/// A change of the active uplink. Absent uplinks: none is usable.
struct Switch {
    std::optional<UplinkIndex> from;
    std::optional<UplinkIndex> to;
    Reason reason = Reason::start;

    bool operator==(const Switch&) const = default;
};

enum class SwitchRefusal : std::uint8_t { backup_not_usable, already_active };
std::string_view to_string(SwitchRefusal refusal);

/// Invariants: at most one uplink is active; one is active whenever one is usable (link up and
/// administratively up); the active one is left only when it is not usable or on request.
/// Not thread-safe; owned by the control thread.
class StateMachine {
  public:
    /// @param primary preferred when both become usable at the same time, from no active uplink
    explicit StateMachine(UplinkIndex primary);

    /// Each returns the switch that the event causes, if any. Telling the same state twice is harmless.
    std::optional<Switch> link(UplinkIndex uplink, bool up);
    std::optional<Switch> administrative(UplinkIndex uplink, bool up);

    /// "failover switch": to the other uplink.
    struct RequestResult {
        std::optional<Switch> done;
        std::optional<SwitchRefusal> refused;
    };
    RequestResult request_switch();

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
    std::optional<Switch> decide(Reason reason);

    std::array<State, uplink_count> states_{};
    UplinkIndex primary_;
    std::optional<UplinkIndex> active_;
};

} // namespace sallyport::failover
