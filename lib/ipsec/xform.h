// SPDX-License-Identifier: BSD-3-Clause
// A cipher suite and its key in the form DPDK takes.
#pragma once

#include "ipsec/algorithm.h"
#include "ipsec/secret.h"

#include <array>
#include <cstdint>

namespace sallyport::ipsec {

enum class Direction : std::uint8_t { outbound, inbound };

/// "outbound" or "inbound".
inline std::string_view to_string(Direction direction) {
    return direction == Direction::outbound ? "outbound" : "inbound";
}

/// Transforms in the order librte_ipsec and rte_security want them: one AEAD transform, or cipher
/// and authentication outbound, the other way round inbound. Points into the key, which must
/// outlive it, and into itself: it stays where it is.
class Xform {
  public:
    /// @param key of info(algorithm).key_material() octets
    /// @param esn the high half of the sequence number is authenticated too
    /// @param iv_offset where the IV is, octets from the crypto operation's start; CPU crypto and
    ///        inline ignore it
    Xform(Algorithm algorithm, Direction direction, const Secret& key, bool esn,
          std::uint16_t iv_offset);
    Xform(const Xform&) = delete;
    Xform& operator=(const Xform&) = delete;

    [[nodiscard]] rte_crypto_sym_xform* first() { return chain_.data(); }
    /// The nonce's salt as rte_security has it: the octets as they are in the key. 0 without.
    [[nodiscard]] std::uint32_t salt() const { return salt_; }

  private:
    std::array<rte_crypto_sym_xform, 2> chain_{};
    std::uint32_t salt_ = 0;
};

} // namespace sallyport::ipsec
