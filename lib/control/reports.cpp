// SPDX-License-Identifier: BSD-3-Clause
// What operators ask the running controller about.
#include "control/running_controller.h"

#include <algorithm>
#include <map>
#include <utility>

namespace sallyport::control {
namespace {

// Rows that are described before others get their turn.
constexpr std::size_t rows_at_once = 512;

PortReport describe(const AttachedPort& attached, const datapath::SoftwarePath& path) {
    const datapath::Port& port = attached.port();
    PortReport report;
    report.dpdk_id = port.id();
    report.name = port.name();
    report.role = port.role();
    report.tenant = attached.tenant;
    report.device = port.settings().device;
    report.driver = port.driver();
    report.interface = attached.interface();
    report.mac = port.mac();
    report.allowed_macs = attached.allowed_macs;
    report.rate_limit = attached.rate_limit;
    report.mtu = port.settings().mtu;
    report.rx_queues = port.rx_queues();
    report.tx_queues = port.tx_queues();
    report.link_up = port.link_up();
    report.link_speed_mbps = port.link_speed();
    report.promiscuous = port.promiscuous();
    report.counters = port.counters();
    report.drops = path.port_drops(port);
    return report;
}

NextHopReport describe(const overlay::NextHopRow& row, bool configured,
                       const FailoverControl& failover) {
    NextHopReport report{row.address, configured, {}};
    for (const overlay::UplinkIndex i : overlay::all_uplinks) {
        auto& link = report.links.emplace_back();
        link.uplink = failover.name(i);
        if (!row.links[i]) continue;
        link.source = row.links[i]->source;
        link.destination = row.links[i]->destination;
    }
    return report;
}

// A vtep is reached while its next hop's MAC is known on the uplink that carries the traffic; with
// both down, on either of them.
bool is_resolved(const overlay::NextHopRow& row, std::optional<overlay::UplinkIndex> active) {
    if (active) return row.links[*active].has_value();
    return row.links[0].has_value() || row.links[1].has_value();
}

/// @param hardware null: there is no NIC
FdbReport describe(const overlay::FdbRow& row, const overlay::ForwardingState& state,
                   const eswitch::HardwarePath* hardware) {
    FdbReport report;
    if (const auto* tenant = state.tenant(row.tenant)) report.tenant = tenant->row.name;
    report.mac = row.mac;
    report.origin = row.origin;
    if (const auto* local = std::get_if<overlay::VmPortRef>(&row.target)) {
        if (const auto* port = state.vm_port(local->id)) report.vm_port = port->name;
    } else if (const auto* vtep = state.vtep(std::get<overlay::VtepRef>(row.target).id)) {
        report.vtep = vtep->address;
    }
    if (row.origin == overlay::FdbOrigin::learned)
        report.idle = state.idle_time(row.tenant, row.mac);
    if (hardware != nullptr) {
        report.why_in_software = hardware->why_in_software(row.tenant, row.mac).value_or("");
        report.in_hardware = report.why_in_software.empty();
    }
    return report;
}

DetectorReport::Bfd describe(const failover::BfdLink& link) {
    const failover::BfdSession& session = link.session();
    return {.ends = link.ends(),
            .failed = session.failed(),
            .peer_mac = link.peer_mac(),
            .state = session.state(),
            .diagnostic = session.diagnostic(),
            .remote_state = session.remote_state(),
            .remote_diagnostic = session.remote_diagnostic(),
            .transmit_interval = session.transmit_interval(),
            .detection_time = session.detection_time(),
            .sent = session.sent(),
            .received = session.received(),
            .discarded = session.discarded()};
}

DetectorReport describe(const failover::UplinkDetectors& detectors, const std::string& uplink) {
    DetectorReport report{.uplink = uplink, .mac = detectors.mac(), .neighbours = {}, .bfd = {}};
    if (const auto& probe = detectors.neighbours()) {
        report.neighbours = DetectorReport::NeighbourProbe{probe->failed(), {}};
        for (const auto& target : probe->targets())
            report.neighbours->targets.push_back({target.address, target.lost, target.missed});
    }
    if (detectors.bfd()) report.bfd = describe(*detectors.bfd());
    return report;
}

} // namespace

std::vector<PortReport> RunningController::ports() const {
    std::vector<PortReport> reports;
    std::map<overlay::VmPortId, NicPortCounters> nic;
    if (nic_ != nullptr) nic = nic_->path()->traffic().vm_ports;
    ports_->for_each([&](const AttachedPort& attached) {
        PortReport& report = reports.emplace_back(describe(attached, *path_));
        const auto* const row = state_->find_vm_port(report.name);
        if (attached.hardware != nullptr && row != nullptr) report.nic = nic[row->id];
    });
    return reports;
}

FailoverReport RunningController::failover() const {
    FailoverReport report;
    const auto& machine = failover_->machine();
    if (auto active = machine.active()) report.active = failover_->name(*active);
    if (const auto& last = failover_->last_switch()) report.last_reason = to_string(last->reason);
    report.switches = failover_->switches();
    for (overlay::UplinkIndex i = 0; i < overlay::uplink_count; ++i) {
        UplinkReport uplink;
        uplink.name = failover_->name(i);
        uplink.index = i;
        uplink.active = machine.active() == i;
        uplink.link_up = machine.link_up(i);
        uplink.administratively_up = machine.administratively_up(i);
        uplink.present = machine.is_present(i);
        if (const auto fault = machine.fault(i)) uplink.fault = to_string(*fault);
        uplink.link_source = links_->source_text(i);
        uplink.switches_to = failover_->history(i).switches_to;
        uplink.last_change = failover_->history(i).last_change;
        report.uplinks.push_back(std::move(uplink));
    }
    return report;
}

std::vector<DetectorReport> RunningController::detectors() const {
    std::vector<DetectorReport> reports;
    for (const overlay::UplinkIndex i : overlay::all_uplinks)
        reports.push_back(describe(detectors_->uplink(i), failover_->name(i)));
    return reports;
}

std::vector<failover::FailoverRecord> RunningController::failover_history() const {
    const auto& records = failover_->records();
    return {records.begin(), records.end()};
}

std::vector<NextHopReport> RunningController::next_hops() const {
    std::vector<NextHopReport> reports;
    for (const auto* row : state_->next_hops())
        reports.push_back(describe(*row, state_->is_static_next_hop(row->address), *failover_));
    return reports;
}

std::vector<VtepReport> RunningController::vteps() const {
    // By address, local ones first; two roles of one address are two reports.
    std::map<net::IpAddress, VtepReport> local;
    std::map<net::IpAddress, VtepReport> remote;
    for (const auto* tenant : state_->tenants()) {
        auto& here = local[tenant->row.local_vtep];
        here.address = tenant->row.local_vtep;
        here.local = true;
        here.resolved = true;
        here.tenants.push_back(tenant->row.name);
        for (auto id : tenant->row.remote_vteps)
            if (const auto* row = state_->vtep(id))
                remote[row->address].tenants.push_back(tenant->row.name);
    }
    std::vector<VtepReport> reports;
    reports.reserve(local.size() + remote.size());
    for (auto& [address, report] : local)
        reports.push_back(std::move(report));
    for (auto& [address, report] : remote) {
        report.address = address;
        const auto* row = state_->find_vtep(address);
        const auto* next_hop =
            row != nullptr && row->next_hop ? state_->next_hop(*row->next_hop) : nullptr;
        if (next_hop != nullptr) {
            report.next_hop = next_hop->address;
            report.resolved = is_resolved(*next_hop, state_->active_uplink());
        }
        reports.push_back(std::move(report));
    }
    return reports;
}

Expected<std::vector<FdbReport>> RunningController::fdb(const std::string& tenant) const {
    std::vector<overlay::FdbRow> rows;
    const auto visit = [&rows](const overlay::FdbRow& row) { rows.push_back(row); };
    if (tenant.empty()) {
        state_->for_each_fdb(visit);
    } else {
        const auto* entry = state_->find_tenant(tenant);
        if (entry == nullptr) return tl::unexpected(unknown_tenant(tenant));
        state_->for_each_fdb(entry->row.id, visit);
    }
    std::vector<FdbReport> reports;
    reports.reserve(rows.size());
    for (const overlay::FdbRow& row : rows) {
        if (reports.size() % rows_at_once == rows_at_once - 1) loop_.run_first();
        reports.push_back(describe(row, *state_, nic_ == nullptr ? nullptr : nic_->path()));
    }
    const auto sort = [&reports] {
        std::sort(reports.begin(), reports.end(), [](const FdbReport& a, const FdbReport& b) {
            return std::tie(a.tenant, a.mac) < std::tie(b.tenant, b.mac);
        });
    };
    if (reports.size() < rows_at_once)
        sort();
    else
        loop_.run_aside(sort);
    return reports;
}

std::vector<TenantReport> RunningController::tenants() const {
    std::vector<TenantReport> reports;
    std::map<overlay::TenantId, NicTenantCounters> nic;
    if (nic_ != nullptr) nic = nic_->path()->traffic().tenants;
    for (const auto& settings : settings_.tenants) {
        const auto* entry = state_->find_tenant(settings.name);
        if (entry == nullptr) continue;
        TenantReport report;
        report.settings = settings;
        report.learned_entries = entry->learned;
        report.configured_entries = entry->configured;
        report.learn_refused = entry->learn_refused;
        report.moves = entry->moves;
        report.counters = path_->tenant_counters(entry->row.id);
        if (nic_ != nullptr) report.nic = nic[entry->row.id];
        reports.push_back(std::move(report));
    }
    std::sort(reports.begin(), reports.end(), [](const TenantReport& a, const TenantReport& b) {
        return a.settings.name < b.settings.name;
    });
    return reports;
}

Expected<std::vector<FlowReport>> RunningController::flows(const FlowFilter& filter) const {
    if (!filter.tenant.empty() && state_->find_tenant(filter.tenant) == nullptr)
        return tl::unexpected(unknown_tenant(filter.tenant));
    return hardware().flows(filter);
}

EswitchReport RunningController::eswitch() const {
    return hardware().eswitch();
}

Expected<std::string> RunningController::testpmd_program() const {
    return hardware().testpmd_program();
}

Expected<ExplainReport> RunningController::explain(const std::string& port,
                                                   std::span<const std::uint8_t> packet) const {
    SoftwareScene scene{.state = *state_,
                        .underlay_mac = ports_->underlay_mac(),
                        .host_port = settings_.underlay.host_port,
                        .accept_udp6_zero_checksum = settings_.underlay.accept_udp6_zero_checksum,
                        .sas = protection_->report().sas};
    for (const overlay::UplinkIndex index : overlay::all_uplinks) {
        scene.uplinks[index] = failover_->name(index);
        if (detectors_) scene.detectors[index] = detectors_->uplink(index).station();
    }
    return hardware().explain(port, packet, scene);
}

IpsecReport RunningController::ipsec() const {
    return protection_->report();
}

datapath::DropCounts RunningController::drops() const {
    return path_->drops();
}

std::vector<datapath::NodeCounters> RunningController::node_counters() const {
    return path_->node_counters();
}

std::vector<datapath::WorkerCounters> RunningController::worker_counters() const {
    return path_->worker_counters();
}

std::chrono::steady_clock::duration RunningController::uptime() const {
    return std::chrono::steady_clock::now() - started_;
}

} // namespace sallyport::control
