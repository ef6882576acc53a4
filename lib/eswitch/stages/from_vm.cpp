// SPDX-License-Identifier: BSD-3-Clause
// What a VM sends: the port's number becomes the tag. A port with a rate limit has a meter.
#include "eswitch/stages/from_vm.h"

#include "eswitch/stages/stage.h"

namespace sallyport::eswitch {

namespace {

void write_pattern(PatternBuilder& out, std::uint8_t, const RuleMatch& match,
                   const PipelineSettings&) {
    out.represented_port(match.port);
}

void write_actions(ActionsBuilder& out, std::uint8_t actions, const RuleEffect& effect) {
    const bool metered = actions == from_vm_actions::metered;
    out.count();
    if (metered) out.meter(effect.meter);
    out.set_tag(effect.tag);
    out.jump(metered ? group::police : group::vm_station);
}

} // namespace

const Stage from_vm_stage{"from-vm",     group::origin, 0, Origin::any, 1, 2,
                          write_pattern, write_actions};

} // namespace sallyport::eswitch
