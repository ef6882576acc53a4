// SPDX-License-Identifier: BSD-3-Clause
// The active-backup state machine: pure logic, told everything, doing nothing.
//
// An uplink is *usable* when it is present, administratively up, has its link, and none of its
// detectors says that it leads nowhere. Two kinds of switches follow from that:
//
// - *Forced*: the active uplink is not usable. The other one takes over at once if it is usable;
//   neither updelay nor hold-down can hold that up, since both would keep traffic on a dead uplink
//   to spare it a switch. Else none is active. From none, the first that becomes usable is taken,
//   at once again. The Linux bond does the same: it "makes the new active one N ms earlier", and
//   ignores updelay without an active slave.
// - *Preemption*: the active uplink is usable and the primary becomes active all the same. This is
//   the only switch that can wait, and so the only one that updelay and hold-down delay.
//
// downdelay is the one exception, and by the operator's wish: a lost link counts only after it, as
// in the bond, so that the active uplink stays although it is not usable (to ride out a switch that
// blinks). It delays nothing but a lost link: a detector that fails, a removed device and an
// operator are certain. Nor is an uplink in its downdelay ever switched to.
//
// Hold-down: each loss of an uplink (not an operator's doing) doubles the time for which it must
// have been usable without a break before it preempts, from a base to a limit; after a quiet time
// it starts over. A flapping primary so costs fewer and fewer switches, while the backup carries
// the traffic. teamd and OVS know a fixed updelay only, keepalived a fixed preempt_delay; both let
// a link that flaps more slowly than that switch forever. BGP's damping (RFC 2439) suppresses a
// flapping route even if it is the only one; here the only usable uplink is always used.
#pragma once

#include "failover/clock.h"

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
    /// The last usable uplink went, for whatever cause.
    all_down,
    /// The primary took the traffic back.
    preempted,
    /// The active one's next hops no longer answer, the other took over.
    probe_failed,
    /// The active one's BFD session went down, the other took over.
    bfd_down,
    /// The active one's device is gone, the other took over.
    removed,
    /// None was usable, one's detector has recovered.
    reachable,
};
/// As operators see it: "link down".
std::string_view to_string(Reason reason);

/// What tells, beyond the carrier, that an uplink leads nowhere.
enum class Detector : std::uint8_t { probe, bfd };
inline constexpr std::size_t detector_count = 2;
/// As operators see it: "neighbour probe".
std::string_view to_string(Detector detector);

/// When the primary takes the traffic back from a usable backup.
enum class Preempt : std::uint8_t {
    /// Not by itself: each switch costs packets. (The bond's primary_reselect=failure, which for
    /// two slaves does no more than this.)
    never,
    /// When the backup loses its link, at once instead of after downdelay. Without a downdelay the
    /// same as never.
    failure,
    /// Whenever it is usable, after updelay and hold-down (primary_reselect=always).
    always,
};

/// As in the configuration: "never".
std::string_view to_string(Preempt preempt);

