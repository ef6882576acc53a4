// SPDX-License-Identifier: BSD-3-Clause
// What the kernel knows of the neighbours on one interface: ARP (RFC 826) and ND (RFC 4861).
#pragma once

#include "base/error.h"
#include "net/ip_address.h"
#include "net/mac_address.h"
#include "underlay/netlink.h"

#include <optional>
#include <unordered_map>

namespace sallyport::underlay {

class NeighbourTable {
  public:
    struct Neighbour {
        net::MacAddress mac;
        /// Usable, but not confirmed for a while: the kernel confirms it only if it is used.
        bool stale = false;

        bool operator==(const Neighbour&) const = default;
    };

    static Expected<NeighbourTable> open();

    /// Forgets everything and asks the kernel for the neighbours on that interface; 0: on none.
    Expected<void> load(unsigned interface_index);

    /// Takes an event.
    /// @param deleted RTM_DELNEIGH
    /// @return the neighbour whose MAC is another now, known or unknown
    std::optional<net::IpAddress> apply(rtnl_neigh& event, bool deleted);

    /// Absent: the kernel does not know the MAC (now).
    [[nodiscard]] std::optional<Neighbour> find(const net::IpAddress& address) const;

    /// Has the kernel send ARP or ND for an unknown one, and confirm a stale one. The answer comes
    /// as an event.
    Expected<void> solicit(const net::IpAddress& address);

  private:
    explicit NeighbourTable(SocketHandle socket) : socket_(std::move(socket)) {}

    SocketHandle socket_;
    unsigned interface_index_ = 0;
    std::unordered_map<net::IpAddress, Neighbour> neighbours_; // only those with a MAC
};

} // namespace sallyport::underlay
