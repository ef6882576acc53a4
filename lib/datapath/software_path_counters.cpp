// SPDX-License-Identifier: BSD-3-Clause
// Counters of the software path: summed over workers, less what they stood at when last reset.
#include "datapath/software_path_implementation.h"

namespace sallyport::datapath {

namespace {

void add(DropCounts& sum, const DropCounters& counters) {
    for (std::size_t i = 0; i < sum.size(); ++i)
        sum[i] += counters[i].read();
}

DropCounts difference(DropCounts now, const DropCounts& base) {
    for (std::size_t i = 0; i < now.size(); ++i)
        now[i] -= base[i];
    return now;
}

} // namespace

void SoftwarePath::Implementation::prepare_tenant(overlay::TenantId id) {
    if (workers.front()->counters_of(id) != nullptr) {
        // An id that is used again starts from zero. An update of a living tenant does not.
        if (tables.tenants.get(id) == nullptr) tenant_base[id] = absolute(id);
        return;
    }
    for (auto& worker : workers) {
        counter_blocks.push_back(std::make_unique<TenantCounterBlock>());
        worker->tenant_counters[id].store(counter_blocks.back().get(), std::memory_order_release);
    }
}

TenantCounters SoftwarePath::Implementation::absolute(overlay::TenantId tenant) const {
    TenantCounters sum;
    for (const auto& worker : workers) {
        const TenantCounterBlock* const block = worker->counters_of(tenant);
        if (block == nullptr) continue;
        sum.rx_packets += block->rx_packets.read();
        sum.rx_bytes += block->rx_bytes.read();
        sum.tx_packets += block->tx_packets.read();
        sum.tx_bytes += block->tx_bytes.read();
        sum.encap_packets += block->encap_packets.read();
        sum.encap_bytes += block->encap_bytes.read();
        sum.decap_packets += block->decap_packets.read();
        sum.decap_bytes += block->decap_bytes.read();
        sum.flooded_packets += block->flooded_packets.read();
        sum.learn_queue_full += block->learn_queue_full.read();
        add(sum.drops, block->drops);
    }
    return sum;
}

TenantCounters SoftwarePath::tenant_counters(overlay::TenantId tenant) const {
    if (tenant >= implementation_->tenant_base.size()) return {};
    TenantCounters now = implementation_->absolute(tenant);
    const TenantCounters& base = implementation_->tenant_base[tenant];
    now.rx_packets -= base.rx_packets;
    now.rx_bytes -= base.rx_bytes;
    now.tx_packets -= base.tx_packets;
    now.tx_bytes -= base.tx_bytes;
    now.encap_packets -= base.encap_packets;
    now.encap_bytes -= base.encap_bytes;
    now.decap_packets -= base.decap_packets;
    now.decap_bytes -= base.decap_bytes;
    now.flooded_packets -= base.flooded_packets;
    now.learn_queue_full -= base.learn_queue_full;
    now.drops = difference(now.drops, base.drops);
    return now;
}

DropCounts SoftwarePath::Implementation::absolute_port_drops(std::size_t port) const {
    DropCounts sum{};
    for (const auto& worker : workers)
        add(sum, worker->counters.port_drops[port]);
    return sum;
}

DropCounts SoftwarePath::port_drops(const Port& port) const {
    return difference(implementation_->absolute_port_drops(port.id()),
                      implementation_->port_base[port.id()]);
}

DropCounts SoftwarePath::Implementation::absolute_drops() const {
    DropCounts sum{};
    for (const auto& worker : workers)
        for (const DropCounters& counters : worker->counters.port_drops)
            add(sum, counters);
    return sum;
}

DropCounts SoftwarePath::drops() const {
    return difference(implementation_->absolute_drops(), implementation_->drop_base);
}

std::vector<NodeCounters> SoftwarePath::node_counters() const {
    return implementation_->graph_statistics->read();
}

std::vector<WorkerCounters> SoftwarePath::Implementation::absolute_workers() const {
    std::vector<WorkerCounters> counters;
    for (const auto& worker : workers)
        counters.push_back({worker->lcore, worker->counters.loops.read(),
                            worker->counters.idle_loops.read(), worker->counters.sleeps.read()});
    return counters;
}

std::vector<WorkerCounters> SoftwarePath::worker_counters() const {
    std::vector<WorkerCounters> now = implementation_->absolute_workers();
    for (std::size_t i = 0; i < now.size(); ++i) {
        const WorkerCounters& base = implementation_->worker_base[i];
        now[i].loops -= base.loops;
        now[i].idle_loops -= base.idle_loops;
        now[i].sleeps -= base.sleeps;
    }
    return now;
}

void SoftwarePath::reset_counters() {
    Implementation& self = *implementation_;
    for (std::size_t tenant = 0; tenant < self.tenant_base.size(); ++tenant)
        self.tenant_base[tenant] = self.absolute(static_cast<overlay::TenantId>(tenant));
    for (std::size_t port = 0; port < self.port_base.size(); ++port)
        self.port_base[port] = self.absolute_port_drops(port);
    self.drop_base = self.absolute_drops();
    self.worker_base = self.absolute_workers();
    self.graph_statistics->reset();
}

} // namespace sallyport::datapath
