// SPDX-License-Identifier: BSD-3-Clause
// The card's files below /sys, and what the topology says of the kernel, which stand in a temporary
// directory instead.
#pragma once

#include <string>

namespace mlx5sim {

/// Where the file that a process calls @p path is for it: below our tree, if it is the card's.
/// Empty: it is the host's own. Makes the tree when it is first needed.
std::string sysfs_path(const char* path);

} // namespace mlx5sim
