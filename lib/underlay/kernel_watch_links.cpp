// SPDX-License-Identifier: BSD-3-Clause
// Carriers, and which interface the host interface is.
#include "underlay/netlink_kernel_watch.h"

#include <utility>
#include <vector>

namespace sallyport::underlay {

void NetlinkKernelWatch::read_links() {
    // A callback that comes back here must not overtake the message that called it.
    if (reading_links_) return;
    reading_links_ = true;
    const auto [events, lost] = links_->take();
    for (const LinkEvents::Event& event : events)
        take_link(event);
    // Only now: what came before an overrun is older than the answers.
    if (lost || links_lost_) reload_links();
    reading_links_ = false;
}

void NetlinkKernelWatch::take_link(const LinkEvents::Event& event) {
    const auto& [link, removed, seen] = event;
    if (removed) tell_removed(carriers_.name_of(link.index), *removed, seen);
    carriers_.apply(link, removed.has_value());
    tell_carriers(seen); // before anything that takes longer
    follow_host(link, removed.has_value());
    routes_may_differ();
}

void NetlinkKernelWatch::tell_removed(const std::string& interface, Removal how,
                                      Clock::time_point seen) {
    if (!interface.empty() && callbacks_.removed) callbacks_.removed(interface, how, seen);
}

void NetlinkKernelWatch::reload_links() {
    links_lost_ = false;
    std::vector<std::string> names = carriers_.names();
    if (!host_name_.empty()) names.push_back(host_name_);
    for (const std::string& name : names) {
        const unsigned before = carriers_.index_of(name);
        const auto link = ask_link(*requests_, name);
        // The message that told of it is lost.
        if (before != 0 && !interface_name(before))
            tell_removed(name, Removal::deleted, Clock::now());
        if (!link) {
            complain(link.error());
            links_lost_ = true;
        } else if (*link) {
            take_link({**link, std::nullopt, Clock::now()});
        } else {
            carriers_.absent(name);
            if (name == host_name_) set_host(0, false);
        }
    }
    tell_carriers(Clock::now());
    routes_may_differ();
}

void NetlinkKernelWatch::tell_carriers(Clock::time_point seen) {
    // The callback may watch and unwatch: the names are a copy, and each is looked up again.
    for (const std::string& name : carriers_.names()) {
        if (const auto carrier = carriers_.changed(name); carrier && callbacks_.carrier)
            callbacks_.carrier(name, *carrier, seen);
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
    tell_carriers(Clock::now());
    schedule();
    return {};
}

void NetlinkKernelWatch::unwatch_carrier(const std::string& interface) {
    carriers_.unwatch(interface);
}

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

} // namespace sallyport::underlay
