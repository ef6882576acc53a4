// SPDX-License-Identifier: BSD-3-Clause
// What the active uplink receives for the underlay's MAC. The backup uplink has no rule: its
// packets miss, and the CPU counts them. Represented ports are matched in every pattern of this
// group, since packets that the CPU sends pass here too, and must not be caught.
#include "eswitch/stages/stage.h"

namespace sallyport::eswitch {

namespace {

void write_pattern(PatternBuilder& out, std::uint8_t, const RuleMatch& match,
                   const PipelineSettings&) {
    out.represented_port(match.port);
    out.untagged_to(match.mac);
}

void write_actions(ActionsBuilder& out, std::uint8_t, const RuleEffect&) {
    out.jump(group::terminate);
}

} // namespace

const Stage from_uplink_stage{"from-uplink", group::origin, 0, Origin::any, 1, 1,
                              write_pattern, write_actions};

} // namespace sallyport::eswitch
