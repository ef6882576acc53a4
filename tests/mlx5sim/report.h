// SPDX-License-Identifier: BSD-3-Clause
// What the simulator says: on standard error, each line with "mlx5sim: " before it.
#pragma once

#include <string>

namespace mlx5sim {

/// A remark for whoever reads the log of a run with MLX5SIM_TRACE=1; nothing without it.
[[gnu::format(printf, 1, 2)]] void trace(const char* format, ...);

/// What the user is to know in any case.
[[gnu::format(printf, 1, 2)]] void say(const char* format, ...);

/// Ends the process: the driver asked for what is not simulated, by name. Going on would prove
/// nothing.
[[noreturn]] [[gnu::format(printf, 1, 2)]] void refuse(const char* format, ...);

} // namespace mlx5sim
