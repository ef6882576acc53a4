// SPDX-License-Identifier: BSD-3-Clause
// Rows -> rules: which rules make the NIC do what the software path does. Pure functions.
#pragma once

#include "eswitch/hardware_rows.h"
#include "eswitch/rule_spec.h"
#include "eswitch/settings.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sallyport::eswitch {

/// The rules wanted for one owner, and why there are not more of them.
class WantedRules {
  public:
    void add(const RuleSpec& spec) { specs_[count_++] = spec; }
    /// The first reason stays. @param why a literal
    void missing(const char* why) {
        if (missing_ == nullptr) missing_ = why;
    }
    [[nodiscard]] std::span<const RuleSpec> specs() const { return {specs_.data(), count_}; }
    /// Null: nothing is missing.
    [[nodiscard]] const char* why_missing() const { return missing_; }

  private:
    std::array<RuleSpec, most_rules_of_owner> specs_;
    std::size_t count_ = 0;
    const char* missing_ = nullptr;
};

/// Null: the NIC can. Else why the tenant's VXLAN packets stay in software.
const char* why_not_decapsulated(const TenantState& tenant, const Settings& settings);
const char* why_not_encapsulated(const TenantState& tenant, const Settings& settings);

void want_uplink(WantedRules& out, const UplinkState& uplink, const net::MacAddress& underlay_mac);
/// @param meter the NIC's, for the port's rate limit; null where it has none
void want_vm_port(WantedRules& out, const VmPortState& vm_port, std::uint16_t representor,
                  rte_flow_meter_profile* meter);
void want_tenant(WantedRules& out, const TenantState& tenant, const Settings& settings);
void want_tunnel(WantedRules& out, TunnelId id, const TenantState& tenant,
                 const net::IpAddress& remote, const Settings& settings);
/// @param port DPDK port id of the active uplink; no_port: none is
void want_next_hop(WantedRules& out, const NextHopState& next_hop,
                   std::optional<overlay::UplinkIndex> active, std::uint16_t port);
void want_length_class(WantedRules& out, std::uint32_t id, const LengthClassState& length_class);
void want_local_entry(WantedRules& out, const FdbEntry& entry, const TenantState& tenant,
                      const VmPortState& vm_port, std::uint16_t representor,
                      const Settings& settings);
/// @param next_hop null: no route leads to the vtep
void want_remote_entry(WantedRules& out, const FdbEntry& entry, const TenantState& tenant,
                       const overlay::VtepRow& vtep, const NextHopState* next_hop,
                       const Settings& settings);

} // namespace sallyport::eswitch
