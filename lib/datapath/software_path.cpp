// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/software_path.h"

#include "datapath/software_path_implementation.h"

#include <utility>

#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

namespace sallyport::datapath {

namespace {

constexpr unsigned handover_ring_size = 4096;
constexpr unsigned learn_ring_size = 8192;
constexpr unsigned detector_ring_size = 512;
/// The most there may be: flooding takes many buffers at once.
constexpr unsigned pool_cache_size = RTE_MEMPOOL_CACHE_MAX_SIZE;

Expected<void> no_memory(const std::string& what) {
    return failure("cannot create " + what + ": " + rte_strerror(rte_errno), "software path",
                   "give EAL more memory (-m, or more hugepages) or lower limits.buffers");
}

} // namespace

SoftwarePath::Implementation::~Implementation() {
    graph_statistics.reset();
    for (auto& worker : workers)
        destroy_graph(*worker);
}

Expected<void> SoftwarePath::Implementation::create_shared(const std::string& prefix) {
    if (auto done = register_packet_meta(); !done) return done;
    pool.reset(rte_pktmbuf_pool_create(
        (prefix + "buffers").c_str(), settings.buffers, pool_cache_size, 0,
        static_cast<std::uint16_t>(settings.buffer_data_room + RTE_PKTMBUF_HEADROOM),
        SOCKET_ID_ANY));
    if (!pool) return no_memory("the packet buffers");
    if (auto done = tables.learn_queue.create(prefix + "learn", learn_ring_size); !done)
        return done;
    if (auto done = tables.detector_queue.create(prefix + "detectors", detector_ring_size); !done)
        return done;

    auto fdb = FdbTable::create(domain, settings.fdb_entries, prefix + "fdb");
    if (!fdb) return tl::unexpected(fdb.error());
    tables.fdb = std::move(*fdb);
    auto key4 = TunnelTable<TunnelKey4>::create(domain, settings.tunnels, prefix + "tunnels4");
    if (!key4) return tl::unexpected(key4.error());
    tables.tunnels_by_key4 = std::move(*key4);
    auto key6 = TunnelTable<TunnelKey6>::create(domain, settings.tunnels, prefix + "tunnels6");
    if (!key6) return tl::unexpected(key6.error());
    tables.tunnels_by_key6 = std::move(*key6);
    auto by_spi = TunnelTable<SpiKey>::create(
        domain, static_cast<std::uint32_t>(tables.inbound_sas.size()), prefix + "spis");
    if (!by_spi) return tl::unexpected(by_spi.error());
    tables.inbound_sas_by_spi = std::move(*by_spi);

    tables.source_port_first = settings.source_port_first;
    tables.source_port_count =
        std::uint32_t{settings.source_port_last} - settings.source_port_first + 1;
    tables.fixed_dscp = settings.dscp.has_value();
    tables.dscp = static_cast<std::uint8_t>(settings.dscp.value_or(0) << 2);
    tables.dont_fragment = settings.dont_fragment;
    tables.accept_udp6_zero_checksum = settings.accept_udp6_zero_checksum;
    return {};
}

Expected<void> SoftwarePath::Implementation::create_worker(unsigned lcore,
                                                           const std::string& prefix) {
    auto worker = std::make_unique<Worker>();
    worker->index = static_cast<std::uint16_t>(workers.size());
    worker->lcore = lcore;
    worker->tables = &tables;
    worker->pool = pool.get();
    worker->tenant_counters = std::vector<std::atomic<TenantCounterBlock*>>(settings.tenants);
    const std::string name = prefix + "worker" + std::to_string(worker->index);
    handover_rings.emplace_back(
        rte_ring_create(name.c_str(), handover_ring_size, SOCKET_ID_ANY, RING_F_SC_DEQ));
    if (!handover_rings.back()) return no_memory("a handover ring");
    worker->handover = handover_rings.back().get();
    tables.handover[worker->index] = worker->handover;
    if (auto done = create_graph(*worker, name); !done) return done;
    domain.register_reader(worker->index);
    workers.push_back(std::move(worker));
    return {};
}

Expected<std::unique_ptr<SoftwarePath>> SoftwarePath::create(const SoftwarePathSettings& settings) {
    if (settings.worker_lcores.empty() || settings.worker_lcores.size() > most_workers)
        return failure(
            "no lcore, or more than " + std::to_string(most_workers) + ", to run the packet graph",
            "software path", "give EAL a main lcore and at least one more: --lcores '0@0,1@1'");
    // DPDK's names are global to the process; tests make several software paths one after another.
    static unsigned instances = 0;
    const std::string prefix = "sp" + std::to_string(instances++) + "-";
    auto implementation = std::make_unique<Implementation>(settings);
    if (auto done = implementation->create_shared(prefix); !done)
        return tl::unexpected(done.error());
    for (const unsigned lcore : settings.worker_lcores)
        if (auto done = implementation->create_worker(lcore, prefix); !done)
            return tl::unexpected(done.error());
    implementation->ports =
        std::make_unique<PortSet>(implementation->tables, implementation->domain,
                                  implementation->rows, implementation->workers);
    auto statistics = GraphStatistics::create(prefix + "worker*");
    if (!statistics) return tl::unexpected(statistics.error());
    implementation->graph_statistics = std::move(*statistics);
    implementation->worker_base = implementation->absolute_workers();
    return std::unique_ptr<SoftwarePath>(new SoftwarePath(std::move(implementation)));
}

SoftwarePath::SoftwarePath(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

SoftwarePath::~SoftwarePath() {
    stop();
}

rte_mempool* SoftwarePath::buffer_pool() const {
    return implementation_->pool.get();
}

Expected<void> SoftwarePath::start() {
    Implementation& self = *implementation_;
    if (self.running) return {};
    self.stop = false;
    self.running = true;
    for (auto& worker : self.workers) {
        struct Launch {
            Implementation* self;
            Worker* worker;
        };
        auto launch = std::make_unique<Launch>(Launch{&self, worker.get()});
        const int error = rte_eal_remote_launch(
            [](void* argument) {
                const std::unique_ptr<Launch> mine(static_cast<Launch*>(argument));
                run_worker(*mine->worker, mine->self->domain, mine->self->stop,
                           mine->self->settings.max_sleep_us);
                return 0;
            },
            launch.get(), worker->lcore);
        if (error != 0) {
            stop();
            return failure(std::string("cannot start: ") + rte_strerror(-error),
                           "worker on lcore " + std::to_string(worker->lcore));
        }
        static_cast<void>(launch.release());
    }
    return {};
}

void SoftwarePath::stop() {
    Implementation& self = *implementation_;
    if (!self.running) return;
    // What was injected last is still to go out.
    self.ports->wait_for_handover();
    self.stop = true;
    for (auto& worker : self.workers)
        rte_eal_wait_lcore(worker->lcore);
    self.running = false;
    self.ports->drain_handover();
}

std::uint32_t SoftwarePath::walk(std::size_t index) {
    Worker& worker = *implementation_->workers[index];
    worker.received = 0;
    worker.now_seconds = implementation_->clock.seconds();
    rte_graph_walk(worker.graph);
    worker.counters.loops.add(1);
    return worker.received;
}

Expected<void> SoftwarePath::attach_uplink(overlay::UplinkIndex index, const Port& port) {
    return implementation_->ports->attach_uplink(index, port);
}
Expected<void> SoftwarePath::attach_host(const Port& port) {
    return implementation_->ports->attach_host(port);
}
Expected<void> SoftwarePath::attach_vm_port(overlay::VmPortId id, const Port& port) {
    return implementation_->ports->attach_vm_port(id, port);
}
void SoftwarePath::detach(const Port& port) {
    implementation_->ports->detach(port, implementation_->running);
    implementation_->port_base[port.id()] = implementation_->absolute_port_drops(port.id());
}

void SoftwarePath::set_underlay_mac(const net::MacAddress& mac) {
    implementation_->tables.underlay_mac = mac.to_u64();
}

void SoftwarePath::set_encap_entropy(const net::EncapEntropy* entropy) {
    implementation_->tables.encap_entropy = entropy;
}

void SoftwarePath::drain(std::optional<overlay::UplinkIndex> uplink) {
    implementation_->tables.draining_uplink = uplink ? int{*uplink} : no_uplink;
}

FirstPacketTimes SoftwarePath::first_packets() const {
    return implementation_->tables.first_packets.times();
}

Expected<void> SoftwarePath::inject(overlay::UplinkIndex uplink,
                                    std::span<const std::uint8_t> frame) {
    return implementation_->ports->inject(uplink, frame, implementation_->pool.get());
}

Expected<void> SoftwarePath::apply(std::span<const overlay::RowChange> changes,
                                   std::size_t* applied) {
    Implementation& self = *implementation_;
    const auto each_vm_port = [&](auto&& visit) {
        for (const overlay::RowChange& change : changes)
            if (const auto* row = std::get_if<overlay::VmPortRow>(&change.row))
                visit(*row, change.kind == overlay::RowChange::Kind::put);
    };
    // One worker before there is a meter, more only when there is none any more.
    each_vm_port([&](const overlay::VmPortRow& row, bool put) {
        if (put && row.rate_limit) self.ports->set_metered(row.id, true);
    });
    auto done = self.rows.apply(changes, applied);
    each_vm_port([&](const overlay::VmPortRow& row, bool) {
        self.ports->set_metered(row.id, self.rows.is_metered(row.id));
    });
    return done;
}

Expected<void>
SoftwarePath::set_outbound_sas(overlay::TenantId tenant, overlay::VtepId vtep,
                               std::span<const std::shared_ptr<ipsec::SaSession>> sessions) {
    return implementation_->rows.set_outbound_sas(tenant, vtep, sessions);
}
Expected<void> SoftwarePath::add_inbound_sa(overlay::TenantId tenant, overlay::VtepId vtep,
                                            std::shared_ptr<ipsec::SaSession> session,
                                            std::optional<std::uint16_t> worker) {
    return implementation_->rows.add_inbound_sa(tenant, vtep, std::move(session), worker);
}
void SoftwarePath::remove_inbound_sa(std::uint32_t spi) {
    implementation_->rows.remove_inbound_sa(spi);
}

std::optional<std::chrono::seconds> SoftwarePath::idle_time(overlay::TenantId tenant,
                                                            const net::MacAddress& mac) {
    const auto seen = implementation_->tables.fdb->last_seen(fdb_key(tenant, mac.to_u64()));
    if (!seen) return std::nullopt;
    const std::uint32_t now = implementation_->clock.seconds();
    return std::chrono::seconds(now > *seen ? now - *seen : 0);
}

int SoftwarePath::learned_fd() const {
    return implementation_->tables.learn_queue.fd();
}

void SoftwarePath::take_learned(std::vector<overlay::LearnEvent>& events, std::size_t most) {
    const RowWriter& rows = implementation_->rows;
    implementation_->tables.learn_queue.take(most, [&](const LearnRecord& record) {
        overlay::LearnEvent event;
        event.tenant = static_cast<overlay::TenantId>(record.key >> 48);
        event.mac = net::MacAddress::from_u64(record.key & 0xffffffffffff);
        if (record.kind == FdbEntry::Kind::vm_port) {
            event.seen_at = overlay::VmPortRef{static_cast<overlay::VmPortId>(record.place)};
        } else {
            const auto vtep = rows.vtep_of_tunnel(record.place);
            if (!vtep) return;
            event.seen_at = overlay::VtepRef{*vtep};
        }
        events.push_back(event);
    });
}

void SoftwarePath::set_detectors(overlay::UplinkIndex uplink, net::DetectorStation station) {
    implementation_->tables.detectors[uplink] = std::move(station);
}

int SoftwarePath::detector_fd() const {
    return implementation_->tables.detector_queue.fd();
}

void SoftwarePath::take_detector_frames(std::size_t most, const DetectorFrame& each) {
    implementation_->tables.detector_queue.take(most, [&](const DetectorRecord& record) {
        each(record.uplink, {record.octets.data(), record.length});
    });
}

} // namespace sallyport::datapath
