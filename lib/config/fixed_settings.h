// SPDX-License-Identifier: BSD-3-Clause
// What of a tenant cannot change while it runs.
#pragma once

#include "config/tenant_file.h"

#include <cstdint>
#include <optional>

namespace sallyport::config {

/// Complains of each such setting in which @p file differs from the tenant that runs.
/// @param largest_mtu octets, that its vm ports carry as they were opened; absent: it has none
void complain_of_fixed(const TenantSettings& running, const TenantFile& file,
                       std::optional<std::uint16_t> largest_mtu, Complaints& complaints);

} // namespace sallyport::config
