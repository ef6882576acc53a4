// SPDX-License-Identifier: BSD-3-Clause
// What the kernel knows of the underlay: routes, neighbours and carriers, over netlink (libnl).
#pragma once

#include "base/error.h"
#include "net/ip_address.h"
#include "net/mac_address.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace sallyport::underlay {

/// How a destination is reached, as far as the kernel knows.
struct Resolution {
    /// The gateway, or the destination itself where it is on the link; absent: no route.
    std::optional<net::IpAddress> next_hop;
    /// The next hop's MAC; absent: not known (yet).
    std::optional<net::MacAddress> mac;

    bool operator==(const Resolution&) const = default;
};

/// How an interface left this network namespace.
enum class Removal : std::uint8_t { deleted, moved };

/// Follows the kernel's tables by netlink events; nothing is polled. All calls come from, and all
/// callbacks run on, the control thread. Callbacks may call back into the object. A thread of its
/// own notes when link events come.
class KernelWatch {
  public:
    using Clock = std::chrono::steady_clock;
    struct Callbacks {
        /// A watched destination is resolved otherwise than last told.
        std::function<void(const net::IpAddress& destination, const Resolution&)> resolution;
        /// A watched interface's carrier changed (administratively down, or removed, is no
        /// carrier).
        /// @param seen when the kernel's message of it came, however much later this is called
        std::function<void(const std::string& interface, bool carrier, Clock::time_point seen)>
            carrier;
        /// A watched interface is gone; carrier follows. What comes later under its name is another
        /// one, or has been elsewhere.
        std::function<void(const std::string& interface, Removal how, Clock::time_point seen)>
            removed;
    };

    /// @param real_time see LinkEvents::open()
    static Expected<std::unique_ptr<KernelWatch>> open(Callbacks callbacks, bool real_time);
    virtual ~KernelWatch() = default;

    /// Readable when there is something to process(). Owned by the object.
    [[nodiscard]] virtual int fd() const = 0;
    virtual void process() = 0;
    /// The same of links alone, of which nothing else waits for long.
    [[nodiscard]] virtual int links_fd() const = 0;
    virtual void process_links() = 0;

    /// Only routes and neighbours of this interface count (the host port).
    virtual Expected<void> use_host_interface(const std::string& name) = 0;

    /// Calls back at once with what is known, and on every change from then on. An unknown MAC is
    /// asked for (the kernel sends ARP or ND by the host port), and again
    /// by retry_unresolved().
    virtual void watch_destination(const net::IpAddress& destination) = 0;
    virtual void unwatch_destination(const net::IpAddress& destination) = 0;
    /// Asks again for every watched next hop whose MAC is unknown; call it once a second.
    virtual void retry_unresolved() = 0;

    /// Calls back at once with the carrier's state, and on every change from then on.
    virtual Expected<void> watch_carrier(const std::string& interface) = 0;
    virtual void unwatch_carrier(const std::string& interface) = 0;
};

/// What the host port looks like to Linux.
struct HostInterface {
    std::string name;
    net::MacAddress mac;
    std::uint16_t mtu = 1500;
    std::span<const net::IpPrefix> addresses;
};

/// Gives the interface its MAC, MTU and addresses (IPv6 ones without duplicate address detection,
/// since the process itself carries the probe) and sets it up.
Expected<void> configure_host_interface(const HostInterface& interface);

/// Name of the interface with that index in this network namespace; absent if there is none.
std::optional<std::string> interface_name(unsigned index);
/// MTU and MAC of an interface in this network namespace.
Expected<std::uint16_t> interface_mtu(const std::string& name);
Expected<net::MacAddress> interface_mac(const std::string& name);

} // namespace sallyport::underlay
