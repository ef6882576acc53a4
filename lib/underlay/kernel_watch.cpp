// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/kernel_watch.h"

#include "base/errno_text.h"
#include "base/file_descriptor.h"
#include "underlay/carrier_table.h"
#include "underlay/destination_table.h"
#include "underlay/event_socket.h"
#include "underlay/neighbour_table.h"
#include "underlay/netlink.h"
#include "underlay/route_query.h"

#include <chrono>
#include <set>

#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

namespace sallyport::underlay {

namespace {

using Clock = DestinationTable::Clock;
using namespace std::chrono_literals;

// One process() does no more than this of each kind of work, so that a carrier event, or whatever
// else the control thread has to do, never waits long behind a storm of routes.
constexpr auto share_of_events = 2ms;
constexpr auto share_of_resolving = 2ms;
constexpr auto share_of_soliciting = 5ms;

// Against a kernel that throws an entry away as soon as it was asked for (a full neighbour table).
constexpr auto shortest_solicit_interval = 1s;
constexpr auto stale_solicit_interval = 30s;

// Routes vanish without an event of their own when a link goes down or an address is removed, and
// only after that event. The second round comes a whole period later than the first.
constexpr int rounds_until_settled = 2;

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

class NetlinkKernelWatch final : public KernelWatch {
  public:
    NetlinkKernelWatch(Callbacks callbacks, EventSocket links, EventSocket events,
                       SocketHandle requests, RouteQuery routes, NeighbourTable neighbours)
        : callbacks_(std::move(callbacks)), links_(std::move(links)), events_(std::move(events)),
          requests_(std::move(requests)), routes_(std::move(routes)),
          neighbours_(std::move(neighbours)) {}

    Expected<void> open_descriptors();

    [[nodiscard]] int fd() const override { return epoll_.get(); }
    void process() override;
    Expected<void> use_host_interface(const std::string& name) override;
    void watch_destination(const net::IpAddress& destination) override;
    void unwatch_destination(const net::IpAddress& destination) override;
    void retry_unresolved() override;
    Expected<void> watch_carrier(const std::string& interface) override;
    void unwatch_carrier(const std::string& interface) override;

  private:
    void read_links();
    void take_link(const Link& link, bool removed);
    void reload_links();
    void tell_carriers();

    void follow_host(const Link& link, bool removed);
    void set_host(unsigned index, bool up);
    void reload_neighbours();

    void read_events();
    void take_event(nl_msg& message, std::set<net::IpAddress>& changed_neighbours);
    void take_route(nl_msg& message);

    void routes_may_differ();
    void resolve_queued();
    void resolve(const net::IpAddress& destination);
    void tell(const net::IpAddress& destination);
    void solicit(const net::IpAddress& next_hop);
    void solicit_if_unknown(const net::IpAddress& next_hop);
    void schedule();

    Callbacks callbacks_;
    EventSocket links_; // apart from the others: a carrier must not wait behind a queue of routes
    EventSocket events_;
    SocketHandle requests_;
    RouteQuery routes_;
    NeighbourTable neighbours_;
    base::FileDescriptor epoll_;
    base::FileDescriptor work_left_; // eventfd: readable while destinations are queued

    CarrierTable carriers_;
    DestinationTable destinations_;
    std::string host_name_;
    unsigned host_index_ = 0; // 0: there is no such interface
    bool host_up_ = false;
    bool neighbours_lost_ = false;
    bool links_lost_ = false;
    bool reading_links_ = false;
    int unsettled_rounds_ = 0;
    net::IpAddress last_solicited_;
    std::string last_complaint_;

