// SPDX-License-Identifier: BSD-3-Clause
// What a NIC with an E-Switch does with the rows, or would do: its rules, its program, and the way
// of one packet through them.
#pragma once

#include "base/error.h"
#include "config/settings.h"
#include "control/controller.h"
#include "control/port_set.h"
#include "eswitch/rehearsal.h"
#include "overlay/forwarding_state.h"

#include <cstdint>
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
    [[nodiscard]] Expected<ExplainReport> explain(const std::string& port,
                                                  std::span<const std::uint8_t> packet) const;

    [[nodiscard]] EswitchReport eswitch() const;

  private:
    [[nodiscard]] std::vector<FlowReport> reports(const eswitch::HardwarePath& path,
                                                  const FlowFilter& filter) const;
    [[nodiscard]] FlowReport describe(const eswitch::RuleReport& rule) const;
    /// As if the representor of each vm port were the port that it has.
    [[nodiscard]] eswitch::RehearsalPorts rehearsal_ports() const;
    /// All rows but those of the fdb, and of these the ones that @p packet can meet.
    [[nodiscard]] std::vector<overlay::Row> rows_for(std::span<const std::uint8_t> packet) const;
    [[nodiscard]] std::string port_name(std::uint16_t dpdk_port) const;
    [[nodiscard]] Expected<std::uint16_t> find_port(const std::string& name) const;

    const config::Settings& settings_;
    const overlay::ForwardingState& state_;
    const PortSet& ports_;
    const Nic* nic_;
};

} // namespace sallyport::control
