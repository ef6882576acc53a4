// SPDX-License-Identifier: BSD-3-Clause
// Is the sender a remote vtep of the tenant? The tag becomes the tunnel. Apart from termination
// because an IPv6 source and destination do not fit into one match.
#include "eswitch/stages/families.h"
#include "eswitch/stages/stage.h"

namespace sallyport::eswitch {

namespace {

void write_pattern(PatternBuilder& out, std::uint8_t pattern, const RuleMatch& match,
                   const PipelineSettings&) {
    net::IpAddress remote = match.address;
    remote.family = family_of_pattern(pattern);
    out.tag(match.tag, UINT32_MAX);
    out.ethernet();
    out.ip_from(remote);
}

void write_actions(ActionsBuilder& out, std::uint8_t, const RuleEffect& effect) {
    out.set_tag(effect.tag);
    out.jump(group::remote_station);
}

} // namespace

const Stage peer_stage{"peer", group::peer, 0, Origin::wire, 2, 1, write_pattern, write_actions};

} // namespace sallyport::eswitch
