// SPDX-License-Identifier: BSD-3-Clause
// What of a tenant cannot change while it runs.
#pragma once

#include "config/tenant_file.h"

#include <cstdint>
#include <map>
#include <string>

namespace sallyport::config {

/// Complains of each such setting in which @p file differs from the tenant that runs.
/// @param open_mtus octets, for which its vm ports were opened, by their names
void complain_of_fixed(const TenantSettings& running, const TenantFile& file,
                       const std::map<std::string, std::uint16_t>& open_mtus,
                       Complaints& complaints);

} // namespace sallyport::config
