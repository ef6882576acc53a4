// SPDX-License-Identifier: BSD-3-Clause
#include "random_rows.h"

#include "encapsulated.h"

#include <algorithm>
#include <iterator>
#include <sstream>

namespace sallyport::testing {

using overlay::FdbOrigin;
using overlay::FdbRow;

namespace {

Octets in_normal_form(const Octets& frame, SourcePort source_port) {
    try {
        Encapsulated packet = decode(frame);
        if (packet.source != underlay_mac || packet.flags != 8) return frame;
        if (source_port == SourcePort::own) packet.source_port = 0;
        packet.flow_label = 0;
        packet.id = 0;
        return encode(packet);
    } catch (const std::exception&) {
        return frame;
    }
}

} // namespace

FramesByPort in_normal_form(FramesByPort frames, SourcePort source_port) {
    for (auto& [port, list] : frames) {
        for (Octets& octets : list)
            octets = in_normal_form(octets, source_port);
        std::sort(list.begin(), list.end());
    }
    return frames;
}

void RandomRowsTest::put(const overlay::Row& row) {
    hypervisor().put(row);
    put_elsewhere(row);
}

void RandomRowsTest::remove(const overlay::Row& row) {
    hypervisor().remove(row);
    remove_elsewhere(row);
}

void RandomRowsTest::random_changes() {
    for (unsigned changes = random_.number(6); changes > 0; --changes)
        random_fdb_change();
    if (random_.chance(15)) random_tenant_change();
    if (random_.chance(10)) random_underlay_change();
    if (random_.chance(10)) random_port_change();
}

void RandomRowsTest::build() {
    const overlay::NextHopLink link{underlay_mac, next_hop_mac};
    put(overlay::NextHopRow{0, vtep_address(IpFamily::ipv4, 254), {link, link}});
    put(overlay::UplinkRow{0});
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
        for (unsigned n = 2; n < 5; ++n) {
            const overlay::VtepRow vtep{add_vtep(n, family), vtep_address(family, n), 0};
            put_elsewhere(vtep);
            vteps_[family].push_back(vtep.id);
            vtep_rows_[vtep.id] = vtep;
        }
    }
    for (const std::uint32_t vni : {100U, 200U, 300U, 400U}) {
        const IpFamily family = vni == 300 ? IpFamily::ipv6 : IpFamily::ipv4;
        overlay::TenantRow row = tenant_row(vni, vteps_[family], family);
        if (vni == 400) {
            row.local_vtep = *net::IpAddress::parse("192.0.2.200");
            row.udp_port = 8472;
        }
        row.id = hypervisor().add_tenant(row);
        row.name = "tenant" + std::to_string(vni);
        put(row);
        tenants_.push_back(row);
        for (unsigned i = 0; i < 3; ++i)
            new_port(row.id);
    }
}

void RandomRowsTest::new_port(overlay::TenantId tenant) {
    if (ports_.size() >= 16) return;
    std::vector<net::MacAddress> macs;
    if (random_.chance(50))
        for (std::uint8_t station = 1; station < 13; ++station)
            if (random_.chance(60)) macs.push_back(mac(station));
    const std::string name = "vm" + std::to_string(next_name_++);
    add_port(tenant, name, macs);
    const overlay::VmPortId id = hypervisor().vm_port_id(name);
    ports_.push_back({id, tenant, name});
    put(overlay::VmPortRow{id, tenant, name, macs, random_limit()});
}

