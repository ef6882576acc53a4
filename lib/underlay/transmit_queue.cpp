// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/transmit_queue.h"

#include "underlay/netlink.h"

#include <string_view>

#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/fifo.h>
#include <netlink/route/tc.h>

namespace sallyport::underlay {

namespace {

using QueueHandle = std::unique_ptr<rtnl_qdisc, Release<rtnl_qdisc_put>>;

// Packets; as many as Linux gives an Ethernet interface by default.
constexpr int queue_length = 1000;

} // namespace

Expected<void> ensure_transmit_queue(const std::string& name) {
    auto socket = open_request_socket();
    if (!socket) return tl::unexpected(socket.error());
    auto link = get_link(**socket, name);
    if (!link) return tl::unexpected(link.error());
    const char* const present = rtnl_link_get_qdisc(link->get());
    if (present == nullptr || std::string_view(present) != "noqueue") return {};

    const QueueHandle queue(rtnl_qdisc_alloc());
    if (!queue) return failure("cannot add a transmit queue: out of memory", name);
    rtnl_tc* const request = TC_CAST(queue.get());
    rtnl_tc_set_link(request, link->get());
    rtnl_tc_set_parent(request, TC_H_ROOT);
    int code = rtnl_tc_set_kind(request, "pfifo");
    if (code == 0) code = rtnl_qdisc_fifo_set_limit(queue.get(), queue_length);
    if (code == 0) code = rtnl_qdisc_add(socket->get(), queue.get(), NLM_F_CREATE);
    if (code < 0) return tl::unexpected(netlink_error("cannot add a transmit queue", code, name));
    return {};
}

} // namespace sallyport::underlay
