// SPDX-License-Identifier: BSD-3-Clause
// Internal to lib/underlay: KernelWatch on netlink. What it does with links, with destinations and
// with all other events is in a file each.
#pragma once

#include "base/file_descriptor.h"
#include "underlay/carrier_table.h"
#include "underlay/destination_table.h"
#include "underlay/event_socket.h"
#include "underlay/kernel_watch.h"
#include "underlay/link_events.h"
#include "underlay/neighbour_table.h"
#include "underlay/netlink.h"
#include "underlay/route_query.h"

#include <chrono>
#include <memory>
#include <set>

namespace sallyport::underlay {

// One process() does no more than this of each kind of work, so that a carrier event, or whatever
// else the control thread has to do, never waits long behind a storm of routes.
inline constexpr std::chrono::milliseconds share_of_process{1};

class NetlinkKernelWatch final : public KernelWatch {
  public:
    NetlinkKernelWatch(Callbacks callbacks, std::unique_ptr<LinkEvents> links, EventSocket events,
                       SocketHandle requests, RouteQuery routes, NeighbourTable neighbours)
        : callbacks_(std::move(callbacks)), links_(std::move(links)), events_(std::move(events)),
          requests_(std::move(requests)), routes_(std::move(routes)),
          neighbours_(std::move(neighbours)) {}

    Expected<void> open_descriptors();

    [[nodiscard]] int fd() const override { return epoll_.get(); }
    void process() override;
    [[nodiscard]] int links_fd() const override { return links_->fd(); }
    void process_links() override;
    Expected<void> use_host_interface(const std::string& name) override;
    void watch_destination(const net::IpAddress& destination) override;
    void unwatch_destination(const net::IpAddress& destination) override;
    void retry_unresolved() override;
    Expected<void> watch_carrier(const std::string& interface) override;
    void unwatch_carrier(const std::string& interface) override;

  private:
    void read_links();
    void take_link(const LinkEvents::Event& event);
    void reload_links();
    /// @param interface empty: none that is watched
    void tell_removed(const std::string& interface, Removal how, Clock::time_point seen);
    void tell_carriers(Clock::time_point seen);

    void follow_host(const Link& link, bool removed);
    void set_host(unsigned index, bool up);
    void reload_neighbours();

    void read_events();
    /// Kept apart until all events are read: a storm mostly names the same ones again and again.
    struct Changes {
        std::set<net::IpAddress> neighbours;
        std::set<net::IpPrefix> networks;
    };
    void take_event(nl_msg& message, Changes& changes);
    void take_route(nl_msg& message, Changes& changes);
    void tell_all_by(const net::IpAddress& next_hop);

    void routes_may_differ();
    void resolve_queued();
    void resolve(const net::IpAddress& destination);
    void tell(const net::IpAddress& destination);
    void solicit(const net::IpAddress& next_hop);
    void solicit_if_unknown(const net::IpAddress& next_hop);
    void schedule();

    Callbacks callbacks_;
    // Apart from the others: a carrier must not wait behind a queue of routes.
    std::unique_ptr<LinkEvents> links_;
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

} // namespace sallyport::underlay
