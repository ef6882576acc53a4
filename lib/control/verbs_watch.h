// SPDX-License-Identifier: BSD-3-Clause
// Asynchronous events of RDMA devices (ibv_get_async_event(3)): the link of their ports, and their
// end.
#pragma once

#include "base/error.h"
#include "control/event_loop.h"
#include "failover/clock.h"
#include "overlay/row.h"
#include "underlay/rdma_port.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::control {

/// Uplinks may be ports of one device, as those of mlx5's multiport E-Switch are; it is opened
/// once.
///
/// Owned by the control thread; every call comes from there, and every callback runs there.
class VerbsWatch {
  public:
    struct Callbacks {
        std::function<void(overlay::UplinkIndex, bool up, failover::TimePoint seen)> link;
        /// The device is beyond use, with all its ports; nothing more comes from it.
        std::function<void(overlay::UplinkIndex, failover::TimePoint seen)> removed;
    };

    /// @param loop must outlive the object
    VerbsWatch(EventLoop& loop, Callbacks callbacks);
    ~VerbsWatch();
    VerbsWatch(const VerbsWatch&) = delete;
    VerbsWatch& operator=(const VerbsWatch&) = delete;

    /// Opens the device, if it is not open. Once for each uplink.
    Expected<void> watch(overlay::UplinkIndex uplink, const underlay::RdmaPort& port);

    /// What it watches for the uplink, while it does.
    [[nodiscard]] std::optional<underlay::RdmaPort> port(overlay::UplinkIndex uplink) const;
    /// Whether the uplink's port is active now; absent: it is not watched, or the device does not
    /// say.
    [[nodiscard]] std::optional<bool> active(overlay::UplinkIndex uplink) const;

  private:
    class Device;
    struct Watched {
        Device* device = nullptr;
        std::uint32_t port = 0;
    };
    Expected<Device*> open(const std::string& name);
    void port_event(const Device& device, std::uint32_t port, bool up);
    void device_gone(const Device& device);

    EventLoop& loop_;
    Callbacks callbacks_;
    std::vector<std::unique_ptr<Device>> devices_;
    std::array<Watched, overlay::uplink_count> watched_;
};

} // namespace sallyport::control
