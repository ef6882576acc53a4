// SPDX-License-Identifier: BSD-3-Clause
// UDP datagrams of "failover probe" through Linux, and so through the host port and by the active
// uplink.
#pragma once

#include "base/error.h"
#include "base/file_descriptor.h"
#include "net/ip_address.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace sallyport::underlay {

/// Where a datagram came from and to, so that its answer takes the same way back.
struct DatagramEnds {
    net::IpAddress peer{};
    /// Host byte order.
    std::uint16_t peer_port = 0;
    net::IpAddress local{};
    /// Of the interface by which it came; link-local addresses mean nothing without.
    unsigned interface = 0;
};

/// Not thread-safe. Never blocks.
class ProbeSocket {
  public:
    /// Takes datagrams of both families.
    /// @param port host byte order; 0: any that is free
    /// @param device interface that they must come by; empty: any
    static Expected<ProbeSocket> open(std::uint16_t port, const std::string& device);

    [[nodiscard]] int fd() const { return fd_.get(); }
    /// @return the whole datagram, of @p buffer, and its ends; absent: none waits. One that is
    ///         longer than the buffer comes with no octets.
    struct Datagram {
        std::span<const std::uint8_t> octets;
        DatagramEnds ends;
    };
    std::optional<Datagram> receive(std::span<std::uint8_t> buffer);
    /// From ends.local (any where it is unspecified) to ends.peer. What Linux has no room or no
    /// route for is lost, as on the way.
    /// @return whether Linux took it
    bool send(std::span<const std::uint8_t> octets, const DatagramEnds& ends);

  private:
    explicit ProbeSocket(base::FileDescriptor fd) : fd_(std::move(fd)) {}
    base::FileDescriptor fd_;
};

} // namespace sallyport::underlay
