// SPDX-License-Identifier: BSD-3-Clause
// Where a card sits: "0000:08:00.0".
#pragma once

#include "base/error.h"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::net {

struct PciAddress {
    std::uint32_t domain = 0;
    std::uint8_t bus = 0;
    std::uint8_t device = 0;
    std::uint8_t function = 0;

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the result for a pointer
    auto operator<=>(const PciAddress&) const = default;
};

/// As Linux and DPDK write it, which DPDK makes the beginning of the names of its ports.
std::string to_string(const PciAddress& address);

/// Takes "0000:08:00.0", in either case of letters; the domain must be given.
Expected<PciAddress> parse_pci_address(std::string_view text);

/// Of the card whose first port is at @p first. Each port of a ConnectX is one PCI function.
PciAddress physical_function(const PciAddress& first, unsigned pf);

} // namespace sallyport::net
