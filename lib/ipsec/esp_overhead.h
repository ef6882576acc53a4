// SPDX-License-Identifier: BSD-3-Clause
// What ESP costs a packet: for MTUs, and for the room in front of it.
#pragma once

#include "ipsec/algorithm.h"
#include "ipsec/sa.h"
#include "net/ip_address.h"
#include "net/overhead.h"

#include <cstdint>

namespace sallyport::ipsec {

/// SPI and sequence number (RFC 4303 section 2).
inline constexpr std::uint16_t esp_header_length = 8;
/// Pad length and next header.
inline constexpr std::uint16_t esp_trailer_length = 2;

/// Octets that ESP puts in front of what it encrypts: of the packet that it travels in, of UDP
/// (RFC 3948), of its own header and of the IV.
/// @param family of the packet that ESP travels in; counts in tunnel mode only
inline std::uint16_t esp_prefix_length(Algorithm algorithm, Mode mode, net::IpFamily family,
                                       bool udp_encapsulation) {
    unsigned octets = esp_header_length + info(algorithm).iv;
    if (mode == Mode::tunnel) octets += net::ip_header_length(family);
    if (udp_encapsulation) octets += net::udp_header_length;
    return static_cast<std::uint16_t>(octets);
}

/// Octets that ESP adds to an IP packet at most: of whatever length, the padding never makes it
/// more.
/// @param family of the packet that ESP travels in; counts in tunnel mode only
inline std::uint16_t esp_overhead(Algorithm algorithm, Mode mode, net::IpFamily family,
                                  bool udp_encapsulation) {
    const AlgorithmInfo& suite = info(algorithm);
    const unsigned behind = (suite.block - 1U) + esp_trailer_length + suite.icv;
    return static_cast<std::uint16_t>(esp_prefix_length(algorithm, mode, family, udp_encapsulation)
                                      + behind);
}

} // namespace sallyport::ipsec
