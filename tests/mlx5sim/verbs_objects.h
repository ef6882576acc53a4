// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <infiniband/verbs.h>

namespace mlx5sim {

/// Sets what libibverbs' inline functions call for queues.
void add_inline_verbs(verbs_context& table);

} // namespace mlx5sim
