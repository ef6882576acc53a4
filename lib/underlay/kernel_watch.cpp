// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/kernel_watch.h"

#include "base/errno_text.h"
#include "underlay/netlink_kernel_watch.h"

#include <linux/rtnetlink.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

namespace sallyport::underlay {

using Clock = DestinationTable::Clock;

Expected<void> NetlinkKernelWatch::open_descriptors() {
    epoll_ = base::FileDescriptor(epoll_create1(EPOLL_CLOEXEC));
    work_left_ = base::FileDescriptor(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!epoll_ || !work_left_) return failure("cannot open a descriptor: " + base::errno_text());
    for (int fd : {links_->fd(), events_.fd(), work_left_.get()}) {
        epoll_event event{};
        event.events = EPOLLIN;
        if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
            return failure("cannot watch a netlink socket: " + base::errno_text());
    }
    return {};
}

void NetlinkKernelWatch::process() {
    read_links();
    read_events();
    resolve_queued();
    schedule();
}

void NetlinkKernelWatch::process_links() {
    read_links();
    schedule();
}

void NetlinkKernelWatch::read_events() {
    Changes changes;
    const auto handle = [&](nl_msg& message) { take_event(message, changes); };
    bool lost = false;
    for (const auto deadline = Clock::now() + share_of_process; Clock::now() < deadline;) {
        const auto result = events_.read(handle);
        if (result == EventSocket::Read::empty) break;
        lost = lost || result == EventSocket::Read::lost;
    }
    if (lost) {
        spdlog::warn("underlay: netlink events were lost, reading the kernel's tables anew");
        reload_neighbours();
        routes_may_differ();
        return;
    }
    for (const net::IpPrefix& network : changes.networks)
        destinations_.queue(network);
    for (const net::IpAddress& neighbour : changes.neighbours)
        tell_all_by(neighbour);
}

void NetlinkKernelWatch::take_event(nl_msg& message, Changes& changes) {
    switch (const int type = nlmsg_hdr(&message)->nlmsg_type; type) {
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
        parse<rtnl_neigh>(message, [&](rtnl_neigh& neighbour) {
            if (auto changed = neighbours_.apply(neighbour, type == RTM_DELNEIGH))
                changes.neighbours.insert(*changed);
        });
        break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        take_route(message, changes);
        break;
    default: // addresses, rules, next hop objects: any destination may be meant
        routes_may_differ();
    }
}

void NetlinkKernelWatch::take_route(nl_msg& message, Changes& changes) {
    std::optional<net::IpPrefix> network;
    parse<rtnl_route>(message,
                      [&](rtnl_route& route) { network = ip_prefix(rtnl_route_get_dst(&route)); });
    if (network)
        changes.networks.insert(*network);
    else
        destinations_.queue_all(); // a kind of route that libnl cannot read
}

void NetlinkKernelWatch::tell_all_by(const net::IpAddress& next_hop) {
    const auto* const hop = destinations_.find_next_hop(next_hop);
    if (hop == nullptr) return;
    const auto destinations = hop->destinations; // a copy: callbacks may change the table
    for (const net::IpAddress& destination : destinations)
        tell(destination);
}

void NetlinkKernelWatch::schedule() {
    std::uint64_t value = 1;
    // The results do not matter: the descriptor is readable, or not, as it should be either way.
    if (destinations_.has_queued())
        (void)!write(work_left_.get(), &value, sizeof value);
    else
        (void)!read(work_left_.get(), &value, sizeof value);
}

void NetlinkKernelWatch::complain(const Error& error) {
    // Repeated every second for every next hop it would bury everything else.
    if (error.what == last_complaint_) return;
    last_complaint_ = error.what;
    spdlog::warn("underlay: {}", error.message());
}

Expected<std::unique_ptr<KernelWatch>> KernelWatch::open(Callbacks callbacks, bool real_time) {
    auto links = LinkEvents::open(real_time);
    if (!links) return tl::unexpected(links.error());
    auto events = EventSocket::open({RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                                     RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_RULE,
                                     RTNLGRP_IPV6_RULE, RTNLGRP_NEXTHOP});
    if (!events) return tl::unexpected(events.error());
    auto requests = open_request_socket();
    if (!requests) return tl::unexpected(requests.error());
    auto routes = RouteQuery::open();
    if (!routes) return tl::unexpected(routes.error());
    auto neighbours = NeighbourTable::open();
    if (!neighbours) return tl::unexpected(neighbours.error());

    auto watch = std::make_unique<NetlinkKernelWatch>(std::move(callbacks), std::move(*links),
                                                      std::move(*events), std::move(*requests),
                                                      std::move(*routes), std::move(*neighbours));
    if (auto opened = watch->open_descriptors(); !opened) return tl::unexpected(opened.error());
    return watch;
}

} // namespace sallyport::underlay
