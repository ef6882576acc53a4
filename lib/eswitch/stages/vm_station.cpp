// SPDX-License-Identifier: BSD-3-Clause
// Is the source a station of this vm port, and may it send? A new one, one that moved and one that
// is not allowed miss. The tag becomes tenant, port and length class.
#include "eswitch/stages/stage.h"

namespace sallyport::eswitch {

namespace {

void write_pattern(PatternBuilder& out, std::uint8_t, const RuleMatch& match,
                   const PipelineSettings&) {
    out.tag(match.tag, UINT32_MAX);
    out.from(match.mac);
}

void write_actions(ActionsBuilder& out, std::uint8_t, const RuleEffect& effect) {
    out.count();
    out.set_tag(effect.tag);
    out.jump(group::length);
}

} // namespace

const Stage vm_station_stage{"vm-station",  group::vm_station, 0, Origin::vport, 1, 1,
                             write_pattern, write_actions};

} // namespace sallyport::eswitch
