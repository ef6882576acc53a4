// SPDX-License-Identifier: BSD-3-Clause
#include "fixture.h"

#include <rte_mempool.h>

namespace sallyport::testing {

Drops named(const datapath::DropCounts& counts) {
    Drops drops;
    for (std::size_t i = 0; i < counts.size(); ++i)
        if (counts[i] != 0) drops.emplace(std::string(name(static_cast<DropReason>(i))), counts[i]);
    return drops;
}

datapath::SoftwarePathSettings with_workers(std::vector<unsigned> lcores) {
    datapath::SoftwarePathSettings settings = Hypervisor::small_settings();
    settings.worker_lcores = std::move(lcores);
    return settings;
}

net::IpAddress vtep_address(IpFamily family, unsigned n) {
    const std::string prefix = family == IpFamily::ipv4 ? "192.0.2." : "2001:db8::";
    return *net::IpAddress::parse(prefix + std::to_string(n));
}

std::set<std::string>& DatapathTest::provoked() {
    static std::set<std::string> reasons;
    return reasons;
}

DatapathTest::DatapathTest() : hypervisor_(std::make_unique<Hypervisor>()) {}

void DatapathTest::TearDown() {
    finish();
}

void DatapathTest::finish() {
    run();
    drain();
    EXPECT_EQ(buffers_in_use(), 0U) << "buffers are lost";
    note_drops();
}

void DatapathTest::note_drops() {
    for (const auto& [reason, count] : drops())
        provoked().insert(reason);
}

void DatapathTest::reset_counters() {
    note_drops();
    path().reset_counters();
}

void DatapathTest::restart(const datapath::SoftwarePathSettings& settings) {
    finish();
    vm_ports_.clear();
    hypervisor_.reset();
    hypervisor_ = std::make_unique<Hypervisor>(settings);
    workers_ = settings.worker_lcores.size();
}

overlay::TenantRow DatapathTest::tenant_row(std::uint32_t vni, std::vector<overlay::VtepId> vteps,
                                            IpFamily family) {
    overlay::TenantRow row;
    row.vni = vni;
    row.local_vtep = vtep_address(family, 1);
    row.remote_vteps = std::move(vteps);
    return row;
}

RingPort& DatapathTest::add_port(overlay::TenantId tenant, const std::string& name,
                                 const std::vector<net::MacAddress>& macs) {
    vm_ports_.insert(name);
    return hypervisor_->add_vm_port(tenant, name, macs);
}

void DatapathTest::remove_port(const std::string& name) {
    hypervisor_->remove_vm_port(name);
    vm_ports_.erase(name);
}

overlay::VtepId DatapathTest::add_vtep(unsigned n, IpFamily family) {
    return hypervisor_->add_vtep(vtep_address(family, n).to_string());
}

void DatapathTest::put_local(overlay::TenantId tenant, std::uint8_t station,
                             const std::string& port, overlay::FdbOrigin origin) {
    hypervisor_->put(overlay::FdbRow{tenant, mac(station),
                                     overlay::VmPortRef{hypervisor_->vm_port_id(port)}, origin});
}

void DatapathTest::put_remote(overlay::TenantId tenant, std::uint8_t station, overlay::VtepId vtep,
                              overlay::FdbOrigin origin) {
    hypervisor_->put(overlay::FdbRow{tenant, mac(station), overlay::VtepRef{vtep}, origin});
}

void DatapathTest::send(RingPort& port, const Octets& frame) {
    port.send(frame);
    run();
}

void DatapathTest::run() {
    for (bool busy = true; busy;) {
        busy = false;
        for (std::size_t worker = 0; worker < workers_; ++worker)
            busy = path().walk(worker) > 0 || busy;
    }
}

void DatapathTest::drain() {
    sent();
}

std::map<std::string, std::vector<Octets>> DatapathTest::sent() {
    std::map<std::string, std::vector<Octets>> frames;
    const auto look = [&](const std::string& name, RingPort& port) {
        if (auto received = port.receive(); !received.empty())
            frames.emplace(name, std::move(received));
    };
    look("p0", hypervisor_->uplink(0));
    look("p1", hypervisor_->uplink(1));
    look("host", hypervisor_->host());
    for (const std::string& name : vm_ports_)
        look(name, hypervisor_->vm_port(name));
    return frames;
}

unsigned DatapathTest::buffers_in_use() {
    return rte_mempool_in_use_count(path().buffer_pool());
}

OuterFrame from_vtep(unsigned n, std::uint32_t vni, IpFamily family) {
    OuterFrame outer{.destination = underlay_mac,
                     .source = next_hop_mac,
                     .source_ip = vtep_address(family, n),
                     .destination_ip = vtep_address(family, 1)};
    outer.vni = vni;
    // A zero checksum is refused over IPv6 unless configured.
    outer.checksum = family == IpFamily::ipv6;
    return outer;
}

Octets frame(std::uint8_t source, std::uint8_t destination, IpFamily family, std::size_t payload) {
    InnerFrame inner{.destination = mac(destination), .source = mac(source)};
    inner.payload = payload;
    if (family == IpFamily::ipv6) {
        inner.source_ip = *net::IpAddress::parse("fd00::1");
        inner.destination_ip = *net::IpAddress::parse("fd00::2");
    }
    return make_frame(inner);
}

Octets broadcast(std::uint8_t source) {
    return make_frame({.destination = broadcast_mac, .source = mac(source)});
}

Octets raw_frame(const net::MacAddress& destination, const net::MacAddress& source,
                 std::uint16_t ether_type, std::size_t payload) {
    Octets octets(destination.octets.begin(), destination.octets.end());
    octets.insert(octets.end(), source.octets.begin(), source.octets.end());
    octets.push_back(static_cast<std::uint8_t>(ether_type >> 8));
    octets.push_back(static_cast<std::uint8_t>(ether_type));
    for (std::size_t i = 0; i < payload; ++i)
        octets.push_back(static_cast<std::uint8_t>(i * 7));
    return octets;
}

void OneTenantTest::build(IpFamily family) {
    vtep2 = add_vtep(2, family);
    vtep3 = add_vtep(3, family);
    row = tenant_row(vni, {vtep2, vtep3}, family);
    row.name = "blue";
    blue = row.id = hypervisor().add_tenant(row);
    add_port(blue, "a");
    add_port(blue, "b");
}

} // namespace sallyport::testing
