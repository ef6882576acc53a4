// SPDX-License-Identifier: BSD-3-Clause
// The way of one packet: through the rules that the rows want, by what the card has of them, and
// through the software path.
#include "control/hardware_view.h"
#include "control/nic.h"
#include "net/outer.h"
#include "net/overhead.h"

#include <algorithm>

#include <fmt/format.h>

namespace sallyport::control {
namespace {

/// The MACs at the start of a frame; none if it is too short.
void add_macs(std::vector<net::MacAddress>& macs, std::span<const std::uint8_t> frame) {
    if (frame.size() < net::ethernet_header_length) return;
    for (const std::size_t offset : {0U, 6U})
        macs.push_back(net::MacAddress::from_octets(frame.data() + offset));
}

/// All that the packet can be about, with those inside VXLAN.
std::vector<net::MacAddress> stations_of(std::span<const std::uint8_t> packet) {
    std::vector<net::MacAddress> macs;
    add_macs(macs, packet);
    const net::Outer outer = net::parse_outer(packet.data(), packet.size(), packet.size());
    if (outer.kind == net::OuterKind::udp && outer.has_vxlan_header)
        add_macs(macs, packet.subspan(outer.inner_offset()));
    return macs;
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

std::string hex(std::span<const std::uint8_t> octets) {
    return fmt::format("{:02x}", fmt::join(octets, ""));
}

} // namespace

std::vector<overlay::Row> HardwareView::rows_for(std::span<const net::MacAddress> stations) const {
    std::vector<overlay::Row> rows;
    for (overlay::Row& row : state_.rows()) {
        const auto* const fdb = std::get_if<overlay::FdbRow>(&row);
        if (fdb == nullptr || std::ranges::find(stations, fdb->mac) != stations.end())
            rows.push_back(std::move(row));
    }
    return rows;
}

Expected<const datapath::Port*> HardwareView::find_port(const std::string& name) const {
    const datapath::Port* found = nullptr;
    std::string names;
    ports_.for_each([&](const AttachedPort& attached) {
        if (attached.port().role() == datapath::PortRole::host) return;
        names += (names.empty() ? "" : ", ") + attached.port().name();
        if (attached.port().name() == name) found = &attached.port();
    });
    if (found == nullptr)
        return failure("no such uplink or vm port", "port " + name, "there are: " + names);
    return found;
}

Expected<ExplainReport> HardwareView::explain(const std::string& name,
                                              std::span<const std::uint8_t> packet,
                                              const SoftwareScene& scene) const {
    const auto port = find_port(name);
    if (!port) return tl::unexpected(port.error());
    ExplainReport report;
    report.packet = hex(packet);
    if (!is_on_card((*port)->id()))
        report.cpu = "the port is none of the card's: the CPU takes all that comes in by it";
    else if (auto explained = explain_rules(report, (*port)->id(), packet); !explained)
        return tl::unexpected(explained.error());
    report.cpu_gets_it |= nic_ == nullptr || report.fate == ExplainReport::Fate::cpu;

    SoftwareWalk walk;
    if (const auto* const vm_port = state_.find_vm_port(name))
        walk = walk_from_vm(scene, *vm_port, packet);
    for (const overlay::UplinkIndex index : overlay::all_uplinks)
        if (const AttachedPort* const uplink = ports_.uplink(index);
            uplink != nullptr && uplink->port().id() == (*port)->id())
            walk = walk_from_uplink(scene, index, packet);
    report.software = std::move(walk.steps);
    if (walk.drop) report.software_drop = datapath::name(*walk.drop);
    return report;
}

Expected<void> HardwareView::explain_rules(ExplainReport& report, std::uint16_t port,
                                           std::span<const std::uint8_t> packet) const {
    const std::vector<net::MacAddress> stations = stations_of(packet);
    const auto explanation = eswitch::explain(hardware_settings(settings_), rehearsal_ports(),
                                              rows_for(stations), port, packet);
    if (!explanation) return tl::unexpected(explanation.error());
    for (const eswitch::ExplainedStep& step : explanation->steps)
        report.steps.push_back({step.group, step.table, step.match, step.actions});
    report.fate = to_report(explanation->verdict.fate);
    if (report.fate == ExplainReport::Fate::port)
        report.port = port_name(explanation->verdict.port);
    report.packet = hex(explanation->verdict.packet);
    report.cpu = explanation->cpu;
    if (nic_ != nullptr) compare_with_card(report, *explanation, stations);
    return {};
}

void HardwareView::compare_with_card(ExplainReport& report, const eswitch::Explanation& explanation,
                                     std::span<const net::MacAddress> stations) const {
    const eswitch::HardwarePath& path = *nic_->path();
    if (!path.closed().empty()) {
        report.differences.push_back("all traffic goes by software: " + path.closed());
        report.cpu_gets_it = true;
    }
    if (!path.death().empty())
        report.differences.push_back("the card's rules are those of before: " + path.death());
    path.for_each_rule(stations, [&](const eswitch::RuleReport& rule) {
        if (rule.in_hardware) return;
        for (const eswitch::ExplainedStep& step : explanation.steps) {
            if (!step.rule || !eswitch::same_match(*step.rule, rule)) continue;
            const FlowReport flow = describe(rule, path.death());
            report.differences.push_back(fmt::format("group {} {}: {}: {}{}{}", flow.group,
                                                     flow.table, flow.match, flow.state,
                                                     flow.reason.empty() ? "" : ": ", flow.reason));
            report.cpu_gets_it = true;
        }
    });
}

} // namespace sallyport::control
