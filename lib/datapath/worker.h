// SPDX-License-Identifier: BSD-3-Clause
// A worker: one lcore that walks the graph, and all that its nodes need.
#pragma once

#include "datapath/counters.h"
#include "datapath/packet_meta.h"
#include "datapath/tables.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include <rte_config.h>
#include <rte_ether.h>
#include <rte_graph.h>
#include <rte_graph_worker.h>
#include <rte_ring.h>

namespace sallyport::datapath {

/// Receive queues that a worker polls.
struct RxQueue {
    std::uint16_t port = 0;
    std::uint16_t queue = 0;
    PortRole role = PortRole::vm_port;
};
struct RxQueues {
    std::vector<RxQueue> queues;
};

/// Remembers what was lately reported to the control thread, so that a station is told once a
/// second and not with each packet.
class LearnFilter {
  public:
    /// @param removals of the fdb: a station that was removed since must be learned again at once,
    ///        else its traffic floods until the second is over
    /// @return true: report it
    bool admit(FdbKey key, std::uint32_t place, std::uint32_t removals, std::uint32_t now_seconds) {
        Recent& recent = recent_[(key * 0x9e3779b97f4a7c15ULL) >> 56];
        if (recent.key == key && recent.place == place && recent.removals == removals
            && recent.second == now_seconds)
            return false;
        recent = {key, place, removals, now_seconds};
        return true;
    }

  private:
    struct Recent {
        FdbKey key = 0;
        std::uint32_t place = 0;
        std::uint32_t removals = 0;
        std::uint32_t second = 0;
    };
    std::array<Recent, 256> recent_{};
};

/// Sources found where the fdb has them, so that the next packets of the second need no lookup. Any
/// change of the fdb makes all of it void, so nothing stale is ever believed.
class StationCache {
  public:
    [[nodiscard]] bool confirmed(FdbKey key, std::uint32_t place, std::uint32_t generation,
                                 std::uint32_t now_seconds) const {
        const Station& station = stations_[index(key)];
        return station.key == key && station.place == place && station.generation == generation
               && station.second == now_seconds;
    }
    void confirm(FdbKey key, std::uint32_t place, std::uint32_t generation,
                 std::uint32_t now_seconds) {
        stations_[index(key)] = {key, place, generation, now_seconds};
    }

  private:
    struct Station {
        FdbKey key = 0;
        std::uint32_t place = 0;
        std::uint32_t generation = 0;
        std::uint32_t second = 0;
    };
    static constexpr unsigned index_bits = 9;
    static std::size_t index(FdbKey key) {
        return (key * 0x9e3779b97f4a7c15ULL) >> (64 - index_bits);
    }
    std::array<Station, std::size_t{1} << index_bits> stations_{};
};

/// Packets waiting to be sent by one port, gathered over a burst.
struct TxStage {
    std::uint16_t count = 0;
    std::array<rte_mbuf*, 64> packets{};
};

/// State of one worker; only its lcore touches it, but for what is atomic.
struct Worker {
    std::uint16_t index = 0;
    unsigned lcore = 0;
    Tables* tables = nullptr;
    rte_mempool* pool = nullptr;
    rte_graph_t graph_id = RTE_GRAPH_ID_INVALID;
    rte_graph* graph = nullptr;

    std::atomic<const RxQueues*> rx_queues{nullptr};
    /// From the control thread and from workers that do not own a port's transmit queue.
    rte_ring* handover = nullptr;

    /// Coarse clock for ageing: seconds since the software path was made.
    std::uint32_t now_seconds = 0;
    /// Packets received in the present walk.
    std::uint32_t received = 0;
    std::uint16_t ipv4_id = 0;

    LearnFilter learn_filter;
    StationCache station_cache;
    std::array<TxStage, RTE_MAX_ETHPORTS> tx;

    WorkerCounterBlock counters;
    /// By TenantId; allocated by the control thread before the tenant is published.
    std::vector<std::atomic<TenantCounterBlock*>> tenant_counters;

    [[nodiscard]] TenantCounterBlock* counters_of(std::uint16_t tenant) const {
        return tenant < tenant_counters.size()
                   ? tenant_counters[tenant].load(std::memory_order_acquire)
                   : nullptr;
    }
    void count_drop(std::uint16_t port, std::uint16_t tenant, DropReason reason,
                    std::uint64_t packets = 1) {
        const auto index_of_reason = static_cast<std::size_t>(reason);
        counters.port_drops[port < RTE_MAX_ETHPORTS ? port : no_port][index_of_reason].add(packets);
        TenantCounterBlock* const block = counters_of(tenant);
        (block ? block->drops : counters.tenantless_drops)[index_of_reason].add(packets);
    }
};

/// The worker that a node runs on.
inline Worker& worker_of(rte_node* node) {
    Worker* worker;
    // NOLINTNEXTLINE(bugprone-sizeof-expression): the pointer is what is kept there
    std::memcpy(&worker, node->ctx, sizeof worker);
    return *worker;
}

/// Runs until @p stop is set. On the worker's lcore.
/// @param max_sleep_us 0: never sleeps
void run_worker(Worker& worker, RcuDomain& domain, const std::atomic<bool>& stop,
                std::uint32_t max_sleep_us);

} // namespace sallyport::datapath
