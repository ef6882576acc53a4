// SPDX-License-Identifier: BSD-3-Clause
// The driver's netlink sockets are one end of a pair of datagram sockets; what it sends is answered
// at once, into the other end.
#include "netlink.h"

#include "caller.h"
#include "export.h"
#include "netdev.h"

#include <cerrno>
#include <cstring>
#include <mutex>
#include <span>
#include <vector>

#include <linux/devlink.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <rdma/rdma_netlink.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mlx5sim {

namespace {

constexpr std::uint16_t devlink_family = 0x1d;
constexpr std::uint16_t least_mtu = 68, greatest_mtu = 9978;

/// One socket that the driver believes to be netlink's.
struct Channel {
    int protocol = 0;
    /// The kernel's end.
    int kernel = -1;
    std::uint32_t groups = 0;
};

class Channels {
  public:
    void add(int socket, Channel channel) {
        const std::lock_guard guard(lock_);
        channels_[socket] = channel;
    }
    std::optional<Channel> find(int socket) const {
        const std::lock_guard guard(lock_);
        const auto found = channels_.find(socket);
        if (found == channels_.end()) return std::nullopt;
        return found->second;
    }
    void join(int socket, std::uint32_t groups) {
        const std::lock_guard guard(lock_);
        channels_[socket].groups = groups;
    }
    std::optional<Channel> take(int socket) {
        const std::lock_guard guard(lock_);
        const auto found = channels_.find(socket);
        if (found == channels_.end()) return std::nullopt;
        const Channel channel = found->second;
        channels_.erase(found);
        return channel;
    }
    std::vector<int> listeners(std::uint32_t group) const {
        const std::lock_guard guard(lock_);
        std::vector<int> result;
        for (const auto& [socket, channel] : channels_)
            if (channel.protocol == NETLINK_ROUTE && (channel.groups & group) != 0)
                result.push_back(channel.kernel);
        return result;
    }

  private:
    mutable std::mutex lock_;
    std::map<int, Channel> channels_;
};

Channels& channels() {
    static Channels* const instance = new Channels;
    return *instance;
}

/// A message being written: header, the family's fixed part, attributes.
class Message {
  public:
    Message(const nlmsghdr& request, std::uint16_t type, std::uint16_t flags) {
        nlmsghdr header{};
        header.nlmsg_type = type;
        header.nlmsg_flags = flags;
        header.nlmsg_seq = request.nlmsg_seq;
        put(&header, sizeof header);
    }

    template<typename Fixed>
    Message& fixed(const Fixed& part) {
        put(&part, sizeof part);
        return *this;
    }
    Message& attribute(std::uint16_t type, const void* data, std::size_t size) {
        const std::size_t start = begin(type);
        put(data, size);
        end(start);
        return *this;
    }
    template<typename Number>
    requires std::is_arithmetic_v<Number> Message& attribute(std::uint16_t type, Number value) {
        return attribute(type, &value, sizeof value);
    }
    Message& attribute(std::uint16_t type, const std::string& text) {
        return attribute(type, text.c_str(), text.size() + 1);
    }
    /// Where the attribute starts; to be given to end() when what it holds is written.
    std::size_t begin(std::uint16_t type) {
        const std::size_t start = octets_.size();
        const nlattr attribute{0, type};
        put(&attribute, sizeof attribute);
        return start;
    }
    void end(std::size_t start) {
        const auto size = static_cast<std::uint16_t>(octets_.size() - start);
        std::memcpy(octets_.data() + start, &size, sizeof size);
        pad();
    }
    void send(const Channel& channel) {
        const auto size = static_cast<std::uint32_t>(octets_.size());
        std::memcpy(octets_.data(), &size, sizeof size);
        if (::send(channel.kernel, octets_.data(), octets_.size(), MSG_DONTWAIT) < 0)
            trace("netlink: an answer was lost: %s", std::strerror(errno));
    }

