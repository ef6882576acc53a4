// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/carrier_table.h"
#include "underlay/kernel_watch.h"
#include "underlay/netlink.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>

#include <linux/if_addr.h>
#include <net/if.h>
#include <netlink/errno.h>

namespace sallyport::underlay {

namespace {

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

/// For the addresses that others may add later. Ours say for themselves that they are unique: the
/// probes would pass through this process before it forwards anything, so they would prove nothing,
/// and keep ND from working for a second. An unwritable /proc costs just that second, so it is no
/// error.
void disable_duplicate_address_detection(const std::string& name) {
    std::ofstream("/proc/sys/net/ipv6/conf/" + name + "/accept_dad") << 0;
}

/// RFC 4291 appendix A: the interface identifier is the MAC with ff:fe in its middle and the
/// universal bit turned over.
net::IpPrefix link_local(const net::MacAddress& mac) {
    const auto& m = mac.octets;
    const auto first = static_cast<std::uint8_t>(m[0] ^ 2);
    const std::array<std::uint8_t, 16> octets{0xfe,  0x80, 0,    0,    0,    0,    0,    0,
                                              first, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
    return {net::IpAddress::from_octets(net::IpFamily::ipv6, octets.data()), 64};
}

/// Absent only when memory is.
InterfaceAddressHandle interface_address(int index, const net::IpPrefix& prefix) {
    const NlAddressHandle local = to_netlink(prefix);
    InterfaceAddressHandle address(rtnl_addr_alloc());
    if (!local || !address) return {};
    rtnl_addr_set_ifindex(address.get(), index);
    rtnl_addr_set_local(address.get(), local.get());
    return address;
}

Expected<void> add_address(nl_sock& socket, int index, const std::string& name,
                           const net::IpPrefix& prefix) {
    const InterfaceAddressHandle address = interface_address(index, prefix);
    if (!address) return failure("cannot add " + prefix.to_string() + ": out of memory", name);
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

/// The kernel asks for IPv6 neighbours from a link-local address only, and an interface may have
/// none (addrgenmode none), or one that the kernel still probes for duplicates since it made it
/// when the driver set the interface up.
Expected<void> replace_link_local(nl_sock& socket, int index, const HostInterface& interface) {
    const net::IpPrefix address = link_local(interface.mac);
    // Fails where there is none, which is as good.
    if (const auto present = interface_address(index, address))
        rtnl_addr_delete(&socket, present.get(), 0);
    return add_address(socket, index, interface.name, address);
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
    const int index = rtnl_link_get_ifindex(link->get());
    bool ipv6 = false;
    for (const net::IpPrefix& prefix : interface.addresses) {
        if (auto done = add_address(kernel, index, interface.name, prefix); !done) return done;
        ipv6 = ipv6 || prefix.address.is_ipv6();
    }
    return ipv6 ? replace_link_local(kernel, index, interface) : Expected<void>();
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
