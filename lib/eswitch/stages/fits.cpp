// SPDX-License-Identifier: BSD-3-Clause
// Sound IP packets without VLAN tag that are not longer than the tenant's MTU; the others miss, and
// the CPU answers the too large ones. Of two stages, the first takes those whose traffic class is
// the one that the outer header will have, and marks them: only they may be encapsulated by the
// NIC, which copies no traffic class.
#include "eswitch/stages/length_prefix.h"
#include "eswitch/stages/stage.h"
#include "eswitch/tag.h"

namespace sallyport::eswitch {

namespace {

constexpr std::uint8_t ecn_bits = 0x03;

void write_pattern(PatternBuilder& out, std::uint8_t pattern, const RuleMatch& match,
                   std::uint8_t traffic_class) {
    const LengthPrefix prefix{match.length, length_pattern_bits(pattern)};
    out.tag(match.tag, vm_tag::length_class);
    out.integrity(Layer::outer, length_pattern_family(pattern), false);
    out.untagged();
    out.ip_length(length_pattern_family(pattern), prefix.value, prefix.mask(), traffic_class);
}

void write_encapsulable_pattern(PatternBuilder& out, std::uint8_t pattern, const RuleMatch& match,
                                const PipelineSettings& settings) {
    // RFC 6040 section 4.1: ECN is always copied.
    write_pattern(out, pattern, match, settings.fixed_dscp ? ecn_bits : UINT8_MAX);
}

void write_fits_pattern(PatternBuilder& out, std::uint8_t pattern, const RuleMatch& match,
                        const PipelineSettings&) {
    write_pattern(out, pattern, match, 0);
}

void write_marking_actions(ActionsBuilder& out, std::uint8_t, const RuleEffect&) {
    out.set_tag_bit(vm_tag::encapsulable_bit);
    out.jump(group::fdb);
}

void write_actions(ActionsBuilder& out, std::uint8_t, const RuleEffect&) {
    out.jump(group::fdb);
}

} // namespace

const Stage encapsulable_stage{"encapsulable",
                               group::length,
                               0,
                               Origin::vport,
                               length_patterns,
                               1,
                               write_encapsulable_pattern,
                               write_marking_actions,
                               true};
const Stage fits_stage{
    "fits",        group::length, 1, Origin::vport, length_patterns, 1, write_fits_pattern,
    write_actions, true};

} // namespace sallyport::eswitch
