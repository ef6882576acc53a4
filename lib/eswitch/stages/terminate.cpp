// SPDX-License-Identifier: BSD-3-Clause
// VXLAN for one of our vteps, sound in all its outer headers: the tag becomes the tenant. A stage
// for each family, since both do not fit into one match of the NIC. Outer ECN marks that would
// change the inner header (RFC 6040 section 4.2) miss, as fragments and options do.
#include "eswitch/stages/stage.h"
#include "net/overhead.h"

namespace sallyport::eswitch {

namespace {

void write_pattern(PatternBuilder& out, const RuleMatch& match, net::IpFamily family) {
    net::IpAddress local = match.address;
    local.family = family;
    out.integrity(Layer::outer, family, true);
    out.ethernet();
    out.ip_to_vtep(local);
    // The only port on which the NIC is known to look for inner headers.
    out.udp_to(net::vxlan_udp_port);
    out.vxlan(match.vni);
}

void write_ipv4_pattern(PatternBuilder& out, std::uint8_t, const RuleMatch& match,
                        const PipelineSettings&) {
    write_pattern(out, match, net::IpFamily::ipv4);
}

void write_ipv6_pattern(PatternBuilder& out, std::uint8_t, const RuleMatch& match,
                        const PipelineSettings&) {
    write_pattern(out, match, net::IpFamily::ipv6);
}

void write_actions(ActionsBuilder& out, std::uint8_t, const RuleEffect& effect) {
    out.set_tag(effect.tag);
    out.jump(group::peer);
}

} // namespace

const Stage terminate_ipv4_stage{"terminate-ipv4",   group::terminate, 0, Origin::wire, 1, 1,
                                 write_ipv4_pattern, write_actions};
const Stage terminate_ipv6_stage{"terminate-ipv6",   group::terminate, 0, Origin::wire, 1, 1,
                                 write_ipv6_pattern, write_actions};

} // namespace sallyport::eswitch
