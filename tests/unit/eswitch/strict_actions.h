// SPDX-License-Identifier: BSD-3-Clause
// What mlx5 (DPDK 24.11, template API, FDB) takes as an actions template, and as a rule's actions.
#pragma once

#include "eswitch/flow_api.h"
#include "strict_copies.h"
#include "strict_options.h"
#include "strict_refusal.h"

#include <cstdint>
#include <functional>
#include <optional>

#include <rte_flow.h>

namespace sallyport::eswitch {

/// What an actions template depends on outside itself.
struct ActionsSurroundings {
    const StrictOptions& options;
    std::uint32_t counters = 0;
    std::uint32_t aging_objects = 0;
    std::uint32_t meters = 0;
    /// The transfer proxy has been started, so that group 0 is not the root table.
    bool groups_translated = false;
    std::function<bool(std::uint16_t)> known_port;
    std::function<bool(std::uint16_t)> is_wire;
    std::function<bool(const rte_flow_meter_profile*)> known_meter;
};

/// What a rule takes of that which was set aside.
struct StrictShare {
    bool counter = false;
    bool aging = false;
    bool meter = false;
};

/// Both lists with their END.
Verdict check_actions_template(const rte_flow_action* actions, const rte_flow_action* masks,
                               const ActionsSurroundings& surroundings);

/// A template that passed, and what its tables and rules need to know of it.
struct ActionsTemplateContent {
    ActionsTemplateContent(const rte_flow_action* template_actions,
                           const rte_flow_action* template_masks);

    OwnedActions actions;
    OwnedActions masks;
    bool decapsulates = false;
    bool encapsulates = false;
    /// Each rule's.
    StrictShare needs;
    /// Group of a JUMP that is fixed by its mask.
    std::optional<std::uint32_t> jump;
};

/// Of the METER_MARK in a rule's actions; null: it has none.
const rte_flow_meter_profile* meter_of(const ActionsTemplateContent& content,
                                       const rte_flow_action* actions);

/// Whether the template may be used for packets of @p origin.
Verdict check_direction(const ActionsTemplateContent& content, Origin origin,
                        const ActionsSurroundings& surroundings);

/// @param from_wire the packets of the rule come from a wire port
Verdict check_rule_actions(const ActionsTemplateContent& content, const rte_flow_action* actions,
                           bool from_wire, const ActionsSurroundings& surroundings);

} // namespace sallyport::eswitch
