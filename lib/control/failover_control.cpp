// SPDX-License-Identifier: BSD-3-Clause
#include "control/failover_control.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace sallyport::control {

using failover::EventSource;
using failover::TimePoint;

namespace {

/// For how long the underlay may take to learn by our announcements where we have gone.
constexpr std::chrono::milliseconds drain_time{100};

} // namespace

FailoverControl::FailoverControl(EventLoop& loop, Names names,
                                 const failover::StateMachineSettings& settings,
                                 overlay::ForwardingState& state, Switched switched,
                                 Environment environment)
    : loop_(loop), names_(std::move(names)), machine_(settings), state_(state),
      switched_(std::move(switched)), environment_(std::move(environment)) {}

FailoverControl::~FailoverControl() {
    if (timer_ != 0) loop_.cancel(timer_);
    if (drain_timer_ != 0) loop_.cancel(drain_timer_);
}

Expected<void> FailoverControl::start(const OfEach& links_up, const OfEach& present) {
    const TimePoint now = environment_.now();
    // None is active yet, which no absence can change.
    for (const overlay::UplinkIndex uplink : overlay::all_uplinks)
        if (!present[uplink]) machine_.present(uplink, false, now);
    auto decided = machine_.links(links_up, now);
    schedule();
    if (decided) return apply(*decided, {EventSource::poll, now});
    spdlog::warn("no uplink is usable: nothing reaches the underlay");
    return {};
}

void FailoverControl::link(const LinkChange& change) {
    bool was_up = machine_.link_up(change.uplink);
    // Whatever there is to say about it comes after the traffic was moved.
    const TimePoint now = environment_.now();
    auto decided = change.removed ? machine_.present(change.uplink, false, now)
                                  : machine_.link(change.uplink, change.up, now);
    Expected<void> applied;
    if (decided) applied = apply(*decided, {change.source, change.seen});
    schedule();
    if (change.removed) {
        changed(change.uplink);
        spdlog::error("uplink {}: the device is gone ({}); restart the process when it is back",
                      names_[change.uplink], to_string(change.source));
    } else if (was_up != change.up) {
        changed(change.uplink);
        spdlog::info("uplink {}: link {} ({})", names_[change.uplink], change.up ? "up" : "down",
                     to_string(change.source));
    }
    if (!applied) spdlog::error("failover: {}", applied.error().message());
}

void FailoverControl::detected(failover::UplinkIndex uplink, failover::Detector detector,
                               bool failed) {
    if (machine_.failed(uplink, detector) == failed) return;
    const TimePoint now = environment_.now();
    const EventSource source =
        detector == failover::Detector::probe ? EventSource::probe : EventSource::bfd;
    auto decided = machine_.detected(uplink, detector, failed, now);
    Expected<void> applied;
    if (decided) applied = apply(*decided, {source, now});
    schedule();
    changed(uplink);
    spdlog::log(failed ? spdlog::level::warn : spdlog::level::info, "uplink {}: {} {}",
                names_[uplink], to_string(detector), failed ? "failed" : "recovered");
    if (!applied) spdlog::error("failover: {}", applied.error().message());
}

void FailoverControl::deadline() {
    timer_ = 0;
    const TimePoint now = environment_.now();
    if (auto decided = machine_.advance(now))
        if (auto applied = apply(*decided, {EventSource::timer, now}); !applied)
            spdlog::error("failover: {}", applied.error().message());
    schedule();
}

void FailoverControl::schedule() {
    if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
    const auto due = machine_.next_deadline();
    if (!due) return;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - environment_.now());
    timer_ = loop_.after(std::max(left, std::chrono::milliseconds(0)), [this] { deadline(); });
}

Expected<void> FailoverControl::set_uplink(const std::string& name, bool administratively_up) {
    auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end())
        return failure(fmt::format("there is no uplink {}", name), {},
                       fmt::format("name one of {}, {}", names_[0], names_[1]));
    auto uplink = static_cast<failover::UplinkIndex>(found - names_.begin());
    bool was_up = machine_.administratively_up(uplink);
    const TimePoint now = environment_.now();
    auto decided = machine_.administrative(uplink, administratively_up, now);
    schedule();
    if (was_up != administratively_up) {
        changed(uplink);
        spdlog::info("uplink {}: administratively {}", name, administratively_up ? "up" : "down");
    }
    return decided ? apply(*decided, {EventSource::request, now}) : Expected<void>{};
}