  private:
    void put(const void* data, std::size_t size) {
        const auto* const bytes = static_cast<const std::uint8_t*>(data);
        octets_.insert(octets_.end(), bytes, bytes + size);
        pad();
    }
    void pad() { octets_.resize(NLMSG_ALIGN(octets_.size())); }

    std::vector<std::uint8_t> octets_;
};

void acknowledge(const Channel& channel, const nlmsghdr& request, int error = 0) {
    nlmsgerr answer{};
    answer.error = -error;
    answer.msg = request;
    Message(request, NLMSG_ERROR, 0).fixed(answer).send(channel);
}

void finish_dump(const Channel& channel, const nlmsghdr& request) {
    Message(request, NLMSG_DONE, NLM_F_MULTI).fixed(0).send(channel);
}

/// The number in the first attribute of @p type, behind a fixed part of so many octets.
std::optional<std::uint32_t> number_of(const nlmsghdr& request, std::size_t fixed,
                                       std::uint16_t type) {
    const auto* const start = reinterpret_cast<const std::uint8_t*>(&request);
    std::size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(fixed);
    while (at + NLA_HDRLEN <= request.nlmsg_len) {
        nlattr attribute{};
        std::memcpy(&attribute, start + at, sizeof attribute);
        if (attribute.nla_len < NLA_HDRLEN) break;
        if (attribute.nla_type == type && attribute.nla_len >= NLA_HDRLEN + 4) {
            std::uint32_t value = 0;
            std::memcpy(&value, start + at + NLA_HDRLEN, sizeof value);
            return value;
        }
        at += NLA_ALIGN(attribute.nla_len);
    }
    return std::nullopt;
}

std::string text_of(const nlmsghdr& request, std::size_t fixed, std::uint16_t type) {
    const auto* const start = reinterpret_cast<const std::uint8_t*>(&request);
    std::size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(fixed);
    while (at + NLA_HDRLEN <= request.nlmsg_len) {
        nlattr attribute{};
        std::memcpy(&attribute, start + at, sizeof attribute);
        if (attribute.nla_len < NLA_HDRLEN) break;
        if (attribute.nla_type == type)
            return reinterpret_cast<const char*>(start + at + NLA_HDRLEN);
        at += NLA_ALIGN(attribute.nla_len);
    }
    return {};
}

// ---- RDMA

Message rdma_device(const nlmsghdr& request, std::uint16_t command, std::uint16_t flags) {
    Message message(request, RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, command), flags);
    message.attribute(RDMA_NLDEV_ATTR_DEV_INDEX, std::uint32_t{0})
        .attribute(RDMA_NLDEV_ATTR_DEV_NAME, topology()->rdma);
    return message;
}

Message rdma_port(const nlmsghdr& request, const Port& port, std::uint16_t flags) {
    constexpr std::uint8_t down = 1, active = 4;
    Message message = rdma_device(request, RDMA_NLDEV_CMD_PORT_GET, flags);
    message.attribute(RDMA_NLDEV_ATTR_PORT_INDEX, std::uint32_t{port.number})
        .attribute(RDMA_NLDEV_ATTR_NDEV_INDEX, std::uint32_t{port.ifindex})
        .attribute(RDMA_NLDEV_ATTR_PORT_STATE, netdevs().state(port).rdma_active ? active : down);
    return message;
}

