// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/stages/stage.h"

namespace sallyport::eswitch {

const Stage& stage(StageId id) {
    static constexpr std::array<const Stage*, stage_count> stages{
        &from_uplink_stage,
        &from_vm_stage,
        &police_stage,
        &terminate_ipv4_stage,
        &terminate_ipv6_stage,
        &peer_stage,
        &vm_station_stage,
        &encapsulable_stage,
        &fits_stage,
        &remote_station_stage,
        &deliver_stage,
        &own_station_stage,
        &fdb_stage,
        &uplink_stage,
    };
    return *stages[static_cast<std::size_t>(id)];
}

bool counts(const Stage& stage) {
    for (std::uint8_t set = 0; set < stage.action_sets; ++set) {
        ActionsBuilder builder;
        const RuleEffect effect;
        stage.write_actions(builder, set, effect);
        for (const auto* action = builder.actions(); action->type != RTE_FLOW_ACTION_TYPE_END;
             ++action)
            if (action->type == RTE_FLOW_ACTION_TYPE_COUNT) return true;
    }
    return false;
}

} // namespace sallyport::eswitch
