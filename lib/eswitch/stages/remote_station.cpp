// SPDX-License-Identifier: BSD-3-Clause
// Is the inner source known to be behind this tunnel? A new station, and one that moved, miss and
// are learned. The tag becomes the tenant again.
#include "eswitch/stages/families.h"
#include "eswitch/stages/stage.h"

namespace sallyport::eswitch {

namespace {

void write_pattern(PatternBuilder& out, std::uint8_t pattern, const RuleMatch& match,
                   const PipelineSettings&) {
    out.tag(match.tag, UINT32_MAX);
    out.ethernet();
    out.ip(family_of_pattern(pattern));
    out.udp();
    out.vxlan();
    out.from(match.mac);
}

void write_actions(ActionsBuilder& out, std::uint8_t, const RuleEffect& effect) {
    out.count();
    out.set_tag(effect.tag);
    out.jump(group::deliver);
}

} // namespace

const Stage remote_station_stage{"remote-station", group::remote_station, 0, Origin::wire, 2, 1,
                                 write_pattern,    write_actions};

} // namespace sallyport::eswitch
