// SPDX-License-Identifier: BSD-3-Clause
#include "control/driver_link_event.h"

#include <cerrno>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

namespace sallyport::control {

struct DriverLinkEvent::Registration {
    Registration(std::uint16_t port_id, std::function<void()> call)
        : port(port_id), happened(std::move(call)) {}
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    ~Registration() {
        if (!registered) return;
        // EAL refuses while the callback runs on its thread, and only then.
        while (rte_eth_dev_callback_unregister(port, RTE_ETH_EVENT_INTR_LSC, call, this) == -EAGAIN)
            std::this_thread::yield();
    }

    static int call(std::uint16_t, rte_eth_event_type, void* argument, void*) {
        static_cast<Registration*>(argument)->happened();
        return 0;
    }

    std::uint16_t port;
    std::function<void()> happened;
    bool registered = false;
};

DriverLinkEvent::DriverLinkEvent(std::shared_ptr<Registration> registration)
    : registration_(std::move(registration)) {}

Expected<DriverLinkEvent> DriverLinkEvent::watch(std::uint16_t dpdk_port,
                                                 std::function<void()> happened) {
    auto registration = std::make_shared<Registration>(dpdk_port, std::move(happened));
    int result = rte_eth_dev_callback_register(dpdk_port, RTE_ETH_EVENT_INTR_LSC,
                                               Registration::call, registration.get());
    if (result != 0)
        return failure(fmt::format("cannot watch the link state event of DPDK port {}: {}",
                                   dpdk_port, rte_strerror(-result)));
    registration->registered = true;
    return DriverLinkEvent(std::move(registration));
}

} // namespace sallyport::control
