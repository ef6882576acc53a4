// SPDX-License-Identifier: BSD-3-Clause
#include "control/link_watch.h"

#include <utility>
#include <vector>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace sallyport::control {

using failover::Clock;
using failover::EventSource;

LinkWatch::LinkWatch(EventLoop& loop, underlay::KernelWatch& kernel, UplinkLinks links,
                     Changed changed)
    : loop_(loop), kernel_(kernel), changed_(std::move(changed)) {
    for (std::size_t i = 0; i < links.size(); ++i)
        states_[i].link = std::move(links[i]);
    for (State& state : states_)
        state.removed = state.link.missing;
}

LinkWatch::~LinkWatch() {
    if (timer_ != 0) loop_.cancel(timer_);
    for (State& state : states_)
        if (state.watches_carrier) kernel_.unwatch_carrier(state.link.interface);
}

Expected<void> LinkWatch::start(std::chrono::milliseconds poll_interval) {
    for (State& state : states_)
        if (auto watched = watch_carrier(state); !watched) return watched;
    for (const overlay::UplinkIndex uplink : overlay::all_uplinks) {
        evaluate(uplink, EventSource::poll, Clock::now());
        spdlog::info("uplink {}: link is {} ({})", states_[uplink].link.uplink,
                     states_[uplink].up ? "up" : "down", source_text(uplink));
    }
    started_ = true;
    timer_ = loop_.every(poll_interval, [this] {
        for (const overlay::UplinkIndex uplink : overlay::all_uplinks)
            evaluate(uplink, EventSource::poll, Clock::now());
    });
    return {};
}

Expected<void> LinkWatch::watch_carrier(State& state) {
    const UplinkLink& link = state.link;
    if (link.interface.empty()) return {};
    // Set before the call, which tells the carrier's state at once.
    state.watches_carrier = true;
    auto watched = kernel_.watch_carrier(link.interface);
    if (watched) return {};
    state.watches_carrier = false;
    if (link.interface_required) {
        Error error = watched.error();
        if (error.where.empty()) error.where = "uplink " + link.uplink;
        return tl::unexpected(std::move(error));
    }
    spdlog::debug("uplink {}: carrier of {} is not watched: {}", link.uplink, link.interface,
                  watched.error().message());
    return {};
}

void LinkWatch::carrier(const std::string& interface, bool up, failover::TimePoint seen) {
    for (const overlay::UplinkIndex uplink : overlay::all_uplinks) {
        State& state = states_[uplink];
        if (!state.watches_carrier || state.link.interface != interface) continue;
        state.carrier = up;
        if (started_) evaluate(uplink, EventSource::kernel, seen);
    }
}

void LinkWatch::driver_event(overlay::UplinkIndex uplink, failover::TimePoint seen) {
    if (started_) evaluate(uplink, EventSource::driver, seen);
}

void LinkWatch::verbs_event(overlay::UplinkIndex uplink, bool up, failover::TimePoint seen) {
    states_[uplink].rdma_active = up;
    if (started_) evaluate(uplink, EventSource::verbs, seen);
}

void LinkWatch::interface_removed(const std::string& interface, underlay::Removal how,
                                  failover::TimePoint seen) {
    for (const overlay::UplinkIndex uplink : overlay::all_uplinks) {
        const State& state = states_[uplink];
        const UplinkLink& link = state.link;
        if (!state.watches_carrier || link.interface != interface || !link.interface_is_device)
            continue;
        if (how == underlay::Removal::deleted || link.bound_to_namespace)
            remove(uplink, EventSource::kernel, seen);
    }
}

void LinkWatch::remove(overlay::UplinkIndex uplink, EventSource source, failover::TimePoint seen) {
    State& state = states_[uplink];
    if (std::exchange(state.removed, true)) return;
    state.up = false;
    if (started_) changed_({uplink, false, source, seen, true});
}

void LinkWatch::evaluate(overlay::UplinkIndex uplink, EventSource source,
                         failover::TimePoint seen) {
    State& state = states_[uplink];
    if (state.removed) return;
    const UplinkLink& link = state.link;
    const bool others = (!state.watches_carrier || state.carrier) && link.driver_link_up();
    // Its event may have come before its time, or have been lost.
    if (others && !state.rdma_active && source == EventSource::poll)
        state.rdma_active = link.rdma_active().value_or(true);
    const bool up = others && state.rdma_active;
    if (up == std::exchange(state.up, up) || !started_) return;
    changed_({uplink, up, source, seen});
}

std::string LinkWatch::source_text(overlay::UplinkIndex uplink) const {
    const State& state = states_[uplink];
    if (state.link.missing) return "no device";
    std::vector<std::string> sources;
    if (state.watches_carrier) sources.push_back("carrier of " + state.link.interface);
    if (state.link.driver_event) sources.emplace_back("driver event");
    if (!state.link.rdma_port.empty()) sources.push_back("verbs event of " + state.link.rdma_port);
    return sources.empty() ? "polling" : fmt::format("{}", fmt::join(sources, ", "));
}

} // namespace sallyport::control
