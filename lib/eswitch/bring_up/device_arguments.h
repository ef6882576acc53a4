// SPDX-License-Identifier: BSD-3-Clause
// What EAL is asked for so that one PCI function brings both uplinks and the VFs' representors.
#pragma once

#include "net/card_function.h"
#include "net/pci_address.h"

#include <cstdint>
#include <set>
#include <string>

namespace sallyport::eswitch {

/// The order in which the device arguments list the PFs. The first PCI function stays the transfer
/// proxy either way: the driver goes by the PCI address.
enum class PfOrder : std::uint8_t {
    /// "pf[0,1]"
    ascending,
    /// "pf[1,0]": gets round the releases of known_to_lose_second_uplink().
    descending,
};

/// "0000:08:00.0,dv_flow_en=2,dv_xmeta_en=0,representor=pf[0,1]vf[0-3,5]"
///
/// The driver takes the cross product of the two lists: where pf0vf3 and pf1vf0 are wanted, it
/// makes ports for pf0vf0 and pf1vf3 too if those VFs exist. Without any VF only the PFs are
/// listed, which still brings the second uplink.
/// @param functions what is wanted; uplinks among them make no difference
std::string device_arguments(const net::PciAddress& pci,
                             const std::set<net::CardFunction>& functions, PfOrder order);

} // namespace sallyport::eswitch
