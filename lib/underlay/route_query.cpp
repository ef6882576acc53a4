// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/route_query.h"

#include <netlink/errno.h>

namespace sallyport::underlay {

namespace {

std::optional<Route> unicast_route(rtnl_route& route, const net::IpAddress& destination) {
    if (rtnl_route_get_type(&route) != RTN_UNICAST) return std::nullopt;
    rtnl_nexthop* const hop = rtnl_route_nexthop_n(&route, 0);
    if (hop == nullptr) return std::nullopt;

    Route result{static_cast<unsigned>(rtnl_route_nh_get_ifindex(hop)), destination};
    // RTA_VIA: a gateway of the other family.
    for (const nl_addr* gateway : {rtnl_route_nh_get_gateway(hop), rtnl_route_nh_get_via(hop)}) {
        if (gateway == nullptr) continue;
        const auto address = ip_address(gateway);
        if (!address) return std::nullopt;
        result.next_hop = *address;
    }
    return result;
}

} // namespace

Expected<RouteQuery> RouteQuery::open() {
    auto socket = open_request_socket();
    if (!socket) return tl::unexpected(socket.error());
    // The route itself, or an error, is answer enough: half the messages.
    nl_socket_disable_auto_ack(socket->get());
    // One route is far shorter, so that its length need not be asked for first.
    nl_socket_set_msg_buf_size(socket->get(), 16384);
    nl_socket_disable_msg_peek(socket->get());
    return RouteQuery(std::move(*socket));
}

Expected<std::optional<Route>> RouteQuery::ask(const net::IpAddress& destination) const {
    const NlAddressHandle address = to_netlink(destination);
    if (!address) return failure("cannot ask for a route: out of memory", destination.to_string());
    rtnl_route* answer = nullptr;
    const int code = rtnl_route_lookup(socket_.get(), address.get(), &answer);
    const RouteHandle route(code < 0 ? nullptr : answer);
    if (code == -NLE_NOMEM || code == -NLE_AGAIN)
        return tl::unexpected(
            netlink_error("cannot ask for a route", code, destination.to_string()));
    if (!route) return std::nullopt;
    return unicast_route(*route, destination);
}

} // namespace sallyport::underlay
