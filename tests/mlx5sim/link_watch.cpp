// SPDX-License-Identifier: BSD-3-Clause
#include "link_watch.h"

#include "report.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mlx5sim {

namespace {

std::string name_of(const nlmsghdr& message) {
    const auto* const info = static_cast<const ifinfomsg*>(NLMSG_DATA(&message));
    int left = static_cast<int>(IFLA_PAYLOAD(&message));
    for (const rtattr* at = IFLA_RTA(info); RTA_OK(at, left); at = RTA_NEXT(at, left))
        if (at->rta_type == IFLA_IFNAME) return static_cast<const char*>(RTA_DATA(at));
    return {};
}

void listen_to(int socket, const std::function<void(const std::string&)>& changed) {
    alignas(nlmsghdr) std::array<char, 64 * 1024> buffer;
    for (;;) {
        const ssize_t size = ::recv(socket, buffer.data(), buffer.size(), 0);
        if (size < 0 && errno == ENOBUFS) changed("");
        if (size <= 0) continue;
        auto left = static_cast<unsigned>(size);
        for (auto* at = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(at, left);
             at = NLMSG_NEXT(at, left))
            if (at->nlmsg_type == RTM_NEWLINK || at->nlmsg_type == RTM_DELLINK)
                changed(name_of(*at));
    }
}

} // namespace

LinkWatch::LinkWatch() : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK;
    if (socket_ < 0
        || ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        refuse("cannot listen to the kernel's interfaces: %s", std::strerror(errno));
}

void LinkWatch::start(std::function<void(const std::string&)> changed) {
    std::thread thread(listen_to, socket_, std::move(changed));
    pthread_setname_np(thread.native_handle(), "mlx5sim-links");
    thread.detach();
}

bool has_carrier(const std::string& interface) {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
    const bool known = ::ioctl(socket, SIOCGIFFLAGS, &request) == 0;
    ::close(socket);
    constexpr short wanted = IFF_UP | IFF_RUNNING;
    return known && (request.ifr_flags & wanted) == wanted;
}

} // namespace mlx5sim
