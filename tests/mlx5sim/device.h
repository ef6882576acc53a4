// SPDX-License-Identifier: BSD-3-Clause
// The RDMA device as libibverbs shows it.
#pragma once

#include "objects.h"

#include <cstddef>

#include <infiniband/verbs.h>

namespace mlx5sim {

/// An open device. The driver opens one, and imports its descriptor for a second.
class Context : public Counted {
  public:
    Context();
    ~Context() override;

    ibv_context* verbs() { return &table_.context; }
    static Context& of(ibv_context* context);

  private:
    verbs_context table_{};
};

ibv_device* the_device();

/// A completion queue that was made by verbs: its memory is ours.
struct VerbsCompletionQueue;

/// The card is gone, and says so on every open context.
void remove_device();

} // namespace mlx5sim
