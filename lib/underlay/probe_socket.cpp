// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/probe_socket.h"

#include "base/errno_text.h"

#include <cstring>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace sallyport::underlay {

namespace {

// One socket of IPv6 serves both families: an IPv4 address is ::ffff:a.b.c.d there (RFC 4291
// section 2.5.5.2).
in6_addr mapped(const net::IpAddress& address) {
    in6_addr out{};
    if (address.is_ipv6()) {
        std::memcpy(&out, address.octets.data(), sizeof out);
        return out;
    }
    out.s6_addr[10] = out.s6_addr[11] = 0xff;
    std::memcpy(out.s6_addr + 12, address.octets.data(), 4);
    return out;
}

net::IpAddress unmapped(const in6_addr& address) {
    if (IN6_IS_ADDR_V4MAPPED(&address))
        return net::IpAddress::from_octets(net::IpFamily::ipv4, address.s6_addr + 12);
    return net::IpAddress::from_octets(net::IpFamily::ipv6, address.s6_addr);
}

constexpr std::size_t control_size = CMSG_SPACE(sizeof(in6_pktinfo));

/// Errno of the first call that failed, or 0.
int configure(int fd, std::uint16_t port, const std::string& device) {
    const int off = 0, on = 1;
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(port);
    const bool done = ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0
                      && ::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0
                      && (device.empty()
                          || ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                                          static_cast<socklen_t>(device.size()))
                                 == 0)
                      && ::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0;
    return done ? 0 : errno;
}

} // namespace

Expected<ProbeSocket> ProbeSocket::open(std::uint16_t port, const std::string& device) {
    base::FileDescriptor fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int error = fd ? configure(fd.get(), port, device) : errno;
    if (error != 0)
        return failure(fmt::format("cannot open UDP port {}{}: {}", port,
                                   device.empty() ? "" : " on " + device, base::errno_text(error)),
                       "failover probe",
                       error == EADDRINUSE ? "another process has it; set failover.probe_port"
                                           : "");
    return ProbeSocket(std::move(fd));
}

std::optional<ProbeSocket::Datagram> ProbeSocket::receive(std::span<std::uint8_t> buffer) {
    sockaddr_in6 peer{};
    iovec part{buffer.data(), buffer.size()};
    alignas(cmsghdr) std::array<char, control_size> control{};
    msghdr message{};
    message.msg_name = &peer;
    message.msg_namelen = sizeof peer;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t length = ::recvmsg(fd_.get(), &message, 0);
    if (length < 0) return std::nullopt;
    Datagram datagram;
    if ((message.msg_flags & MSG_TRUNC) == 0)
        datagram.octets = buffer.first(static_cast<std::size_t>(length));
    datagram.ends.peer = unmapped(peer.sin6_addr);
    datagram.ends.peer_port = ntohs(peer.sin6_port);
    for (cmsghdr* part_of = CMSG_FIRSTHDR(&message); part_of != nullptr;
         part_of = CMSG_NXTHDR(&message, part_of)) {
        if (part_of->cmsg_level != IPPROTO_IPV6 || part_of->cmsg_type != IPV6_PKTINFO) continue;
        in6_pktinfo info{};
        std::memcpy(&info, CMSG_DATA(part_of), sizeof info);
        datagram.ends.local = unmapped(info.ipi6_addr);
        datagram.ends.interface = info.ipi6_ifindex;
    }
    return datagram;
}

bool ProbeSocket::send(std::span<const std::uint8_t> octets, const DatagramEnds& ends) {
    sockaddr_in6 peer{};
    peer.sin6_family = AF_INET6;
    peer.sin6_port = htons(ends.peer_port);
    peer.sin6_addr = mapped(ends.peer);
    if (IN6_IS_ADDR_LINKLOCAL(&peer.sin6_addr)) peer.sin6_scope_id = ends.interface;
    iovec part{const_cast<std::uint8_t*>(octets.data()), octets.size()};
    alignas(cmsghdr) std::array<char, control_size> control{};
    msghdr message{};
    message.msg_name = &peer;
    message.msg_namelen = sizeof peer;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!ends.local.is_unspecified()) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = IPPROTO_IPV6;
        header->cmsg_type = IPV6_PKTINFO;
        header->cmsg_len = CMSG_LEN(sizeof(in6_pktinfo));
        in6_pktinfo info{};
        info.ipi6_addr = mapped(ends.local);
        std::memcpy(CMSG_DATA(header), &info, sizeof info);
    }
    return ::sendmsg(fd_.get(), &message, 0) == static_cast<ssize_t>(octets.size());
}

} // namespace sallyport::underlay