void answer_rdma(const Channel& channel, const nlmsghdr& request) {
    if (RDMA_NL_GET_CLIENT(request.nlmsg_type) != RDMA_NL_NLDEV)
        refuse("netlink: RDMA client %u is not simulated", RDMA_NL_GET_CLIENT(request.nlmsg_type));
    switch (RDMA_NL_GET_OP(request.nlmsg_type)) {
    case RDMA_NLDEV_CMD_GET: {
        const auto ports = static_cast<std::uint32_t>(topology()->ports.size());
        rdma_device(request, RDMA_NLDEV_CMD_GET, NLM_F_MULTI)
            .attribute(RDMA_NLDEV_ATTR_PORT_INDEX, ports)
            .send(channel);
        finish_dump(channel, request);
        return;
    }
    case RDMA_NLDEV_CMD_PORT_GET: {
        if ((request.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP) {
            for (const Port& port : topology()->ports)
                rdma_port(request, port, NLM_F_MULTI).send(channel);
            return finish_dump(channel, request);
        }
        const auto number = number_of(request, 0, RDMA_NLDEV_ATTR_PORT_INDEX);
        const Port* const port = number ? topology()->find_number(*number) : nullptr;
        if (port == nullptr) return acknowledge(channel, request, EINVAL);
        rdma_port(request, *port, 0).send(channel);
        return acknowledge(channel, request);
    }
    default:
        refuse("netlink: RDMA command %u is not simulated", RDMA_NL_GET_OP(request.nlmsg_type));
    }
}

// ---- devlink

void answer_family(const Channel& channel, const nlmsghdr& request) {
    const std::string name = text_of(request, sizeof(genlmsghdr), CTRL_ATTR_FAMILY_NAME);
    if (name != DEVLINK_GENL_NAME)
        refuse("netlink: generic family '%s' is not simulated", name.c_str());
    genlmsghdr header{};
    header.cmd = CTRL_CMD_NEWFAMILY;
    Message(request, GENL_ID_CTRL, 0)
        .fixed(header)
        .attribute(CTRL_ATTR_FAMILY_ID, devlink_family)
        .send(channel);
    acknowledge(channel, request);
}

// A flag that is set has its attribute, one that is not has none.
void answer_parameter(const Channel& channel, const nlmsghdr& request, bool on) {
    genlmsghdr header{};
    header.cmd = DEVLINK_CMD_PARAM_GET;
    Message message(request, devlink_family, 0);
    message.fixed(header);
    const auto parameter = message.begin(DEVLINK_ATTR_PARAM);
    const auto list = message.begin(DEVLINK_ATTR_PARAM_VALUES_LIST);
    const auto value = message.begin(DEVLINK_ATTR_PARAM_VALUE);
    if (on) message.attribute(DEVLINK_ATTR_PARAM_VALUE_DATA, nullptr, 0);
    message.attribute(DEVLINK_ATTR_PARAM_VALUE_CMODE,
                      static_cast<std::uint8_t>(DEVLINK_PARAM_CMODE_RUNTIME));
    message.end(value);
    message.end(list);
    message.end(parameter);
    message.send(channel);
    acknowledge(channel, request);
}

void answer_generic(const Channel& channel, const nlmsghdr& request) {
    if (request.nlmsg_type == GENL_ID_CTRL) return answer_family(channel, request);
    const auto& header = *static_cast<const genlmsghdr*>(NLMSG_DATA(&request));
    if (request.nlmsg_type != devlink_family || header.cmd != DEVLINK_CMD_PARAM_GET)
        refuse("netlink: devlink command %u is not simulated", header.cmd);
    const std::string name = text_of(request, sizeof header, DEVLINK_ATTR_PARAM_NAME);
    if (name == "esw_multiport")
        return answer_parameter(channel, request, topology()->capabilities.multiport);
    if (name == "enable_roce")
        return answer_parameter(channel, request, topology()->capabilities.roce);
    refuse("netlink: devlink parameter %s is not simulated", name.c_str());
}

// ---- links

Message link_message(const nlmsghdr& request, const Port& port) {
    ifinfomsg info{};
    info.ifi_index = static_cast<int>(port.ifindex);
    info.ifi_flags = netdevs().flags(port);
    Message message(request, RTM_NEWLINK, 0);
    message.fixed(info)
        .attribute(IFLA_IFNAME, port.interface)
        .attribute(IFLA_MTU, std::uint32_t{netdevs().state(port).mtu})
        .attribute(IFLA_MIN_MTU, std::uint32_t{least_mtu})
        .attribute(IFLA_MAX_MTU, std::uint32_t{greatest_mtu})
        .attribute(IFLA_PHYS_PORT_NAME, port.phys_port_name);
    if (port.is_uplink()) message.attribute(IFLA_NUM_VF, std::uint32_t{0});
    if (topology()->capabilities.switchdev) {
        std::array<std::uint8_t, 6> id{};
        for (std::size_t i = 0; i < id.size(); ++i)
            id[i] = static_cast<std::uint8_t>(topology()->switch_id >> (8 * (id.size() - 1 - i)));
        message.attribute(IFLA_PHYS_SWITCH_ID, id.data(), id.size());
    }
    return message;
}

std::string route_message(std::uint16_t type) {
    switch (type) {
    case RTM_DELLINK:
        return "RTM_DELLINK";
    case RTM_SETLINK:
        return "RTM_SETLINK";
    case RTM_NEWNEIGH:
        return "RTM_NEWNEIGH";
    case RTM_DELNEIGH:
        return "RTM_DELNEIGH";
    default:
        return "the route message " + std::to_string(type);
    }
}

/// What the only attribute in @p octets holds, if it is of @p type.
std::span<const std::uint8_t> only_attribute(std::span<const std::uint8_t> octets,
                                             std::uint16_t type) {
    nlattr attribute{};
    if (octets.size() < sizeof attribute) return {};
    std::memcpy(&attribute, octets.data(), sizeof attribute);
    if ((attribute.nla_type & NLA_TYPE_MASK) != type || attribute.nla_len < NLA_HDRLEN
        || ((std::size_t{attribute.nla_len} + NLA_ALIGNTO - 1) & ~std::size_t{NLA_ALIGNTO - 1})
               != octets.size())
        return {};
    return octets.subspan(NLA_HDRLEN, attribute.nla_len - NLA_HDRLEN);
}

/// Whether all that is asked for is the MAC address of a VF of that uplink.
bool sets_mac_of_vf(const Port& uplink, std::span<const std::uint8_t> attributes) {
    const auto mac = only_attribute(
        only_attribute(only_attribute(attributes, IFLA_VFINFO_LIST), IFLA_VF_INFO), IFLA_VF_MAC);
    ifla_vf_mac wanted{};
    if (mac.size() != sizeof wanted) return false;
    std::memcpy(&wanted, mac.data(), sizeof wanted);
    return uplink.is_uplink() && wanted.vf < topology()->vfs[uplink.pf];
}

// Packets that are not for an interface come to it whether it asks for them or not, and the VF's
// address is its guest's, whom we are not. Other changes the driver has no need of.
void change_link(const Channel& channel, const nlmsghdr& request) {
    constexpr unsigned understood = IFF_PROMISC | IFF_ALLMULTI;
    const auto& info = *static_cast<const ifinfomsg*>(NLMSG_DATA(&request));
    const Port* const port = topology()->find_ifindex(info.ifi_index);
    const auto* const start = reinterpret_cast<const std::uint8_t*>(&request);
    const std::span attributes(start + NLMSG_SPACE(sizeof info), start + request.nlmsg_len);
    const bool is_flags =
        attributes.empty() && info.ifi_change != 0 && (info.ifi_change & ~understood) == 0;
    if (port == nullptr
        || !(is_flags || (info.ifi_change == 0 && sets_mac_of_vf(*port, attributes))))
        refuse("netlink: RTM_NEWLINK of interface %d that changes the flags 0x%x and has %zu "
               "octets of attributes is not simulated",
               info.ifi_index, info.ifi_change, attributes.size());
    if (is_flags) {
        const unsigned kept = netdevs().state(*port).flags & ~info.ifi_change;
        netdevs().set_flags(*port, kept | (info.ifi_flags & info.ifi_change));
    }
    acknowledge(channel, request);
}

void answer_route(const Channel& channel, const nlmsghdr& request) {
    switch (request.nlmsg_type) {
    case RTM_GETLINK: {
        const auto& info = *static_cast<const ifinfomsg*>(NLMSG_DATA(&request));
        const Port* const port = topology()->find_ifindex(info.ifi_index);
        if (port == nullptr) return acknowledge(channel, request, ENODEV);
        link_message(request, *port).send(channel);
        return acknowledge(channel, request);
    }
    case RTM_GETNEIGH:
        return finish_dump(channel, request);
    case RTM_NEWLINK:
        return change_link(channel, request);
    default:
        refuse("netlink: %s is not simulated", route_message(request.nlmsg_type).c_str());
    }
}

void answer(const Channel& channel, const nlmsghdr& request) {
    switch (channel.protocol) {
    case NETLINK_RDMA:
        return answer_rdma(channel, request);
    case NETLINK_GENERIC:
        return answer_generic(channel, request);
    default:
        return answer_route(channel, request);
    }
}

std::vector<std::uint8_t> gathered(const msghdr& message) {
    std::vector<std::uint8_t> octets;
    for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
        const auto* const part = static_cast<const std::uint8_t*>(message.msg_iov[i].iov_base);
        octets.insert(octets.end(), part, part + message.msg_iov[i].iov_len);
    }
    return octets;
}

