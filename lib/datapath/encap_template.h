// SPDX-License-Identifier: BSD-3-Clause
// The outer headers of one tunnel, prepared once so that a packet only fills in what is its own.
#pragma once

#include "datapath/software_path.h"
#include "datapath/views.h"
#include "overlay/row.h"

namespace sallyport::datapath {

TunnelView make_tunnel_view(const overlay::TenantRow& tenant, const overlay::VtepRow& vtep,
                            const SoftwarePathSettings& settings);

} // namespace sallyport::datapath
