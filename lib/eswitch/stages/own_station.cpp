// SPDX-License-Identifier: BSD-3-Clause
// A frame to a station of the very port it came from goes to the CPU, which drops and counts it:
// nothing is sent back to where it came from.
#include "eswitch/stages/stage.h"
#include "eswitch/tag.h"

namespace sallyport::eswitch {

namespace {

void write_pattern(PatternBuilder& out, std::uint8_t, const RuleMatch& match,
                   const PipelineSettings&) {
    out.tag(match.tag, vm_tag::tenant | vm_tag::port);
    out.to(match.mac);
}

void write_actions(ActionsBuilder& out, std::uint8_t, const RuleEffect&) {
    out.to_cpu();
}

} // namespace

const Stage own_station_stage{"own-station", group::fdb,   0, Origin::vport, 1, 1,
                              write_pattern, write_actions};

} // namespace sallyport::eswitch
