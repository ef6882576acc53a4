// SPDX-License-Identifier: BSD-3-Clause
// Sections [sa.NAME] of a tenant file -> security associations.
#pragma once

#include "config/keys.h"
#include "config/tenant_file.h"

#include <array>
#include <span>

namespace sallyport::config {

inline constexpr auto sa_forms = std::to_array<KeyForm>({
    {"sa.*.direction"},
    {"sa.*.remote_vtep"},
    {"sa.*.spi"},
    {"sa.*.algorithm"},
    {"sa.*.key"},
    {"sa.*.key_file"},
    {"sa.*.mode"},
    {"sa.*.esn"},
    {"sa.*.replay_window"},
    {"sa.*.udp_encapsulation"},
    {"sa.*.lifetime_seconds"},
    {"sa.*.lifetime_bytes"},
    {"sa.*.lifetime_packets"},
    {"sa.*.soft_lifetime_seconds"},
    {"sa.*.soft_lifetime_bytes"},
    {"sa.*.soft_lifetime_packets"},
});

/// @param remote_vteps those that the file names, right or wrong
/// @param tenant gets the SAs and their lines; its protection is known already
void parse_sas(const Keys& keys, std::span<const net::IpAddress> remote_vteps, TenantFile& tenant);

} // namespace sallyport::config
