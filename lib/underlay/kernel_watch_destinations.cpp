// SPDX-License-Identifier: BSD-3-Clause
// Destinations: asked for, told, and kept resolved.
#include "underlay/netlink_kernel_watch.h"

namespace sallyport::underlay {

namespace {

using Clock = DestinationTable::Clock;
using namespace std::chrono_literals;

constexpr auto share_of_soliciting = 5ms;

// Against a kernel that throws an entry away as soon as it was asked for (a full neighbour table).
constexpr auto shortest_solicit_interval = 1s;
constexpr auto stale_solicit_interval = 30s;

// Routes vanish without an event of their own when a link goes down or an address is removed, and
// only after that event. The second round comes a whole period later than the first.
constexpr int rounds_until_settled = 2;

} // namespace

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
    for (const auto deadline = Clock::now() + share_of_process; Clock::now() < deadline;) {
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

} // namespace sallyport::underlay
