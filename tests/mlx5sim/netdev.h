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
        /// The cable; up unless a test says otherwise.
        bool carrier = true;
    };

    State state(const Port& port) const;
    /// IFF_* with IFF_RUNNING, which follows from the carrier.
    unsigned flags(const Port& port) const;
    void set_flags(const Port& port, unsigned flags);
    void set_mtu(const Port& port, unsigned mtu);
    void set_carrier(const Port& port, bool carrier);

  private:
    mutable std::mutex lock_;
    std::map<std::uint32_t, State> states_;
};

Netdevs& netdevs();

} // namespace mlx5sim
