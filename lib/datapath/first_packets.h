// SPDX-License-Identifier: BSD-3-Clause
// When the first data packets came and went after a switch of the active uplink.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>

namespace sallyport::datapath {

/// As told by FirstPackets; absent: not yet.
struct FirstPacketTimes {
    std::optional<std::chrono::nanoseconds> sent;
    std::optional<std::chrono::nanoseconds> received;
};

/// Armed by the control thread, told by the workers: a load for each burst, and a store for the
/// first.
class FirstPackets {
  public:
    /// Control thread: before the store of a new active uplink, whose packets are awaited from now.
    void arm(int uplink) {
        uplink_.store(uplink, std::memory_order_relaxed);
        armed_ = rte_rdtsc();
        sent_.store(awaited, std::memory_order_relaxed);
        received_.store(awaited, std::memory_order_relaxed);
    }
    /// Workers: whether a data packet that leaves by some uplink would be the first.
    [[nodiscard]] bool awaits_sent() const {
        return unlikely(sent_.load(std::memory_order_relaxed) == awaited);
    }
    /// Workers: the uplink's driver has taken a data packet, or a burst has some that came by it.
    void sent(int uplink) { note(sent_, uplink); }
    void received(int uplink) { note(received_, uplink); }

    /// Control thread: times since arm().
    [[nodiscard]] FirstPacketTimes times() const { return {since(sent_), since(received_)}; }

  private:
    static constexpr std::uint64_t awaited = 0;
    /// Before the first arm() nobody waits.
    static constexpr std::uint64_t not_awaited = 1;

    void note(std::atomic<std::uint64_t>& first, int uplink) {
        if (likely(first.load(std::memory_order_relaxed) != awaited)) return;
        // A worker may still be busy with a burst of the time before.
        if (uplink != uplink_.load(std::memory_order_relaxed)) return;
        std::uint64_t expected = awaited;
        first.compare_exchange_strong(expected, rte_rdtsc(), std::memory_order_relaxed);
    }
    [[nodiscard]] std::optional<std::chrono::nanoseconds>
    since(const std::atomic<std::uint64_t>& first) const {
        const std::uint64_t tsc = first.load(std::memory_order_relaxed);
        if (tsc <= not_awaited) return std::nullopt;
        return std::chrono::nanoseconds(static_cast<std::int64_t>(
            static_cast<double>(tsc - armed_) * 1e9 / static_cast<double>(rte_get_tsc_hz())));
    }

    /// TSC values; the control thread's own.
    std::uint64_t armed_ = 0;
    std::atomic<int> uplink_{-1};
    std::atomic<std::uint64_t> sent_{not_awaited};
    std::atomic<std::uint64_t> received_{not_awaited};
};

} // namespace sallyport::datapath
