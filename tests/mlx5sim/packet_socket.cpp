// SPDX-License-Identifier: BSD-3-Clause
#include "packet_socket.h"

#include "arrival.h"
#include "report.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mlx5sim {

namespace {

constexpr int on = 1;
/// Of the largest that the kernel gives to a network card for segmentation, with its headers.
constexpr std::size_t frame_room = 66 * 1024;

/// Room for a burst; the engine's thread is the only one that receives.
struct Room {
    struct Slot {
        LeftToDo todo;
        alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(tpacket_auxdata))> control;
        std::array<iovec, 2> parts;
    };
    std::array<Slot, PacketSocket::burst> slots;
    std::array<mmsghdr, PacketSocket::burst> messages{};
    // Not set to zeros: most of it is never touched.
    std::unique_ptr<std::uint8_t[]> frames{new std::uint8_t[PacketSocket::burst * frame_room]};

    void prepare() {
        for (unsigned i = 0; i < PacketSocket::burst; ++i) {
            Slot& slot = slots[i];
            slot.parts[0] = {&slot.todo, sizeof slot.todo};
            slot.parts[1] = {frames.get() + i * frame_room, frame_room};
            msghdr& header = messages[i].msg_hdr;
            header = {};
            header.msg_iov = slot.parts.data();
            header.msg_iovlen = slot.parts.size();
            header.msg_control = slot.control.data();
            header.msg_controllen = slot.control.size();
        }
    }
};

// The kernel takes the first tag out of the frame before anybody sees it.
std::optional<Tag> tag_of(msghdr& message) {
    for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
        if (at->cmsg_level != SOL_PACKET || at->cmsg_type != PACKET_AUXDATA) continue;
        tpacket_auxdata about{};
        std::memcpy(&about, CMSG_DATA(at), sizeof about);
        if ((about.tp_status & TP_STATUS_VLAN_VALID) == 0) return std::nullopt;
        const bool has_type = (about.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
        return Tag{has_type ? about.tp_vlan_tpid : std::uint16_t{ETH_P_8021Q}, about.tp_vlan_tci};
    }
    return std::nullopt;
}

bool set_options(int socket, unsigned ifindex) {
    const auto set = [&](int level, int option, const auto& value) {
        return setsockopt(socket, level, option, &value, sizeof value) == 0;
    };
    packet_mreq all{};
    all.mr_ifindex = static_cast<int>(ifindex);
    all.mr_type = PACKET_MR_PROMISC;
    constexpr int buffer = 32 << 20;
    // More than the system's limit, where that is allowed.
    if (!set(SOL_SOCKET, SO_RCVBUFFORCE, buffer)) set(SOL_SOCKET, SO_RCVBUF, buffer);
    if (!set(SOL_SOCKET, SO_SNDBUFFORCE, buffer)) set(SOL_SOCKET, SO_SNDBUF, buffer);
    return set(SOL_PACKET, PACKET_IGNORE_OUTGOING, on) && set(SOL_PACKET, PACKET_AUXDATA, on)
           && set(SOL_PACKET, PACKET_VNET_HDR, on) && set(SOL_PACKET, PACKET_ADD_MEMBERSHIP, all);
}

bool bind_to(int socket, unsigned ifindex) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htobe16(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(ifindex);
    return ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

} // namespace

PacketSocket::PacketSocket(int socket, unsigned ifindex, std::string interface)
    : socket_(socket), ifindex_(ifindex), interface_(std::move(interface)) {}

PacketSocket::~PacketSocket() {
    ::close(socket_);
}

// With no protocol, nothing is received before all options are set and the interface is told.
std::unique_ptr<PacketSocket> PacketSocket::open(const std::string& interface, int& why) {
    const unsigned ifindex = if_nametoindex(interface.c_str());
    why = errno;
    if (ifindex == 0) return nullptr;
    const int socket = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    why = errno;
    if (socket < 0) return nullptr;
    std::unique_ptr<PacketSocket> opened(new PacketSocket(socket, ifindex, interface));
    const bool done = set_options(socket, ifindex) && bind_to(socket, ifindex);
    why = errno;
    return done ? std::move(opened) : nullptr;
}

void PacketSocket::refuse_frame(const char* why) {
    // The first says enough.
    if (!std::exchange(has_refused_, true)) say("%s: %s", interface_.c_str(), why);
}

unsigned PacketSocket::receive(const Sink& sink) {
    static auto* const room = new Room;
    room->prepare();
    const int count = recvmmsg(socket_, room->messages.data(), burst, MSG_DONTWAIT, nullptr);
    // An interface that went down tells so once; another error is of the one packet that had it.
    if (count < 0 && errno != EAGAIN && errno != EINTR && errno != ENETDOWN)
        refuse_frame("a frame that the kernel cannot describe is dropped");
    FrameBuffer frame;
    for (int i = 0; i < count; ++i) {
        mmsghdr& message = room->messages[i];
        if ((message.msg_hdr.msg_flags & MSG_TRUNC) != 0 || message.msg_len < sizeof(LeftToDo)) {
            refuse_frame("a frame longer than 66 KiB is dropped");
            continue;
        }
        const auto* const data = room->frames.get() + i * frame_room;
        frame.assign(data, data + message.msg_len - sizeof(LeftToDo));
        if (!arrive(frame, room->slots[i].todo, tag_of(message.msg_hdr), sink))
            refuse_frame("a frame is dropped whose checksum or segmentation is left to the card "
                         "and is not simulated; switch the sender's offloads off (ethtool -K)");
    }
    return static_cast<unsigned>(std::max(count, 0));
}

void PacketSocket::send(std::span<const std::uint8_t> frame, std::size_t least) {
    if (waiting_count_ == burst) flush();
    FrameBuffer& kept = waiting_[waiting_count_++];
    kept.assign(frame.begin(), frame.end());
    if (kept.size() < least) kept.resize(least);
}

void PacketSocket::flush() {
    static LeftToDo nothing_to_do{};
    std::array<std::array<iovec, 2>, burst> parts;
    std::array<mmsghdr, burst> messages{};
    for (unsigned i = 0; i < waiting_count_; ++i) {
        parts[i][0] = {&nothing_to_do, sizeof nothing_to_do};
        parts[i][1] = {waiting_[i].data(), waiting_[i].size()};
        messages[i].msg_hdr.msg_iov = parts[i].data();
        messages[i].msg_hdr.msg_iovlen = parts[i].size();
    }
    for (unsigned done = 0; done < waiting_count_;) {
        const int sent =
            sendmmsg(socket_, messages.data() + done, waiting_count_ - done, MSG_DONTWAIT);
        if (sent > 0) {
            done += static_cast<unsigned>(sent);
            continue;
        }
        // What an interface cannot take that is down or has no room is lost, as on a wire.
        if (errno == EMSGSIZE)
            refuse_frame("a frame is dropped that is longer than the interface's MTU allows");
        ++done;
    }
    waiting_count_ = 0;
}

} // namespace mlx5sim
