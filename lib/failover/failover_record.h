// SPDX-License-Identifier: BSD-3-Clause
// What happened at each failover, and when: for "show failover history".
#pragma once

#include "failover/state_machine.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

namespace sallyport::failover {

/// Who told first of the event that led to a switch.
enum class EventSource : std::uint8_t {
    /// The driver's link-state event.
    driver,
    /// The kernel's carrier by netlink.
    kernel,
    /// The port's asynchronous event by libibverbs.
    verbs,
    /// The link state as polled.
    poll,
    probe,
    bfd,
    /// A device came or went.
    bus,
    /// A delay was over.
    timer,
    /// An operator.
    request,
};
/// As operators see it: "kernel carrier".
std::string_view to_string(EventSource source);

/// What follows the event, in the order of its usual course.
enum class Milestone : std::uint8_t {
    decided,
    software_switched,
    hardware_updated,
    sas_moved,
    /// The first announcements are on their way: a worker has them.
    announced,
    /// The new port's driver has taken the first data packet of the software path.
    first_sent,
    /// The first data packet is in by the new port.
    first_received,
};
inline constexpr std::size_t milestone_count = 7;
/// As operators see it: "software path switched".
std::string_view to_string(Milestone milestone);

/// Rules of a NIC, counted.
struct RuleCounts {
    /// Made, updated or destroyed.
    std::uint64_t changed = 0;
    /// Not made or not updated, as the NIC would not.
    std::uint64_t refused = 0;
};

struct FailoverRecord {
    /// From 1, over the life of the process.
    std::uint64_t number = 0;
    Switch what;
    EventSource source = EventSource::request;
    /// When the event was seen, for people and for measuring.
    std::chrono::system_clock::time_point wall_time;
    TimePoint seen;
    /// By Milestone; absent: not yet, or not at all.
    std::array<std::optional<TimePoint>, milestone_count> reached{};
    /// What became of the rules, and how long that took.
    RuleCounts hardware_rules;
    std::chrono::microseconds hardware_time{0};

    /// From the event to the milestone; absent: not reached.
    [[nodiscard]] std::optional<std::chrono::microseconds> after(Milestone milestone) const;
};

/// The latest records; an older one makes room for each new one. Owned by the control thread.
class FailoverHistory {
  public:
    /// @param capacity above zero
    explicit FailoverHistory(std::size_t capacity = 64) : capacity_(capacity) {}

    /// A switch was decided.
    /// @return the record's number, by which the rest is told
    std::uint64_t decided(const Switch& what, EventSource source, TimePoint seen, TimePoint at,
                          std::chrono::system_clock::time_point wall_time);
    /// The first time counts; what was before the event is no milestone of it. Numbers of records
    /// that had to make room are ignored.
    /// @return it was taken
    bool reach(std::uint64_t number, Milestone milestone, TimePoint at);
    /// Milestone::hardware_updated, which took from @p begun to @p at.
    bool hardware_updated(std::uint64_t number, const RuleCounts& rules, TimePoint begun,
                          TimePoint at);

    /// Oldest first.
    [[nodiscard]] const std::deque<FailoverRecord>& records() const { return records_; }

  private:
    FailoverRecord* find(std::uint64_t number);

    std::size_t capacity_;
    std::uint64_t last_number_ = 0;
    std::deque<FailoverRecord> records_;
};

} // namespace sallyport::failover
