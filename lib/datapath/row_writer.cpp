// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/row_writer.h"

#include "datapath/encap_template.h"

#include <algorithm>
#include <utility>

namespace sallyport::datapath {

namespace {

bool same_segment(const overlay::TenantRow& left, const overlay::TenantRow& right) {
    return left.vni == right.vni && left.local_vtep == right.local_vtep
           && left.udp_port == right.udp_port;
}

bool vni_below(const LocalEndpointsView::Segment& segment, std::uint32_t vni) {
    return segment.vni < vni;
}

} // namespace

RowWriter::RowWriter(Tables& tables, RcuDomain& domain, const SoftwarePathSettings& settings,
                     std::function<void(overlay::TenantId)> prepare_tenant)
    : tables_(tables), domain_(domain), settings_(settings),
      prepare_tenant_(std::move(prepare_tenant)), tunnel_vteps_(tables.tunnels.size()) {
    free_tunnels_.reserve(tunnel_vteps_.size());
    for (auto tunnel = static_cast<std::uint32_t>(tunnel_vteps_.size()); tunnel > 0; --tunnel)
        free_tunnels_.push_back(tunnel - 1);
    for (auto number = static_cast<std::uint32_t>(tables.inbound_sas.size()); number > 0; --number)
        free_sa_numbers_.push_back(number - 1);
}

Expected<void> RowWriter::apply(std::span<const overlay::RowChange> changes, std::size_t* applied) {
    Expected<void> result;
    std::size_t done = 0;
    for (const overlay::RowChange& change : changes) {
        result = std::visit(
            [&](const auto& row) {
                return change.kind == overlay::RowChange::Kind::put ? put(row) : remove(row);
            },
            change.row);
        if (!result) break;
        ++done;
    }
    if (std::exchange(local_endpoints_changed_, false)) publish_local_endpoints();
    domain_.reclaim();
    if (applied != nullptr) *applied = done;
    return result;
}

Expected<void> RowWriter::put(const overlay::TenantRow& row) {
    if (row.id >= tables_.tenants.size())
        return failure("more tenants than limits.tenants", "tenant " + row.name,
                       "raise limits.tenants");
    prepare_tenant_(row.id);
    auto [found, is_new] = tenants_.try_emplace(row.id);
    Tenant& tenant = found->second;
    // Another VNI or address is another segment: none of the old tunnels may live on.
    const bool new_segment = is_new || !same_segment(tenant.row, row);
    if (new_segment)
        while (!tenant.tunnels.empty())
            remove_tunnel(tenant, tenant.tunnels.begin()->first);
    const overlay::TenantRow before = std::exchange(tenant.row, row);
    std::vector<overlay::VtepId> added;
    for (const overlay::VtepId vtep : row.remote_vteps) {
        if (tenant.tunnels.contains(vtep)) continue;
        if (auto done = add_tunnel(tenant, vtep); !done) {
            for (const overlay::VtepId undo : added)
                remove_tunnel(tenant, undo);
            tenant.row = before;
            if (is_new) tenants_.erase(found);
            return done;
        }
        added.push_back(vtep);
    }
    publish_tenant(tenant);
    if (before.is_protected != row.is_protected)
        for (const auto& [vtep, tunnel] : tenant.tunnels)
            publish_tunnel(tenant, vteps_.at(vtep).row, tunnel);
    std::vector<overlay::VtepId> gone;
    for (const auto& [vtep, tunnel] : tenant.tunnels)
        if (std::find(row.remote_vteps.begin(), row.remote_vteps.end(), vtep)
            == row.remote_vteps.end())
            gone.push_back(vtep);
    for (const overlay::VtepId vtep : gone)
        remove_tunnel(tenant, vtep);
    if (!gone.empty()) publish_tenant(tenant);
    if (new_segment) {
        if (!is_new) remove_segment(before);
        add_segment(row);
    }
    return {};
}

Expected<void> RowWriter::remove(const overlay::TenantRow& row) {
    const auto found = tenants_.find(row.id);
    if (found == tenants_.end()) return {};
    tables_.tenants.publish(row.id, nullptr);
    while (!found->second.tunnels.empty())
        remove_tunnel(found->second, found->second.tunnels.begin()->first);
    remove_segment(found->second.row);
    tenants_.erase(found);
    // The id may be given to another tenant: no packet under way may carry it any more.
    domain_.synchronize();
    forget_learned(row.id);
    return {};
}

void RowWriter::forget_learned(overlay::TenantId tenant) {
    tables_.learn_queue.forget(
        [tenant](const LearnRecord& record) { return record.key >> 48 == tenant; });
}

Expected<void> RowWriter::add_tunnel(Tenant& tenant, overlay::VtepId vtep_id) {
    const auto vtep = vteps_.find(vtep_id);
    if (vtep == vteps_.end()) return failure("unknown remote vtep", "tenant " + tenant.row.name);
    if (free_tunnels_.empty())
        return failure("more pairs of tenant and remote vtep than limits.tunnels",
                       "tenant " + tenant.row.name, "raise limits.tunnels");
    const std::uint32_t tunnel = free_tunnels_.back();
    publish_tunnel(tenant, vtep->second.row, tunnel);
    if (auto done = put_key(tenant, vtep->second.row, tunnel); !done) {
        tables_.tunnels.publish(tunnel, nullptr);
        return done;
    }
    free_tunnels_.pop_back();
    tunnel_vteps_[tunnel] = vtep_id;
    tenant.tunnels.emplace(vtep_id, tunnel);
    vtep->second.tenants.push_back(tenant.row.id);
    return {};
}

void RowWriter::remove_tunnel(Tenant& tenant, overlay::VtepId vtep_id) {
    const auto found = tenant.tunnels.find(vtep_id);
    const std::uint32_t tunnel = found->second;
    Vtep& vtep = vteps_.at(vtep_id);
    remove_inbound_sas_of(tunnel);
    tenant.outbound_sas.erase(vtep_id);
    remove_key(tenant, vtep.row);
    tables_.tunnels.publish(tunnel, nullptr);
    tenant.tunnels.erase(found);
    std::erase(vtep.tenants, tenant.row.id);
    tunnel_vteps_[tunnel].reset();
    // As for tenants: a packet that holds the index must be gone before it means another tenant.
    domain_.synchronize();
    free_tunnels_.push_back(tunnel);
}

void RowWriter::publish_tunnel(const Tenant& tenant, const overlay::VtepRow& vtep,
                               std::uint32_t tunnel) {
    auto view = std::make_unique<TunnelView>(make_tunnel_view(tenant.row, vtep, settings_));
    if (const auto sas = tenant.outbound_sas.find(vtep.id); sas != tenant.outbound_sas.end())
        view->outbound_sas = sas->second;
    tables_.tunnels.publish(tunnel, std::move(view));
}

Expected<void> RowWriter::put_key(const Tenant& tenant, const overlay::VtepRow& vtep,
                                  std::uint32_t tunnel) {
    return vtep.address.is_ipv4()
               ? tables_.tunnels_by_key4->put(tunnel_key<TunnelKey4>(tenant.row, vtep), tunnel)
               : tables_.tunnels_by_key6->put(tunnel_key<TunnelKey6>(tenant.row, vtep), tunnel);
}

void RowWriter::remove_key(const Tenant& tenant, const overlay::VtepRow& vtep) {
    if (vtep.address.is_ipv4())
        tables_.tunnels_by_key4->remove(tunnel_key<TunnelKey4>(tenant.row, vtep));
    else
        tables_.tunnels_by_key6->remove(tunnel_key<TunnelKey6>(tenant.row, vtep));
}

void RowWriter::publish_tenant(const Tenant& tenant) {
    auto view = std::make_unique<TenantView>();
    view->vni = tenant.row.vni;
    view->mtu = tenant.row.mtu;
    view->learning = tenant.row.learning;
    view->flooding = tenant.row.flooding;
    view->pass_inner_vlan = tenant.row.pass_inner_vlan;
    view->vm_ports = tenant.vm_ports;
    for (const auto& [vtep, tunnel] : tenant.tunnels)
        view->tunnels.push_back(tunnel);
    tables_.tenants.publish(tenant.row.id, std::move(view));
}

Expected<void> RowWriter::put(const overlay::VmPortRow& row) {
    if (row.id >= tables_.vm_ports.size())
        return failure("more than " + std::to_string(tables_.vm_ports.size()) + " vm ports",
                       "vm port " + row.name, "use fewer vm ports");
    const auto tenant = tenants_.find(row.tenant);
    if (tenant == tenants_.end()) return failure("unknown tenant", "vm port " + row.name);
    auto meter = meter_for(row);
    if (!meter) return tl::unexpected(meter.error());
    const bool is_new = vm_ports_.insert_or_assign(row.id, VmPort{row, std::move(*meter)}).second;
    publish_vm_port(row.id);
    if (is_new) {
        tenant->second.vm_ports.push_back(row.id);
        publish_tenant(tenant->second);
    }
    return {};
}

Expected<std::shared_ptr<Meter>> RowWriter::meter_for(const overlay::VmPortRow& row) const {
    if (!row.rate_limit) return nullptr;
    const auto present = vm_ports_.find(row.id);
    if (present != vm_ports_.end() && present->second.meter
        && present->second.meter->limit() == *row.rate_limit)
        return present->second.meter;
    auto meter = Meter::create(*row.rate_limit);
    if (!meter) meter.error().where = "vm port " + row.name;
    return meter;
}

bool RowWriter::is_metered(overlay::VmPortId id) const {
    const auto vm_port = vm_ports_.find(id);
    return vm_port != vm_ports_.end() && vm_port->second.meter;
}

Expected<void> RowWriter::remove(const overlay::VmPortRow& row) {
    const auto found = vm_ports_.find(row.id);
    if (found == vm_ports_.end()) return {};
    if (const auto tenant = tenants_.find(found->second.row.tenant); tenant != tenants_.end()) {
        std::erase(tenant->second.vm_ports, row.id);
        publish_tenant(tenant->second);
    }
    vm_ports_.erase(found);
    tables_.vm_ports.publish(row.id, nullptr);
    domain_.synchronize();
    return {};
}

void RowWriter::bind_vm_port(overlay::VmPortId id, std::uint16_t dpdk_port) {
    if (dpdk_port == no_queue)
        bindings_.erase(id);
    else
        bindings_[id] = dpdk_port;
    publish_vm_port(id);
}

void RowWriter::publish_vm_port(overlay::VmPortId id) {
    const auto vm_port = vm_ports_.find(id);
    if (vm_port == vm_ports_.end()) return;
    const overlay::VmPortRow& row = vm_port->second.row;
    auto view = std::make_unique<VmPortView>();
    view->tenant = row.tenant;
    const auto binding = bindings_.find(id);
    view->dpdk_port = binding == bindings_.end() ? no_queue : binding->second;
    for (const net::MacAddress& mac : row.allowed_macs)
        view->allowed_macs.push_back(mac.to_u64());
    view->meter = vm_port->second.meter;
    tables_.vm_ports.publish(id, std::move(view));
}

Expected<void> RowWriter::put(const overlay::VtepRow& row) {
    Vtep& vtep = vteps_[row.id];
    vtep.row = row;
    for (const overlay::TenantId id : vtep.tenants) {
        const Tenant& tenant = tenants_.at(id);
        publish_tunnel(tenant, row, tenant.tunnels.at(row.id));
    }
    return {};
}

Expected<void> RowWriter::remove(const overlay::VtepRow& row) {
    vteps_.erase(row.id);
    return {};
}

Expected<void> RowWriter::put(const overlay::NextHopRow& row) {
    if (row.id >= tables_.next_hops.size())
        return failure("more next hops than limits.tunnels", "next hop " + row.address.to_string(),
                       "raise limits.tunnels");
    auto view = std::make_unique<NextHopView>();
    for (std::size_t uplink = 0; uplink < row.links.size(); ++uplink) {
        if (!row.links[uplink]) continue;
        NextHopView::Link& link = view->links[uplink];
        link.known = true;
        const auto& [source, destination] = *row.links[uplink];
        std::copy(destination.octets.begin(), destination.octets.end(), link.addresses.begin());
        std::copy(source.octets.begin(), source.octets.end(), link.addresses.begin() + 6);
    }
    tables_.next_hops.publish(row.id, std::move(view));
    return {};
}

Expected<void> RowWriter::remove(const overlay::NextHopRow& row) {
    tables_.next_hops.publish(row.id, nullptr);
    domain_.synchronize();
    return {};
}

Expected<void> RowWriter::put(const overlay::FdbRow& row) {
    const FdbKey key = fdb_key(row.tenant, row.mac.to_u64());
    const bool configured = row.origin == overlay::FdbOrigin::configured;
    if (const auto* const vm_port = std::get_if<overlay::VmPortRef>(&row.target))
        return tables_.fdb->put(key, FdbEntry::Kind::vm_port, vm_port->id, configured,
                                clock_.seconds());
    const auto tenant = tenants_.find(row.tenant);
    if (tenant == tenants_.end())
        return failure("unknown tenant", "fdb entry " + row.mac.to_string());
    const auto tunnel = tenant->second.tunnels.find(std::get<overlay::VtepRef>(row.target).id);
    if (tunnel == tenant->second.tunnels.end())
        return failure("the target is no remote vtep of the tenant",
                       "tenant " + tenant->second.row.name + ", fdb entry " + row.mac.to_string());
    return tables_.fdb->put(key, FdbEntry::Kind::tunnel, tunnel->second, configured,
                            clock_.seconds());
}

Expected<void> RowWriter::remove(const overlay::FdbRow& row) {
    tables_.fdb->remove(fdb_key(row.tenant, row.mac.to_u64()));
    return {};
}

Expected<void> RowWriter::put(const overlay::UplinkRow& row) {
    const int active = row.active ? int{*row.active} : no_uplink;
    tables_.first_packets.arm(active);
    tables_.active_uplink.store(active, std::memory_order_release);
    return {};
}

Expected<void> RowWriter::remove(const overlay::UplinkRow&) {
    tables_.active_uplink.store(no_uplink, std::memory_order_release);
    return {};
}

void RowWriter::add_segment(const overlay::TenantRow& row) {
    const LocalEndpointsView::Segment segment{row.vni, {row.local_vtep, row.udp_port}};
    ++endpoint_uses_[segment.endpoint];
    segments_.insert(std::lower_bound(segments_.begin(), segments_.end(), segment.vni, vni_below),
                     segment);
    local_endpoints_changed_ = true;
}

void RowWriter::remove_segment(const overlay::TenantRow& row) {
    const LocalEndpoint endpoint{row.local_vtep, row.udp_port};
    if (const auto uses = endpoint_uses_.find(endpoint); --uses->second == 0)
        endpoint_uses_.erase(uses);
    segments_.erase(std::lower_bound(segments_.begin(), segments_.end(), row.vni, vni_below));
    local_endpoints_changed_ = true;
}

void RowWriter::publish_local_endpoints() {
    auto view = std::make_unique<LocalEndpointsView>();
    for (const auto& [endpoint, uses] : endpoint_uses_)
        view->endpoints.push_back(endpoint);
    view->segments = segments_;
    for (const auto& [spi, sa] : inbound_sas_)
        view->protected_vteps.push_back(sa.vtep);
    std::sort(view->protected_vteps.begin(), view->protected_vteps.end());
    view->protected_vteps.erase(
        std::unique(view->protected_vteps.begin(), view->protected_vteps.end()),
        view->protected_vteps.end());
    tables_.local_endpoints.publish(0, std::move(view));
}

std::optional<overlay::VtepId> RowWriter::vtep_of_tunnel(std::uint32_t tunnel) const {
    return tunnel < tunnel_vteps_.size() ? tunnel_vteps_[tunnel] : std::nullopt;
}

} // namespace sallyport::datapath
