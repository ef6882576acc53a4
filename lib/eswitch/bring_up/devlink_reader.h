// SPDX-License-Identifier: BSD-3-Clause
// What only the kernel's devlink interface tells. It is asked through iproute2's devlink command:
// its JSON has been stable for years, and no netlink code of ours could be tried without a card.
#pragma once

#include "base/error.h"
#include "net/pci_address.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace sallyport::eswitch {

class DevlinkReader {
  public:
    virtual ~DevlinkReader() = default;

    /// "switchdev", "legacy"
    virtual Expected<std::string> eswitch_mode(const net::PciAddress& pci) = 0;
    /// The run-time value of the parameter esw_multiport.
    virtual Expected<bool> multiport(const net::PciAddress& pci) = 0;
};

/// @param program path, or name to look up in PATH
/// @param patience after which the command is killed
std::unique_ptr<DevlinkReader>
make_devlink_reader(std::string program = "devlink",
                    std::chrono::milliseconds patience = std::chrono::seconds(5));

/// From what "devlink -j dev eswitch show" and "devlink -j dev param show" print.
Expected<std::string> parse_eswitch_mode(std::string_view json, const net::PciAddress& pci);
Expected<bool> parse_multiport(std::string_view json, const net::PciAddress& pci);

} // namespace sallyport::eswitch
