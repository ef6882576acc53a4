// SPDX-License-Identifier: BSD-3-Clause
// Takes a packet through the tables that the driver has programmed.
#pragma once

#include "packet.h"

#include <cstdint>

#include <infiniband/mlx5dv.h>

namespace mlx5sim {

/// Tables of the E-Switch have two faces: for what the wire receives, and for what vports send.
/// Tables of the NIC have the first alone.
enum class Side : std::uint8_t { receive, transmit };

/// What the tables of one domain (E-Switch, receiving or sending NIC) say of a packet.
struct Verdict {
    enum class Kind : std::uint8_t {
        drop,
        /// No rule wanted it: what the domain does with such.
        miss,
        /// As without rules.
        allow,
        vport,
        tir
    };
    Kind kind = Kind::miss;
    /// Of the vport.
    std::uint16_t vhca_id = 0, vport = 0;
    std::uint32_t tir = 0;
};

/// From the domain's root table on. Carries the actions out, counts, meters. Registers are the
/// packet's; card_lock() is held.
Verdict walk(Packet& packet, mlx5dv_flow_table_type domain, Side side);

} // namespace mlx5sim