std::optional<net::RateLimit> RandomRowsTest::random_limit() {
    if (random_.chance(70)) return std::nullopt;
    // All or nothing: no bucket ever fills or empties, however fast the frames come.
    return net::RateLimit{1'000'000'000'000, random_.chance(70) ? 1'000'000'000U : 1U};
}

void RandomRowsTest::random_fdb_change() {
    const overlay::TenantRow& tenant = random_.one_of(tenants_);
    FdbRow row{tenant.id, mac(static_cast<std::uint8_t>(1 + random_.number(12))), {}, {}};
    if (random_.chance(5)) row.mac = underlay_mac;
    if (random_.chance(25)) {
        remove(row);
        forget(row);
        return;
    }
    row.origin = random_.chance(20) ? FdbOrigin::configured : FdbOrigin::learned;
    if (random_.chance(50) && !ports_.empty()) {
        // Now and then a port that is another tenant's.
        const Port& port = random_.one_of(ports_);
        if (port.tenant != tenant.id && !random_.chance(10)) return;
        row.target = overlay::VmPortRef{port.id};
    } else {
        if (tenant.remote_vteps.empty()) return;
        row.target = overlay::VtepRef{random_.one_of(tenant.remote_vteps)};
    }
    put(row);
    forget(row);
    fdb_.push_back(row);
}

void RandomRowsTest::forget(const FdbRow& row) {
    std::erase_if(fdb_, [&](const FdbRow& other) {
        return other.tenant == row.tenant && other.mac == row.mac;
    });
}

void RandomRowsTest::random_tenant_change() {
    overlay::TenantRow& tenant = tenants_[random_.number(4)];
    tenant.learning = random_.chance(80);
    tenant.flooding = random_.chance(80);
    tenant.pass_inner_vlan = random_.chance(40);
    tenant.is_protected = random_.chance(10);
    tenant.mtu = static_cast<std::uint16_t>(random_.chance(50)   ? 1500
                                            : random_.chance(50) ? 100 + random_.number(200)
                                                                 : 1580);
    std::vector<overlay::VtepId> vteps;
    for (const overlay::VtepId vtep : vteps_[tenant.local_vtep.family])
        if (random_.chance(75)) vteps.push_back(vtep);
    // As the control thread does: the entries of a vtep go before it.
    for (const FdbRow& row : std::vector(fdb_)) {
        const auto* vtep = std::get_if<overlay::VtepRef>(&row.target);
        if (row.tenant != tenant.id || vtep == nullptr
            || std::find(vteps.begin(), vteps.end(), vtep->id) != vteps.end())
            continue;
        remove(row);
        forget(row);
    }
    tenant.remote_vteps = vteps;
    put(tenant);
}

void RandomRowsTest::random_underlay_change() {
    const overlay::NextHopLink link{underlay_mac, next_hop_mac};
    const overlay::NextHopLink other{underlay_mac, mac(0xfe)};
    overlay::NextHopRow hop{random_.number(2), vtep_address(IpFamily::ipv4, 254), {}};
    for (auto& one_link : hop.links)
        if (random_.chance(80)) one_link = random_.chance(50) ? link : other;
    put(hop);
    auto& vtep = vtep_rows_[random_.number(6)];
    vtep.next_hop = random_.number(2);
    if (random_.chance(10)) vtep.next_hop.reset();
    put(vtep);
    overlay::UplinkRow uplink{static_cast<overlay::UplinkIndex>(random_.number(2))};
    if (random_.chance(10)) uplink.active.reset();
    put(uplink);
    active_ = uplink.active.value_or(0);
}

void RandomRowsTest::random_port_change() {
    if (random_.chance(40) && !ports_.empty()) {
        const Port& port = random_.one_of(ports_);
        put(overlay::VmPortRow{port.id, port.tenant, port.name, {}, random_limit()});
    } else if (random_.chance(50) && ports_.size() > 4) {
        const std::size_t index = random_.number(static_cast<unsigned>(ports_.size()));
        const Port port = ports_[index];
        remove_port(port.name);
        remove_elsewhere(overlay::VmPortRow{port.id, port.tenant, port.name, {}});
        ports_.erase(ports_.begin() + static_cast<long>(index));
    } else {
        new_port(random_.one_of(tenants_).id);
    }
}

InnerFrame RandomRowsTest::inner_between(const FdbRow& from, const FdbRow& to) {
    InnerFrame inner{.destination = to.mac, .source = from.mac};
    if (random_.chance(50)) {
        inner.source_ip = *net::IpAddress::parse("fd00::1");
        inner.destination_ip = *net::IpAddress::parse("fd00::2");
    }
    inner.source_port = static_cast<std::uint16_t>(random_.number(65536));
    if (random_.chance(30)) inner.traffic_class = static_cast<std::uint8_t>(random_.number(256));
    if (random_.chance(5)) inner.vlan = static_cast<std::uint16_t>(1 + random_.number(4094));
    const std::uint16_t mtu = tenants_[from.tenant].mtu;
    inner.payload =
        random_.chance(70) || mtu < 60 ? random_.number(100) : mtu - 58U + random_.number(40);
    return inner;
}

Octets RandomRowsTest::from_remote(const overlay::TenantRow& tenant, overlay::VtepId vtep,
                                   const Octets& inner) {
    OuterFrame outer = from_vtep(2, tenant.vni, tenant.local_vtep.family);
    outer.source_ip = vtep_rows_.at(vtep).address;
    outer.destination_ip = tenant.local_vtep;
    outer.destination_port = tenant.udp_port;
    outer.source_port = static_cast<std::uint16_t>(random_.number(65536));
    if (random_.chance(30)) outer.traffic_class = static_cast<std::uint8_t>(random_.number(256));
    outer.checksum = random_.chance(30);
    Octets packet = make_vxlan(outer, inner);
    if (random_.chance(20)) {
        random_.mutate(packet, 90);
        if (random_.chance(50) && packet.size() >= 34 && packet[12] == 8 && (packet[14] & 15) == 5)
            fix_ipv4_checksum(packet);
    }
    return packet;
}

std::optional<RandomRowsTest::KnownWay> RandomRowsTest::known_way() {
    if (fdb_.empty()) return std::nullopt;
    const FdbRow& from = random_.one_of(fdb_);
    const bool from_remote_vtep = std::holds_alternative<overlay::VtepRef>(from.target);
    std::vector<FdbRow> destinations;
    std::copy_if(fdb_.begin(), fdb_.end(), std::back_inserter(destinations), [&](const FdbRow& to) {
        const bool to_remote = std::holds_alternative<overlay::VtepRef>(to.target);
        return to.tenant == from.tenant && !(from_remote_vtep && to_remote);
    });
    if (destinations.empty()) return std::nullopt;
    const FdbRow& to = random_.one_of(destinations);
    Octets inner = make_frame(inner_between(from, to));
    if (random_.chance(20)) random_.mutate(inner, 60);
    if (from_remote_vtep) {
        const auto vtep = std::get<overlay::VtepRef>(from.target).id;
        return KnownWay{nullptr, from_remote(tenants_[from.tenant], vtep, inner)};
    }
    for (const Port& port : ports_)
        if (port.id == std::get<overlay::VmPortRef>(from.target).id) return KnownWay{&port, inner};
    return std::nullopt;
}

std::string RandomRowsTest::describe_rows() const {
    std::ostringstream text;
    for (const overlay::TenantRow& row : tenants_)
        text << "tenant " << row.id << " vni " << row.vni << " mtu " << row.mtu << " vtep "
             << row.local_vtep.to_string() << " learning " << row.learning << " vlan "
             << row.pass_inner_vlan << "\n";
    for (const Port& port : ports_)
        text << "vm port " << port.name << " number " << port.id << " tenant " << port.tenant
             << "\n";
    for (const auto& [id, row] : vtep_rows_)
        text << "vtep " << id << " " << row.address.to_string() << " next hop "
             << (row.next_hop ? std::to_string(*row.next_hop) : "none") << "\n";
    for (const FdbRow& row : fdb_) {
        const auto* const vtep = std::get_if<overlay::VtepRef>(&row.target);
        text << "fdb tenant " << row.tenant << " " << row.mac.to_string()
             << (vtep != nullptr ? " vtep " : " vm port ")
             << (vtep != nullptr ? vtep->id : std::get<overlay::VmPortRef>(row.target).id)
             << (row.origin == FdbOrigin::configured ? " configured" : "") << "\n";
    }
    return text.str();
}

} // namespace sallyport::testing
