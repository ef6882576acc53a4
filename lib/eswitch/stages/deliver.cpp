// SPDX-License-Identifier: BSD-3-Clause
// The inner destination is a VM of ours, and the inner packet is sound: out of the tunnel, to the
// VM. What is neither IPv4 nor IPv6, or tagged, misses.
#include "eswitch/stages/families.h"
#include "eswitch/stages/stage.h"

namespace sallyport::eswitch {

namespace {

/// Outer family in the upper bit, inner family in the lower one.
void write_pattern(PatternBuilder& out, std::uint8_t pattern, const RuleMatch& match,
                   const PipelineSettings&) {
    out.tag(match.tag, UINT32_MAX);
    out.integrity(Layer::inner, family_of_pattern(pattern & 1), false);
    out.ethernet();
    out.ip(family_of_pattern(pattern >> 1));
    out.udp();
    out.vxlan();
    out.untagged_to(match.mac);
    out.ip(family_of_pattern(pattern & 1));
}

void write_actions(ActionsBuilder& out, std::uint8_t, const RuleEffect& effect) {
    out.decapsulate();
    out.count();
    out.to_port(effect.port);
}

} // namespace

const Stage deliver_stage{"deliver",     group::deliver, 0, Origin::wire, 4, 1,
                          write_pattern, write_actions};

} // namespace sallyport::eswitch
