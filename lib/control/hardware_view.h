// SPDX-License-Identifier: BSD-3-Clause
// What a NIC with an E-Switch does with the rows, or would do: its rules, its program, and the way
// of one packet through them.
#pragma once

#include "base/error.h"
#include "config/settings.h"
#include "control/controller.h"
#include "control/port_set.h"
#include "control/software_walk.h"
#include "eswitch/rehearsal.h"
#include "overlay/forwarding_state.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sallyport::control {

class Nic;

eswitch::Settings hardware_settings(const config::Settings& settings);

/// Control thread. Questions only.
class HardwareView {
  public:
    /// @param nic null: there is no card. All must outlive the object.
    HardwareView(const config::Settings& settings, const overlay::ForwardingState& state,
                 const PortSet& ports, const Nic* nic);

    [[nodiscard]] Expected<std::vector<FlowReport>> flows(const FlowFilter& filter) const;
    [[nodiscard]] Expected<std::string> testpmd_program() const;
    /// @param scene of the same state
    [[nodiscard]] Expected<ExplainReport> explain(const std::string& port,
                                                  std::span<const std::uint8_t> packet,
                                                  const SoftwareScene& scene) const;

    [[nodiscard]] EswitchReport eswitch() const;

  private:
    [[nodiscard]] std::vector<FlowReport> reports(const eswitch::HardwarePath& path,
                                                  const FlowFilter& filter) const;
    /// @param death of the flow queue; empty: it lives
    [[nodiscard]] FlowReport describe(const eswitch::RuleReport& rule,
                                      const std::string& death) const;
    [[nodiscard]] FlowReport describe(const eswitch::GapReport& gap) const;
    [[nodiscard]] FlowReport owned_by(std::optional<overlay::TenantId> tenant_id,
                                      std::optional<overlay::VmPortId> vm_port_id) const;
    /// Empty: the rule has to do with none.
    [[nodiscard]] std::string uplink_of(const eswitch::RuleSpec& spec) const;
    /// Those of the ports that are the card's; there is one.
    [[nodiscard]] std::vector<EswitchReport::Port> card_ports() const;
    /// Whether rules can be about it; of what is no card's, as if it were.
    [[nodiscard]] bool is_on_card(std::uint16_t dpdk_port) const;
    /// As if the representor of each vm port were the port that it has; with a card, of those that
    /// it has.
    [[nodiscard]] eswitch::RehearsalPorts rehearsal_ports() const;
    /// All rows but those of the fdb, and of these the ones of @p stations.
    [[nodiscard]] std::vector<overlay::Row>
    rows_for(std::span<const net::MacAddress> stations) const;
    /// What the model makes of it.
    [[nodiscard]] Expected<void> explain_rules(ExplainReport& report, std::uint16_t port,
                                               std::span<const std::uint8_t> packet) const;
    /// What the card has of the rules that the packet meets; there is one.
    void compare_with_card(ExplainReport& report, const eswitch::Explanation& explanation,
                           std::span<const net::MacAddress> stations) const;
    [[nodiscard]] std::string port_name(std::uint16_t dpdk_port) const;
    [[nodiscard]] Expected<const datapath::Port*> find_port(const std::string& name) const;

    const config::Settings& settings_;
    const overlay::ForwardingState& state_;
    const PortSet& ports_;
    const Nic* nic_;
};

} // namespace sallyport::control
