// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/rehearsal.h"

#include "eswitch/bring_up/flow_resources.h"
#include "eswitch/rule_text.h"
#include "eswitch/testpmd_printer.h"

#include <algorithm>
#include <sstream>
#include <tuple>
#include <utility>

namespace sallyport::eswitch {

namespace {

constexpr std::uint32_t queue_size = 1024;

/// As the order of groups has it: what the CPU is left with after a miss.
const char* left_to_cpu(std::uint32_t group) {
    switch (group) {
    case group::origin:
        return "not for the underlay's MAC, from the backup uplink, or from a port without rules: "
               "the CPU looks at all of it";
    case group::terminate:
        return "no sound VXLAN packet for a tenant in hardware: the CPU decapsulates it, hands it "
               "to Linux, or drops and counts it";
    case group::peer:
        return "the sender is no remote vtep of the tenant in hardware: the CPU decides, and "
               "counts why";
    case group::vm_station:
    case group::remote_station:
        return "a station that is new, has moved, or may not be there: the CPU learns or refuses "
               "it, and forwards what it may";
    case group::length:
        return "not IP, tagged, or longer than the tenant's MTU: the CPU forwards, answers or "
               "drops it";
    case group::deliver:
    case group::fdb:
        return "the destination is unknown, a group, or in software: the CPU forwards or floods it";
    default:
        return "the CPU gets a packet that the NIC has changed: please report this";
    }
}

// The first of them; where an uplink's device is missing, the other one.
std::uint16_t proxy_of(const RehearsalPorts& ports) {
    return *std::min_element(ports.uplinks.begin(), ports.uplinks.end());
}

} // namespace

void add_ports(ModelFlowApi& model, const RehearsalPorts& ports) {
    for (const std::uint16_t uplink : ports.uplinks)
        model.add_port(uplink, ModelFlowApi::PortKind::wire);
    for (const auto& [id, vm_port] : ports.vm_ports)
        model.add_port(vm_port, ModelFlowApi::PortKind::vport);
}

Expected<std::unique_ptr<HardwarePath>> rehearse(FlowApi& flow, const Settings& settings,
                                                 const RehearsalPorts& ports,
                                                 std::span<const overlay::Row> rows) {
    const std::uint16_t proxy = proxy_of(ports);
    rte_flow_error error{};
    rte_flow_port_attr attributes{};
    attributes.nb_counters = needed_counters(settings);
    attributes.nb_meters = needed_meters(settings);
    if (const int code = flow.configure(proxy, attributes, 1, queue_size, error); code != 0)
        return failure("cannot configure: " + describe(error, code), "rehearsal");
    auto pipeline = Pipeline::create(flow, proxy, settings);
    if (!pipeline) return tl::unexpected(pipeline.error());
    auto path = std::make_unique<HardwarePath>(flow, std::move(*pipeline), settings,
                                               FlowQueue::Options{.size = queue_size});
    for (const overlay::UplinkIndex index : overlay::all_uplinks)
        if (auto done = path->attach_uplink(index, ports.uplinks[index]); !done)
            return tl::unexpected(done.error());
    for (const auto& [id, port] : ports.vm_ports)
        if (auto done = path->attach_vm_port(id, port); !done) return tl::unexpected(done.error());
    if (auto done = path->set_underlay_mac(ports.underlay_mac); !done)
        return tl::unexpected(done.error());
    std::vector<overlay::RowChange> changes;
    changes.reserve(rows.size());
    for (const overlay::Row& row : rows)
        changes.push_back({overlay::RowChange::Kind::put, row});
    if (auto done = path->apply(changes, nullptr); !done) return tl::unexpected(done.error());
    return path;
}

Expected<std::string> testpmd_program(const Settings& settings, const RehearsalPorts& ports,
                                      std::span<const overlay::Row> rows) {
    std::ostringstream text;
    TestpmdPrinter printer(text, proxy_of(ports));
    const auto path = rehearse(printer, settings, ports, rows);
    if (!path) return tl::unexpected(path.error());
    // Before the path's end, which would print how all of it is destroyed.
    return text.str();
}

bool same_match(const RuleReport& one, const RuleReport& other) {
    const auto key = [](const RuleReport& rule) {
        RuleMatch match = rule.spec.match;
        // Elsewhere a tag has a tunnel's or a length class's number in it, or the tenant's.
        if (rule.spec.stage != StageId::uplink) match.tag = 0;
        return std::tuple(rule.spec.stage, rule.spec.pattern, rule.tenant, rule.vm_port, match);
    };
    return key(one) == key(other);
}

Expected<Explanation> explain(const Settings& settings, const RehearsalPorts& ports,
                              std::span<const overlay::Row> rows, std::uint16_t port,
                              std::span<const std::uint8_t> packet) {
    ModelFlowApi model;
    add_ports(model, ports);
    const auto path = rehearse(model, settings, ports, rows);
    if (!path) return tl::unexpected(path.error());

    Explanation explanation;
    explanation.verdict = model.run(port, packet);
    for (const ModelStep& step : explanation.verdict.steps) {
        explanation.steps.emplace_back().group = step.group;
        if (step.rule == nullptr) explanation.cpu = left_to_cpu(step.group);
    }
    (*path)->for_each_rule([&](const RuleReport& rule) {
        for (std::size_t i = 0; i < explanation.steps.size(); ++i) {
            if (rule.handle == nullptr || rule.handle != explanation.verdict.steps[i].rule)
                continue;
            explanation.steps[i].table = stage(rule.spec.stage).name;
            explanation.steps[i].match = match_text(rule.spec);
            explanation.steps[i].actions = actions_text(rule.spec);
            explanation.steps[i].rule =
                RuleReport{.spec = rule.spec, .tenant = rule.tenant, .vm_port = rule.vm_port};
        }
    });
    if (explanation.verdict.fate == ModelVerdict::Fate::cpu && explanation.cpu.empty())
        explanation.cpu =
            "a frame to a station of the port it came from: the CPU drops and counts it";
    return explanation;
}

} // namespace sallyport::eswitch
