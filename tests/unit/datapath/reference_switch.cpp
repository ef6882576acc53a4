// SPDX-License-Identifier: BSD-3-Clause
#include "reference_switch.h"

#include "encapsulated.h"
#include "too_big_answer.h"

#include <algorithm>

namespace sallyport::testing {

namespace {

unsigned get16(const Octets& octets, std::size_t at) {
    return static_cast<unsigned>(octets.at(at) << 8 | octets.at(at + 1));
}

net::MacAddress mac_at(const Octets& frame, std::size_t at) {
    net::MacAddress address;
    std::copy_n(frame.begin() + static_cast<long>(at), 6, address.octets.begin());
    return address;
}

bool same_place(const overlay::FdbTarget& target, std::optional<overlay::VmPortId> vm_port,
                overlay::VtepId vtep) {
    if (vm_port) return target == overlay::FdbTarget{overlay::VmPortRef{*vm_port}};
    return target == overlay::FdbTarget{overlay::VtepRef{vtep}};
}

std::uint16_t header_sum(const Octets& octets, std::size_t l3) {
    return ones_sum(&octets[l3], (octets[l3] & 15U) * 4U);
}

/// Sets the checksum so that the header is as right, or as wrong, as it was.
void keep_header_sum(Octets& octets, std::size_t l3, std::uint16_t before) {
    octets[l3 + 10] = octets[l3 + 11] = 0;
    unsigned checksum = before + (0xffffU & ~header_sum(octets, l3));
    checksum = (checksum & 0xffff) + (checksum >> 16);
    if (checksum == 0xffff) checksum = 0;
    octets[l3 + 10] = static_cast<std::uint8_t>(checksum >> 8);
    octets[l3 + 11] = static_cast<std::uint8_t>(checksum);
}

/// Is it so that nobody may answer it?
bool silent(const Octets& frame, std::size_t l3, int version) {
    if ((frame[0] & 1) != 0) return true;
    const auto family = version == 4 ? net::IpFamily::ipv4 : net::IpFamily::ipv6;
    const std::size_t source = l3 + (version == 4 ? 12 : 8), length = version == 4 ? 4 : 16;
    const auto from = net::IpAddress::from_octets(family, &frame[source]);
    const auto to = net::IpAddress::from_octets(family, &frame[source + length]);
    if (from.is_unspecified() || from.is_multicast() || from.is_loopback() || to.is_multicast()
        || to.is_unspecified())
        return true;
    if (version == 4) {
        if ((get16(frame, l3 + 6) & 0x1fff) != 0) return true;
        const std::size_t icmp = l3 + (frame[l3] & 15U) * 4U;
        static const std::set<int> errors{3, 4, 5, 11, 12};
        return frame[l3 + 9] == 1 && (frame.size() <= icmp || errors.contains(frame[icmp]));
    }
    return frame[l3 + 6] == 58 && (frame.size() <= l3 + 40 || frame[l3 + 40] < 128);
}

} // namespace

struct ReferenceSwitch::Outer {
    bool ipv4 = false;
    std::size_t udp = 0;
    std::size_t end = 0;
    bool fragment = false;
    std::uint8_t traffic_class = 0;
    net::IpAddress source, destination;
    std::uint16_t port = 0;
};

void ReferenceSwitch::put(const overlay::Row& row) {
    if (const auto* tenant = std::get_if<overlay::TenantRow>(&row)) tenants_[tenant->id] = *tenant;
    if (const auto* port = std::get_if<overlay::VmPortRow>(&row)) vm_ports_[port->id] = *port;
    if (const auto* vtep = std::get_if<overlay::VtepRow>(&row)) vteps_[vtep->id] = *vtep;
    if (const auto* hop = std::get_if<overlay::NextHopRow>(&row)) next_hops_[hop->id] = *hop;
    if (const auto* fdb = std::get_if<overlay::FdbRow>(&row)) fdb_[{fdb->tenant, fdb->mac}] = *fdb;
    if (const auto* uplink = std::get_if<overlay::UplinkRow>(&row)) active_ = uplink->active;
}

void ReferenceSwitch::remove(const overlay::Row& row) {
    if (const auto* tenant = std::get_if<overlay::TenantRow>(&row)) tenants_.erase(tenant->id);
    if (const auto* port = std::get_if<overlay::VmPortRow>(&row)) vm_ports_.erase(port->id);
    if (const auto* vtep = std::get_if<overlay::VtepRow>(&row)) vteps_.erase(vtep->id);
    if (const auto* hop = std::get_if<overlay::NextHopRow>(&row)) next_hops_.erase(hop->id);
    if (const auto* fdb = std::get_if<overlay::FdbRow>(&row)) fdb_.erase({fdb->tenant, fdb->mac});
    if (std::holds_alternative<overlay::UplinkRow>(row)) active_.reset();
}

void ReferenceSwitch::send(const std::string& port, const Octets& frame) {
    if (frame.size() > max_frame_)
        drop("port-frame-size");
    else
        outcome_.sent[port].push_back(frame);
}

ReferenceSwitch::Inner ReferenceSwitch::parse(const Octets& frame) {
    Inner inner;
    inner.l3 = 14;
    inner.too_short = frame.size() < 14;
    if (inner.too_short) return inner;
    unsigned type = get16(frame, 12);
    for (int tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); ++tags) {
        inner.tagged = true;
        inner.too_short = frame.size() < inner.l3 + 4;
        if (inner.too_short) return inner;
        type = get16(frame, inner.l3 + 2);
        inner.l3 += 4;
    }
    const std::size_t left = frame.size() - inner.l3;
    inner.length = left;
    if (type == 0x0800) {
        inner.truncated = true;
        if (left < 20 || frame[inner.l3] >> 4 != 4) return inner;
        const unsigned header = (frame[inner.l3] & 15U) * 4U, total = get16(frame, inner.l3 + 2);
        if (header < 20 || total < header || total > left) return inner;
        inner.truncated = false;
        inner.ip_version = 4;
        inner.length = total;
        inner.traffic_class = frame[inner.l3 + 1];
    } else if (type == 0x86dd) {
        inner.truncated =
            left < 40 || frame[inner.l3] >> 4 != 6 || 40 + get16(frame, inner.l3 + 4) > left;
        if (inner.truncated) return inner;
        inner.ip_version = 6;
        inner.length = 40U + get16(frame, inner.l3 + 4);
        inner.traffic_class = static_cast<std::uint8_t>(get16(frame, inner.l3) >> 4);
    }
    return inner;
}

