// SPDX-License-Identifier: BSD-3-Clause
#include "control/tenants.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace sallyport::control {
namespace {

const config::VmPortSettings* find_vm_port(const config::TenantSettings& tenant,
                                           const std::string& name) {
    const auto found = std::find_if(tenant.vm_ports.begin(), tenant.vm_ports.end(),
                                    [&](const auto& port) { return port.name == name; });
    return found == tenant.vm_ports.end() ? nullptr : &*found;
}

std::vector<overlay::FdbSpec> fdb_specs(std::span<const config::FdbSettings> entries) {
    std::vector<overlay::FdbSpec> specs;
    specs.reserve(entries.size());
    for (const auto& entry : entries)
        specs.push_back(to_spec(entry));
    return specs;
}

} // namespace

overlay::FdbSpec to_spec(const config::FdbSettings& settings) {
    overlay::FdbSpec spec{settings.mac, settings.vm_port};
    if (settings.vtep) spec.target = *settings.vtep;
    return spec;
}

overlay::TenantSpec to_spec(const config::TenantSettings& settings) {
    return to_spec(settings, settings.fdb);
}

overlay::TenantSpec to_spec(const config::TenantSettings& settings,
                            std::span<const config::FdbSettings> entries) {
    overlay::TenantSpec spec;
    spec.name = settings.name;
    spec.vni = settings.vni;
    spec.local_vtep = settings.local_vtep;
    spec.udp_port = settings.udp_port;
    spec.mtu = settings.mtu;
    spec.learning = settings.learning;
    spec.flooding = settings.flooding;
    spec.pass_inner_vlan = settings.pass_inner_vlan;
    spec.is_protected = settings.is_protected;
    spec.max_learned = settings.max_learned;
    spec.ageing_time = settings.ageing_time;
    spec.remote_vteps = settings.remote_vteps;
    for (const auto& port : settings.vm_ports)
        spec.vm_ports.push_back({port.name, port.macs, port.rate_limit});
    spec.fdb = fdb_specs(entries);
    return spec;
}

Tenants::Tenants(overlay::ForwardingState& state, VmPorts& ports, NextHops& next_hops,
                 std::function<void()> between)
    : state_(state), ports_(ports), next_hops_(next_hops), between_(std::move(between)) {}

Expected<void> Tenants::add(const config::TenantSettings& tenant) {
    auto added = add_rows(tenant);
    if (!added) return tl::unexpected(added.error());
    if (auto opened = open_ports(tenant, tenant.vm_ports); !opened) {
        undo_rows(tenant.name);
        return opened;
    }
    ++local_vteps_[tenant.local_vtep];
    next_hops_.watch(added->new_vteps);
    spdlog::debug("tenant {}: VNI {} with {} vm ports and {} remote vteps", tenant.name, tenant.vni,
                  tenant.vm_ports.size(), tenant.remote_vteps.size());
    return {};
}

Expected<overlay::ForwardingState::AddedTenant>
Tenants::add_rows(const config::TenantSettings& tenant) {
    std::span<const config::FdbSettings> left = tenant.fdb;
    const auto some = [&left] {
        const auto taken = left.first(std::min(left.size(), entries_at_once));
        left = left.subspan(taken.size());
        return taken;
    };
    auto added = state_.add_tenant(to_spec(tenant, some()));
    while (added && !left.empty()) {
        between_();
        if (auto more = state_.add_fdb(tenant.name, fdb_specs(some())); !more) {
            undo_rows(tenant.name);
            return tl::unexpected(more.error());
        }
    }
    return added;
}

void Tenants::undo_rows(const std::string& name) {
    if (auto removed = state_.remove_tenant(name); !removed)
        spdlog::error("tenant {}: not undone: {}", name, removed.error().message());
}

Expected<void> Tenants::open_ports(const config::TenantSettings& tenant,
                                   std::span<const config::VmPortSettings> ports) {
    for (std::size_t i = 0; i < ports.size(); ++i) {
        const auto& port = ports[i];
        const auto* row = state_.find_vm_port(port.name);
        auto opened = row != nullptr ? ports_.open_vm_port(tenant, port, row->id)
                                     : failure(fmt::format("vm port {} has no row", port.name),
                                               "tenant " + tenant.name);
        if (opened) continue;
        while (i-- > 0)
            ports_.close_vm_port(ports[i].name);
        return opened;
    }
    return {};
}

Expected<void> Tenants::remove(const std::string& name) {
    const auto* entry = state_.find_tenant(name);
    if (entry == nullptr) return failure(fmt::format("there is no tenant {}", name));
    auto local_vtep = local_vteps_.find(entry->row.local_vtep);
    auto removed = state_.remove_tenant(name);
    if (!removed) return tl::unexpected(removed.error());
    // The rows first: frames that still come in are dropped as vm-port-unbound, and a path that
    // refuses leaves the tenant whole.
    for (const auto& row : removed->vm_ports)
        ports_.close_vm_port(row.name);
    next_hops_.unwatch(removed->gone_vteps);
    if (local_vtep != local_vteps_.end() && --local_vtep->second == 0)
        local_vteps_.erase(local_vtep);
    return {};
}

Expected<void> Tenants::widen(const config::TenantSettings& running,
                              const config::TenantSettings& wanted) {
    auto new_vteps = state_.widen_tenant(to_spec(wanted));
    if (!new_vteps) return tl::unexpected(new_vteps.error());
    next_hops_.watch(*new_vteps);
    std::vector<config::VmPortSettings> new_ports;
    std::copy_if(wanted.vm_ports.begin(), wanted.vm_ports.end(), std::back_inserter(new_ports),
                 [&](const auto& port) { return find_vm_port(running, port.name) == nullptr; });
    auto opened = open_ports(wanted, new_ports);
    if (!opened) narrow(running, wanted);
    return opened;
}

void Tenants::narrow(const config::TenantSettings& running, const config::TenantSettings& wanted) {
    const auto back = state_.change_tenant(to_spec(running));
    if (!back)
        return spdlog::error("tenant {}: not undone: {}", wanted.name, back.error().message());
    let_go(*back);
}

Expected<overlay::ForwardingState::ChangedTenant>
Tenants::change(const config::TenantSettings& running, const config::TenantSettings& wanted) {
    auto changed = state_.change_tenant(to_spec(wanted));
    if (!changed) return changed;
    let_go(*changed);
    for (const auto& port : wanted.vm_ports) {
        ports_.change_vm_port(port);
        if (find_vm_port(running, port.name) == nullptr) ++changed->vm_ports.added;
    }
    for (const net::IpAddress& vtep : wanted.remote_vteps)
        if (std::find(running.remote_vteps.begin(), running.remote_vteps.end(), vtep)
            == running.remote_vteps.end())
            ++changed->remote_vteps.added;
    return changed;
}

void Tenants::let_go(const overlay::ForwardingState::ChangedTenant& changed) {
    for (const auto& row : changed.gone_vm_ports)
        ports_.close_vm_port(row.name);
    next_hops_.unwatch(changed.gone_vteps);
}

std::vector<net::IpAddress> Tenants::local_vteps() const {
    std::vector<net::IpAddress> addresses;
    addresses.reserve(local_vteps_.size());
    for (const auto& [address, tenants] : local_vteps_)
        addresses.push_back(address);
    return addresses;
}

} // namespace sallyport::control
