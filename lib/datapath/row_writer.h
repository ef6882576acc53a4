// SPDX-License-Identifier: BSD-3-Clause
// Turns row changes into the workers' lookup tables. Control thread only.
#pragma once

#include "base/error.h"
#include "datapath/coarse_clock.h"
#include "datapath/rcu.h"
#include "datapath/software_path.h"
#include "datapath/tables.h"
#include "overlay/path.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace sallyport::datapath {

class RowWriter {
  public:
    /// @param prepare_tenant called before a tenant's row becomes visible to the workers
    RowWriter(Tables& tables, RcuDomain& domain, const SoftwarePathSettings& settings,
              std::function<void(overlay::TenantId)> prepare_tenant);

    /// As overlay::Path::apply().
    Expected<void> apply(std::span<const overlay::RowChange> changes, std::size_t* applied);

    /// Ties a vm port's row to the DPDK port that serves it; no_queue unties.
    void bind_vm_port(overlay::VmPortId id, std::uint16_t dpdk_port);

    [[nodiscard]] bool is_metered(overlay::VmPortId id) const;

    // As SoftwarePath's.
    Expected<void> set_outbound_sas(overlay::TenantId tenant, overlay::VtepId vtep,
                                    std::span<const std::shared_ptr<ipsec::SaSession>> sessions);
    Expected<void> add_inbound_sa(overlay::TenantId tenant, overlay::VtepId vtep,
                                  std::shared_ptr<ipsec::SaSession> session,
                                  std::optional<std::uint16_t> worker);
    void remove_inbound_sa(std::uint32_t spi);

    /// The remote vtep at the far end of a tunnel; absent: removed meanwhile.
    [[nodiscard]] std::optional<overlay::VtepId> vtep_of_tunnel(std::uint32_t tunnel) const;

  private:
    struct Tenant {
        overlay::TenantRow row;
        std::map<overlay::VtepId, std::uint32_t> tunnels;
        std::map<overlay::VtepId, std::vector<WorkerSa>> outbound_sas;
        std::vector<overlay::VmPortId> vm_ports;
    };

    Expected<void> put(const overlay::TenantRow& row);
    Expected<void> put(const overlay::VmPortRow& row);
    Expected<void> put(const overlay::VtepRow& row);
    Expected<void> put(const overlay::NextHopRow& row);
    Expected<void> put(const overlay::FdbRow& row);
    Expected<void> put(const overlay::UplinkRow& row);
    Expected<void> remove(const overlay::TenantRow& row);
    Expected<void> remove(const overlay::VmPortRow& row);
    Expected<void> remove(const overlay::VtepRow& row);
    Expected<void> remove(const overlay::NextHopRow& row);
    Expected<void> remove(const overlay::FdbRow& row);
    Expected<void> remove(const overlay::UplinkRow& row);

    Expected<void> add_tunnel(Tenant& tenant, overlay::VtepId vtep);
    void remove_tunnel(Tenant& tenant, overlay::VtepId vtep);
    void publish_tunnel(const Tenant& tenant, const overlay::VtepRow& vtep, std::uint32_t tunnel);
    Expected<void> put_key(const Tenant& tenant, const overlay::VtepRow& vtep,
                           std::uint32_t tunnel);
    void remove_key(const Tenant& tenant, const overlay::VtepRow& vtep);
    void publish_tenant(const Tenant& tenant);
    void publish_vm_port(overlay::VmPortId id);
    void add_segment(const overlay::TenantRow& row);
    void remove_segment(const overlay::TenantRow& row);
    void publish_local_endpoints();
    Expected<std::uint32_t> find_tunnel(overlay::TenantId tenant, overlay::VtepId vtep) const;
    void remove_inbound_sas_of(std::uint32_t tunnel);
    /// Stations that workers have reported, and that nobody has taken yet.
    void forget_learned(overlay::TenantId tenant);

    Tables& tables_;
    RcuDomain& domain_;
    SoftwarePathSettings settings_;
    std::function<void(overlay::TenantId)> prepare_tenant_;
    CoarseClock clock_;

    std::map<overlay::TenantId, Tenant> tenants_;
    struct VmPort {
        overlay::VmPortRow row;
        /// Kept while the limit stays the same, so that no other change fills the bucket.
        std::shared_ptr<Meter> meter;
    };
    /// Null where the row has no limit.
    [[nodiscard]] Expected<std::shared_ptr<Meter>> meter_for(const overlay::VmPortRow& row) const;
    std::map<overlay::VmPortId, VmPort> vm_ports_;
    std::unordered_map<overlay::VmPortId, std::uint16_t> bindings_;
    struct Vtep {
        overlay::VtepRow row;
        /// Tenants that have a tunnel to it.
        std::vector<overlay::TenantId> tenants;
    };
    std::unordered_map<overlay::VtepId, Vtep> vteps_;
    /// By tunnel index.
    std::vector<std::optional<overlay::VtepId>> tunnel_vteps_;
    std::vector<std::uint32_t> free_tunnels_;
    /// Kept in order as tenants come and go, so that publishing is a copy and no sort.
    std::map<LocalEndpoint, unsigned> endpoint_uses_;
    std::vector<LocalEndpointsView::Segment> segments_;
    struct InboundSa {
        std::uint32_t number = 0;
        std::uint32_t tunnel = 0;
        net::IpAddress vtep;
    };
    /// By SPI.
    std::map<std::uint32_t, InboundSa> inbound_sas_;
    std::vector<std::uint32_t> free_sa_numbers_;
    bool local_endpoints_changed_ = false;
};

} // namespace sallyport::datapath
