// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/link_events.h"

#include "base/errno_text.h"
#include "base/real_time.h"
#include "underlay/netlink.h"

#include <array>
#include <cstdint>
#include <system_error>
#include <utility>

#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace sallyport::underlay {

namespace {

// When they are too many, all links are asked for anew.
constexpr std::size_t most_events = 4096;
// At a time, so that a storm of them keeps nobody for long.
constexpr int most_datagrams = 256;

/// What a link message says of the link's going, if it does.
std::optional<Removal> removal(nl_msg& message) {
    nlmsghdr* const header = nlmsg_hdr(&message);
    if (header->nlmsg_type != RTM_DELLINK) return std::nullopt;
    const bool goes_on = nlmsg_find_attr(header, sizeof(ifinfomsg), IFLA_NEW_IFINDEX) != nullptr
                         || nlmsg_find_attr(header, sizeof(ifinfomsg), IFLA_NEW_NETNSID) != nullptr;
    return goes_on ? Removal::moved : Removal::deleted;
}

void raise(const base::FileDescriptor& event) {
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then it is raised.
    [[maybe_unused]] const auto written = ::write(event.get(), &one, sizeof one);
}

} // namespace

Expected<std::unique_ptr<LinkEvents>> LinkEvents::open(bool real_time) {
    auto socket = EventSocket::open({RTNLGRP_LINK});
    if (!socket) return tl::unexpected(socket.error());
    std::unique_ptr<LinkEvents> events(new LinkEvents(std::move(*socket)));
    if (auto started = events->start(real_time); !started) return tl::unexpected(started.error());
    return events;
}

LinkEvents::~LinkEvents() {
    if (!listener_.joinable()) return;
    raise(end_);
    listener_.join();
}

Expected<void> LinkEvents::start(bool real_time) {
    ready_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    end_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!ready_ || !end_ || !epoll_)
        return failure("cannot open a descriptor: " + base::errno_text());
    // The socket too: a control thread that is idle need not wait for the other one.
    for (const int fd : {socket_.fd(), ready_.get()}) {
        epoll_event event{};
        event.events = EPOLLIN;
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
            return failure("cannot watch a netlink socket: " + base::errno_text());
    }
    try {
        listener_ = std::thread([this, real_time] {
            if (!real_time) return listen();
            // Where it is not allowed, the control thread says so.
            const auto ahead = base::RealTime::enter();
            listen();
        });
    } catch (const std::system_error& error) {
        return failure(std::string("cannot start the thread that hears of links: ") + error.what());
    }
    return {};
}

void LinkEvents::listen() {
    std::array<pollfd, 2> waiting{{{socket_.fd(), POLLIN, 0}, {end_.get(), POLLIN, 0}}};
    for (;;) {
        if (::poll(waiting.data(), waiting.size(), -1) <= 0) continue;
        if (waiting[1].revents != 0) return;
        const std::lock_guard lock(mutex_);
        read();
        if (taken_.lost || !taken_.events.empty()) raise(ready_);
    }
}

LinkEvents::Taken LinkEvents::take() {
    const std::lock_guard lock(mutex_);
    read();
    std::uint64_t count = 0;
    [[maybe_unused]] const auto was_raised = ::read(ready_.get(), &count, sizeof count);
    return std::exchange(taken_, {});
}

void LinkEvents::read() {
    const auto handle = [this](nl_msg& message) {
        parse<rtnl_link>(message, [&](rtnl_link& object) {
            auto link = read_link(object);
            if (!link) return;
            if (taken_.events.size() == most_events)
                taken_.lost = true;
            else
                taken_.events.push_back({std::move(*link), removal(message), Clock::now()});
        });
    };
    for (int datagram = 0; datagram < most_datagrams; ++datagram) {
        const auto result = socket_.read(handle);
        if (result == EventSocket::Read::empty) return;
        taken_.lost = taken_.lost || result == EventSocket::Read::lost;
    }
}

} // namespace sallyport::underlay
