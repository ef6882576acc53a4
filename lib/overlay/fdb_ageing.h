// SPDX-License-Identifier: BSD-3-Clause
// Forgets learned fdb entries whose stations fell silent.
#pragma once

#include "base/error.h"
#include "overlay/forwarding_state.h"

#include <chrono>
#include <cstddef>
#include <optional>

namespace sallyport::overlay {

/// Owned by the control thread.
///
/// Walks the learned entries a piece at a time, at a pace that visits each at least once in a
/// quarter of the shortest ageing time in use, as far as the bound per call allows. An entry goes
/// when every path that knows it says that it was silent for the tenant's ageing time.
class FdbAgeing {
  public:
    /// @param state must outlive the object
    /// @param most_per_call entries looked at in one call, so that the control thread is not held
    /// long
    explicit FdbAgeing(ForwardingState& state, std::size_t most_per_call = 8192)
        : state_(state), most_per_call_(most_per_call) {}

    struct Result {
        std::size_t visited = 0;
        std::size_t removed = 0;
    };
    /// Call it several times a second. What a path refuses to remove stays, and is tried again in
    /// the next round; the first such Error is returned.
    Expected<Result> run(std::chrono::steady_clock::time_point now);

  private:
    [[nodiscard]] std::size_t due(std::chrono::steady_clock::time_point now);
    [[nodiscard]] bool silent(const ForwardingState::LearnedEntry& entry,
                              std::chrono::steady_clock::time_point now) const;

    ForwardingState& state_;
    std::size_t most_per_call_;
    /// Entries below this index are still to be visited in this round.
    std::size_t cursor_ = 0;
    /// Entries there were when this round began.
    std::size_t round_entries_ = 0;
    std::optional<std::chrono::steady_clock::time_point> last_run_;
    /// Part of an entry that the pace owes from the last call.
    double owed_ = 0;
};

} // namespace sallyport::overlay