/// @param size of the room there, a sockaddr_nl's or more
void put_kernels_address(void* to, socklen_t& size) {
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    std::memcpy(to, &kernel, sizeof kernel);
    size = sizeof kernel;
}

int open_channel(int type, int protocol) {
    std::array<int, 2> ends{};
    const int flags = type & (SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socketpair(AF_UNIX, SOCK_DGRAM | flags, 0, ends.data()) != 0) return -1;
    channels().add(ends[0], {protocol, ends[1], 0});
    return ends[0];
}

} // namespace

void announce_link(const Port& port) {
    for (const int kernel : channels().listeners(RTMGRP_LINK))
        link_message(nlmsghdr{}, port).send({NETLINK_ROUTE, kernel, 0});
}

} // namespace mlx5sim

using namespace mlx5sim;

// Sallyport asks of the RDMA device, too, by libnl.
MLX5SIM_EXPORT int socket(int domain, int type, int protocol) noexcept {
    const bool is_cards = protocol == NETLINK_RDMA && topology() != nullptr;
    if (domain != AF_NETLINK || (!is_cards && !is_driver(__builtin_return_address(0))))
        return MLX5SIM_NEXT(socket)(domain, type, protocol);
    if (protocol != NETLINK_ROUTE && protocol != NETLINK_RDMA && protocol != NETLINK_GENERIC)
        refuse("netlink: protocol %d is not simulated", protocol);
    return open_channel(type, protocol);
}

