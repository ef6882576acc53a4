// SPDX-License-Identifier: BSD-3-Clause
// Internal to lib/underlay: what the kernel's RDMA netlink says of devices and their ports
// (RDMA_NLDEV_CMD_GET, RDMA_NLDEV_CMD_PORT_GET in <rdma/rdma_netlink.h>).
#pragma once

#include "underlay/rdma_port.h"

#include <optional>

#include <netlink/msg.h>

namespace sallyport::underlay {

struct RdmaMessage {
    unsigned device_index = 0;
    RdmaPort port;
    /// Of the kernel interface behind the port; 0: none, as in what is said of a device alone.
    unsigned interface = 0;
};

/// Absent: names no device, or an attribute is not what it should be.
std::optional<RdmaMessage> read_rdma_message(nl_msg& message);

} // namespace sallyport::underlay
