// SPDX-License-Identifier: BSD-3-Clause
#include "support/hypervisor.h"

#include <stdexcept>

namespace sallyport::testing {

datapath::SoftwarePathSettings Hypervisor::small_settings() {
    datapath::SoftwarePathSettings settings;
    settings.tenants = 16;
    settings.fdb_entries = 1024;
    settings.tunnels = 64;
    settings.underlay_mtu = 1600;
    settings.buffers = 4096;
    settings.worker_lcores = {0};
    return settings;
}

Hypervisor::Hypervisor(datapath::SoftwarePathSettings settings) : mtu_(settings.underlay_mtu) {
    start_eal();
    auto path = datapath::SoftwarePath::create(settings);
    if (!path) throw std::runtime_error(path.error().message());
    path_ = std::move(*path);
    path_->set_underlay_mac(underlay_mac);
    for (overlay::UplinkIndex index = 0; index < 2; ++index) {
        uplinks_.push_back(std::make_unique<RingPort>(
            "p" + std::to_string(index), datapath::PortRole::uplink, mtu_, path_->buffer_pool()));
        if (auto done = path_->attach_uplink(index, uplinks_.back()->port()); !done)
            throw std::runtime_error(done.error().message());
    }
    host_ =
        std::make_unique<RingPort>("host", datapath::PortRole::host, mtu_, path_->buffer_pool());
    if (auto done = path_->attach_host(host_->port()); !done)
        throw std::runtime_error(done.error().message());
    put(overlay::UplinkRow{0});
    const overlay::NextHopLink link{underlay_mac, next_hop_mac};
    put(overlay::NextHopRow{0, *net::IpAddress::parse("192.0.2.254"), {link, link}});
}

Hypervisor::~Hypervisor() {
    path_->stop();
    while (!vm_ports_.empty())
        remove_vm_port(vm_ports_.begin()->first);
    path_->detach(host_->port());
    for (auto& uplink : uplinks_)
        path_->detach(uplink->port());
    host_.reset();
    uplinks_.clear();
}

Expected<void> Hypervisor::apply(std::vector<overlay::RowChange> changes) {
    return path_->apply(changes, nullptr);
}

void Hypervisor::put(overlay::Row row) {
    if (auto done = apply({{overlay::RowChange::Kind::put, std::move(row)}}); !done)
        throw std::runtime_error(done.error().message());
}

void Hypervisor::remove(overlay::Row row) {
    if (auto done = apply({{overlay::RowChange::Kind::remove, std::move(row)}}); !done)
        throw std::runtime_error(done.error().message());
}

overlay::VtepId Hypervisor::add_vtep(const std::string& address) {
    const overlay::VtepId id = next_vtep_++;
    put(overlay::VtepRow{id, *net::IpAddress::parse(address), 0});
    return id;
}

overlay::TenantId Hypervisor::add_tenant(overlay::TenantRow row) {
    row.id = next_tenant_++;
    if (row.name.empty()) row.name = "tenant" + std::to_string(row.id);
    put(row);
    return row.id;
}

RingPort& Hypervisor::add_vm_port(overlay::TenantId tenant, const std::string& name,
                                  const std::vector<net::MacAddress>& macs) {
    const overlay::VmPortId id = next_vm_port_++;
    auto port =
        std::make_unique<RingPort>(name, datapath::PortRole::vm_port, mtu_, path_->buffer_pool());
    if (auto done = path_->attach_vm_port(id, port->port()); !done)
        throw std::runtime_error(done.error().message());
    put(overlay::VmPortRow{id, tenant, name, macs});
    return *vm_ports_.emplace(name, VmPort{id, tenant, std::move(port)}).first->second.port;
}

void Hypervisor::remove_vm_port(const std::string& name) {
    const auto found = vm_ports_.find(name);
    path_->detach(found->second.port->port());
    remove(overlay::VmPortRow{found->second.id, found->second.tenant, name, {}});
    vm_ports_.erase(found);
}

void Hypervisor::run() {
    while (path_->walk(0) > 0) {
    }
}

std::vector<overlay::LearnEvent> Hypervisor::learn() {
    std::vector<overlay::LearnEvent> events;
    path_->take_learned(events, 1024);
    for (const overlay::LearnEvent& event : events)
        put(overlay::FdbRow{event.tenant, event.mac, event.seen_at, overlay::FdbOrigin::learned});
    return events;
}

} // namespace sallyport::testing
