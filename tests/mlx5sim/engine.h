// SPDX-License-Identifier: BSD-3-Clause
// The thread that is the card: it looks at the doorbell records, does what was posted, and
// completes it.
#pragma once

namespace mlx5sim {

/// Starts the thread if it does not run yet.
void start_engine();

} // namespace mlx5sim
