// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/netlink.h"

#include <algorithm>
#include <cstdlib>

#include <netlink/errno.h>

namespace sallyport::underlay {

namespace {

std::size_t address_length(net::IpFamily family) {
    return family == net::IpFamily::ipv4 ? 4 : 16;
}

std::optional<net::IpFamily> ip_family(const nl_addr* address) {
    switch (nl_addr_get_family(address)) {
    case AF_INET:
        return net::IpFamily::ipv4;
    case AF_INET6:
        return net::IpFamily::ipv6;
    default:
        return std::nullopt;
    }
}

} // namespace

Expected<SocketHandle> open_request_socket() {
    SocketHandle socket(nl_socket_alloc());
    if (!socket) return failure("cannot open a netlink socket: out of memory");
    if (int code = nl_connect(socket.get(), NETLINK_ROUTE); code < 0)
        return tl::unexpected(netlink_error("cannot open a netlink socket", code));
    return socket;
}

Expected<LinkHandle> get_link(nl_sock& socket, const std::string& name) {
    rtnl_link* answer = nullptr;
    const int code = rtnl_link_get_kernel(&socket, 0, name.c_str(), &answer);
    if (code < 0) return tl::unexpected(netlink_error("cannot find the interface", code, name));
    return LinkHandle(answer);
}

Error netlink_error(const std::string& what, int code, std::string where) {
    const int reason = std::abs(code);
    const bool forbidden = reason == NLE_PERM || reason == NLE_NOACCESS;
    return {what + ": " + nl_geterror(reason), std::move(where),
            forbidden ? "run as root or grant CAP_NET_ADMIN" : ""};
}

NlAddressHandle to_netlink(const net::IpAddress& address) {
    return NlAddressHandle(nl_addr_build(address.is_ipv4() ? AF_INET : AF_INET6,
                                         address.octets.data(), address_length(address.family)));
}

NlAddressHandle to_netlink(const net::IpPrefix& prefix) {
    NlAddressHandle address = to_netlink(prefix.address);
    if (address) nl_addr_set_prefixlen(address.get(), prefix.length);
    return address;
}

std::optional<net::IpAddress> ip_address(const nl_addr* address) {
    if (address == nullptr) return std::nullopt;
    const auto family = ip_family(address);
    if (!family || nl_addr_get_len(address) != address_length(*family)) return std::nullopt;
    return net::IpAddress::from_octets(
        *family, static_cast<const std::uint8_t*>(nl_addr_get_binary_addr(address)));
}

std::optional<net::IpPrefix> ip_prefix(const nl_addr* address) {
    if (address == nullptr) return std::nullopt;
    const auto family = ip_family(address);
    if (!family) return std::nullopt;
    if (nl_addr_get_len(address) == 0) return net::IpPrefix{{{}, *family}, 0};
    const auto network = ip_address(address);
    if (!network) return std::nullopt;
    return net::IpPrefix{*network, static_cast<std::uint8_t>(nl_addr_get_prefixlen(address))};
}

std::optional<net::MacAddress> mac_address(const nl_addr* address) {
    net::MacAddress mac;
    if (address == nullptr || nl_addr_get_len(address) != mac.octets.size()) return std::nullopt;
    std::copy_n(static_cast<const std::uint8_t*>(nl_addr_get_binary_addr(address)),
                mac.octets.size(), mac.octets.begin());
    return mac;
}

} // namespace sallyport::underlay
