// SPDX-License-Identifier: BSD-3-Clause
// All encapsulated packets leave here, by their next hop: failover changes these rules and no
// others. A packet without a way out is dropped here and counted; a miss would hand it to the CPU
// already encapsulated.
#include "eswitch/stages/uplink.h"

#include "eswitch/stages/stage.h"

namespace sallyport::eswitch {

namespace {

void write_pattern(PatternBuilder& out, std::uint8_t, const RuleMatch& match,
                   const PipelineSettings&) {
    out.tag(match.tag, UINT32_MAX);
    out.ethernet();
}

void write_actions(ActionsBuilder& out, std::uint8_t actions, const RuleEffect& effect) {
    out.count();
    if (actions == uplink_actions::drop) {
        out.drop();
        return;
    }
    out.set_destination(effect.link.destination);
    out.set_source(effect.link.source);
    out.to_port(effect.port);
}

} // namespace

const Stage uplink_stage{"uplink",      group::uplink, 0, Origin::vport, 1, 2,
                         write_pattern, write_actions};

} // namespace sallyport::eswitch
