// SPDX-License-Identifier: BSD-3-Clause
#include "world.h"

#include "eswitch.h"
#include "faults.h"
#include "link_watch.h"
#include "netdev.h"
#include "objects.h"
#include "packet_socket.h"
#include "report.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include <net/if.h>
#include <poll.h>
#include <sys/epoll.h>

namespace mlx5sim {

namespace {

/// A port and the interface that it is attached to.
struct Attachment {
    const Port* port = nullptr;
    std::unique_ptr<PacketSocket> socket;
};

class World {
  public:
    World();
    void send(const Port& port, std::span<const std::uint8_t> frame);
    unsigned poll();
    void wait(std::chrono::microseconds longest) const;
    /// Looks at the interface of this name anew; at all for an empty one.
    void look_at(const std::string& interface);

  private:
    Attachment& of(const Port& port) { return attachments_[port.number - 1]; }
    void open(Attachment& attachment);
    unsigned receive(Attachment& attachment);

    /// In the order of the ports' numbers.
    std::vector<Attachment> attachments_;
    int readable_ = epoll_create1(EPOLL_CLOEXEC);
};

bool carries(const Port& port) {
    return !faults().removed && netdevs().has_link(port);
}

World::World() {
    for (const Port& port : topology()->ports)
        attachments_.push_back({&port, nullptr});
}

// Says what it finds only when that changes: the interface of a test may come and go often.
void World::open(Attachment& attachment) {
    const std::string& name = attachment.port->attached_to;
    if (attachment.socket != nullptr
        && attachment.socket->ifindex() == if_nametoindex(name.c_str()))
        return;
    int why = 0;
    attachment.socket.reset();
    attachment.socket = PacketSocket::open(name, why);
    const std::string& port = attachment.port->phys_port_name;
    if (attachment.socket == nullptr)
        return say("%s has no link: the interface %s that it is attached to: %s", port.c_str(),
                   name.c_str(), std::strerror(why));
    trace("%s is attached to %s", port.c_str(), name.c_str());
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = attachment.port->number;
    epoll_ctl(readable_, EPOLL_CTL_ADD, attachment.socket->descriptor(), &event);
}

// The driver is told without the card's lock: it may wait for that lock to be told.
void World::look_at(const std::string& interface) {
    for (Attachment& attachment : attachments_) {
        const Port& port = *attachment.port;
        if (port.attached_to.empty()) continue;
        if (!interface.empty() && port.attached_to != interface) continue;
        bool is_there = false;
        {
            const std::lock_guard guard(card_lock());
            open(attachment);
            is_there = attachment.socket != nullptr;
        }
        netdevs().set_cable(port, is_there && has_carrier(port.attached_to));
    }
}

void World::send(const Port& port, std::span<const std::uint8_t> frame) {
    Attachment& attachment = of(port);
    if (attachment.socket == nullptr || !carries(port)) return;
    // IEEE 802.3's least frame, less its FCS; between a card and its VMs nothing asks for it.
    constexpr std::size_t least = 60;
    attachment.socket->send(frame, port.is_uplink() ? least : 0);
}

unsigned World::receive(Attachment& attachment) {
    if (attachment.socket == nullptr) return 0;
    const bool has_link = carries(*attachment.port);
    return attachment.socket->receive([&](FrameBuffer& frame) {
        if (has_link) enter_from_outside(*attachment.port, frame);
    });
}

unsigned World::poll() {
    std::array<epoll_event, 64> events;
    const std::lock_guard guard(card_lock());
    const int ready = epoll_wait(readable_, events.data(), events.size(), 0);
    unsigned taken = 0;
    for (int i = 0; i < ready; ++i)
        taken += receive(attachments_[events[i].data.u32 - 1]);
    for (Attachment& attachment : attachments_)
        if (attachment.socket != nullptr) attachment.socket->flush();
    return taken;
}

void World::wait(std::chrono::microseconds longest) const {
    pollfd readable{readable_, POLLIN, 0};
    const timespec time{0, std::chrono::nanoseconds(longest).count()};
    ppoll(&readable, 1, &time, nullptr);
}

World& world() {
    // Never destroyed: the engine runs until the process is gone.
    static auto* const instance = new World;
    return *instance;
}

} // namespace

void start_world() {
    static std::once_flag once;
    std::call_once(once, [] {
        static LinkWatch watch;
        world().look_at("");
        watch.start([](const std::string& interface) { world().look_at(interface); });
    });
}

void send_out(const Port& port, std::span<const std::uint8_t> frame) {
    world().send(port, frame);
}

unsigned poll_world() {
    return world().poll();
}

void wait_for_world(std::chrono::microseconds longest) {
    world().wait(longest);
}

} // namespace mlx5sim
