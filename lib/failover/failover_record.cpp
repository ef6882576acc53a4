// SPDX-License-Identifier: BSD-3-Clause
#include "failover/failover_record.h"

namespace sallyport::failover {

std::string_view to_string(EventSource source) {
    constexpr std::array<std::string_view, 9> names{
        "driver event", "kernel carrier", "verbs event", "poll", "probe", "bfd",
        "bus",          "timer",          "operator",
    };
    return names[static_cast<std::size_t>(source)];
}

std::string_view to_string(Milestone milestone) {
    constexpr std::array<std::string_view, milestone_count> names{
        "decided",   "software path switched", "hardware rules updated", "SAs moved",
        "announced", "first packet out",       "first packet in",
    };
    return names[static_cast<std::size_t>(milestone)];
}

std::optional<std::chrono::microseconds> FailoverRecord::after(Milestone milestone) const {
    const auto& at = reached[static_cast<std::size_t>(milestone)];
    if (!at) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::microseconds>(*at - seen);
}

std::uint64_t FailoverHistory::decided(const Switch& what, EventSource source, TimePoint seen,
                                       TimePoint at,
                                       std::chrono::system_clock::time_point wall_time) {
    if (records_.size() == capacity_) records_.pop_front();
    FailoverRecord& record = records_.emplace_back();
    record.number = ++last_number_;
    record.what = what;
    record.source = source;
    record.wall_time = wall_time;
    record.seen = seen;
    reach(record.number, Milestone::decided, at);
    return record.number;
}

bool FailoverHistory::reach(std::uint64_t number, Milestone milestone, TimePoint at) {
    FailoverRecord* const record = find(number);
    if (record == nullptr || at < record->seen) return false;
    auto& reached = record->reached[static_cast<std::size_t>(milestone)];
    if (reached) return false;
    reached = at;
    return true;
}

bool FailoverHistory::hardware_updated(std::uint64_t number, const RuleCounts& rules,
                                       TimePoint begun, TimePoint at) {
    if (!reach(number, Milestone::hardware_updated, at)) return false;
    FailoverRecord& record = *find(number);
    record.hardware_rules = rules;
    record.hardware_time = std::chrono::duration_cast<std::chrono::microseconds>(at - begun);
    return true;
}

FailoverRecord* FailoverHistory::find(std::uint64_t number) {
    // Numbers are consecutive.
    if (records_.empty() || number < records_.front().number || number > last_number_)
        return nullptr;
    return &records_[number - records_.front().number];
}

} // namespace sallyport::failover
