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
/// where nothing is attached. card_lock() is held.
void send_out(const Port& port, std::span<const std::uint8_t> frame);

/// Takes up to a burst of frames from the interfaces and hands each to enter_from_outside(). Called
/// by the engine's thread, with card_lock() not held. Returns how many.
unsigned poll_world();

/// Sleeps until a frame has come, but no longer than @p longest.
void wait_for_world(std::chrono::microseconds longest);

} // namespace mlx5sim
