// SPDX-License-Identifier: BSD-3-Clause
// A netlink socket that hears what the kernel tells everybody about its tables.
#pragma once

#include "base/error.h"
#include "underlay/netlink.h"

#include <functional>
#include <initializer_list>

namespace sallyport::underlay {

class EventSocket {
  public:
    enum class Read {
        message,
        empty,
        /// The kernel dropped events because they were not read fast enough, or sent what cannot be
        /// read: what was concluded from events is no longer to be trusted.
        lost,
    };

    /// @param groups RTNLGRP_*
    static Expected<EventSocket> open(std::initializer_list<int> groups);

    [[nodiscard]] int fd() const { return nl_socket_get_fd(socket_.get()); }

    /// Takes one datagram off the socket, without blocking; @p handle gets each message in it,
    /// which is valid during the call only.
    Read read(const std::function<void(nl_msg&)>& handle);

  private:
    explicit EventSocket(SocketHandle socket) : socket_(std::move(socket)) {}

    SocketHandle socket_;
};

} // namespace sallyport::underlay
