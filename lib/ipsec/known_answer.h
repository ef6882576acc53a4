// SPDX-License-Identifier: BSD-3-Clause
// A self-test of crypto devices: what a device says of itself is not enough, since
// crypto_chacha20_poly1305 offers CPU crypto that it does not have.
#pragma once

#include "ipsec/algorithm.h"

#include <cstdint>

struct rte_mempool;

namespace sallyport::ipsec {

/// True if the device, by synchronous CPU crypto on this thread, makes the right ciphertext and ICV
/// of a known packet, takes it back, and refuses it once the ICV is wrong.
bool passes_known_answer(std::uint8_t device, Algorithm algorithm, rte_mempool* session_pool);

} // namespace sallyport::ipsec
