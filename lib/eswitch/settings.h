// SPDX-License-Identifier: BSD-3-Clause
// What the hardware path is told once.
#pragma once

#include <cstdint>
#include <optional>

namespace sallyport::eswitch {

struct Settings {
    // Ids are below these; the tables are sized by them.
    std::uint32_t tenants = 4096;
    std::uint32_t vm_ports = 1024;
    std::uint32_t tunnels = 131072;
    std::uint32_t next_hops = 131072;
    std::uint32_t fdb_entries = 131072;

    // The outer headers, as the software path writes them.
    std::uint8_t ttl = 64;
    /// Absent: copied from the inner header.
    std::optional<std::uint8_t> dscp;
    bool dont_fragment = true;
    /// The UDP checksum is zero, by family; the NIC can write no other.
    bool zero_checksum_ipv4 = true;
    bool zero_checksum_ipv6 = false;
    /// Zero checksums over IPv6 are taken.
    bool accept_udp6_zero_checksum = false;
};

} // namespace sallyport::eswitch
