// SPDX-License-Identifier: BSD-3-Clause
// What operators ask of the failover: probes and drills.
#include "control/running_controller.h"

#include <utility>

#include <fmt/format.h>

namespace sallyport::control {

Expected<ProbePlan> RunningController::probe_plan(const net::IpAddress& vtep,
                                                  std::uint32_t packets_per_second) const {
    constexpr auto where = "failover probe";
    if (settings_.underlay.host_port.empty())
        return failure("there is no host port, by which probes leave", where,
                       "set underlay.host_port");
    if (settings_.failover.probe_port == 0)
        return failure("no UDP port is agreed upon with the other hypervisors", where,
                       "set failover.probe_port, alike on all");
    for (const net::IpAddress& own : announced_addresses())
        if (own == vtep)
            return failure(fmt::format("{} is ours", vtep.to_string()), where,
                           "name a vtep of another hypervisor");
    return ProbePlan{vtep, settings_.failover.probe_port, packets_per_second};
}

Expected<void> RunningController::start_probe(const net::IpAddress& vtep,
                                              std::uint32_t packets_per_second) {
    auto plan = probe_plan(vtep, packets_per_second);
    if (!plan) return tl::unexpected(plan.error());
    auto stream = FailoverProbe::start(*plan);
    if (!stream) return tl::unexpected(stream.error());
    probing_ = Probing{*plan, std::move(*stream)};
    return {};
}

Expected<void> RunningController::stop_probe() {
    if (!probing_ || probing_->stream->finished())
        return failure("no probe is running", "failover probe");
    probing_->stream->finish();
    return {};
}

std::optional<ProbeStatus> RunningController::probe() const {
    if (!probing_) return std::nullopt;
    return ProbeStatus{probing_->plan.peer, probing_->plan.packets_per_second,
                       !probing_->stream->finished(), probing_->stream->report()};
}

Expected<void> RunningController::start_drill(const net::IpAddress& vtep,
                                              std::uint32_t packets_per_second) {
    if (drilling_ && drilling_->drill->report().state == DrillReport::State::running)
        return failure("a drill is running", "failover drill", "wait for its end");
    auto plan = probe_plan(vtep, packets_per_second);
    if (!plan) return tl::unexpected(plan.error());
    FailoverDrill::Actions actions{
        .start_stream = [plan = *plan]() -> Expected<std::unique_ptr<ProbeRun>> {
            auto stream = FailoverProbe::start(plan);
            if (!stream) return tl::unexpected(stream.error());
            return std::move(*stream);
        },
        .switch_uplink = [this] { return switch_uplink(); }};
    auto drill = std::make_unique<FailoverDrill>(loop_, std::move(actions));
    if (auto started = drill->start(); !started) return started;
    drilling_ = Drilling{*plan, std::move(drill)};
    return {};
}

std::optional<DrillStatus> RunningController::drill() const {
    if (!drilling_) return std::nullopt;
    return DrillStatus{drilling_->plan.peer, drilling_->plan.packets_per_second,
                       drilling_->drill->report()};
}

} // namespace sallyport::control
