// SPDX-License-Identifier: BSD-3-Clause
// The seam's side that calls DPDK.
#pragma once

#include "eswitch/flow_api.h"

#include <memory>

namespace sallyport::eswitch {

/// rte_flow of the ports that EAL has probed.
std::unique_ptr<FlowApi> make_dpdk_flow_api();

} // namespace sallyport::eswitch
