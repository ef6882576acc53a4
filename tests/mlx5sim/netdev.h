// SPDX-License-Identifier: BSD-3-Clause
// The state of the ports' netdevs, as ioctl and netlink tell and change it.
#pragma once

#include "topology.h"

#include <cstdint>
#include <mutex>

namespace mlx5sim {

class Netdevs {
  public:
    struct State {
        unsigned flags = 0;
        unsigned mtu = 1500;
        /// Down when a test says so.
        bool carrier = true;
        /// Of the interface that the port is attached to, if it is to one.
        bool cable = true;
        /// What RDMA says of the port.
        bool rdma_active = true;

        bool has_link() const { return carrier && cable; }
    };

    State state(const Port& port) const;
    bool has_link(const Port& port) const { return state(port).has_link(); }
    /// IFF_* with IFF_RUNNING, which follows from the link.
    unsigned flags(const Port& port) const;
    void set_flags(const Port& port, unsigned flags);
    void set_mtu(const Port& port, unsigned mtu);
    void set_carrier(const Port& port, bool carrier);
    void set_cable(const Port& port, bool cable);
    void set_rdma_active(const Port& port, bool active);

  private:
    mutable std::mutex lock_;
    std::map<std::uint32_t, State> states_;
};

Netdevs& netdevs();

} // namespace mlx5sim
