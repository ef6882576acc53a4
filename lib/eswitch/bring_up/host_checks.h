// SPDX-License-Identifier: BSD-3-Clause
// What is wrong with a host, said before DPDK says it in its own words.
#pragma once

#include "base/error.h"
#include "eswitch/bring_up/host_facts.h"
#include "net/card_function.h"

#include <set>
#include <string>
#include <vector>

namespace sallyport::eswitch {

struct WantedPorts {
    /// Of the card; the uplinks are wanted always.
    std::set<net::CardFunction> functions;
    /// DPDK ports that are not the card's: the host port, virtual devices.
    unsigned others = 0;
};

/// One error for each thing that must be mended, in the order in which to mend them. What could not
/// be read is no complaint: HostFacts::notes has it.
std::vector<Error> complaints(const HostFacts& facts, const WantedPorts& wanted);

/// All that the host need not mend but somebody who looks for a fault should read.
std::vector<std::string> remarks(const HostFacts& facts);

/// "echo 4 > /sys/bus/pci/devices/0000:08:00.0/sriov_numvfs"
std::string command_for_vfs(const net::PciAddress& pci, unsigned vfs);
/// "devlink dev param set pci/0000:08:00.0 name esw_multiport value true cmode runtime"
std::string command_for_multiport(const net::PciAddress& pci);

} // namespace sallyport::eswitch
