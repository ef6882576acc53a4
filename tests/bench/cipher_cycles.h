// SPDX-License-Identifier: BSD-3-Clause
// What the cipher alone costs: the floor under everything that is said of ESP.
#pragma once

#include "ipsec/crypto_devices.h"
#include "ipsec/xform.h"

#include <cstddef>
#include <cstdint>

namespace sallyport::testing {

/// Packets in a burst; every figure of the protected path is that of the median burst.
inline constexpr std::uint16_t burst = 32;

/// Cycles a packet of the median burst, over the octets that ESP in transport mode over IPv4
/// encrypts of a frame, on the calling thread. Throws what went wrong.
double cipher_cycles(const ipsec::CryptoDevices& devices, std::uint8_t device,
                     ipsec::Algorithm algorithm, ipsec::Direction direction,
                     std::size_t frame_size);

} // namespace sallyport::testing