void ReferenceSwitch::from_vm(overlay::VmPortId id, const Octets& frame) {
    const auto port = vm_ports_.find(id);
    if (port == vm_ports_.end() || !tenants_.contains(port->second.tenant))
        return drop("vm-port-unbound");
    const overlay::TenantRow& tenant = tenants_.at(port->second.tenant);
    const auto& limit = port->second.rate_limit;
    if (limit && frame.size() > limit->burst_octets) return drop("rate-exceeded");
    const Inner inner = parse(frame);
    if (frame.size() < 14 || inner.too_short) return drop("frame-too-short");
    const net::MacAddress source = mac_at(frame, 6);
    if (source.is_multicast() || source.is_zero()) return drop("source-mac-invalid");
    const auto& allowed = port->second.allowed_macs;
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), source) == allowed.end())
        return drop("source-mac-spoofed");
    if (inner.tagged && !tenant.pass_inner_vlan) return drop("inner-vlan");
    if (inner.truncated) return drop("frame-truncated");
    if (inner.length > tenant.mtu) return too_large(port->second.name, frame, inner, tenant.mtu);
    forward(tenant, {id}, frame);
}

void ReferenceSwitch::too_large(const std::string& port, const Octets& frame, const Inner& inner,
                                std::uint16_t mtu) {
    if (inner.ip_version == 0 || silent(frame, inner.l3, inner.ip_version))
        return drop("mtu-exceeded");
    drop("mtu-exceeded-answered");
    send(port, inner.ip_version == 4 ? fragmentation_needed(frame, inner.l3, mtu)
                                     : packet_too_big(frame, inner.l3, mtu));
}

void ReferenceSwitch::from_host(const Octets& frame) {
    if (!active_) return drop("no-active-uplink");
    send(*active_ == 0 ? "p0" : "p1", frame);
}

void ReferenceSwitch::from_uplink(overlay::UplinkIndex uplink, const Octets& frame) {
    if (active_ != uplink) return drop("backup-uplink");
    if (frame.size() < 14) return drop("frame-too-short");
    if (mac_at(frame, 0).is_multicast()) return send("host", frame);
    if (mac_at(frame, 0) != underlay_mac_) return drop("not-for-us");
    const unsigned type = get16(frame, 12);
    if (type != 0x0800 && type != 0x86dd) return send("host", frame);
    Outer outer;
    outer.ipv4 = type == 0x0800;
    const std::size_t left = frame.size() - 14;
    std::uint8_t protocol = 0;
    if (outer.ipv4) {
        if (left < 20 || frame[14] >> 4 != 4) return drop("outer-malformed");
        const unsigned header = (frame[14] & 15U) * 4U, total = get16(frame, 16);
        if (header < 20 || total < header || total > left) return drop("outer-malformed");
        const unsigned fragment = get16(frame, 20);
        if ((fragment & 0x1fff) != 0) return send("host", frame);
        outer.fragment = (fragment & 0x2000) != 0;
        outer.traffic_class = frame[15];
        outer.udp = 14 + header;
        outer.end = 14 + total;
        protocol = frame[23];
        outer.source = net::IpAddress::from_octets(net::IpFamily::ipv4, &frame[26]);
        outer.destination = net::IpAddress::from_octets(net::IpFamily::ipv4, &frame[30]);
    } else {
        if (left < 40 || frame[14] >> 4 != 6 || 40 + get16(frame, 18) > left)
            return drop("outer-malformed");
        outer.traffic_class = static_cast<std::uint8_t>(get16(frame, 14) >> 4);
        outer.udp = 54;
        outer.end = 54 + get16(frame, 18);
        protocol = frame[20];
        outer.source = net::IpAddress::from_octets(net::IpFamily::ipv6, &frame[22]);
        outer.destination = net::IpAddress::from_octets(net::IpFamily::ipv6, &frame[38]);
    }
    if (protocol != 17) return send("host", frame);
    if (outer.end - outer.udp < 8) return drop("outer-malformed");
    outer.port = static_cast<std::uint16_t>(get16(frame, outer.udp + 2));
    if (!is_endpoint(outer.destination, outer.port)) return send("host", frame);
    to_endpoint(outer, frame);
}