struct StateMachineSettings {
    /// Preferred when both are usable and none is active, and the one that preempts. Absent: the
    /// first of the two is preferred, and neither preempts.
    std::optional<UplinkIndex> primary{};
    Preempt preempt = Preempt::never;
    /// How long the primary's link must have been up before it preempts.
    std::chrono::milliseconds updelay{0};
    /// How long the active uplink is kept without its link.
    std::chrono::milliseconds downdelay{0};
    /// After its first loss an uplink must have been usable for the base before it preempts, after
    /// each further one for twice the time, up to the limit. A base of zero: no hold-down.
    std::chrono::milliseconds hold_down_base{1'000};
    std::chrono::milliseconds hold_down_limit{64'000};
    /// Usable for this long beyond its hold-down, an uplink's losses are forgotten.
    std::chrono::milliseconds hold_down_quiet{60'000};

    bool operator==(const StateMachineSettings&) const = default;
};

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

/// Invariants: at most one uplink is active; one is active whenever one is usable; the active one
/// is usable, or lost its link less than downdelay ago; it is left only when it is not, on request,
/// or for the primary, and for the primary not before updelay and hold-down are over.
/// Not thread-safe; owned by the control thread.
class StateMachine {
  public:
    explicit StateMachine(const StateMachineSettings& settings) : settings_(settings) {}

    /// Each takes the event, and judges what is known at @p now, deadlines that have passed
    /// included; returns the switch that follows, if any. Telling the same state twice is harmless.
    /// @param uplink below uplink_count
    std::optional<Switch> link(UplinkIndex uplink, bool up, TimePoint now);
    /// Both links at the same time, as at the start: only so can the primary be preferred.
    std::optional<Switch> links(const std::array<bool, uplink_count>& up, TimePoint now);
    std::optional<Switch> administrative(UplinkIndex uplink, bool up, TimePoint now);
    /// The device is on its bus; at first it is. One that is removed has lost its link too, and
    /// must be told to have it again.
    std::optional<Switch> present(UplinkIndex uplink, bool is_present, TimePoint now);
    /// What a detector says; one that is not in use is never told. Kept until it says otherwise.
    std::optional<Switch> detected(UplinkIndex uplink, Detector detector, bool failed,
                                   TimePoint now);
    /// A deadline has passed.
    std::optional<Switch> advance(TimePoint now) { return decide(Reason::link_up, now); }
    /// When to call advance() unless something else happens first: the end of a downdelay, or the
    /// time of a preemption. Always later than the latest @p now that was told.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;

    /// "failover switch": to the other uplink. Without an active uplink none is usable, so that the
    /// request is refused. Exactly one of the two members of the result is set. A request that is
    /// done forgets all losses (hold-down), and is not undone by preemption: the uplink asked for
    /// stays active as long as it is usable (and through downdelay).
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
    [[nodiscard]] bool is_present(UplinkIndex uplink) const { return states_[uplink].present; }
    [[nodiscard]] bool failed(UplinkIndex uplink, Detector detector) const {
        return states_[uplink].failed[static_cast<std::size_t>(detector)];
    }
    [[nodiscard]] bool usable(UplinkIndex uplink) const { return !fault(uplink); }
    /// The gravest reason why it is not usable; absent: it is.
    [[nodiscard]] std::optional<Reason> fault(UplinkIndex uplink) const;
    /// Losses that hold-down remembers at @p now.
    [[nodiscard]] unsigned losses(UplinkIndex uplink, TimePoint now) const;
    /// From when it may preempt by updelay and hold-down. Absent: it is not usable.
    [[nodiscard]] std::optional<TimePoint> ready_at(UplinkIndex uplink) const;

  private:
    struct State {
        bool present = true;
        bool administrative = true;
        bool link = false;
        std::array<bool, detector_count> failed{};
        TimePoint link_changed{};
        std::optional<TimePoint> usable_since;
        unsigned losses = 0;
    };
    [[nodiscard]] bool in_downdelay(UplinkIndex uplink, TimePoint now) const;
    [[nodiscard]] Clock::duration hold_down(unsigned losses) const;
    [[nodiscard]] bool preemption_wanted() const;
    [[nodiscard]] std::optional<UplinkIndex> best(TimePoint now) const;
    void set_link(UplinkIndex uplink, bool up, TimePoint now);
    /// Keeps usable_since and losses, after any change of the uplink's state.
    void note_usability(UplinkIndex uplink, TimePoint now);
    /// @param recovered the reason if none was active and one is now
    std::optional<Switch> decide(Reason recovered, TimePoint now);
    Switch change(std::optional<UplinkIndex> to, Reason reason);

    StateMachineSettings settings_;
    std::array<State, uplink_count> states_{};
    std::optional<UplinkIndex> active_;
    bool was_active_ = false;
    /// The active uplink was asked for: no preemption.
    bool pinned_ = false;
};

} // namespace sallyport::failover
