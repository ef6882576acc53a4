// SPDX-License-Identifier: BSD-3-Clause
// What a test may do to the card while a program runs on it: commands, a datagram each, to the UNIX
// socket that MLX5SIM_CONTROL names. docs/mlx5sim.md lists them.
#pragma once

namespace mlx5sim {

/// Starts to listen, if the variable is set.
void start_control();

/// Whether the next entry that the driver writes is to fail; counts it. Under the card's lock.
bool draw_entry_failure();

} // namespace mlx5sim
