// SPDX-License-Identifier: BSD-3-Clause
// Internal to lib/underlay: owners of libnl's objects, and what turns its values into ours.
#pragma once

#include "base/error.h"
#include "net/ip_address.h"
#include "net/mac_address.h"

#include <memory>
#include <optional>
#include <string>

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>

namespace sallyport::underlay {

template<auto release>
struct Release {
    template<class Object>
    void operator()(Object* object) const noexcept {
        release(object);
    }
};

using SocketHandle = std::unique_ptr<nl_sock, Release<nl_socket_free>>;
using CacheHandle = std::unique_ptr<nl_cache, Release<nl_cache_free>>;
using NlAddressHandle = std::unique_ptr<nl_addr, Release<nl_addr_put>>;
using LinkHandle = std::unique_ptr<rtnl_link, Release<rtnl_link_put>>;
using NeighbourHandle = std::unique_ptr<rtnl_neigh, Release<rtnl_neigh_put>>;
using RouteHandle = std::unique_ptr<rtnl_route, Release<rtnl_route_put>>;
using InterfaceAddressHandle = std::unique_ptr<rtnl_addr, Release<rtnl_addr_put>>;

/// A connected NETLINK_ROUTE socket for requests, in the calling thread's network namespace.
Expected<SocketHandle> open_request_socket();

/// The interface as it is now, by its name in the socket's network namespace.
Expected<LinkHandle> get_link(nl_sock& socket, const std::string& name);

/// @param code what a libnl function returned, negative
Error netlink_error(const std::string& what, int code, std::string where = {});

/// Calls @p found with the object in the message, as libnl reads it.
template<class Object, class Found>
void parse(nl_msg& message, Found found) {
    nl_msg_parse(
        &message,
        [](nl_object* object, void* argument) {
            (*static_cast<Found*>(argument))(*reinterpret_cast<Object*>(object));
        },
        &found);
}

/// Absent only when memory is.
NlAddressHandle to_netlink(const net::IpAddress& address);
/// As above, with a prefix length.
NlAddressHandle to_netlink(const net::IpPrefix& prefix);
/// Absent for a null pointer, another family, or an address of the wrong length.
std::optional<net::IpAddress> ip_address(const nl_addr* address);
/// The network of a route; no octets stand for the default route.
std::optional<net::IpPrefix> ip_prefix(const nl_addr* address);
/// Absent for a null pointer or anything but six octets.
std::optional<net::MacAddress> mac_address(const nl_addr* address);

} // namespace sallyport::underlay
