// SPDX-License-Identifier: BSD-3-Clause
// What only shows across files: names, VNIs and devices given twice, our own addresses as remote
// ones, and limits exceeded.
#pragma once

#include "config/main_file.h"
#include "config/tenant_file.h"

#include <string>
#include <string_view>
#include <unordered_map>

namespace sallyport::config {

/// Takes one file after the other and complains of what clashes with an earlier one, in time
/// linear in what the files say.
class Clashes {
  public:
    /// @param complaints must outlive the object
    explicit Clashes(Complaints& complaints) : complaints_(complaints) {}

    void add_main(const Settings& settings, const MainLines& lines);
    void add_tenant(const TenantSettings& tenant, const TenantLines& lines);
    /// To be called for each tenant when all are added: an own address may stand in a later file.
    void check_remote_vteps(const TenantSettings& tenant, const TenantLines& lines);

  private:
    struct Place {
        /// "tenant blue", "uplink p0"
        std::string what;
        std::filesystem::path file;
        unsigned line = 0;

        [[nodiscard]] std::string text() const;
    };
    struct Key {
        const std::filesystem::path& file;
        unsigned line = 0;
        std::string name;
    };
    using Places = std::unordered_map<std::string, Place>;

    void complain(const Key& key, std::string wrong, std::string right);
    void claim(Places& places, const std::string& value, std::string_view kind, const Key& key,
               std::string what);
    void claim_device(const std::string& device, const Key& key, const std::string& what);
    void claim_bfd_address(const UplinkSettings& uplink, const Key& key);
    void add_sas(const TenantSettings& tenant, const TenantLines& lines);
    void add_vm_ports(const TenantSettings& tenant, const TenantLines& lines);
    void count(const TenantSettings& tenant);
    void check_limit(const TenantSettings& tenant, std::string_view name, std::string_view things,
                     std::size_t before, std::size_t now, std::size_t limit);

    Complaints& complaints_;
    LimitSettings limits_;
    Places tenant_names_;
    Places vnis_;
    Places port_names_;
    Places devices_;
    Places carriers_;
    Places inbound_spis_;
    Places outbound_spis_;
    Places key_files_;
    std::unordered_map<net::IpAddress, Place> own_addresses_;
    /// Those of BFD, which nobody else may have.
    std::unordered_map<net::IpAddress, Place> bfd_addresses_;
    std::size_t tenants_ = 0;
    std::size_t tunnels_ = 0;
    std::size_t fdb_entries_ = 0;
};

} // namespace sallyport::config