Expected<failover::Switch> FailoverControl::request_switch() {
    const TimePoint now = environment_.now();
    auto result = machine_.request_switch();
    schedule();
    if (result.refused) return tl::unexpected(refusal(*result.refused));
    if (auto applied = apply(*result.done, {EventSource::request, now}); !applied)
        return tl::unexpected(applied.error());
    return *result.done;
}

Error FailoverControl::refusal(failover::SwitchRefusal why) const {
    Error error{std::string(to_string(why)), {}, {}};
    if (why != failover::SwitchRefusal::backup_not_usable) return error;
    for (const overlay::UplinkIndex uplink : overlay::all_uplinks) {
        if (machine_.usable(uplink)) continue;
        error.what += fmt::format("{} {}: {}", error.where.empty() ? ":" : ",", names_[uplink],
                                  to_string(*machine_.fault(uplink)));
        error.where = "failover";
        if (!machine_.is_present(uplink))
            error.remedy = "restart the process when it is back";
        else if (!machine_.administratively_up(uplink) && machine_.link_up(uplink))
            error.remedy = fmt::format("set uplink {} up", names_[uplink]);
    }
    return error;
}

Expected<void> FailoverControl::apply(const failover::Switch& done, Cause cause) {
    const bool is_failover = done.reason != failover::Reason::start;
    note_first_packets();
    record_ = is_failover ? records_.decided(done, cause.source, cause.seen, environment_.now(),
                                             std::chrono::system_clock::now())
                          : 0;
    drain(done);
    auto moved = move_paths(done.to);
    last_ = done;
    for (auto uplink : {done.from, done.to})
        if (uplink) changed(*uplink);
    if (is_failover) {
        ++switches_;
        if (done.to) ++history_[*done.to].switches_to;
    }
    if (!moved) return moved;
    if (switched_) switched_(done.to);
    spdlog::log(done.to ? spdlog::level::info : spdlog::level::warn,
                "active uplink: {} (was {}, reason: {})", name_or_none(done.to),
                name_or_none(done.from), to_string(done.reason));
    return {};
}

void FailoverControl::drain(const failover::Switch& done) {
    if (!environment_.drain) return;
    end_drain();
    if (!done.from || !done.to) return;
    environment_.drain(done.from);
    drain_timer_ = loop_.after(drain_time, [this] {
        drain_timer_ = 0;
        end_drain();
    });
}

void FailoverControl::end_drain() {
    if (drain_timer_ != 0) loop_.cancel(std::exchange(drain_timer_, 0));
    environment_.drain({});
}

Expected<void> FailoverControl::move_paths(std::optional<failover::UplinkIndex> active) {
    TimePoint begun = environment_.now();
    const failover::RuleCounts before =
        environment_.hardware != nullptr ? environment_.rules() : failover::RuleCounts{};
    return state_.set_active_uplink(active, [&](const overlay::Path& path) {
        const TimePoint now = environment_.now();
        if (&path == environment_.hardware) {
            const failover::RuleCounts after = environment_.rules();
            records_.hardware_updated(
                record_, {after.changed - before.changed, after.refused - before.refused}, begun,
                now);
        } else {
            reach(failover::Milestone::software_switched, now);
        }
        begun = now;
    });
}

void FailoverControl::reach(failover::Milestone milestone, TimePoint at) {
    records_.reach(record_, milestone, at);
}

void FailoverControl::note_first_packets() const {
    using failover::Milestone;
    if (!environment_.first_packets || records_.records().empty()) return;
    const auto& switched =
        records_.records().back().reached[static_cast<std::size_t>(Milestone::software_switched)];
    if (!switched) return;
    const datapath::FirstPacketTimes times = environment_.first_packets();
    if (times.sent) records_.reach(record_, Milestone::first_sent, *switched + *times.sent);
    if (times.received)
        records_.reach(record_, Milestone::first_received, *switched + *times.received);
}

const std::deque<failover::FailoverRecord>& FailoverControl::records() const {
    note_first_packets();
    return records_.records();
}

std::string FailoverControl::name_or_none(std::optional<failover::UplinkIndex> uplink) const {
    return uplink ? names_[*uplink] : "none";
}

void FailoverControl::changed(failover::UplinkIndex uplink) {
    history_[uplink].last_change = std::chrono::system_clock::now();
}

} // namespace sallyport::control
