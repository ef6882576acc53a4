// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/rule_text.h"

#include "eswitch/stages/families.h"
#include "eswitch/stages/fdb.h"
#include "eswitch/stages/from_vm.h"
#include "eswitch/stages/length_prefix.h"
#include "eswitch/stages/police.h"
#include "eswitch/stages/stage.h"
#include "eswitch/stages/uplink.h"
#include "eswitch/tag.h"

#include <fmt/format.h>

namespace sallyport::eswitch {

namespace {

std::uint32_t vm_port_of(std::uint32_t tag) {
    return (tag & vm_tag::port) >> vm_tag::port_shift;
}
std::uint32_t length_class_of(std::uint32_t tag) {
    return (tag & vm_tag::length_class) >> vm_tag::length_class_shift;
}

std::string lengths_text(const RuleSpec& spec) {
    const LengthPrefix prefix{spec.match.length, length_pattern_bits(spec.pattern)};
    const net::IpFamily family = length_pattern_family(spec.pattern);
    return fmt::format("length class {}, untagged {}, {} {} to {}", length_class_of(spec.match.tag),
                       net::to_string(family),
                       family == net::IpFamily::ipv4 ? "total length" : "payload length",
                       prefix.value, prefix.value | static_cast<std::uint16_t>(~prefix.mask()));
}

/// Where the prepared outer headers lead; they are ours, and whole.
std::string encap_text(const RuleSpec& spec) {
    const bool ipv4 = spec.actions == fdb_actions::encapsulate_ipv4;
    const std::uint8_t* const ip = spec.effect.encap.data() + net::ethernet_header_length;
    const auto family = ipv4 ? net::IpFamily::ipv4 : net::IpFamily::ipv6;
    const std::size_t source = ipv4 ? 12 : 8;
    const std::size_t size = ipv4 ? 4 : 16;
    return fmt::format("encapsulate {} to {}",
                       net::IpAddress::from_octets(family, ip + source).to_string(),
                       net::IpAddress::from_octets(family, ip + source + size).to_string());
}

} // namespace

std::string match_text(const RuleSpec& spec) {
    const RuleMatch& match = spec.match;
    const std::string mac = match.mac.to_string();
    switch (spec.stage) {
    case StageId::from_uplink:
        return fmt::format("from port {}, destination {}, untagged", match.port, mac);
    case StageId::from_vm:
        return fmt::format("from port {}", match.port);
    case StageId::police:
        return fmt::format("vm port {}, meter {}", match.tag,
                           spec.pattern == police_pattern::red ? "red" : "green");
    case StageId::terminate_ipv4:
    case StageId::terminate_ipv6:
        return fmt::format("VXLAN to {}, VNI {}", match.address.to_string(), match.vni);
    case StageId::peer:
        return fmt::format("tenant {}, outer source {}", match.tag, match.address.to_string());
    case StageId::vm_station:
        return fmt::format("vm port {}, source {}", match.tag, mac);
    case StageId::encapsulable:
        return lengths_text(spec) + ", traffic class of the outer header";
    case StageId::fits:
        return lengths_text(spec);
    case StageId::remote_station:
        return fmt::format("tunnel {}, inner source {}", match.tag, mac);
    case StageId::deliver:
        return fmt::format("tenant {}, inner destination {}, untagged {}", match.tag, mac,
                           net::to_string(family_of_pattern(spec.pattern & 1)));
    case StageId::own_station:
        return fmt::format("tenant {}, vm port {}, destination {}", match.tag & vm_tag::tenant,
                           vm_port_of(match.tag), mac);
    case StageId::fdb:
        return fmt::format("tenant {}{}, destination {}", match.tag & vm_tag::tenant,
                           (match.tag & vm_tag::encapsulable) != 0 ? ", encapsulable" : "", mac);
    case StageId::uplink:
        return fmt::format("next hop {}", match.tag);
    }
    return {};
}

std::string actions_text(const RuleSpec& spec) {
    const RuleEffect& effect = spec.effect;
    switch (spec.stage) {
    case StageId::from_uplink:
        return fmt::format("group {}", group::terminate);
    case StageId::from_vm:
        if (spec.actions == from_vm_actions::free)
            return fmt::format("count, tag vm port {}, group {}", effect.tag, group::vm_station);
        return fmt::format("count, meter {} bit/s burst {}, tag vm port {}, group {}",
                           effect.rate_limit.octets_per_second * 8, effect.rate_limit.burst_octets,
                           effect.tag, group::police);
    case StageId::police:
        if (spec.actions == police_pattern::red) return "count, drop";
        return fmt::format("count, group {}", group::vm_station);
    case StageId::terminate_ipv4:
    case StageId::terminate_ipv6:
        return fmt::format("tag tenant {}, group {}", effect.tag, group::peer);
    case StageId::peer:
        return fmt::format("tag tunnel {}, group {}", effect.tag, group::remote_station);
    case StageId::vm_station:
        return fmt::format("count, tag tenant {} vm port {} length class {}, group {}",
                           effect.tag & vm_tag::tenant, vm_port_of(effect.tag),
                           length_class_of(effect.tag), group::length);
    case StageId::encapsulable:
        return fmt::format("tag encapsulable, group {}", group::fdb);
    case StageId::fits:
        return fmt::format("group {}", group::fdb);
    case StageId::remote_station:
        return fmt::format("count, tag tenant {}, group {}", effect.tag, group::deliver);
    case StageId::deliver:
        return fmt::format("decapsulate, count, to port {}", effect.port);
    case StageId::own_station:
        return "to the CPU";
    case StageId::fdb:
        if (spec.actions == fdb_actions::to_vm)
            return fmt::format("count, to port {}", effect.port);
        return fmt::format("count, tag next hop {}, {}, group {}", effect.tag, encap_text(spec),
                           group::uplink);
    case StageId::uplink:
        if (spec.actions == uplink_actions::drop) return "count, drop";
        return fmt::format("count, destination {}, source {}, to port {}",
                           effect.link.destination.to_string(), effect.link.source.to_string(),
                           effect.port);
    }
    return {};
}

} // namespace sallyport::eswitch
