// SPDX-License-Identifier: BSD-3-Clause
#include "control/failover_drill.h"

#include <utility>

namespace sallyport::control {

namespace {

using std::chrono::milliseconds;

/// Of the stream, before the switch and behind it: the latter longer than announcements are
/// repeated and neighbours are asked for.
constexpr milliseconds lead{1000}, trail{2000};
constexpr milliseconds look_again{50};
constexpr std::size_t legs = 2;

} // namespace

FailoverDrill::FailoverDrill(EventLoop& loop, Actions actions)
    : loop_(loop), actions_(std::move(actions)) {}

FailoverDrill::~FailoverDrill() {
    if (timer_ != 0) loop_.cancel(timer_);
}

Expected<void> FailoverDrill::start() {
    return begin_leg();
}

void FailoverDrill::after(milliseconds delay, void (FailoverDrill::*step)()) {
    timer_ = loop_.after(delay, [this, step] {
        timer_ = 0;
        (this->*step)();
    });
}

Expected<void> FailoverDrill::begin_leg() {
    auto stream = actions_.start_stream();
    if (!stream) return tl::unexpected(stream.error());
    stream_ = std::move(*stream);
    after(lead, &FailoverDrill::switch_over);
    return {};
}

void FailoverDrill::switch_over() {
    if (stream_->report().received == 0)
        return fail({"no probe was answered, so that nothing was switched", "failover drill",
                     "name a vtep of a hypervisor whose failover.probe_port is ours"});
    auto switched = actions_.switch_uplink();
    if (!switched) return fail(switched.error());
    report_.legs.push_back({*switched, {}});
    after(trail, &FailoverDrill::end_stream);
}

void FailoverDrill::end_stream() {
    stream_->finish();
    collect();
}

void FailoverDrill::collect() {
    if (!stream_->finished()) return after(look_again, &FailoverDrill::collect);
    report_.legs.back().traffic = stream_->report();
    stream_.reset();
    if (report_.legs.size() == legs) {
        report_.state = DrillReport::State::done;
        return;
    }
    if (auto begun = begin_leg(); !begun) fail(begun.error());
}

void FailoverDrill::fail(const Error& error) {
    stream_.reset();
    report_.state = DrillReport::State::failed;
    report_.failure = error.message();
}

} // namespace sallyport::control
