// SPDX-License-Identifier: BSD-3-Clause
// The seam between the bring-up and DPDK's devices, so that tests can stand where a card does. What
// belongs to rte_flow is behind FlowApi; configuring, starting and stopping ports is their owner's.
#pragma once

#include "base/error.h"
#include "net/pci_address.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sallyport::eswitch {

inline constexpr std::uint16_t no_switch_domain = UINT16_MAX;

struct NicPort {
    /// DPDK's.
    std::uint16_t id = 0;
    std::string name;
    /// Ports of one E-Switch have the same.
    std::uint16_t switch_domain = no_switch_domain;
};

class NicPorts {
  public:
    virtual ~NicPorts() = default;

    /// May be called again for the same PCI function, which then brings the ports that are new.
    /// @param device "0000:08:00.0,dv_flow_en=2,..."
    virtual Expected<void> probe(const std::string& device) = 0;
    /// Closes all ports of a PCI function that probe() was called for. Does nothing where there is
    /// none, or where the card has been removed: the driver would read what it has freed.
    virtual Expected<void> remove(const net::PciAddress& pci) = 0;
    /// All Ethernet ports of the process.
    virtual std::vector<NicPort> list() = 0;
};

} // namespace sallyport::eswitch
