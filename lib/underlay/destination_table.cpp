// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/destination_table.h"

#include <algorithm>

namespace sallyport::underlay {

namespace {

/// The network's lowest address, or the highest with @p ones.
net::IpAddress edge(const net::IpPrefix& network, bool ones) {
    net::IpAddress address = network.address;
    const unsigned octets = address.is_ipv4() ? 4 : 16;
    for (unsigned i = 0; i < octets; ++i) {
        const unsigned kept_bits = std::clamp<int>(network.length - static_cast<int>(i * 8), 0, 8);
        const auto host_bits = static_cast<std::uint8_t>(0xffU >> kept_bits);
        address.octets[i] = static_cast<std::uint8_t>(ones ? address.octets[i] | host_bits
                                                           : address.octets[i] & ~host_bits);
    }
    return address;
}

} // namespace

void DestinationTable::add(const net::IpAddress& destination) {
    destinations_.try_emplace(destination);
}

void DestinationTable::remove(const net::IpAddress& destination) {
    const auto found = destinations_.find(destination);
    if (found == destinations_.end()) return;
    leave_next_hop(destination, found->second);
    // Else the queue would grow with every add and remove between two turns of it.
    if (found->second.queued) std::erase(queue_, destination);
    destinations_.erase(found);
}

void DestinationTable::set_next_hop(const net::IpAddress& destination,
                                    const std::optional<net::IpAddress>& next_hop) {
    const auto found = destinations_.find(destination);
    if (found == destinations_.end() || found->second.next_hop == next_hop) return;
    leave_next_hop(destination, found->second);
    found->second.next_hop = next_hop;
    if (next_hop) next_hops_[*next_hop].destinations.insert(destination);
}

std::optional<net::IpAddress> DestinationTable::next_hop(const net::IpAddress& destination) const {
    const auto found = destinations_.find(destination);
    return found == destinations_.end() ? std::nullopt : found->second.next_hop;
}

bool DestinationTable::changed(const net::IpAddress& destination, const Resolution& resolution) {
    const auto found = destinations_.find(destination);
    if (found == destinations_.end() || found->second.told == resolution) return false;
    found->second.told = resolution;
    return true;
}

DestinationTable::NextHop* DestinationTable::find_next_hop(const net::IpAddress& address) {
    const auto found = next_hops_.find(address);
    return found == next_hops_.end() ? nullptr : &found->second;
}

std::vector<net::IpAddress> DestinationTable::next_hops_from(const net::IpAddress& start) const {
    std::vector<net::IpAddress> addresses;
    addresses.reserve(next_hops_.size());
    const auto first = next_hops_.upper_bound(start);
    for (auto hop = first; hop != next_hops_.end(); ++hop)
        addresses.push_back(hop->first);
    for (auto hop = next_hops_.begin(); hop != first; ++hop)
        addresses.push_back(hop->first);
    return addresses;
}

void DestinationTable::queue(const net::IpPrefix& network) {
    const net::IpAddress last = edge(network, true);
    for (auto entry = destinations_.lower_bound(edge(network, false));
         entry != destinations_.end() && entry->first.octets <= last.octets; ++entry) {
        if (entry->first.family == network.address.family) queue(entry->first, entry->second);
    }
}

void DestinationTable::queue_all() {
    for (auto& [address, entry] : destinations_)
        queue(address, entry);
}

std::optional<net::IpAddress> DestinationTable::take_queued() {
    if (queue_.empty()) return std::nullopt;
    const net::IpAddress address = queue_.front();
    queue_.pop_front();
    destinations_.at(address).queued = false;
    return address;
}

void DestinationTable::leave_next_hop(const net::IpAddress& destination, Destination& entry) {
    if (!entry.next_hop) return;
    const auto hop = next_hops_.find(*entry.next_hop);
    hop->second.destinations.erase(destination);
    if (hop->second.destinations.empty()) next_hops_.erase(hop);
    entry.next_hop.reset();
}

void DestinationTable::queue(const net::IpAddress& address, Destination& entry) {
    if (entry.queued) return;
    entry.queued = true;
    queue_.push_back(address);
}

} // namespace sallyport::underlay
