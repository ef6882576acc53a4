// SPDX-License-Identifier: BSD-3-Clause
// Which port of DPDK is which function of the card, by the names that the mlx5 driver gives.
#pragma once

#include "net/card_function.h"
#include "net/pci_address.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::eswitch {

struct NamedPort {
    enum class Kind : std::uint8_t {
        /// Nothing of this card.
        elsewhere,
        /// "0000:08:00.0_p1", "0000:08:00.0_representor_c0pf0vf3"
        function,
        /// "0000:08:00.0", "0000:08:00.0_representor_vf3": how the driver names the ports of an
        /// E-Switch with a single uplink.
        single_uplink,
        /// Of this card, and none of the above: a sub-function, a VF of another host behind the
        /// card, a bond.
        unknown,
    };
    Kind kind = Kind::elsewhere;
    /// Where kind is function.
    net::CardFunction function{};
};

/// @param name of the Ethernet port, as the driver or anybody else gave it
NamedPort interpret_port_name(std::string_view name, const net::PciAddress& pci);

/// @p text for a message: what is not printable ASCII becomes '?', and a long text is cut.
std::string printable(std::string_view text);

} // namespace sallyport::eswitch
