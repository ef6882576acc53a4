// SPDX-License-Identifier: BSD-3-Clause
// What the running controller hears of its uplinks: their links, and their end.
#include "control/running_controller.h"
#include "datapath/port_driver.h"

#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace sallyport::control {

void RunningController::watch_rdma_devices() {
    VerbsWatch::Callbacks callbacks;
    callbacks.link = [this](auto index, bool up, auto seen) {
        links_->verbs_event(index, up, seen);
    };
    callbacks.removed = [this](auto index, auto seen) {
        links_->remove(index, failover::EventSource::verbs, seen);
    };
    verbs_ = std::make_unique<VerbsWatch>(loop_, std::move(callbacks));
    for (const overlay::UplinkIndex index : overlay::all_uplinks)
        watch_rdma_device(index);
}

UplinkLink RunningController::uplink_link(overlay::UplinkIndex index) {
    const config::UplinkSettings& uplink = settings_.uplinks[index];
    UplinkLink link;
    link.uplink = uplink.name;
    const AttachedPort* const attached = ports_->uplink(index);
    link.missing = attached == nullptr;
    if (link.missing) return link;
    const datapath::Port& port = attached->port();
    const bool named = !uplink.interface.empty();
    link.interface = named ? uplink.interface : attached->interface();
    link.interface_required = named;
    link.interface_is_device = !link.interface.empty() && link.interface == attached->interface();
    // The kernel unbinds a packet socket from an interface that leaves, and for good.
    link.bound_to_namespace = datapath::is_af_packet(uplink.device);
    link.driver_event = port.link_event();
    if (const auto rdma = verbs_->port(index))
        link.rdma_port = fmt::format("port {} of {}", rdma->port, rdma->device);
    link.rdma_active = [this, index] { return verbs_->active(index); };
    link.driver_link_up = [&port] { return port.link_up(); };
    return link;
}

Expected<void> RunningController::watch_driver(overlay::UplinkIndex index) {
    const AttachedPort* const attached = ports_->uplink(index);
    if (attached == nullptr) return {};
    const datapath::Port& port = attached->port();
    using Told = std::function<void(failover::TimePoint seen)>;
    // The events come on EAL's interrupt thread.
    const auto watch = [&](DriverEvent::Kind kind, Told told) -> Expected<void> {
        auto event = DriverEvent::watch(
            port.id(), kind,
            [&loop = loop_, alive = std::weak_ptr<bool>(alive_), told = std::move(told)] {
                loop.post_first([alive, told, seen = failover::Clock::now()] {
                    if (!alive.expired()) told(seen);
                });
            });
        if (!event) return tl::unexpected(event.error());
        driver_events_.push_back(std::move(*event));
        return {};
    };
    Expected<void> watched;
    if (port.link_event())
        watched = watch(DriverEvent::Kind::link,
                        [this, index](auto seen) { links_->driver_event(index, seen); });
    if (watched && port.removal_event())
        watched = watch(DriverEvent::Kind::removal, [this, index](auto seen) {
            links_->remove(index, failover::EventSource::bus, seen);
        });
    return watched;
}

void RunningController::watch_rdma_device(overlay::UplinkIndex index) {
    const AttachedPort* const attached = ports_->uplink(index);
    if (attached == nullptr || !attached->port().interface_index()) return;
    const datapath::Port& port = attached->port();
    const auto rdma = underlay::rdma_port_of(*port.interface_index());
    Expected<void> watched;
    if (!rdma)
        watched = tl::unexpected(rdma.error());
    else if (*rdma)
        watched = verbs_->watch(index, **rdma);
    if (!watched)
        spdlog::warn("uplink {}: its RDMA device is not watched: {}", port.name(),
                     watched.error().message());
}

void RunningController::link_changed(const LinkChange& change) {
    failover_->link(change);
    if (detectors_ != nullptr) detectors_->link(change.uplink, change.up);
    if (!change.removed) return;
    // Workers ask its driver no more; it is closed in its turn at the end.
    datapath::Port& port = ports_->uplink(change.uplink)->port();
    path_->detach(port);
    port.set_removed();
}

} // namespace sallyport::control
