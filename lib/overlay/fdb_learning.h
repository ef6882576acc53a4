// SPDX-License-Identifier: BSD-3-Clause
// Judges which stations seen by the paths become learned fdb entries.
#pragma once

#include "base/error.h"
#include "overlay/forwarding_state.h"

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace sallyport::overlay {

/// Owned by the control thread.
///
/// A new station is learned while its tenant has fewer than max_learned entries and the fdb has
/// room, else counted as refused. A learned station seen elsewhere moves, vm port or vtep alike; a
/// configured one never does. Not believed, and not counted: sightings of multicast or zero MACs,
/// in tenants that are gone or do not learn, at vm ports or vteps that are not the tenant's, at vm
/// ports that do not allow the MAC.
class FdbLearning {
  public:
    /// @param state must outlive the object
    explicit FdbLearning(ForwardingState& state) : state_(state) {}

    struct Result {
        /// Events taken; as many as asked for: there may be more.
        std::size_t events = 0;
        std::size_t learned = 0;
        std::size_t moved = 0;
        std::size_t refused = 0;
        /// Why a path refused rows, the first of them; those rows are counted as refused.
        std::optional<Error> path_error;
    };
    /// Takes pending events from all paths and judges them, in one change of the state. Does not
    /// fail: what a path refuses is left out.
    /// @param most events to take, so that the control thread is not held long
    Result process(std::chrono::steady_clock::time_point now, std::size_t most = 4096);
    /// The same for given events.
    Result judge(std::span<const LearnEvent> events, std::chrono::steady_clock::time_point now);

  private:
    [[nodiscard]] bool believable(const LearnEvent& event) const;

    ForwardingState& state_;
    std::vector<LearnEvent> events_;
};

} // namespace sallyport::overlay
