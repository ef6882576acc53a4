// SPDX-License-Identifier: BSD-3-Clause
// Who calls: the driver is shown the card, all others the host. A program that has the driver
// linked into itself cannot be told from it.
#pragma once

namespace mlx5sim {

/// Whether @p return_address lies in one of the driver's shared libraries.
bool is_driver(const void* return_address);

} // namespace mlx5sim
