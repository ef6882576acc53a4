// SPDX-License-Identifier: BSD-3-Clause
// What is outside the card: a network interface of the process's namespace for each port that the
// topology attaches to one. What arrives at it comes into the port; what leaves the port is sent by
// it. Its carrier is the cable's.
#pragma once

#include "topology.h"

#include <chrono>
#include <cstdint>
#include <span>

namespace mlx5sim {

/// Opens the interfaces, and starts to look after them, once in the life of a process.
void start_world();

/// Sends a frame out of the port: an uplink onto its wire, a VF's vport to its VM. Dropped
/// (counted) where nothing is attached. card_lock() is held.
void send_out(const Port& port, std::span<const std::uint8_t> frame);

/// Takes up to a burst of frames from the interfaces and hands each to enter_from_outside(). Called
/// by the engine's thread, with card_lock() not held. Returns how many.
unsigned poll_world();

/// Sleeps until a frame has come, but no longer than @p longest.
void wait_for_world(std::chrono::microseconds longest);

/// Frames of a port since the card came up.
struct WorldCounts {
    std::uint64_t in = 0, out = 0;
    /// Came or were to go while the link was down, or while no interface was there.
    std::uint64_t no_link = 0;
    /// That the interface did not take, or the kernel could not give as they are.
    std::uint64_t refused = 0;
};

/// card_lock() is held.
WorldCounts world_counts(const Port& port);

} // namespace mlx5sim
