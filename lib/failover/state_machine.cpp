// SPDX-License-Identifier: BSD-3-Clause
#include "failover/state_machine.h"

#include <algorithm>

namespace sallyport::failover {

namespace {

UplinkIndex other(UplinkIndex uplink) {
    return uplink == 0 ? 1 : 0;
}

} // namespace

std::string_view to_string(Reason reason) {
    switch (reason) {
    case Reason::start:
        return "start";
    case Reason::link_down:
        return "link down";
    case Reason::link_up:
        return "link up";
    case Reason::administrative:
        return "administrative";
    case Reason::requested:
        return "requested";
    case Reason::all_down:
        return "all uplinks down";
    case Reason::preempted:
        return "preempted";
    case Reason::probe_failed:
        return "probe failed";
    case Reason::bfd_down:
        return "bfd down";
    case Reason::removed:
        return "removed";
    case Reason::reachable:
        return "reachable again";
    }
    return "unknown";
}

std::string_view to_string(Detector detector) {
    switch (detector) {
    case Detector::probe:
        return "neighbour probe";
    case Detector::bfd:
        return "BFD";
    }
    return "unknown";
}

std::string_view to_string(Preempt preempt) {
    switch (preempt) {
    case Preempt::never:
        return "never";
    case Preempt::failure:
        return "failure";
    case Preempt::always:
        return "always";
    }
    return "unknown";
}

std::string_view to_string(SwitchRefusal refusal) {
    switch (refusal) {
    case SwitchRefusal::backup_not_usable:
        return "the backup uplink is not usable";
    case SwitchRefusal::already_active:
        return "the uplink is already active";
    }
    return "unknown";
}

std::optional<Switch> StateMachine::link(UplinkIndex uplink, bool up, TimePoint now) {
    set_link(uplink, up, now);
    return decide(Reason::link_up, now);
}

std::optional<Switch> StateMachine::links(const std::array<bool, uplink_count>& up, TimePoint now) {
    for (const UplinkIndex uplink : {0, 1})
        set_link(uplink, up[uplink], now);
    return decide(Reason::link_up, now);
}

std::optional<Switch> StateMachine::administrative(UplinkIndex uplink, bool up, TimePoint now) {
    states_[uplink].administrative = up;
    note_usability(uplink, now);
    return decide(Reason::administrative, now);
}

std::optional<Switch> StateMachine::present(UplinkIndex uplink, bool is_present, TimePoint now) {
    states_[uplink].present = is_present;
    set_link(uplink, is_present && states_[uplink].link, now);
    return decide(Reason::link_up, now);
}

std::optional<Switch> StateMachine::detected(UplinkIndex uplink, Detector detector, bool failed,
                                             TimePoint now) {
    states_[uplink].failed[static_cast<std::size_t>(detector)] = failed;
    note_usability(uplink, now);
    return decide(Reason::reachable, now);
}

std::optional<TimePoint> StateMachine::next_deadline() const {
    std::optional<TimePoint> next;
    if (active_ && !usable(*active_)) next = states_[*active_].link_changed + settings_.downdelay;
    return preemption_wanted() ? sooner(next, ready_at(*settings_.primary)) : next;
}

StateMachine::RequestResult StateMachine::request_switch() {
    return request_switch(active_ ? other(*active_) : settings_.primary.value_or(0));
}

StateMachine::RequestResult StateMachine::request_switch(UplinkIndex uplink) {
    if (active_ == uplink) return {std::nullopt, SwitchRefusal::already_active};
    if (!usable(uplink)) return {std::nullopt, SwitchRefusal::backup_not_usable};
    for (State& state : states_)
        state.losses = 0;
    const Switch done = change(uplink, Reason::requested);
    pinned_ = true;
    return {done, std::nullopt};
}

unsigned StateMachine::losses(UplinkIndex uplink, TimePoint now) const {
    const State& state = states_[uplink];
    const bool quiet =
        state.usable_since
        && now >= *state.usable_since + hold_down(state.losses) + settings_.hold_down_quiet;
    return quiet ? 0 : state.losses;
}

std::optional<TimePoint> StateMachine::ready_at(UplinkIndex uplink) const {
    const State& state = states_[uplink];
    if (!state.usable_since) return std::nullopt;
    return std::max(state.link_changed + settings_.updelay,
                    *state.usable_since + hold_down(state.losses));
}

std::optional<Reason> StateMachine::fault(UplinkIndex uplink) const {
    const State& state = states_[uplink];
    if (!state.present) return Reason::removed;
    if (!state.administrative) return Reason::administrative;
    if (failed(uplink, Detector::bfd)) return Reason::bfd_down;
    if (failed(uplink, Detector::probe)) return Reason::probe_failed;
    // Last, because only this one can wait.
    if (!state.link) return Reason::link_down;
    return std::nullopt;
}

bool StateMachine::in_downdelay(UplinkIndex uplink, TimePoint now) const {
    return fault(uplink) == Reason::link_down
           && now < states_[uplink].link_changed + settings_.downdelay;
}

Clock::duration StateMachine::hold_down(unsigned losses) const {
    if (losses == 0) return {};
    auto hold = settings_.hold_down_base;
    // A base of zero would be doubled in vain.
    for (; --losses > 0 && hold.count() > 0 && hold < settings_.hold_down_limit;)
        hold *= 2;
    return std::min(hold, settings_.hold_down_limit);
}

bool StateMachine::preemption_wanted() const {
    if (!settings_.primary || !active_ || active_ == settings_.primary || pinned_
        || !usable(*settings_.primary))
        return false;
    return settings_.preempt == Preempt::always
           || (settings_.preempt == Preempt::failure && !usable(*active_));
}

std::optional<UplinkIndex> StateMachine::best(TimePoint now) const {
    const UplinkIndex preferred = settings_.primary.value_or(0);
    const UplinkIndex second = other(preferred);
    if (!usable(preferred) && !usable(second)) return std::nullopt;
    if (!usable(preferred) || !usable(second)) return usable(preferred) ? preferred : second;
    // One that flaps would soon have to be left again.
    const auto held = [&](UplinkIndex uplink) {
        return now < *states_[uplink].usable_since + hold_down(states_[uplink].losses);
    };
    return held(preferred) && !held(second) ? second : preferred;
}

void StateMachine::set_link(UplinkIndex uplink, bool up, TimePoint now) {
    State& state = states_[uplink];
    if (state.link != up) state.link_changed = now;
    state.link = up;
    note_usability(uplink, now);
}

void StateMachine::note_usability(UplinkIndex uplink, TimePoint now) {
    State& state = states_[uplink];
    const std::optional<Reason> why = fault(uplink);
    if (why.has_value() != state.usable_since.has_value()) return;
    if (why && why != Reason::administrative) state.losses = losses(uplink, now) + 1;
    state.usable_since = why ? std::nullopt : std::optional(now);
}

std::optional<Switch> StateMachine::decide(Reason recovered, TimePoint now) {
    if (active_ && (usable(*active_) || in_downdelay(*active_, now))) {
        if (!preemption_wanted() || now < *ready_at(*settings_.primary)) return std::nullopt;
        return change(settings_.primary, fault(*active_).value_or(Reason::preempted));
    }
    const std::optional<UplinkIndex> to = best(now);
    if (to == active_) return std::nullopt;
    if (!to) return change(to, Reason::all_down);
    if (!was_active_) return change(to, Reason::start);
    return change(to, active_ ? fault(*active_).value_or(recovered) : recovered);
}

Switch StateMachine::change(std::optional<UplinkIndex> to, Reason reason) {
    const Switch done{active_, to, reason};
    active_ = to;
    was_active_ = was_active_ || to.has_value();
    pinned_ = false;
    return done;
}

} // namespace sallyport::failover
