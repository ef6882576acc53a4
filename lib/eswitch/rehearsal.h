// SPDX-License-Identifier: BSD-3-Clause
// The hardware path on a NIC that is not one: what the rows would make of it.
#pragma once

#include "base/error.h"
#include "eswitch/hardware_path.h"
#include "eswitch/model/model_flow_api.h"
#include "eswitch/settings.h"
#include "overlay/row.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sallyport::eswitch {

/// By DPDK port id.
struct RehearsalPorts {
    std::array<std::uint16_t, overlay::uplink_count> uplinks{};
    std::map<overlay::VmPortId, std::uint16_t> vm_ports;
    net::MacAddress underlay_mac;
};

/// The model's uplinks and representors.
void add_ports(ModelFlowApi& model, const RehearsalPorts& ports);

/// Brings up a hardware path on @p flow, and gives it the rows.
/// @param rows in an order in which a path takes them
Expected<std::unique_ptr<HardwarePath>> rehearse(FlowApi& flow, const Settings& settings,
                                                 const RehearsalPorts& ports,
                                                 std::span<const overlay::Row> rows);

/// The whole program as testpmd's commands, a line each.
Expected<std::string> testpmd_program(const Settings& settings, const RehearsalPorts& ports,
                                      std::span<const overlay::Row> rows);

struct ExplainedStep {
    std::uint32_t group = 0;
    /// Empty: no rule of the group matches.
    std::string table;
    std::string match;
    std::string actions;
    /// The one that matches: what it is, and whose.
    std::optional<RuleReport> rule;
};

/// Whether two rules, of paths that were given the same rows and ports, are for the same packets.
/// The numbers that each path gives as it likes are left out.
bool same_match(const RuleReport& one, const RuleReport& other);

struct Explanation {
    std::vector<ExplainedStep> steps;
    ModelVerdict verdict;
    /// What the group that no rule matched in leaves to the CPU; empty where the NIC has done it
    /// all.
    std::string cpu;
};

/// Walks one packet through the model.
/// @param port DPDK port id of an uplink or a vm port, from whose own side the packet comes
Expected<Explanation> explain(const Settings& settings, const RehearsalPorts& ports,
                              std::span<const overlay::Row> rows, std::uint16_t port,
                              std::span<const std::uint8_t> packet);

} // namespace sallyport::eswitch
