// SPDX-License-Identifier: BSD-3-Clause
#include "control/hardware_view.h"

#include "control/nic.h"
#include "eswitch/bring_up/flow_resources.h"
#include "eswitch/rule_text.h"
#include "net/outer.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include <fmt/format.h>
#include <rte_config.h>

namespace sallyport::control {
namespace {

/// What an uplink without a device is called in a rehearsal: no port of DPDK's.
constexpr std::uint16_t first_absent_port = 0xff00;

constexpr std::size_t addresses_length = 12;

/// The MACs at the start of a frame; none if it is too short.
void add_macs(std::vector<net::MacAddress>& macs, std::span<const std::uint8_t> frame) {
    if (frame.size() < addresses_length) return;
    for (const std::size_t offset : {0U, 6U}) {
        net::MacAddress mac;
        std::copy_n(frame.begin() + static_cast<long>(offset), mac.octets.size(),
                    mac.octets.begin());
        macs.push_back(mac);
    }
}

std::string hex(std::span<const std::uint8_t> octets) {
    return fmt::format("{:02x}", fmt::join(octets, ""));
}

ExplainReport::Fate to_report(eswitch::ModelVerdict::Fate fate) {
    switch (fate) {
    case eswitch::ModelVerdict::Fate::port:
        return ExplainReport::Fate::port;
    case eswitch::ModelVerdict::Fate::cpu:
        return ExplainReport::Fate::cpu;
    case eswitch::ModelVerdict::Fate::drop:
        break;
    }
    return ExplainReport::Fate::drop;
}

} // namespace

eswitch::Settings hardware_settings(const config::Settings& settings) {
    const config::UnderlaySettings& underlay = settings.underlay;
    eswitch::Settings hardware;
    hardware.tenants = settings.limits.tenants;
    hardware.vm_ports = RTE_MAX_ETHPORTS;
    hardware.tunnels = settings.limits.tunnels;
    hardware.next_hops = settings.limits.tunnels;
    hardware.fdb_entries = settings.limits.fdb_entries;
    hardware.ttl = underlay.ttl;
    hardware.dscp = underlay.dscp;
    hardware.dont_fragment = underlay.dont_fragment;
    hardware.zero_checksum_ipv4 = underlay.udp_checksum != config::UdpChecksum::computed;
    hardware.zero_checksum_ipv6 = underlay.udp_checksum == config::UdpChecksum::zero;
    hardware.accept_udp6_zero_checksum = underlay.accept_udp6_zero_checksum;
    return hardware;
}

HardwareView::HardwareView(const config::Settings& settings, const overlay::ForwardingState& state,
                           const PortSet& ports, const Nic* nic)
    : settings_(settings), state_(state), ports_(ports), nic_(nic) {}

eswitch::RehearsalPorts HardwareView::rehearsal_ports() const {
    eswitch::RehearsalPorts ports;
    for (const overlay::UplinkIndex index : overlay::all_uplinks) {
        const AttachedPort* const uplink = ports_.uplink(index);
        ports.uplinks[index] = uplink != nullptr
                                   ? uplink->port().id()
                                   : static_cast<std::uint16_t>(first_absent_port + index);
    }
    ports_.for_each([&](const AttachedPort& attached) {
        if (const auto* const row = state_.find_vm_port(attached.port().name());
            row != nullptr && attached.port().role() == datapath::PortRole::vm_port)
            ports.vm_ports[row->id] = attached.port().id();
    });
    ports.underlay_mac = ports_.underlay_mac();
    return ports;
}

Expected<std::vector<FlowReport>> HardwareView::flows(const FlowFilter& filter) const {
    if (nic_ != nullptr) return reports(*nic_->path(), filter);
    eswitch::ModelFlowApi model;
    const auto ports = rehearsal_ports();
    eswitch::add_ports(model, ports);
    const auto rows = state_.rows();
    const auto path = eswitch::rehearse(model, hardware_settings(settings_), ports, rows);
    if (!path) return tl::unexpected(path.error());
    return reports(**path, filter);
}

std::vector<FlowReport> HardwareView::reports(const eswitch::HardwarePath& path,
                                              const FlowFilter& filter) const {
    std::vector<FlowReport> reports;
    path.for_each_rule([&](const eswitch::RuleReport& rule) {
        FlowReport report = describe(rule);
        if (!filter.tenant.empty() && filter.tenant != report.tenant) return;
        if (!filter.vm_port.empty() && filter.vm_port != report.vm_port) return;
        reports.push_back(std::move(report));
    });
    std::sort(reports.begin(), reports.end(), [](const FlowReport& a, const FlowReport& b) {
        return std::tie(a.group, a.table, a.tenant, a.match)
               < std::tie(b.group, b.table, b.tenant, b.match);
    });
    return reports;
}

FlowReport HardwareView::describe(const eswitch::RuleReport& rule) const {
    const auto* const tenant = rule.tenant ? state_.tenant(*rule.tenant) : nullptr;
    const auto* const vm_port = rule.vm_port ? state_.vm_port(*rule.vm_port) : nullptr;
    FlowReport report;
    report.tenant = tenant == nullptr ? "" : tenant->row.name;
    report.vm_port = vm_port == nullptr ? "" : vm_port->name;
    report.table = eswitch::stage(rule.spec.stage).name;
    report.group = eswitch::stage(rule.spec.stage).group;
    report.match = eswitch::match_text(rule.spec);
    report.actions = eswitch::actions_text(rule.spec);
    if (nic_ == nullptr) {
        report.state = "no NIC";
        return report;
    }
    report.state = rule.in_hardware ? "hardware" : "refused";
    report.reason = rule.refused;
    report.packets = rule.count.hits;
    report.bytes = rule.count.bytes;
    return report;
}

EswitchReport HardwareView::eswitch() const {
    EswitchReport report;
    report.kind = nic_ == nullptr ? "none" : "mlx5";
    report.entries = state_.fdb_size();
    if (nic_ == nullptr) return report;
    const eswitch::HardwarePath& path = *nic_->path();
    const auto& counts = path.rule_counts();
    const auto sizes = eswitch::stage_sizes(hardware_settings(settings_));
    for (std::size_t i = 0; i < eswitch::stage_count; ++i) {
        const eswitch::Stage& stage = eswitch::stage(static_cast<eswitch::StageId>(i));
        report.tables.push_back({stage.name, stage.group, counts.by_stage[i], sizes[i]});
        if (eswitch::counts(stage)) report.counters_used += counts.by_stage[i];
    }
    report.proxy = port_name(nic_->proxy());
    report.entries_in_hardware = path.entries_in_hardware();
    report.created = counts.created;
    report.updated = counts.updated;
    report.destroyed = counts.destroyed;
    report.refused = counts.refused;
    const auto dropped = path.dropped();
    report.dropped_no_active_uplink = dropped.no_active_uplink.packets;
    report.dropped_next_hop_unresolved = dropped.next_hop_unresolved.packets;
    report.stranded = counts.stranded + counts.stuck;
    report.queue_size = settings_.eswitch.flow_queue_size;
    report.counters = eswitch::needed_counters(hardware_settings(settings_));
    report.dead = path.death();
    report.closed = path.closed();
    const auto& entropy = nic_->encap_entropy();
    report.source_port_agreed = entropy.has_value();
    if (!entropy) report.why_own_source_port = entropy.error().message();
    return report;
}

Expected<std::string> HardwareView::testpmd_program() const {
    return eswitch::testpmd_program(hardware_settings(settings_), rehearsal_ports(), state_.rows());
}

std::vector<overlay::Row> HardwareView::rows_for(std::span<const std::uint8_t> packet) const {
    std::vector<net::MacAddress> macs;
    add_macs(macs, packet);
    const net::Outer outer = net::parse_outer(packet.data(), packet.size(), packet.size());
    if (outer.kind == net::OuterKind::udp && outer.has_vxlan_header)
        add_macs(macs, packet.subspan(outer.inner_offset()));
    std::vector<overlay::Row> rows;
    for (overlay::Row& row : state_.rows()) {
        const auto* const fdb = std::get_if<overlay::FdbRow>(&row);
        if (fdb == nullptr || std::find(macs.begin(), macs.end(), fdb->mac) != macs.end())
            rows.push_back(std::move(row));
    }
    return rows;
}

std::string HardwareView::port_name(std::uint16_t dpdk_port) const {
    std::string name;
    ports_.for_each([&](const AttachedPort& attached) {
        if (attached.port().id() == dpdk_port) name = attached.port().name();
    });
    return name;
}

Expected<std::uint16_t> HardwareView::find_port(const std::string& name) const {
    std::optional<std::uint16_t> found;
    std::string names;
    ports_.for_each([&](const AttachedPort& attached) {
        if (attached.port().role() == datapath::PortRole::host) return;
        names += (names.empty() ? "" : ", ") + attached.port().name();
        if (attached.port().name() == name) found = attached.port().id();
    });
    if (!found) return failure("no such uplink or vm port", "port " + name, "there are: " + names);
    return *found;
}

Expected<ExplainReport> HardwareView::explain(const std::string& port,
                                              std::span<const std::uint8_t> packet) const {
    const auto id = find_port(port);
    if (!id) return tl::unexpected(id.error());
    const auto explanation = eswitch::explain(hardware_settings(settings_), rehearsal_ports(),
                                              rows_for(packet), *id, packet);
    if (!explanation) return tl::unexpected(explanation.error());
    ExplainReport report;
    for (const eswitch::ExplainedStep& step : explanation->steps)
        report.steps.push_back({step.group, step.table, step.match, step.actions});
    report.fate = to_report(explanation->verdict.fate);
    if (report.fate == ExplainReport::Fate::port)
        report.port = port_name(explanation->verdict.port);
    report.packet = hex(explanation->verdict.packet);
    report.cpu = explanation->cpu;
    return report;
}

} // namespace sallyport::control
