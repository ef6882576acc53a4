// SPDX-License-Identifier: BSD-3-Clause
// Crypto operations of one burst, with room for their IVs, made once for an SA.
#pragma once

#include "ipsec/esp_engine.h"

#include <array>
#include <cstdint>

#include <rte_crypto.h>

namespace sallyport::ipsec {

class CryptoOperations {
  public:
    /// From the operation's start, octets.
    static constexpr std::uint16_t iv_offset = sizeof(rte_crypto_op) + sizeof(rte_crypto_sym_op);
    // librte_ipsec keeps it in one octet.
    static_assert(iv_offset <= UINT8_MAX);

    CryptoOperations() {
        for (std::size_t i = 0; i < slots_.size(); ++i)
            pointers_[i] = &slots_[i].operation;
    }
    CryptoOperations(const CryptoOperations&) = delete;
    CryptoOperations& operator=(const CryptoOperations&) = delete;

    /// largest_burst of them. IVs of AES-CBC outbound stay zero, as librte_ipsec does not touch
    /// them: it encrypts the sequence number as the packet's first block, so that the IV on the
    /// wire is the cipher of a number that never repeats, which nobody can foretell (NIST SP
    /// 800-38A, appendix C).
    [[nodiscard]] rte_crypto_op** get() { return pointers_.data(); }

  private:
    // GCC warns of the flexible array at the operation's end; the symmetric part is what lies
    // there.
    struct alignas(64) Slot {
        rte_crypto_op operation;
        std::array<std::uint8_t, sizeof(rte_crypto_sym_op) + 16> behind;
    };
    std::array<Slot, largest_burst> slots_{};
    std::array<rte_crypto_op*, largest_burst> pointers_{};
};

} // namespace sallyport::ipsec