MLX5SIM_EXPORT int bind(int socket, const sockaddr* address, socklen_t size) noexcept {
    if (!channels().find(socket)) return MLX5SIM_NEXT(bind)(socket, address, size);
    channels().join(socket, reinterpret_cast<const sockaddr_nl*>(address)->nl_groups);
    return 0;
}

// libnl believes only what has an address of netlink's.
MLX5SIM_EXPORT int getsockname(int socket, sockaddr* address, socklen_t* size) noexcept {
    if (!channels().find(socket)) return MLX5SIM_NEXT(getsockname)(socket, address, size);
    put_kernels_address(address, *size);
    return 0;
}

MLX5SIM_EXPORT ssize_t recvmsg(int socket, msghdr* message, int flags) {
    const ssize_t received = MLX5SIM_NEXT(recvmsg)(socket, message, flags);
    if (received >= 0 && channels().find(socket) && message->msg_name != nullptr)
        put_kernels_address(message->msg_name, message->msg_namelen);
    return received;
}

MLX5SIM_EXPORT ssize_t sendmsg(int socket, const msghdr* message, int flags) {
    const auto channel = channels().find(socket);
    if (!channel) return MLX5SIM_NEXT(sendmsg)(socket, message, flags);
    const std::vector<std::uint8_t> request = gathered(*message);
    answer(*channel, *reinterpret_cast<const nlmsghdr*>(request.data()));
    return static_cast<ssize_t>(request.size());
}

MLX5SIM_EXPORT int close(int descriptor) {
    if (const auto channel = channels().take(descriptor)) MLX5SIM_NEXT(close)(channel->kernel);
    return MLX5SIM_NEXT(close)(descriptor);
}
