// SPDX-License-Identifier: BSD-3-Clause
#include "netdev.h"

#include "caller.h"
#include "export.h"
#include "faults.h"
#include "netlink.h"
#include "objects.h"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstring>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

namespace mlx5sim {

Netdevs::State Netdevs::state(const Port& port) const {
    const std::lock_guard guard(lock_);
    const auto found = states_.find(port.number);
    return found == states_.end() ? State{} : found->second;
}

unsigned Netdevs::flags(const Port& port) const {
    const State now = state(port);
    const bool running = (now.flags & IFF_UP) != 0 && now.has_link();
    return (now.flags & ~IFF_RUNNING) | (running ? IFF_RUNNING : 0) | IFF_BROADCAST | IFF_MULTICAST;
}

// The kernel tells all who listen, and the driver's first link event is one of these.
void Netdevs::set_flags(const Port& port, unsigned flags) {
    {
        const std::lock_guard guard(lock_);
        states_[port.number].flags = flags;
    }
    announce_link(port);
}

void Netdevs::set_mtu(const Port& port, unsigned mtu) {
    const std::lock_guard guard(lock_);
    states_[port.number].mtu = mtu;
}

void Netdevs::set_carrier(const Port& port, bool carrier) {
    {
        const std::lock_guard guard(lock_);
        states_[port.number].carrier = carrier;
    }
    announce_link(port);
}

void Netdevs::set_cable(const Port& port, bool cable) {
    {
        const std::lock_guard guard(lock_);
        State& state = states_[port.number];
        if (state.cable == cable) return;
        state.cable = cable;
    }
    announce_link(port);
}

void Netdevs::set_rdma_active(const Port& port, bool active) {
    const std::lock_guard guard(lock_);
    states_[port.number].rdma_active = active;
}

Netdevs& netdevs() {
    // Never destroyed: the driver's interrupt thread may still ask when the process ends.
    static Netdevs* const instance = new Netdevs;
    return *instance;
}

namespace {

constexpr unsigned link_speed = 100000;

bool is_removed() {
    const std::lock_guard guard(card_lock());
    return faults().removed;
}

int fail(int error) {
    errno = error;
    return -1;
}

// The caller asks twice: first how many words the masks have, then with room for them.
int link_settings(ethtool_link_settings& settings) {
    constexpr std::int8_t words = 4;
    if (settings.link_mode_masks_nwords != words) {
        settings.link_mode_masks_nwords = -words;
        return 0;
    }
    settings.speed = link_speed;
    settings.duplex = DUPLEX_FULL;
    settings.autoneg = AUTONEG_ENABLE;
    std::fill_n(settings.link_mode_masks, 3 * words, 0U);
    // Supported: 100 Gb/s over CR4.
    settings.link_mode_masks[ETHTOOL_LINK_MODE_100000baseCR4_Full_BIT / 32] |=
        1U << (ETHTOOL_LINK_MODE_100000baseCR4_Full_BIT % 32);
    return 0;
}

int driver_info(ethtool_drvinfo& info) {
    std::strncpy(info.driver, "mlx5_core", sizeof info.driver - 1);
    std::strncpy(info.fw_version, topology()->capabilities.firmware.c_str(),
                 sizeof info.fw_version - 1);
    info.n_stats = 0;
    return 0;
}

int ethtool(const Port& port, void* data) {
    const auto command = *static_cast<const std::uint32_t*>(data);
    switch (command) {
    case ETHTOOL_GLINKSETTINGS:
        return link_settings(*static_cast<ethtool_link_settings*>(data));
    case ETHTOOL_GDRVINFO:
        return driver_info(*static_cast<ethtool_drvinfo*>(data));
    case ETHTOOL_GPAUSEPARAM:
        static_cast<ethtool_pauseparam*>(data)->rx_pause = 0;
        static_cast<ethtool_pauseparam*>(data)->tx_pause = 0;
        return 0;
    case ETHTOOL_GSTRINGS:
        static_cast<ethtool_gstrings*>(data)->len = 0;
        return 0;
    case ETHTOOL_GSTATS:
        static_cast<ethtool_stats*>(data)->n_stats = 0;
        return 0;
    case ETHTOOL_GSSET_INFO:
        static_cast<ethtool_sset_info*>(data)->sset_mask = 0;
        return 0;
    default:
        refuse("ethtool command 0x%x of %s is not simulated", command, port.interface.c_str());
    }
}

int interface_request(unsigned long request, const Port& port, ifreq& answer) {
    switch (request) {
    case SIOCGIFMTU:
        answer.ifr_mtu = static_cast<int>(netdevs().state(port).mtu);
        return 0;
    case SIOCSIFMTU:
        netdevs().set_mtu(port, answer.ifr_mtu);
        return 0;
    case SIOCGIFFLAGS:
        answer.ifr_flags = static_cast<short>(netdevs().flags(port));
        return 0;
    case SIOCSIFFLAGS:
        netdevs().set_flags(port, static_cast<unsigned short>(answer.ifr_flags));
        return 0;
    case SIOCGIFHWADDR:
        std::copy(port.mac.begin(), port.mac.end(), answer.ifr_hwaddr.sa_data);
        return 0;
    case SIOCETHTOOL:
        return ethtool(port, answer.ifr_data);
    default:
        refuse("ioctl 0x%lx of %s is not simulated", request, port.interface.c_str());
    }
}

} // namespace

} // namespace mlx5sim

using namespace mlx5sim;

MLX5SIM_EXPORT int ioctl(int socket, unsigned long request, ...) noexcept {
    std::va_list arguments;
    va_start(arguments, request);
    void* const argument = va_arg(arguments, void*);
    va_end(arguments);
    const void* const caller = __builtin_return_address(0);
    if ((request >> 8) != 0x89 || !is_driver(caller))
        return MLX5SIM_NEXT(ioctl)(socket, request, argument);
    auto& answer = *static_cast<ifreq*>(argument);
    const Port* const port = topology()->find_interface(answer.ifr_name);
    if (port == nullptr || is_removed()) return fail(ENODEV);
    return interface_request(request, *port, answer);
}

// Others may have an interface of the same name, which carries the port's packets.
MLX5SIM_EXPORT unsigned if_nametoindex(const char* name) noexcept {
    if (!is_driver(__builtin_return_address(0))) return MLX5SIM_NEXT(if_nametoindex)(name);
    const Port* const port = topology()->find_interface(name);
    if (port != nullptr) return port->ifindex;
    errno = ENODEV;
    return 0;
}

MLX5SIM_EXPORT char* if_indextoname(unsigned index, char* name) noexcept {
    if (!is_driver(__builtin_return_address(0))) return MLX5SIM_NEXT(if_indextoname)(index, name);
    const Port* const port = topology()->find_ifindex(index);
    if (port != nullptr) return std::strncpy(name, port->interface.c_str(), IF_NAMESIZE);
    errno = ENXIO;
    return nullptr;
}
