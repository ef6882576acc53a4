// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/event_socket.h"

#include <netlink/errno.h>
#include <netlink/msg.h>
#include <sys/socket.h>

namespace sallyport::underlay {

namespace {

// Room for some thousand route events. More is no better: after an overrun everything is asked for
// anew, which costs less than reading a longer queue.
constexpr int receive_buffer_octets = 1 << 20;

void enlarge_receive_buffer(int fd) {
    const int size = receive_buffer_octets;
    // FORCE goes beyond net.core.rmem_max, but takes CAP_NET_ADMIN. A small buffer still works.
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

int handle_valid(nl_msg* message, void* argument) {
    (*static_cast<const std::function<void(nl_msg&)>*>(argument))(*message);
    return NL_OK;
}

} // namespace

Expected<EventSocket> EventSocket::open(std::initializer_list<int> groups) {
    auto socket = open_request_socket();
    if (!socket) return tl::unexpected(socket.error());
    nl_socket_disable_seq_check(socket->get());
    enlarge_receive_buffer(nl_socket_get_fd(socket->get()));
    if (int code = nl_socket_set_nonblocking(socket->get()); code < 0)
        return tl::unexpected(netlink_error("cannot set up a netlink socket", code));
    for (int group : groups) {
        if (int code = nl_socket_add_membership(socket->get(), group); code < 0)
            return tl::unexpected(netlink_error("cannot hear the kernel's netlink events (group "
                                                    + std::to_string(group) + ")",
                                                code));
    }
    return EventSocket(std::move(*socket));
}

EventSocket::Read EventSocket::read(const std::function<void(nl_msg&)>& handle) {
    // libnl hands the pointer back untouched; handle_valid() restores the const.
    void* argument = const_cast<std::function<void(nl_msg&)>*>(&handle);
    nl_socket_modify_cb(socket_.get(), NL_CB_VALID, NL_CB_CUSTOM, handle_valid, argument);
    const int code = nl_recvmsgs_default(socket_.get());
    if (code >= 0) return Read::message;
    return code == -NLE_AGAIN ? Read::empty : Read::lost;
}

} // namespace sallyport::underlay
