// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/carrier_table.h"
#include "underlay/kernel_watch.h"
#include "underlay/netlink.h"

#include <algorithm>
#include <fstream>
#include <limits>

#include <linux/if_addr.h>
#include <net/if.h>
#include <netlink/errno.h>

namespace sallyport::underlay {

namespace {

Expected<LinkHandle> get_link(nl_sock& socket, const std::string& name) {
    rtnl_link* answer = nullptr;
    const int code = rtnl_link_get_kernel(&socket, 0, name.c_str(), &answer);
    if (code < 0) return tl::unexpected(netlink_error("cannot find the interface", code, name));
    return LinkHandle(answer);
}

/// Applies what @p set puts into an empty change request.
template<class Set>
int change_link(nl_sock& socket, rtnl_link& link, Set set) {
    const LinkHandle change(rtnl_link_alloc());
    if (!change) return -NLE_NOMEM;
    set(*change);
    return rtnl_link_change(&socket, &link, change.get(), 0);
}

int set_up(nl_sock& socket, rtnl_link& link, bool up) {
    return change_link(socket, link, [up](rtnl_link& change) {
        up ? rtnl_link_set_flags(&change, IFF_UP) : rtnl_link_unset_flags(&change, IFF_UP);
    });
}

Expected<void> set_mac(nl_sock& socket, rtnl_link& link, const HostInterface& wanted) {
    if (mac_address(rtnl_link_get_addr(&link)) == wanted.mac) return {};
    const NlAddressHandle mac(
        nl_addr_build(AF_LLC, wanted.mac.octets.data(), wanted.mac.octets.size()));
    if (!mac) return failure("cannot set the MAC address: out of memory", wanted.name);
    const auto change = [&] {
        return change_link(socket, link,
                           [&](rtnl_link& request) { rtnl_link_set_addr(&request, mac.get()); });
    };
    int code = change();
    // Not every driver takes a MAC while the interface is up (TAP does). It is set up again later.
    if (code == -NLE_BUSY && set_up(socket, link, false) == 0) code = change();
    if (code < 0)
        return tl::unexpected(netlink_error("cannot set the MAC address " + wanted.mac.to_string(),
                                            code, wanted.name));
    return {};
}

Expected<void> set_mtu(nl_sock& socket, rtnl_link& link, const HostInterface& wanted) {
    if (rtnl_link_get_mtu(&link) == wanted.mtu) return {};
    const int code = change_link(
        socket, link, [&](rtnl_link& request) { rtnl_link_set_mtu(&request, wanted.mtu); });
    if (code < 0)
        return tl::unexpected(
            netlink_error("cannot set the MTU " + std::to_string(wanted.mtu), code, wanted.name));
    return {};
}

/// The link-local address, which the kernel makes itself, goes through duplicate address detection
/// unless the interface is told not to. The probes would pass through this process before it
/// forwards anything, so they would prove nothing, and keep ND from working for a second. An
/// unwritable /proc costs just that second, so it is no error.
void disable_duplicate_address_detection(const std::string& name) {
    std::ofstream("/proc/sys/net/ipv6/conf/" + name + "/accept_dad") << 0;
}

Expected<void> add_address(nl_sock& socket, int index, const std::string& name,
                           const net::IpPrefix& prefix) {
    const NlAddressHandle local = to_netlink(prefix);
    const InterfaceAddressHandle address(rtnl_addr_alloc());
    if (!local || !address)
        return failure("cannot add " + prefix.to_string() + ": out of memory", name);
    rtnl_addr_set_ifindex(address.get(), index);
    rtnl_addr_set_local(address.get(), local.get());
    if (prefix.address.is_ipv6()) rtnl_addr_set_flags(address.get(), IFA_F_NODAD);
    const int code = rtnl_addr_add(&socket, address.get(), 0);
    if (code < 0 && code != -NLE_EXIST) {
        Error error = netlink_error("cannot add the address " + prefix.to_string(), code, name);
        // The kernel says EACCES, which is not about privileges then.
        if (code == -NLE_NOACCESS && prefix.address.is_ipv6())
            error.remedy = "allow IPv6: sysctl net.ipv6.conf." + name + ".disable_ipv6=0";
        return tl::unexpected(error);
    }
    return {};
}

} // namespace

Expected<void> configure_host_interface(const HostInterface& interface) {
    auto socket = open_request_socket();
    if (!socket) return tl::unexpected(socket.error());
    nl_sock& kernel = **socket;
    auto link = get_link(kernel, interface.name);
    if (!link) return tl::unexpected(link.error());

    if (auto done = set_mac(kernel, **link, interface); !done) return done;
    if (auto done = set_mtu(kernel, **link, interface); !done) return done;
    disable_duplicate_address_detection(interface.name);
    if (int code = set_up(kernel, **link, true); code < 0)
        return tl::unexpected(netlink_error("cannot set the interface up", code, interface.name));
    for (const net::IpPrefix& prefix : interface.addresses) {
        const int index = rtnl_link_get_ifindex(link->get());
        if (auto done = add_address(kernel, index, interface.name, prefix); !done) return done;
    }
    return {};
}

std::optional<std::string> interface_name(unsigned index) {
    char name[IF_NAMESIZE];
    if (if_indextoname(index, name) == nullptr) return std::nullopt;
    return name;
}

Expected<std::uint16_t> interface_mtu(const std::string& name) {
    auto socket = open_request_socket();
    if (!socket) return tl::unexpected(socket.error());
    auto link = get_link(**socket, name);
    if (!link) return tl::unexpected(link.error());
    // The loopback's is 65536, one more than an IPv4 packet can have.
    constexpr unsigned largest = std::numeric_limits<std::uint16_t>::max();
    return static_cast<std::uint16_t>(std::min(rtnl_link_get_mtu(link->get()), largest));
}

Expected<net::MacAddress> interface_mac(const std::string& name) {
    auto socket = open_request_socket();
    if (!socket) return tl::unexpected(socket.error());
    auto link = get_link(**socket, name);
    if (!link) return tl::unexpected(link.error());
    const auto mac = mac_address(rtnl_link_get_addr(link->get()));
    if (!mac) return failure("the interface has no Ethernet address", name);
    return *mac;
}

} // namespace sallyport::underlay
