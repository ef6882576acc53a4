// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/rdma_port.h"

#include "underlay/netlink.h"
#include "underlay/rdma_message.h"

#include <vector>

#include <netlink/attr.h>
#include <netlink/errno.h>
#include <rdma/rdma_netlink.h>

namespace sallyport::underlay {

namespace {

using MessageHandle = std::unique_ptr<nl_msg, Release<nlmsg_free>>;

/// @param device_index absent: all devices, else the ports of one
Expected<std::vector<RdmaMessage>> ask(nl_sock& socket, std::optional<unsigned> device_index) {
    const auto command = device_index ? RDMA_NLDEV_CMD_PORT_GET : RDMA_NLDEV_CMD_GET;
    const MessageHandle request(
        nlmsg_alloc_simple(RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, command), NLM_F_REQUEST | NLM_F_DUMP));
    if (!request) return failure("cannot ask the kernel about RDMA: out of memory");
    if (device_index) nla_put_u32(request.get(), RDMA_NLDEV_ATTR_DEV_INDEX, *device_index);
    std::vector<RdmaMessage> answers;
    nl_socket_modify_cb(
        &socket, NL_CB_VALID, NL_CB_CUSTOM,
        [](nl_msg* message, void* argument) -> int {
            if (auto answer = read_rdma_message(*message))
                static_cast<std::vector<RdmaMessage>*>(argument)->push_back(std::move(*answer));
            return NL_OK;
        },
        &answers);
    int code = nl_send_auto(&socket, request.get());
    if (code >= 0) code = nl_recvmsgs_default(&socket);
    if (code < 0)
        return tl::unexpected(netlink_error("cannot ask the kernel about RDMA devices", code));
    return answers;
}

} // namespace

std::optional<RdmaMessage> read_rdma_message(nl_msg& message) {
    const nlmsghdr* const header = nlmsg_hdr(&message);
    const auto number = [&](int attribute) {
        const nlattr* const found = nlmsg_find_attr(const_cast<nlmsghdr*>(header), 0, attribute);
        return found != nullptr && nla_len(found) >= static_cast<int>(sizeof(std::uint32_t))
                   ? nla_get_u32(found)
                   : 0;
    };
    const nlattr* const name =
        nlmsg_find_attr(const_cast<nlmsghdr*>(header), 0, RDMA_NLDEV_ATTR_DEV_NAME);
    if (name == nullptr || nla_len(name) < 2) return std::nullopt;
    const auto* const text = static_cast<const char*>(nla_data(name));
    RdmaMessage read;
    read.device_index = number(RDMA_NLDEV_ATTR_DEV_INDEX);
    read.port.device.assign(text, strnlen(text, static_cast<std::size_t>(nla_len(name))));
    read.port.port = number(RDMA_NLDEV_ATTR_PORT_INDEX);
    read.interface = number(RDMA_NLDEV_ATTR_NDEV_INDEX);
    return read;
}

Expected<std::optional<RdmaPort>> rdma_port_of(unsigned interface) {
    const SocketHandle socket(nl_socket_alloc());
    if (!socket) return failure("cannot ask the kernel about RDMA: out of memory");
    // A kernel that has no RDMA has no such protocol.
    if (nl_connect(socket.get(), NETLINK_RDMA) < 0) return std::nullopt;
    const auto devices = ask(*socket, std::nullopt);
    if (!devices) return tl::unexpected(devices.error());
    for (const RdmaMessage& device : *devices) {
        const auto ports = ask(*socket, device.device_index);
        if (!ports) return tl::unexpected(ports.error());
        for (const RdmaMessage& port : *ports)
            if (port.interface != 0 && port.interface == interface) return port.port;
    }
    return std::nullopt;
}

} // namespace sallyport::underlay
