// SPDX-License-Identifier: BSD-3-Clause
// What a metered VM sends goes on while it is green; what is beyond its rate is counted and
// dropped. Only metered packets come here: the colour of others is whatever the register held.
#include "eswitch/stages/police.h"

#include "eswitch/stages/stage.h"

namespace sallyport::eswitch {

namespace {

void write_pattern(PatternBuilder& out, std::uint8_t pattern, const RuleMatch& match,
                   const PipelineSettings&) {
    out.tag(match.tag, UINT32_MAX);
    out.meter_color(pattern == police_pattern::red ? RTE_COLOR_RED : RTE_COLOR_GREEN);
    out.ethernet();
}

void write_actions(ActionsBuilder& out, std::uint8_t actions, const RuleEffect&) {
    out.count();
    if (actions == police_pattern::red)
        out.drop();
    else
        out.jump(group::vm_station);
}

} // namespace

const Stage police_stage{"police",      group::police, 0, Origin::vport, 2, 2,
                         write_pattern, write_actions};

} // namespace sallyport::eswitch
