// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/wanted_rules.h"

#include "eswitch/stages/families.h"
#include "eswitch/stages/fdb.h"
#include "eswitch/stages/from_vm.h"
#include "eswitch/stages/length_prefix.h"
#include "eswitch/stages/police.h"
#include "eswitch/stages/uplink.h"
#include "eswitch/tag.h"
#include "net/overhead.h"
#include "net/vxlan_headers.h"

#include <algorithm>

namespace sallyport::eswitch {

namespace {

constexpr std::uint16_t ipv6_header_length = net::ip_header_length(net::IpFamily::ipv6);

/// Of the tenant's packets between vteps.
const char* why_not_vxlan(const TenantState& tenant) {
    if (tenant.row.id >= most_tagged_ids) return "too many tenants for the NIC's tag";
    if (tenant.row.udp_port != net::vxlan_udp_port)
        return "the NIC knows VXLAN on UDP port 4789 only";
    if (tenant.row.is_protected)
        return "it is protected by IPsec, which the CPU does: in clear the NIC neither sends nor "
               "takes "
               "it";
    return nullptr;
}

EncapHeader make_header(const overlay::TenantRow& tenant, const overlay::VtepRow& vtep,
                        const Settings& settings) {
    EncapHeader header{};
    net::write_vxlan_headers(
        {.local = tenant.local_vtep,
         .remote = vtep.address,
         .udp_port = tenant.udp_port,
         .vni = tenant.vni,
         .ttl = settings.ttl,
         .traffic_class = static_cast<std::uint8_t>(settings.dscp.value_or(0) << 2),
         .dont_fragment = settings.dont_fragment},
        header.data());
    return header;
}

bool may_send(const overlay::VmPortRow& vm_port, const net::MacAddress& mac) {
    return vm_port.allowed_macs.empty()
           || std::binary_search(vm_port.allowed_macs.begin(), vm_port.allowed_macs.end(), mac);
}

void want_delivery(WantedRules& out, const FdbEntry& entry, const TenantState& tenant,
                   std::uint16_t representor) {
    const std::uint8_t outer = pattern_of(tenant.row.local_vtep.family);
    for (const net::IpFamily inner : {net::IpFamily::ipv4, net::IpFamily::ipv6})
        out.add({.stage = StageId::deliver,
                 .pattern = static_cast<std::uint8_t>(outer << 1 | pattern_of(inner)),
                 .match = {.tag = tenant.row.id, .mac = entry.mac},
                 .effect = {.port = representor},
                 .account = decapsulated_for(static_cast<overlay::VmPortId>(entry.place))});
}

/// @param shift octets of the IP packet that its length field does not count
void want_lengths(WantedRules& out, std::uint32_t id, std::uint16_t mtu, net::IpFamily family,
                  std::uint16_t shift) {
    const std::uint32_t tag = make_vm_tag(0, 0, id);
    for_each_prefix(static_cast<std::uint16_t>(mtu - shift), [&](const LengthPrefix& prefix) {
        for (const StageId stage : {StageId::encapsulable, StageId::fits})
            out.add({.stage = stage,
                     .pattern = length_pattern(family, prefix.bits),
                     .match = {.tag = tag, .length = prefix.value}});
    });
}

} // namespace

const char* why_not_decapsulated(const TenantState& tenant, const Settings& settings) {
    if (const char* const why = why_not_vxlan(tenant)) return why;
    // The NIC does not see the UDP checksum, so it cannot refuse the zero ones.
    if (tenant.row.local_vtep.is_ipv6() && !settings.accept_udp6_zero_checksum)
        return "zero UDP checksums over IPv6 are not to be taken, and the NIC cannot tell them "
               "(underlay.udp6_zero_checksum)";
    return nullptr;
}

const char* why_not_encapsulated(const TenantState& tenant, const Settings& settings) {
    if (const char* const why = why_not_vxlan(tenant)) return why;
    const bool ipv4 = tenant.row.local_vtep.is_ipv4();
    if (!(ipv4 ? settings.zero_checksum_ipv4 : settings.zero_checksum_ipv6))
        return "the NIC writes no UDP checksum (underlay.udp_checksum)";
    if (ipv4 && !settings.dont_fragment)
        return "the NIC gives no IPv4 datagram an ID of its own (underlay.dont_fragment)";
    return nullptr;
}

void want_uplink(WantedRules& out, const UplinkState& uplink, const net::MacAddress& underlay_mac) {
    if (uplink.port == no_port || underlay_mac.is_zero()) return;
    out.add({.stage = StageId::from_uplink, .match = {.port = uplink.port, .mac = underlay_mac}});
}

void want_vm_port(WantedRules& out, const VmPortState& vm_port, std::uint16_t representor,
                  rte_flow_meter_profile* meter) {
    if (representor == no_port) return out.missing("no representor is attached");
    if (vm_port.row.id >= most_tagged_ids)
        return out.missing("too many vm ports for the NIC's tag");
    const overlay::VmPortId id = vm_port.row.id;
    RuleSpec from_vm{.stage = StageId::from_vm,
                     .match = {.port = representor},
                     .effect = {.tag = id},
                     .account = sent_by(id)};
    if (const auto& limit = vm_port.row.rate_limit) {
        from_vm.actions = from_vm_actions::metered;
        from_vm.effect.rate_limit = *limit;
        from_vm.effect.meter = meter;
        out.add({.stage = StageId::police,
                 .pattern = police_pattern::green,
                 .actions = police_pattern::green,
                 .match = {.tag = id}});
        out.add({.stage = StageId::police,
                 .pattern = police_pattern::red,
                 .actions = police_pattern::red,
                 .match = {.tag = id},
                 .account = policed_of(id)});
    }
    // Behind those that it leads to.
    out.add(from_vm);
}

void want_tenant(WantedRules& out, const TenantState& tenant, const Settings& settings) {
    if (const char* const why = why_not_decapsulated(tenant, settings)) return out.missing(why);
    out.add({.stage = tenant.row.local_vtep.is_ipv4() ? StageId::terminate_ipv4
                                                      : StageId::terminate_ipv6,
             .match = {.address = tenant.row.local_vtep, .vni = tenant.row.vni},
             .effect = {.tag = tenant.row.id}});
}

void want_tunnel(WantedRules& out, TunnelId id, const TenantState& tenant,
                 const net::IpAddress& remote, const Settings& settings) {
    if (const char* const why = why_not_decapsulated(tenant, settings)) return out.missing(why);
    out.add({.stage = StageId::peer,
             .pattern = pattern_of(remote.family),
             .match = {.tag = tenant.row.id, .address = remote},
             .effect = {.tag = id}});
}

void want_next_hop(WantedRules& out, const NextHopState& next_hop,
                   std::optional<overlay::UplinkIndex> active, std::uint16_t port) {
    RuleSpec spec{.stage = StageId::uplink,
                  .actions = uplink_actions::drop,
                  .match = {.tag = next_hop.row.id}};
    if (!active || port == no_port) {
        spec.account = without_uplink;
    } else if (!next_hop.row.links[*active]) {
        spec.account = without_neighbour;
    } else {
        spec.actions = uplink_actions::send;
        spec.effect = {.port = port, .link = *next_hop.row.links[*active]};
    }
    out.add(spec);
}

void want_length_class(WantedRules& out, std::uint32_t id, const LengthClassState& length_class) {
    want_lengths(out, id, length_class.mtu, net::IpFamily::ipv4, 0);
    if (length_class.mtu >= ipv6_header_length)
        want_lengths(out, id, length_class.mtu, net::IpFamily::ipv6, ipv6_header_length);
}

void want_local_entry(WantedRules& out, const FdbEntry& entry, const TenantState& tenant,
                      const VmPortState& vm_port, std::uint16_t representor,
                      const Settings& settings) {
    // The fdb can not lead across tenants; should it ever, the NIC does not follow.
    if (vm_port.row.tenant != tenant.row.id) return out.missing("the vm port is another tenant's");
    if (representor == no_port) return out.missing("no representor is attached to the vm port");
    if (tenant.row.id >= most_tagged_ids) return out.missing("too many tenants for the NIC's tag");
    if (vm_port.row.id >= most_tagged_ids)
        return out.missing("too many vm ports for the NIC's tag");
    if (tenant.length_class == no_length_class)
        return out.missing("too many different MTUs for the NIC's tag");
    const std::uint32_t tag = make_vm_tag(tenant.row.id, vm_port.row.id, tenant.length_class);
    if (may_send(vm_port.row, entry.mac))
        out.add({.stage = StageId::vm_station,
                 .match = {.tag = vm_port.row.id, .mac = entry.mac},
                 .effect = {.tag = tag}});
    else
        out.missing("the vm port may not send from it");
    out.add({.stage = StageId::own_station,
             .match = {.tag = make_vm_tag(tenant.row.id, vm_port.row.id, 0), .mac = entry.mac}});
    out.add({.stage = StageId::fdb,
             .pattern = fdb_pattern::local,
             .actions = fdb_actions::to_vm,
             .match = {.tag = tenant.row.id, .mac = entry.mac},
             .effect = {.port = representor},
             .account = switched_to(vm_port.row.id)});
    if (const char* const why = why_not_decapsulated(tenant, settings)) return out.missing(why);
    want_delivery(out, entry, tenant, representor);
}

void want_remote_entry(WantedRules& out, const FdbEntry& entry, const TenantState& tenant,
                       const overlay::VtepRow& vtep, const NextHopState* next_hop,
                       const Settings& settings) {
    if (const char* const why = why_not_decapsulated(tenant, settings))
        out.missing(why);
    else
        out.add({.stage = StageId::remote_station,
                 .pattern = pattern_of(vtep.address.family),
                 .match = {.tag = entry.place, .mac = entry.mac},
                 .effect = {.tag = tenant.row.id}});
    if (const char* const why = why_not_encapsulated(tenant, settings)) return out.missing(why);
    if (next_hop == nullptr) return out.missing("no route leads to the vtep");
    if (!next_hop->usable) return out.missing("the NIC has no rule for the next hop");
    out.add({.stage = StageId::fdb,
             .pattern = fdb_pattern::remote,
             .actions = vtep.address.is_ipv4() ? fdb_actions::encapsulate_ipv4
                                               : fdb_actions::encapsulate_ipv6,
             .match = {.tag = tenant.row.id | vm_tag::encapsulable, .mac = entry.mac},
             .effect = {.tag = next_hop->row.id, .encap = make_header(tenant.row, vtep, settings)},
             .account = encapsulated_for(tenant.row.id)});
}

} // namespace sallyport::eswitch
