// SPDX-License-Identifier: BSD-3-Clause
// The parts that a SoftwarePath is made of; for its own source files only.
#pragma once

#include "datapath/coarse_clock.h"
#include "datapath/graph.h"
#include "datapath/port_set.h"
#include "datapath/row_writer.h"
#include "datapath/software_path.h"
#include "datapath/tables.h"
#include "datapath/worker.h"

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <rte_mempool.h>
#include <rte_ring.h>

namespace sallyport::datapath {

struct FreePool {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
};
struct FreeRing {
    void operator()(rte_ring* ring) const { rte_ring_free(ring); }
};

struct SoftwarePath::Implementation {
    explicit Implementation(const SoftwarePathSettings& given)
        : settings(given), domain(static_cast<std::uint32_t>(given.worker_lcores.size())),
          tables(domain, given.tenants, given.tunnels),
          rows(tables, domain, given, [this](overlay::TenantId id) { prepare_tenant(id); }),
          tenant_base(given.tenants) {}
    ~Implementation();

    Expected<void> create_shared(const std::string& prefix);
    Expected<void> create_worker(unsigned lcore, const std::string& prefix);
    void prepare_tenant(overlay::TenantId id);
    [[nodiscard]] TenantCounters absolute(overlay::TenantId tenant) const;
    [[nodiscard]] DropCounts absolute_port_drops(std::size_t port) const;
    [[nodiscard]] DropCounts absolute_drops() const;
    [[nodiscard]] std::vector<WorkerCounters> absolute_workers() const;

    // Order matters: what is destroyed first is declared last.
    SoftwarePathSettings settings;
    std::unique_ptr<rte_mempool, FreePool> pool;
    std::vector<std::unique_ptr<rte_ring, FreeRing>> handover_rings;
    RcuDomain domain;
    Tables tables;
    RowWriter rows;
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<std::unique_ptr<TenantCounterBlock>> counter_blocks;
    std::unique_ptr<PortSet> ports;
    std::unique_ptr<GraphStatistics> graph_statistics;
    std::atomic<bool> stop{false};
    bool running = false;
    CoarseClock clock;

    // What the counters stood at when they were last reset.
    std::vector<TenantCounters> tenant_base;
    std::array<DropCounts, RTE_MAX_ETHPORTS + 1> port_base{};
    DropCounts drop_base{};
    std::vector<WorkerCounters> worker_base;
};

} // namespace sallyport::datapath
