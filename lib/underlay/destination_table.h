// SPDX-License-Identifier: BSD-3-Clause
// Watched destinations, the next hops they share, and which of them are to be resolved again. Pure
// logic: it asks nobody.
#pragma once

#include "net/ip_address.h"
#include "underlay/kernel_watch.h"

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace sallyport::underlay {

class DestinationTable {
  public:
    using Clock = std::chrono::steady_clock;

    struct NextHop {
        std::set<net::IpAddress> destinations;
        /// When the kernel was last asked to resolve or confirm it; absent: never.
        std::optional<Clock::time_point> solicited;
    };

    void add(const net::IpAddress& destination);
    void remove(const net::IpAddress& destination);
    [[nodiscard]] bool contains(const net::IpAddress& destination) const {
        return destinations_.contains(destination);
    }

    /// Does nothing for a destination that is not watched.
    void set_next_hop(const net::IpAddress& destination,
                      const std::optional<net::IpAddress>& next_hop);
    [[nodiscard]] std::optional<net::IpAddress> next_hop(const net::IpAddress& destination) const;

    /// Whether @p resolution is another than last passed here for the destination.
    bool changed(const net::IpAddress& destination, const Resolution& resolution);

    /// Null: nobody uses it. Valid until the next change of the table.
    [[nodiscard]] NextHop* find_next_hop(const net::IpAddress& address);
    /// Addresses of all next hops, from the one behind @p start on and around.
    [[nodiscard]] std::vector<net::IpAddress> next_hops_from(const net::IpAddress& start) const;

    /// Queues those within the network; queued ones keep their turn.
    void queue(const net::IpPrefix& network);
    void queue_all();
    [[nodiscard]] bool has_queued() const { return !queue_.empty(); }
    /// Takes the longest queued one that is still watched.
    std::optional<net::IpAddress> take_queued();

  private:
    struct Destination {
        std::optional<net::IpAddress> next_hop;
        std::optional<Resolution> told;
        bool queued = false;
    };

    void leave_next_hop(const net::IpAddress& destination, Destination& entry);
    void queue(const net::IpAddress& address, Destination& entry);

    std::map<net::IpAddress, Destination> destinations_; // ordered: a network is a range
    std::map<net::IpAddress, NextHop> next_hops_;
    std::deque<net::IpAddress> queue_;
};

} // namespace sallyport::underlay
