// SPDX-License-Identifier: BSD-3-Clause
#include "control/driver_event.h"

#include <cerrno>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

namespace sallyport::control {

struct DriverEvent::Registration {
    Registration(std::uint16_t port_id, rte_eth_event_type type, std::function<void()> call)
        : port(port_id), event(type), happened(std::move(call)) {}
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    ~Registration() {
        if (!registered) return;
        // EAL refuses while the callback runs on its thread, and only then.
        while (rte_eth_dev_callback_unregister(port, event, call, this) == -EAGAIN)
            std::this_thread::yield();
    }

    static int call(std::uint16_t, rte_eth_event_type, void* argument, void*) {
        static_cast<Registration*>(argument)->happened();
        return 0;
    }

    std::uint16_t port;
    rte_eth_event_type event;
    std::function<void()> happened;
    bool registered = false;
};

DriverEvent::DriverEvent(std::shared_ptr<Registration> registration)
    : registration_(std::move(registration)) {}

Expected<DriverEvent> DriverEvent::watch(std::uint16_t dpdk_port, Kind kind,
                                         std::function<void()> happened) {
    const auto event = kind == Kind::link ? RTE_ETH_EVENT_INTR_LSC : RTE_ETH_EVENT_INTR_RMV;
    auto registration = std::make_shared<Registration>(dpdk_port, event, std::move(happened));
    int result =
        rte_eth_dev_callback_register(dpdk_port, event, Registration::call, registration.get());
    if (result != 0)
        return failure(fmt::format("cannot watch the {} event of DPDK port {}: {}",
                                   kind == Kind::link ? "link state" : "removal", dpdk_port,
                                   rte_strerror(-result)));
    registration->registered = true;
    return DriverEvent(std::move(registration));
}

} // namespace sallyport::control
