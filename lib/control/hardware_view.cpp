// SPDX-License-Identifier: BSD-3-Clause
#include "control/hardware_view.h"

#include "control/nic.h"
#include "eswitch/bring_up/flow_resources.h"
#include "eswitch/rule_text.h"
#include "eswitch/stages/uplink.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include <rte_config.h>

namespace sallyport::control {
namespace {

/// What an uplink without a device is called in a rehearsal: no port of DPDK's.
constexpr std::uint16_t first_absent_port = 0xff00;

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

bool HardwareView::is_on_card(std::uint16_t dpdk_port) const {
    return nic_ == nullptr || nic_->function_of(dpdk_port).has_value();
}

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
            row != nullptr && attached.port().role() == datapath::PortRole::vm_port
            && is_on_card(attached.port().id()))
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
    const auto add = [&](FlowReport report) {
        if (!filter.tenant.empty() && filter.tenant != report.tenant) return;
        if (!filter.port.empty() && filter.port != report.vm_port && filter.port != report.uplink)
            return;
        reports.push_back(std::move(report));
    };
    path.for_each_rule([&](const eswitch::RuleReport& rule) { add(describe(rule, path.death())); });
    path.for_each_gap([&](const eswitch::GapReport& gap) { add(describe(gap)); });
    std::sort(reports.begin(), reports.end(), [](const FlowReport& a, const FlowReport& b) {
        return std::tuple(a.table.empty(), a.group, std::tie(a.table, a.tenant, a.match))
               < std::tuple(b.table.empty(), b.group, std::tie(b.table, b.tenant, b.match));
    });
    return reports;
}

FlowReport HardwareView::owned_by(std::optional<overlay::TenantId> tenant_id,
                                  std::optional<overlay::VmPortId> vm_port_id) const {
    const auto* const tenant = tenant_id ? state_.tenant(*tenant_id) : nullptr;
    const auto* const vm_port = vm_port_id ? state_.vm_port(*vm_port_id) : nullptr;
    FlowReport report;
    report.tenant = tenant == nullptr ? "" : tenant->row.name;
    report.vm_port = vm_port == nullptr ? "" : vm_port->name;
    return report;
}

std::string HardwareView::uplink_of(const eswitch::RuleSpec& spec) const {
    if (spec.stage == eswitch::StageId::from_uplink) return port_name(spec.match.port);
    if (spec.stage == eswitch::StageId::uplink && spec.actions == eswitch::uplink_actions::send)
        return port_name(spec.effect.port);
    return {};
}

FlowReport HardwareView::describe(const eswitch::GapReport& gap) const {
    FlowReport report = owned_by(gap.tenant, gap.vm_port);
    report.match = gap.what;
    report.state = "software";
    report.reason = gap.why;
    return report;
}

FlowReport HardwareView::describe(const eswitch::RuleReport& rule, const std::string& death) const {
    FlowReport report = owned_by(rule.tenant, rule.vm_port);
    report.uplink = uplink_of(rule.spec);
    report.table = eswitch::stage(rule.spec.stage).name;
    report.group = eswitch::stage(rule.spec.stage).group;
    report.match = eswitch::match_text(rule.spec);
    report.actions = eswitch::actions_text(rule.spec);
    if (nic_ == nullptr) {
        report.state = "no NIC";
    } else if (rule.in_hardware) {
        report.state = "hardware";
        report.packets = rule.count.hits;
        report.bytes = rule.count.bytes;
    } else {
        // What a dead queue says of an operation is no verdict on the rule.
        const bool refused = !rule.refused.empty() && rule.refused != death;
        report.state = refused ? "refused" : "wanted";
        report.reason = refused ? std::string(rule.refused) : death;
    }
    return report;
}

std::vector<EswitchReport::Port> HardwareView::card_ports() const {
    std::vector<EswitchReport::Port> ports;
    ports_.for_each([&](const AttachedPort& attached) {
        const datapath::Port& port = attached.port();
        const auto function = nic_->function_of(port.id());
        if (!function) return;
        ports.push_back({port.name(), port.role() == datapath::PortRole::uplink,
                         net::to_string(*function), port.settings().device, port.id(),
                         port.id() == nic_->proxy()});
    });
    return ports;
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
    report.ports = card_ports();
    report.entries_in_hardware = path.entries_in_hardware();
    report.created = counts.created;
    report.updated = counts.updated;
    report.destroyed = counts.destroyed;
    report.refused = counts.refused;
    const auto dropped = path.dropped();
    report.dropped_no_active_uplink = dropped.no_active_uplink.packets;
    report.dropped_next_hop_unresolved = dropped.next_hop_unresolved.packets;
    report.stranded = counts.stranded + counts.stuck;
    report.queues = eswitch::flow_queues;
    report.queue_size = settings_.eswitch.flow_queue_size;
    report.in_flight = path.operations_in_flight();
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

std::string HardwareView::port_name(std::uint16_t dpdk_port) const {
    std::string name;
    ports_.for_each([&](const AttachedPort& attached) {
        if (attached.port().id() == dpdk_port) name = attached.port().name();
    });
    return name;
}

} // namespace sallyport::control
