// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/neighbour_table.h"

#include <linux/neighbour.h>

namespace sallyport::underlay {

namespace {

constexpr int usable_states =
    NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;

std::optional<NeighbourTable::Neighbour> usable_neighbour(rtnl_neigh& neighbour) {
    const int state = rtnl_neigh_get_state(&neighbour);
    if (state < 0 || (state & usable_states) == 0) return std::nullopt;
    const auto mac = mac_address(rtnl_neigh_get_lladdr(&neighbour));
    // An interface without ARP has entries of all zeros, to which no frame can go.
    if (!mac || mac->is_zero()) return std::nullopt;
    return NeighbourTable::Neighbour{*mac, (state & NUD_STALE) != 0};
}

/// Bridges' and VXLAN devices' forwarding entries come as neighbours too, as do the addresses that
/// Linux answers for (proxy ARP).
bool is_ip_neighbour(rtnl_neigh& neighbour) {
    const int family = rtnl_neigh_get_family(&neighbour);
    return (family == AF_INET || family == AF_INET6)
           && (rtnl_neigh_get_flags(&neighbour) & NTF_PROXY) == 0;
}

} // namespace

Expected<NeighbourTable> NeighbourTable::open() {
    auto socket = open_request_socket();
    if (!socket) return tl::unexpected(socket.error());
    return NeighbourTable(std::move(*socket));
}

Expected<void> NeighbourTable::load(unsigned interface_index) {
    interface_index_ = interface_index;
    neighbours_.clear();
    if (interface_index == 0) return {};
    nl_cache* filled = nullptr;
    if (int code = rtnl_neigh_alloc_cache(socket_.get(), &filled); code < 0)
        return tl::unexpected(netlink_error("cannot read the kernel's neighbours", code));
    const CacheHandle cache(filled);
    for (nl_object* object = nl_cache_get_first(cache.get()); object != nullptr;
         object = nl_cache_get_next(object))
        apply(*reinterpret_cast<rtnl_neigh*>(object), false);
    return {};
}

std::optional<net::IpAddress> NeighbourTable::apply(rtnl_neigh& event, bool deleted) {
    if (interface_index_ == 0
        || rtnl_neigh_get_ifindex(&event) != static_cast<int>(interface_index_)
        || !is_ip_neighbour(event))
        return std::nullopt;
    const auto address = ip_address(rtnl_neigh_get_dst(&event));
    if (!address) return std::nullopt;

    const auto before = find(*address);
    const auto now = deleted ? std::nullopt : usable_neighbour(event);
    if (now)
        neighbours_.insert_or_assign(*address, *now);
    else
        neighbours_.erase(*address);
    const bool same_mac =
        before.has_value() == now.has_value() && (!now || before->mac == now->mac);
    return same_mac ? std::nullopt : address;
}

std::optional<NeighbourTable::Neighbour> NeighbourTable::find(const net::IpAddress& address) const {
    const auto found = neighbours_.find(address);
    return found == neighbours_.end() ? std::nullopt : std::optional(found->second);
}

Expected<void> NeighbourTable::solicit(const net::IpAddress& address) {
    const NlAddressHandle destination = to_netlink(address);
    const NeighbourHandle neighbour(rtnl_neigh_alloc());
    if (!destination || !neighbour)
        return failure("cannot ask for a MAC: out of memory", address.to_string());
    rtnl_neigh_set_ifindex(neighbour.get(), static_cast<int>(interface_index_));
    rtnl_neigh_set_dst(neighbour.get(), destination.get());
    // NTF_USE: as if a packet were to be sent. The state must be said: libnl would
    // say permanent, which keeps the kernel from ever throwing the entry away.
    rtnl_neigh_set_state(neighbour.get(), NUD_NONE);
    rtnl_neigh_set_flags(neighbour.get(), NTF_USE);
    const int code = rtnl_neigh_add(socket_.get(), neighbour.get(), NLM_F_CREATE);
    if (code < 0)
        return tl::unexpected(netlink_error("cannot ask for a MAC", code, address.to_string()));
    return {};
}

} // namespace sallyport::underlay
