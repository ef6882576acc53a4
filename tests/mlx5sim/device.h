// SPDX-License-Identifier: BSD-3-Clause
// The RDMA device as libibverbs shows it.
#pragma once

#include "objects.h"
#include "topology.h"

#include <cstddef>
#include <deque>
#include <optional>

#include <infiniband/verbs.h>

namespace mlx5sim {

/// An open device. The driver opens one, and imports its descriptor for a second.
class Context : public Counted {
  public:
    Context();
    ~Context() override;

    ibv_context* verbs() { return &table_.context; }
    static Context& of(ibv_context* context);

    // Of asynchronous events; with the card's lock held.
    void tell(const ibv_async_event& event);
    std::optional<ibv_async_event> next_event();

  private:
    verbs_context table_{};
    std::deque<ibv_async_event> events_;
};

ibv_device* the_device();

/// A completion queue that was made by verbs: its memory is ours.
struct VerbsCompletionQueue;

/// The card is gone, and says so on every open context.
void remove_device();
/// Says on every open context that a port's RDMA state is another one.
void announce_port(const Port& port, bool active);

} // namespace mlx5sim