bool ReferenceSwitch::is_endpoint(const net::IpAddress& address, std::uint16_t port) const {
    return std::any_of(tenants_.begin(), tenants_.end(), [&](const auto& tenant) {
        return tenant.second.local_vtep == address && tenant.second.udp_port == port;
    });
}

const overlay::TenantRow* ReferenceSwitch::tenant_of_vni(std::uint32_t vni) const {
    for (const auto& [id, tenant] : tenants_)
        if (tenant.vni == vni) return &tenant;
    return nullptr;
}

void ReferenceSwitch::to_endpoint(const Outer& outer, const Octets& frame) {
    if (outer.end - outer.udp < 16)
        return drop(outer.fragment ? "outer-fragment" : "outer-udp-length");
    const std::size_t vxlan = outer.udp + 8;
    const std::uint32_t vni = get16(frame, vxlan + 4) << 8 | frame[vxlan + 6];
    const overlay::TenantRow* const tenant = tenant_of_vni(vni);
    const bool its_endpoint = tenant != nullptr && tenant->local_vtep == outer.destination
                              && tenant->udp_port == outer.port;
    if (its_endpoint)
        for (const overlay::VtepId id : tenant->remote_vteps)
            if (vteps_.at(id).address == outer.source)
                return decapsulate(*tenant, id, outer, frame);
    if (outer.fragment) return drop("outer-fragment");
    if ((frame[vxlan] & 8) == 0) return drop("vxlan-flags");
    if (tenant == nullptr) return drop("vni-unknown");
    drop(its_endpoint ? "vtep-unknown" : "vni-wrong-vtep");
}

void ReferenceSwitch::decapsulate(const overlay::TenantRow& tenant, overlay::VtepId vtep,
                                  const Outer& outer, const Octets& frame) {
    if (tenant.is_protected) return drop("clear-text");
    if (outer.ipv4 && ones_sum(&frame[14], outer.udp - 14) != 0xffff)
        return drop("outer-ip-checksum");
    if (outer.fragment) return drop("outer-fragment");
    const std::size_t length = outer.end - outer.udp;
    if (get16(frame, outer.udp + 4) != length) return drop("outer-udp-length");
    if (get16(frame, outer.udp + 6) == 0) {
        if (!outer.ipv4 && !settings_.accept_udp6_zero_checksum)
            return drop("outer-udp6-zero-checksum");
    } else {
        const std::size_t addresses = outer.ipv4 ? 26 : 22, size = outer.ipv4 ? 8 : 32;
        const std::uint16_t pseudo =
            ones_sum(&frame[addresses], size, static_cast<std::uint32_t>(17 + length));
        if (ones_sum(&frame[outer.udp], length, pseudo) != 0xffff)
            return drop("outer-udp-checksum");
    }
    if ((frame[outer.udp + 8] & 8) == 0) return drop("vxlan-flags");
    Octets octets(frame.begin() + static_cast<long>(outer.udp + 16),
                  frame.begin() + static_cast<long>(outer.end));
    const Inner inner = parse(octets);
    if (inner.too_short) return drop("frame-too-short");
    const net::MacAddress source = mac_at(octets, 6);
    if (source.is_multicast() || source.is_zero()) return drop("source-mac-invalid");
    if (inner.tagged && !tenant.pass_inner_vlan) return drop("inner-vlan");
    if (inner.truncated) return drop("frame-truncated");
    if (inner.ip_version != 0) {
        // RFC 6040 figure 4.
        const int ecn = inner.traffic_class & 3, seen = outer.traffic_class & 3;
        if (seen == 3 && ecn == 0) return drop("ecn-invalid");
        const int becomes = seen == 3 ? 3 : (seen == 1 && ecn == 2) ? 1 : ecn;
        if (becomes != ecn && inner.ip_version == 4) {
            const std::uint16_t before = header_sum(octets, inner.l3);
            octets[inner.l3 + 1] =
                static_cast<std::uint8_t>((inner.traffic_class & 0xfc) | becomes);
            keep_header_sum(octets, inner.l3, before);
        } else if (becomes != ecn) {
            octets[inner.l3 + 1] =
                static_cast<std::uint8_t>((octets[inner.l3 + 1] & 0xcf) | becomes << 4);
        }
    }
    forward(tenant, {std::nullopt, vtep}, octets);
}

