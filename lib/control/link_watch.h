// SPDX-License-Identifier: BSD-3-Clause
// The link state of the uplinks, from every source there is: the kernel's carrier, the driver's
// event, the RDMA device's, and polling as the net below them.
#pragma once

#include "base/error.h"
#include "control/event_loop.h"
#include "failover/failover_record.h"
#include "overlay/row.h"
#include "underlay/kernel_watch.h"

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::control {

struct LinkChange {
    overlay::UplinkIndex uplink = 0;
    bool up = false;
    /// What told of it before all others, and when that was seen.
    failover::EventSource source = failover::EventSource::poll;
    failover::TimePoint seen{};
    /// The device is gone, for the rest of the process's life.
    bool removed = false;
};

/// An uplink, as far as its link goes.
struct UplinkLink {
    std::string uplink;
    /// True: its device was not there at the start. It stays down, and all the rest says nothing.
    bool missing = false;
    /// Kernel interface whose carrier counts; empty: none.
    std::string interface;
    /// True: the operator named the interface, so that not being able to watch it is an Error.
    bool interface_required = false;
    /// True: the port is the interface, and goes with it.
    bool interface_is_device = false;
    /// True: the port ends when its interface moves to another network namespace, too.
    bool bound_to_namespace = false;
    /// True: LinkWatch::driver_event() will be called when the driver tells of a change.
    bool driver_event = false;
    /// "port 2 of mlx5_0": LinkWatch::verbs_event() will be called when it tells of one; empty: the
    /// port is no RDMA device's.
    std::string rdma_port;
    /// Whether that one is active; absent: it does not say. Asked by polling, while its latest
    /// event alone says down.
    std::function<std::optional<bool>()> rdma_active;
    /// The driver's word; a driver without link state says up.
    std::function<bool()> driver_link_up;
};

/// An uplink is up when every source says so: a driver that does not know its link says up, and a
/// carrier does not help where the driver has lost the device. Of a device that is gone nothing is
/// asked any more.
///
/// Owned by the control thread; every call comes from there.
class LinkWatch {
  public:
    using Changed = std::function<void(const LinkChange&)>;
    using UplinkLinks = std::array<UplinkLink, overlay::uplink_count>;

    /// @param loop must outlive the object
    /// @param kernel must outlive the object; its carrier callback must call carrier()
    /// @param changed called for every change after start() returned
    LinkWatch(EventLoop& loop, underlay::KernelWatch& kernel, UplinkLinks links, Changed changed);
    ~LinkWatch();
    LinkWatch(const LinkWatch&) = delete;
    LinkWatch& operator=(const LinkWatch&) = delete;

    /// Watches the carriers and starts polling.
    Expected<void> start(std::chrono::milliseconds poll_interval);

    /// The kernel says that an interface's carrier is there or gone.
    /// @param seen when its message came
    void carrier(const std::string& interface, bool up, failover::TimePoint seen);
    /// The driver says that the link of the uplink changed.
    /// @param seen when it said so, on whatever thread
    void driver_event(overlay::UplinkIndex uplink, failover::TimePoint seen);
    /// The RDMA device says that the link of the uplink's port came or went.
    void verbs_event(overlay::UplinkIndex uplink, bool up, failover::TimePoint seen);
    /// The kernel says that an interface is gone.
    void interface_removed(const std::string& interface, underlay::Removal how,
                           failover::TimePoint seen);
    /// The uplink's device is gone.
    void remove(overlay::UplinkIndex uplink, failover::EventSource source,
                failover::TimePoint seen);

    [[nodiscard]] bool up(overlay::UplinkIndex uplink) const { return states_[uplink].up; }
    /// All that tell at once: "carrier of IF", "driver event", "verbs event of port N of DEVICE";
    /// where there is none, "polling"; "no device".
    [[nodiscard]] std::string source_text(overlay::UplinkIndex uplink) const;

  private:
    struct State {
        UplinkLink link;
        bool watches_carrier = false;
        bool carrier = false;
        bool rdma_active = true;
        bool removed = false;
        bool up = false;
    };
    Expected<void> watch_carrier(State& state);
    void evaluate(overlay::UplinkIndex uplink, failover::EventSource source,
                  failover::TimePoint seen);

    EventLoop& loop_;
    underlay::KernelWatch& kernel_;
    std::array<State, overlay::uplink_count> states_;
    Changed changed_;
    bool started_ = false;
    EventLoop::TimerId timer_ = 0;
};

} // namespace sallyport::control
