// SPDX-License-Identifier: BSD-3-Clause
// The SAs of tunnels, and which worker each belongs to.
#include "datapath/row_writer.h"
#include "ipsec/esp_overhead.h"

#include <algorithm>
#include <utility>

namespace sallyport::datapath {

namespace {

Error no_such_tunnel(const ipsec::SaSession* session) {
    return {"no such tenant, or not its remote vtep",
            session == nullptr ? "" : "SA " + session->settings().name};
}

std::uint16_t headroom_of(const ipsec::SaSettings& settings) {
    return ipsec::esp_prefix_length(settings.algorithm, settings.mode, settings.local.family,
                                    settings.udp.has_value());
}

} // namespace

Expected<std::uint32_t> RowWriter::find_tunnel(overlay::TenantId tenant,
                                               overlay::VtepId vtep) const {
    const auto found = tenants_.find(tenant);
    if (found == tenants_.end()) return tl::unexpected(no_such_tunnel(nullptr));
    const auto tunnel = found->second.tunnels.find(vtep);
    if (tunnel == found->second.tunnels.end()) return tl::unexpected(no_such_tunnel(nullptr));
    return tunnel->second;
}

Expected<void>
RowWriter::set_outbound_sas(overlay::TenantId tenant_id, overlay::VtepId vtep,
                            std::span<const std::shared_ptr<ipsec::SaSession>> sessions) {
    const auto tunnel = find_tunnel(tenant_id, vtep);
    if (!tunnel) return tl::unexpected(tunnel.error());
    Tenant& tenant = tenants_.at(tenant_id);
    std::vector<WorkerSa> sas;
    const std::size_t workers = settings_.worker_lcores.size();
    // The first worker's is the first, so that none hands over where there are enough.
    for (const auto& session : sessions)
        sas.push_back({session, static_cast<std::uint16_t>(sas.size() % workers),
                       headroom_of(session->settings())});
    tenant.outbound_sas[vtep] = std::move(sas);
    publish_tunnel(tenant, vteps_.at(vtep).row, *tunnel);
    // The sessions that were there have no caller any more once this returns.
    domain_.synchronize();
    return {};
}

Expected<void> RowWriter::add_inbound_sa(overlay::TenantId tenant, overlay::VtepId vtep,
                                         std::shared_ptr<ipsec::SaSession> session,
                                         std::optional<std::uint16_t> worker) {
    const auto tunnel = find_tunnel(tenant, vtep);
    if (!tunnel) return tl::unexpected(tunnel.error());
    const ipsec::SaSettings& settings = session->settings();
    const std::string where = "SA " + settings.name;
    if (inbound_sas_.contains(settings.spi))
        return failure("another SA has its SPI", where, "give each inbound SA an SPI of its own");
    if (free_sa_numbers_.empty()) return failure("too many inbound SAs", where);
    if (worker && *worker >= settings_.worker_lcores.size())
        return failure("no worker " + std::to_string(*worker), where);
    const overlay::TenantRow& tenant_row = tenants_.at(tenant).row;
    const overlay::VtepRow& vtep_row = vteps_.at(vtep).row;
    auto view = std::make_unique<InboundSaView>();
    view->session = session;
    if (worker) view->worker = *worker;
    view->tunnel = *tunnel;
    view->family = vtep_row.address.family;
    if (vtep_row.address.is_ipv4())
        view->key4 = tunnel_key<TunnelKey4>(tenant_row, vtep_row);
    else
        view->key6 = tunnel_key<TunnelKey6>(tenant_row, vtep_row);
    const std::uint32_t number = free_sa_numbers_.back();
    tables_.inbound_sas.publish(number, std::move(view));
    if (auto done = tables_.inbound_sas_by_spi->put({settings.spi}, number); !done) {
        tables_.inbound_sas.publish(number, nullptr);
        return done;
    }
    free_sa_numbers_.pop_back();
    inbound_sas_.emplace(settings.spi, InboundSa{number, *tunnel, settings.local});
    publish_local_endpoints();
    return {};
}

void RowWriter::remove_inbound_sa(std::uint32_t spi) {
    const auto found = inbound_sas_.find(spi);
    if (found == inbound_sas_.end()) return;
    const std::uint32_t number = found->second.number;
    inbound_sas_.erase(found);
    tables_.inbound_sas_by_spi->remove({spi});
    tables_.inbound_sas.publish(number, nullptr);
    publish_local_endpoints();
    // The number may be given to another SA, and the session has no caller any more.
    domain_.synchronize();
    free_sa_numbers_.push_back(number);
}

void RowWriter::remove_inbound_sas_of(std::uint32_t tunnel) {
    std::vector<std::uint32_t> spis;
    for (const auto& [spi, sa] : inbound_sas_)
        if (sa.tunnel == tunnel) spis.push_back(spi);
    for (const std::uint32_t spi : spis)
        remove_inbound_sa(spi);
}

} // namespace sallyport::datapath
