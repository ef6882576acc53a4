// SPDX-License-Identifier: BSD-3-Clause
// What a test may do to the card while a program runs on it: commands, a datagram each, to the UNIX
// socket that MLX5SIM_CONTROL names. A sender with an address of its own is answered "ok" or
// "error: ..." when the command has been done. docs/mlx5sim.md lists them.
#pragma once

#include <string>

namespace mlx5sim {

/// Does the topology's faults, and starts to listen if the variable is set.
void start_control();

/// Any thread. @return what is wrong with the command; empty: it is done
std::string execute_command(const std::string& command);

} // namespace mlx5sim
