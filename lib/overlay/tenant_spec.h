// SPDX-License-Identifier: BSD-3-Clause
// A tenant as it is wanted: names and addresses, before any number was given to it.
#pragma once

#include "net/ip_address.h"
#include "net/mac_address.h"
#include "net/rate_limit.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sallyport::overlay {

struct VmPortSpec {
    /// Unique over all tenants.
    std::string name;
    /// MACs the VM may send from, in any order; empty: any unicast MAC.
    std::vector<net::MacAddress> macs;
    /// Of what the VM sends.
    std::optional<net::RateLimit> rate_limit{};
};

/// A configured fdb entry: a MAC address behind the vm port of that name, or behind that remote
/// vtep.
struct FdbSpec {
    net::MacAddress mac;
    std::variant<std::string, net::IpAddress> target;
};

struct TenantSpec {
    std::string name;
    /// 24 bits, host byte order.
    std::uint32_t vni = 0;
    net::IpAddress local_vtep;
    /// Host byte order.
    std::uint16_t udp_port = 4789;
    /// Largest inner IP packet, octets.
    std::uint16_t mtu = 1500;
    /// False: the MACs of the vm ports become configured fdb entries, since nothing else could tell
    /// where they are.
    bool learning = true;
    bool flooding = true;
    bool pass_inner_vlan = false;
    /// Between vteps it travels in ESP, or not at all.
    bool is_protected = false;
    /// Bound on learned entries of the tenant.
    std::uint32_t max_learned = 4096;
    /// Zero: learned entries do not age.
    std::chrono::seconds ageing_time{300};
    std::vector<net::IpAddress> remote_vteps;
    std::vector<VmPortSpec> vm_ports;
    std::vector<FdbSpec> fdb;
};

} // namespace sallyport::overlay
