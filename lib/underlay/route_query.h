// SPDX-License-Identifier: BSD-3-Clause
// Asks the kernel how it would route a packet, so that policy rules, metrics and ECMP stay its job.
#pragma once

#include "base/error.h"
#include "net/ip_address.h"
#include "underlay/netlink.h"

#include <optional>

namespace sallyport::underlay {

struct Route {
    unsigned interface_index = 0;
    /// The gateway (of either family, RFC 5549), or the destination itself where it is on the link.
    net::IpAddress next_hop;
};

class RouteQuery {
  public:
    static Expected<RouteQuery> open();

    /// Absent: there is no unicast route (none at all, unreachable, blackhole, local, ...).
    /// An Error says only that the kernel could not tell for want of memory: ask again later.
    [[nodiscard]] Expected<std::optional<Route>> ask(const net::IpAddress& destination) const;

  private:
    explicit RouteQuery(SocketHandle socket) : socket_(std::move(socket)) {}

    SocketHandle socket_;
};

} // namespace sallyport::underlay