    void complain(const Error& error);
};

Expected<void> NetlinkKernelWatch::open_descriptors() {
    epoll_ = base::FileDescriptor(epoll_create1(EPOLL_CLOEXEC));
    work_left_ = base::FileDescriptor(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!epoll_ || !work_left_) return failure("cannot open a descriptor: " + base::errno_text());
    for (int fd : {links_.fd(), events_.fd(), work_left_.get()}) {
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

// --- links -----------------------------------------------------------------------------------

void NetlinkKernelWatch::read_links() {
    // A callback that comes back here must not overtake the message that called it.
    if (reading_links_) return;
    reading_links_ = true;
    std::vector<std::pair<Link, bool>> read;
    const auto handle = [&read](nl_msg& message) {
        const bool removed = nlmsg_hdr(&message)->nlmsg_type == RTM_DELLINK;
        parse<rtnl_link>(message, [&](rtnl_link& object) {
            if (auto link = read_link(object)) read.emplace_back(std::move(*link), removed);
        });
    };
    bool lost = false;
    for (const auto deadline = Clock::now() + share_of_events; Clock::now() < deadline;) {
        const auto result = links_.read(handle);
        if (result == EventSocket::Read::empty) break;
        lost = lost || result == EventSocket::Read::lost;
        for (const auto& [link, removed] : std::exchange(read, {}))
            take_link(link, removed);
    }
    // Only now: what is left in the queue after an overrun is older than the answers.
    if (lost || links_lost_) reload_links();
    reading_links_ = false;
}

void NetlinkKernelWatch::take_link(const Link& link, bool removed) {
    carriers_.apply(link, removed);
    tell_carriers(); // before anything that takes longer
    follow_host(link, removed);
    routes_may_differ();
}

void NetlinkKernelWatch::reload_links() {
    links_lost_ = false;
    std::vector<std::string> names = carriers_.names();
    if (!host_name_.empty()) names.push_back(host_name_);
    for (const std::string& name : names) {
        const auto link = ask_link(*requests_, name);
        if (!link) {
            complain(link.error());
            links_lost_ = true;
        } else if (*link) {
            take_link(**link, false);
        } else {
            carriers_.absent(name);
            if (name == host_name_) set_host(0, false);
        }
    }
    tell_carriers();
    routes_may_differ();
}

void NetlinkKernelWatch::tell_carriers() {
    // The callback may watch and unwatch: the names are a copy, and each is looked up again.
    for (const std::string& name : carriers_.names()) {
        if (const auto carrier = carriers_.changed(name); carrier && callbacks_.carrier)
            callbacks_.carrier(name, *carrier);
    }
}

Expected<void> NetlinkKernelWatch::watch_carrier(const std::string& interface) {
    // Older events that are still queued would undo the answer for a moment.
    read_links();
    const auto link = ask_link(*requests_, interface);
    if (!link) return tl::unexpected(link.error());
    carriers_.unwatch(interface); // so that it is told even if it was watched already
    carriers_.watch(interface);
    if (*link) carriers_.apply(**link, false);
    tell_carriers();
    schedule();
    return {};
}

void NetlinkKernelWatch::unwatch_carrier(const std::string& interface) {
    carriers_.unwatch(interface);
}

// --- the host interface ----------------------------------------------------------------------

Expected<void> NetlinkKernelWatch::use_host_interface(const std::string& name) {
    const auto link = ask_link(*requests_, name);
    if (!link) return tl::unexpected(link.error());
    if (!*link)
        return failure("there is no such interface", name,
                       "start with the host port, or name an interface that exists");
    host_name_ = name;
    host_index_ = 0; // also when it is the same: everything is read anew
    set_host((*link)->index, (*link)->administratively_up);
    schedule();
    return {};
}

void NetlinkKernelWatch::follow_host(const Link& link, bool removed) {
    if (host_name_.empty()) return;
    if (!removed && link.name == host_name_)
        set_host(link.index, link.administratively_up);
    else if (link.index == host_index_) // removed, or renamed
        set_host(0, false);
}

void NetlinkKernelWatch::set_host(unsigned index, bool up) {
    host_up_ = up;
    if (host_index_ != index) {
        host_index_ = index;
        reload_neighbours();
    }
    routes_may_differ();
}

void NetlinkKernelWatch::reload_neighbours() {
    const auto loaded = neighbours_.load(host_index_);
    neighbours_lost_ = !loaded.has_value();
    if (!loaded) complain(loaded.error());
    destinations_.queue_all();
}

// --- events ----------------------------------------------------------------------------------

void NetlinkKernelWatch::read_events() {
    std::set<net::IpAddress> changed_neighbours;
    const auto handle = [&](nl_msg& message) { take_event(message, changed_neighbours); };
    bool lost = false;
    for (const auto deadline = Clock::now() + share_of_events; Clock::now() < deadline;) {
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
    for (const net::IpAddress& neighbour : changed_neighbours) {
        const auto* const hop = destinations_.find_next_hop(neighbour);
        if (hop == nullptr) continue;
        const auto destinations = hop->destinations; // a copy: callbacks may change the table
        for (const net::IpAddress& destination : destinations)
            tell(destination);
    }
}

void NetlinkKernelWatch::take_event(nl_msg& message, std::set<net::IpAddress>& changed_neighbours) {
    switch (const int type = nlmsg_hdr(&message)->nlmsg_type; type) {
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
        parse<rtnl_neigh>(message, [&](rtnl_neigh& neighbour) {
            if (auto changed = neighbours_.apply(neighbour, type == RTM_DELNEIGH))
                changed_neighbours.insert(*changed);
        });
        break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        take_route(message);
        break;
    default: // addresses, rules, next hop objects: any destination may be meant
        routes_may_differ();
    }
}

void NetlinkKernelWatch::take_route(nl_msg& message) {
    std::optional<net::IpPrefix> network;
    parse<rtnl_route>(message,
                      [&](rtnl_route& route) { network = ip_prefix(rtnl_route_get_dst(&route)); });
    if (network)
        destinations_.queue(*network);
    else
        destinations_.queue_all(); // a kind of route that libnl cannot read
}

// --- destinations ----------------------------------------------------------------------------

void NetlinkKernelWatch::watch_destination(const net::IpAddress& destination) {
    destinations_.remove(destination); // so that it is told even if it was watched already
    destinations_.add(destination);
    resolve(destination);
    schedule();
}

void NetlinkKernelWatch::unwatch_destination(const net::IpAddress& destination) {
    destinations_.remove(destination);
}

void NetlinkKernelWatch::routes_may_differ() {
    destinations_.queue_all();
    unsettled_rounds_ = rounds_until_settled;
}

void NetlinkKernelWatch::resolve_queued() {
    for (const auto deadline = Clock::now() + share_of_resolving; Clock::now() < deadline;) {
        const auto destination = destinations_.take_queued();
        if (!destination) break;
        resolve(*destination);
    }
}

void NetlinkKernelWatch::resolve(const net::IpAddress& destination) {
    std::optional<net::IpAddress> next_hop;
    if (host_index_ != 0 && host_up_) {
        const auto route = routes_.ask(destination);
        if (!route) { // what was known stays
            complain(route.error());
            unsettled_rounds_ = rounds_until_settled;
            tell(destination);
            return;
        }
        if (*route && (*route)->interface_index == host_index_) next_hop = (*route)->next_hop;
    }
    destinations_.set_next_hop(destination, next_hop);
    tell(destination);
}

void NetlinkKernelWatch::tell(const net::IpAddress& destination) {
    Resolution resolution;
    resolution.next_hop = destinations_.next_hop(destination);
    if (resolution.next_hop) {
        solicit_if_unknown(*resolution.next_hop);
        if (const auto neighbour = neighbours_.find(*resolution.next_hop))
            resolution.mac = neighbour->mac;
    }
    if (destinations_.changed(destination, resolution) && callbacks_.resolution)
        callbacks_.resolution(destination, resolution);
}

void NetlinkKernelWatch::solicit_if_unknown(const net::IpAddress& next_hop) {
    if (neighbours_.find(next_hop)) return;
    const auto* const hop = destinations_.find_next_hop(next_hop);
    if (hop == nullptr) return;
    if (!hop->solicited || Clock::now() - *hop->solicited >= shortest_solicit_interval)
        solicit(next_hop);
}

void NetlinkKernelWatch::solicit(const net::IpAddress& next_hop) {
    if (host_index_ == 0 || !host_up_) return;
    if (auto* const hop = destinations_.find_next_hop(next_hop)) hop->solicited = Clock::now();
    if (const auto asked = neighbours_.solicit(next_hop); !asked) complain(asked.error());
}

void NetlinkKernelWatch::retry_unresolved() {
    if (links_lost_) read_links();
    if (neighbours_lost_) reload_neighbours();
    if (unsettled_rounds_ > 0) {
        --unsettled_rounds_;
        destinations_.queue_all();
    }
    schedule();

    const auto now = Clock::now();
    for (const net::IpAddress& address : destinations_.next_hops_from(last_solicited_)) {
        if (Clock::now() - now > share_of_soliciting) break; // the others first next time
        const auto neighbour = neighbours_.find(address);
        const auto solicited = destinations_.find_next_hop(address)->solicited;
        // The data path's use of a neighbour is unknown to the kernel, which therefore would never
        // confirm a stale one, and in the end forget it.
        const bool due =
            !neighbour
            || (neighbour->stale && (!solicited || now - *solicited >= stale_solicit_interval));
        if (!due) continue;
        solicit(address);
        last_solicited_ = address;
    }
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

} // namespace

Expected<std::unique_ptr<KernelWatch>> KernelWatch::open(Callbacks callbacks) {
    auto links = EventSocket::open({RTNLGRP_LINK});
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
