// SPDX-License-Identifier: BSD-3-Clause
// What the card is told to do wrong. Everything here is called under the card's lock.
#pragma once

#include <chrono>
#include <limits>
#include <string>

namespace mlx5sim {

/// Comes true for some of the things that happen, one after the other.
class Fault {
  public:
    static constexpr unsigned always = std::numeric_limits<unsigned>::max();

    /// For @p count, beginning with the @p nth from now, which counts from 1.
    void order(unsigned count, unsigned nth = 1) {
        left_ = count;
        spared_ = nth - 1;
    }
    /// Whether the thing that happens now is one of them; counts it.
    bool draw();

  private:
    unsigned left_ = 0;
    unsigned spared_ = 0;
};

struct Faults {
    /// Entries that the driver writes into tables.
    Fault entries;
    /// Queues that come to a stop with an error: at a request for a table, at one to send a packet,
    /// at a packet that is received.
    Fault table_queues, send_queues, receive_queues;
    /// The card is not there any more.
    bool removed = false;
    /// Between the end of a request and its completion.
    std::chrono::milliseconds completion_delay{0};
    /// Completions that a queue gives at once, and no more for a millisecond.
    unsigned completions_at_once = Fault::always;
    /// Requests to read counters are not begun.
    bool counters_held = false;

    bool completions_are_late() const {
        return completion_delay.count() > 0 || completions_at_once != Fault::always;
    }
};

Faults& faults();

/// @param command as the trace names it: "CREATE_CQ", "CREATE_GENERAL_OBJECT STC"
void order_refusal(const std::string& command, unsigned count, unsigned nth);
bool draw_refusal(const std::string& command);

} // namespace mlx5sim
