// SPDX-License-Identifier: BSD-3-Clause
// The rows of the forwarding state by number and by name, with what follows from them: counts and
// references. Knows no paths and refuses nothing.
#pragma once

#include "overlay/fdb_table.h"
#include "overlay/forwarding_state.h"
#include "overlay/id_table.h"
#include "overlay/path.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

namespace sallyport::overlay {

struct VtepEntry {
    VtepRow row;
    /// How many tenants list it.
    std::uint32_t tenants = 0;
};

struct NextHopEntry {
    NextHopRow row;
    /// How many vteps are reached through it.
    std::uint32_t vteps = 0;
    /// What the kernel says, kept while a vtep is reached through it.
    NextHopLinks kernel;
    /// What the operator says; wins uplink by uplink.
    NextHopLinks configured;
    bool is_static = false;
};

class RowTables {
  public:
    IdTable<TenantId, TenantEntry> tenants;
    IdTable<VmPortId, VmPortRow> vm_ports;
    IdTable<VtepId, VtepEntry> vteps;
    IdTable<NextHopId, NextHopEntry> next_hops;
    FdbTable fdb;
    UplinkRow uplink;

    /// In the order of a path, see Path::apply().
    void apply(const RowChange& change, FdbTable::TimePoint now);
    /// The row that has the key of @p row.
    [[nodiscard]] std::optional<Row> find(const Row& row) const;
    [[nodiscard]] std::vector<Row> rows() const;

    [[nodiscard]] TenantEntry* find_tenant(std::string_view name);
    [[nodiscard]] TenantEntry* find_tenant_by_vni(std::uint32_t vni);
    [[nodiscard]] VmPortRow* find_vm_port(std::string_view name);
    [[nodiscard]] VtepEntry* find_vtep(const net::IpAddress& address);
    [[nodiscard]] NextHopEntry* find_next_hop(const net::IpAddress& address);
    [[nodiscard]] const std::map<std::string, TenantId, std::less<>>& tenant_names() const {
        return tenant_names_;
    }
    /// Pairs of tenant and remote vtep.
    [[nodiscard]] std::size_t tunnels() const { return tunnels_; }

  private:
    void put(const TenantRow& row);
    void put(const VmPortRow& row);
    void put(const VtepRow& row);
    void put(const NextHopRow& row);
    void remove(const TenantRow& key);
    void remove(const VmPortRow& key);
    void remove(const VtepRow& key);
    void remove(const NextHopRow& key);
    void put_fdb(const FdbRow& row, FdbTable::TimePoint now);
    void remove_fdb(const FdbRow& key);
    void count_fdb(const FdbRow& row, std::int32_t change);
    void remove_names_of(TenantId tenant);
    void count_tunnels(const TenantRow& row, std::int32_t change);
    void leave_next_hop(std::optional<NextHopId> next_hop);

    std::map<std::string, TenantId, std::less<>> tenant_names_;
    std::unordered_map<std::uint32_t, TenantId> tenant_vnis_;
    std::map<std::string, VmPortId, std::less<>> vm_port_names_;
    std::unordered_map<net::IpAddress, VtepId> vtep_addresses_;
    std::unordered_map<net::IpAddress, NextHopId> next_hop_addresses_;
    std::size_t tunnels_ = 0;
};

} // namespace sallyport::overlay
