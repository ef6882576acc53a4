// SPDX-License-Identifier: BSD-3-Clause
// The text of a tenant file -> settings, checked as far as the file alone allows.
#pragma once

#include "config/source.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sallyport::config {

/// Lines of what later checks may complain of; 0: not in the file.
struct TenantLines {
    struct VmPort {
        unsigned name = 0;
        unsigned device = 0;
    };
    struct Sa {
        unsigned name = 0;
        unsigned spi = 0;
        /// Of its key, or of the file that has it.
        unsigned key = 0;
    };
    unsigned name = 0;
    unsigned vni = 0;
    unsigned local_vtep = 0;
    unsigned udp_port = 0;
    unsigned protection = 0;
    unsigned mtu = 0;
    /// Beside TenantSettings::remote_vteps.
    std::vector<unsigned> remote_vteps;
    /// Beside TenantSettings::vm_ports.
    std::vector<VmPort> vm_ports;
    /// Beside TenantSettings::sas.
    std::vector<Sa> sas;
};

/// What was complained of is absent from the settings: an empty name, VNI 0, an unspecified vtep.
struct TenantFile {
    TenantSettings settings;
    TenantLines lines;
};

/// @param underlay_mtu octets; absent where it is not known, then no MTU is held against it
TenantFile parse_tenant_file(const SourceText& text, std::optional<std::uint16_t> underlay_mtu,
                             Complaints& complaints);

} // namespace sallyport::config
