// SPDX-License-Identifier: BSD-3-Clause
#include "failover/state_machine.h"

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

StateMachine::StateMachine(UplinkIndex primary) : primary_(primary) {}

std::optional<Switch> StateMachine::link(UplinkIndex uplink, bool up) {
    states_[uplink].link = up;
    return decide(up ? Reason::link_up : Reason::link_down);
}

std::optional<Switch> StateMachine::links(const std::array<bool, uplink_count>& up) {
    for (std::size_t uplink = 0; uplink < uplink_count; ++uplink)
        states_[uplink].link = up[uplink];
    return decide(active_ ? Reason::link_down : Reason::link_up);
}

std::optional<Switch> StateMachine::administrative(UplinkIndex uplink, bool up) {
    states_[uplink].administrative = up;
    return decide(Reason::administrative);
}

StateMachine::RequestResult StateMachine::request_switch() {
    return request_switch(active_ ? other(*active_) : primary_);
}

StateMachine::RequestResult StateMachine::request_switch(UplinkIndex uplink) {
    if (active_ == uplink) return {std::nullopt, SwitchRefusal::already_active};
    if (!usable(uplink)) return {std::nullopt, SwitchRefusal::backup_not_usable};
    return {change(uplink, Reason::requested), std::nullopt};
}

std::optional<UplinkIndex> StateMachine::best() const {
    for (UplinkIndex uplink : {primary_, other(primary_)})
        if (usable(uplink)) return uplink;
    return std::nullopt;
}

std::optional<Switch> StateMachine::decide(Reason reason) {
    // A usable active uplink stays, even as the backup of a primary that came back: each switch
    // costs packets.
    if (active_ && usable(*active_)) return std::nullopt;
    const std::optional<UplinkIndex> to = best();
    if (to == active_) return std::nullopt;
    if (!to) return change(to, Reason::all_down);
    return change(to, was_active_ ? reason : Reason::start);
}

Switch StateMachine::change(std::optional<UplinkIndex> to, Reason reason) {
    const Switch done{active_, to, reason};
    active_ = to;
    was_active_ = was_active_ || to.has_value();
    return done;
}

} // namespace sallyport::failover
