// SPDX-License-Identifier: BSD-3-Clause
// By destination MAC: to a VM, or into a tunnel.
#include "eswitch/stages/fdb.h"

#include "eswitch/stages/stage.h"
#include "eswitch/tag.h"

namespace sallyport::eswitch {

namespace {

void write_pattern(PatternBuilder& out, std::uint8_t pattern, const RuleMatch& match,
                   const PipelineSettings&) {
    out.tag(match.tag, pattern == fdb_pattern::remote ? vm_tag::tenant | vm_tag::encapsulable
                                                      : vm_tag::tenant);
    out.to(match.mac);
}

void write_actions(ActionsBuilder& out, std::uint8_t actions, const RuleEffect& effect) {
    out.count();
    if (actions == fdb_actions::to_vm) {
        out.to_port(effect.port);
        return;
    }
    out.set_tag(effect.tag);
    out.encapsulate(effect.encap, net::vxlan_encap_length(actions == fdb_actions::encapsulate_ipv4
                                                              ? net::IpFamily::ipv4
                                                              : net::IpFamily::ipv6));
    out.jump(group::uplink);
}

} // namespace

const Stage fdb_stage{"fdb", group::fdb, 1, Origin::vport, 2, 3, write_pattern, write_actions};

} // namespace sallyport::eswitch
