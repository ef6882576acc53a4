// SPDX-License-Identifier: BSD-3-Clause
// Synchronous crypto on the calling thread (rte_cryptodev_sym_cpu_crypto_process), one piece of
// data at a time: for self-tests and hashes, not for packets.
#pragma once

#include "ipsec/crypto_session.h"

#include <cstdint>
#include <span>

namespace sallyport::ipsec {

struct CpuCryptoRequest {
    /// All that is authenticated, or an AEAD's text; encrypted or decrypted where it lies.
    std::span<std::uint8_t> data;
    /// Octets of the data in front of the ciphertext; for cipher with authentication.
    std::uint16_t clear_head = 0;
    /// 16 octets, or null where there is none.
    std::uint8_t* iv = nullptr;
    std::uint8_t* aad = nullptr;
    /// Written outbound, read inbound.
    std::uint8_t* icv = nullptr;
};

/// Any thread. @return false unless the device says it did it and, inbound, that the ICV is right
bool run_on_cpu(const CryptoSession& session, const CpuCryptoRequest& request);

/// Tells whether a device works on the calling thread: the Multi-Buffer library keeps state for
/// each thread that it allocates on first use, and a failure there would leave results of
/// librte_ipsec's uninitialised. One for a device; shared by all threads.
class ThreadProbe {
  public:
    /// @param session with AES-GCM, of its own
    explicit ThreadProbe(CryptoSession session);
    /// Worker. Allocates in the first call of a thread, costs one load afterwards.
    [[nodiscard]] bool works_here() const;

  private:
    CryptoSession session_;
    /// Tells devices of the same id apart; never 0.
    std::uint32_t generation_;
};

} // namespace sallyport::ipsec
