// SPDX-License-Identifier: BSD-3-Clause
// Which port of which RDMA device is behind a kernel interface, by netlink.
#pragma once

#include "base/error.h"

#include <cstdint>
#include <optional>
#include <string>

namespace sallyport::underlay {

/// As libibverbs counts and names it: port 2 of "mlx5_0".
struct RdmaPort {
    std::string device;
    /// From 1.
    std::uint32_t port = 0;

    bool operator==(const RdmaPort&) const = default;
};

/// Absent: there is none behind the interface, or the kernel knows no RDMA.
/// @param interface index in this network namespace
Expected<std::optional<RdmaPort>> rdma_port_of(unsigned interface);

} // namespace sallyport::underlay
