// SPDX-License-Identifier: BSD-3-Clause
#include "control/failover_control.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace sallyport::control {

FailoverControl::FailoverControl(Names names, failover::UplinkIndex primary,
                                 overlay::ForwardingState& state, Switched switched)
    : names_(std::move(names)), machine_({.primary = primary}), state_(state),
      switched_(std::move(switched)) {}

Expected<void> FailoverControl::start(const std::array<bool, failover::uplink_count>& links_up) {
    auto decided = machine_.links(links_up, failover::Clock::now());
    if (decided) return apply(*decided);
    spdlog::warn("both uplinks are down: nothing reaches the underlay");
    return {};
}

void FailoverControl::link(failover::UplinkIndex uplink, bool up) {
    bool was_up = machine_.link_up(uplink);
    // Whatever there is to say about it comes after the traffic was moved.
    auto decided = machine_.link(uplink, up, failover::Clock::now());
    Expected<void> applied;
    if (decided) applied = apply(*decided);
    if (was_up != up) {
        changed(uplink);
        spdlog::info("uplink {}: link {}", names_[uplink], up ? "up" : "down");
    }
    if (!applied) spdlog::error("failover: {}", applied.error().message());
}

Expected<void> FailoverControl::set_uplink(const std::string& name, bool administratively_up) {
    auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end())
        return failure(fmt::format("there is no uplink {}", name), {},
                       fmt::format("name one of {}, {}", names_[0], names_[1]));
    auto uplink = static_cast<failover::UplinkIndex>(found - names_.begin());
    bool was_up = machine_.administratively_up(uplink);
    auto decided = machine_.administrative(uplink, administratively_up, failover::Clock::now());
    if (was_up != administratively_up) {
        changed(uplink);
        spdlog::info("uplink {}: administratively {}", name, administratively_up ? "up" : "down");
    }
    return decided ? apply(*decided) : Expected<void>{};
}

Expected<failover::Switch> FailoverControl::request_switch() {
    auto result = machine_.request_switch();
    if (result.refused) return tl::unexpected(refusal(*result.refused));
    if (auto applied = apply(*result.done); !applied) return tl::unexpected(applied.error());
    return *result.done;
}

Error FailoverControl::refusal(failover::SwitchRefusal why) const {
    Error error{std::string(to_string(why)), {}, {}};
    if (why != failover::SwitchRefusal::backup_not_usable) return error;
    for (const overlay::UplinkIndex uplink : overlay::all_uplinks) {
        if (machine_.usable(uplink)) continue;
        bool down_by_operator = !machine_.administratively_up(uplink);
        error.what += fmt::format("{} {} is {}", error.where.empty() ? ":" : ",", names_[uplink],
                                  down_by_operator ? "administratively down" : "without link");
        error.where = "failover";
        if (down_by_operator && machine_.link_up(uplink))
            error.remedy = fmt::format("set uplink {} up", names_[uplink]);
    }
    return error;
}

Expected<void> FailoverControl::apply(const failover::Switch& done) {
    auto set = state_.set_active_uplink(done.to);
    last_ = done;
    for (auto uplink : {done.from, done.to})
        if (uplink) changed(*uplink);
    if (done.reason != failover::Reason::start) {
        ++switches_;
        if (done.to) ++history_[*done.to].switches_to;
    }
    if (!set) return set;
    if (switched_) switched_(done.to);
    spdlog::log(done.to ? spdlog::level::info : spdlog::level::warn,
                "active uplink: {} (was {}, reason: {})", name_or_none(done.to),
                name_or_none(done.from), to_string(done.reason));
    return {};
}

std::string FailoverControl::name_or_none(std::optional<failover::UplinkIndex> uplink) const {
    return uplink ? names_[*uplink] : "none";
}

void FailoverControl::changed(failover::UplinkIndex uplink) {
    history_[uplink].last_change = std::chrono::system_clock::now();
}

} // namespace sallyport::control