bool ReferenceSwitch::learn(const overlay::TenantRow& tenant, const Origin& origin,
                            const net::MacAddress& mac) {
    const auto known = fdb_.find({tenant.id, mac});
    if (known != fdb_.end()) {
        if (same_place(known->second.target, origin.vm_port, origin.vtep)) return true;
        if (known->second.origin == overlay::FdbOrigin::configured) return false;
    }
    if (tenant.learning)
        outcome_.learned.emplace(tenant.id, mac,
                                 origin.vm_port ? vm_ports_.at(*origin.vm_port).name
                                                : vteps_.at(origin.vtep).address.to_string());
    return true;
}

void ReferenceSwitch::forward(const overlay::TenantRow& tenant, const Origin& origin,
                              const Octets& frame) {
    if (!learn(tenant, origin, mac_at(frame, 6))) return drop("source-mac-static");
    const net::MacAddress destination = mac_at(frame, 0);
    const auto known = fdb_.find({tenant.id, destination});
    if (known == fdb_.end() || destination.is_multicast()) {
        if (destination.to_u64() >> 4 == 0x0180c200000) return drop("reserved-multicast");
        if (!tenant.flooding) return drop("flooding-off");
        return flood(tenant, origin, frame);
    }
    if (const auto* to = std::get_if<overlay::VmPortRef>(&known->second.target)) {
        if (origin.vm_port == to->id) return drop("same-port");
        const auto port = vm_ports_.find(to->id);
        if (port == vm_ports_.end() || port->second.tenant != tenant.id) return drop("port-gone");
        return send(port->second.name, frame);
    }
    if (!origin.vm_port) return drop("split-horizon");
    encapsulate(tenant, std::get<overlay::VtepRef>(known->second.target).id, frame);
}

void ReferenceSwitch::flood(const overlay::TenantRow& tenant, const Origin& origin,
                            const Octets& frame) {
    if (origin.vm_port && mac_at(frame, 0) == underlay_mac_) return drop("underlay-mac");
    bool any = false;
    for (const auto& [id, port] : vm_ports_) {
        if (port.tenant != tenant.id || origin.vm_port == id) continue;
        any = true;
        send(port.name, frame);
    }
    if (origin.vm_port) {
        for (const overlay::VtepId vtep : tenant.remote_vteps) {
            any = true;
            encapsulate(tenant, vtep, frame);
        }
    }
    if (!any) drop("flood-no-target");
}

void ReferenceSwitch::encapsulate(const overlay::TenantRow& tenant, overlay::VtepId id,
                                  const Octets& frame) {
    if (tenant.is_protected) return drop("no-sa");
    if (!active_) return drop("no-active-uplink");
    const overlay::VtepRow& vtep = vteps_.at(id);
    const auto next_hop = vtep.next_hop ? next_hops_.find(*vtep.next_hop) : next_hops_.end();
    if (next_hop == next_hops_.end() || !next_hop->second.links[*active_])
        return drop("next-hop-unresolved");
    const bool ipv4 = vtep.address.is_ipv4();
    Encapsulated packet;
    packet.destination = next_hop->second.links[*active_]->destination;
    packet.source = next_hop->second.links[*active_]->source;
    packet.source_ip = tenant.local_vtep;
    packet.destination_ip = vtep.address;
    const std::uint8_t inner = parse(frame).traffic_class;
    packet.traffic_class =
        settings_.dscp ? static_cast<std::uint8_t>(*settings_.dscp << 2 | (inner & 3)) : inner;
    packet.ttl = settings_.ttl;
    packet.dont_fragment = ipv4 && settings_.dont_fragment;
    packet.destination_port = tenant.udp_port;
    const bool computed = settings_.udp_checksum == datapath::UdpChecksum::computed
                          || (settings_.udp_checksum == datapath::UdpChecksum::automatic && !ipv4);
    packet.udp_checksum = computed ? 1 : 0;
    packet.flags = 8;
    packet.vni = tenant.vni;
    packet.inner = frame;
    send(*active_ == 0 ? "p0" : "p1", encode(packet));
}

} // namespace sallyport::testing
