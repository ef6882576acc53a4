// SPDX-License-Identifier: BSD-3-Clause
// Actions templates, and what their actions do to a packet.
#pragma once

#include "eswitch/flow_api.h"
#include "eswitch/model/model_packet.h"
#include "eswitch/modify_field.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <rte_flow.h>

namespace sallyport::eswitch {

struct TemplateAction {
    rte_flow_action_type type{};
    /// Octets of its argument: a group, a port, the value of a field, a header.
    std::size_t length = 0;
    /// The same in every rule; empty: each rule has its own.
    std::vector<std::uint8_t> fixed;
    /// Of MODIFY_FIELD, but for the value.
    FieldChange change;
};

struct ActionsTemplate {
    std::vector<TemplateAction> actions;
    bool counts = false;
    /// Tables that were made of it and are still there.
    std::size_t users = 0;
};

/// @return nothing, with @p complaint set, for what mlx5 or the model does not take
std::optional<ActionsTemplate> compile_actions(const rte_flow_action* actions,
                                               const rte_flow_action* masks,
                                               std::string& complaint);

/// The arguments that the template leaves to the rule, one after the other.
/// @return false, with @p complaint set: the actions are not the template's
bool read_arguments(const ActionsTemplate& actions_template, const rte_flow_action* actions,
                    std::vector<std::uint8_t>& arguments, std::string& complaint);

/// Where a rule sends a packet on.
struct Destination {
    enum class Kind : std::uint8_t { group, port, cpu, drop };

    Kind kind = Kind::drop;
    /// Of the group or the port.
    std::uint32_t number = 0;
};

/// Without carrying anything out.
Destination find_destination(const ActionsTemplate& actions_template,
                             std::span<const std::uint8_t> arguments);

/// What a METER_MARK's profile points to.
using MeterProfile = rte_mtr_meter_profile;
/// As the rule gives them: possibly null, or of nobody's.
std::vector<const MeterProfile*> find_meters(const ActionsTemplate& actions_template,
                                             std::span<const std::uint8_t> arguments);

/// @param arguments from read_arguments()
Destination apply(const ActionsTemplate& actions_template, std::span<const std::uint8_t> arguments,
                  ModelPacket& packet);

} // namespace sallyport::eswitch
