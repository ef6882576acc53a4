// SPDX-License-Identifier: BSD-3-Clause
// The kernel's end of the driver's netlink sockets.
#pragma once

#include "topology.h"

namespace mlx5sim {

/// Tells all of the driver's sockets that joined the group of link changes.
void announce_link(const Port& port);

} // namespace mlx5sim
