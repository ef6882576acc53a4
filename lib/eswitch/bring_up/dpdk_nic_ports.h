// SPDX-License-Identifier: BSD-3-Clause
// The seam's side that calls DPDK.
#pragma once

#include "eswitch/bring_up/nic_ports.h"

#include <memory>

namespace sallyport::eswitch {

/// EAL must be up.
std::unique_ptr<NicPorts> make_dpdk_nic_ports();

} // namespace sallyport::eswitch
