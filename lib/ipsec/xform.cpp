// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/xform.h"

#include <cstring>

namespace sallyport::ipsec {

namespace {

/// SPI and sequence number (RFC 4106 section 5, RFC 7634 section 2.1).
std::uint16_t aad_length(bool esn) {
    return esn ? 12 : 8;
}

rte_crypto_sym_xform aead(const AlgorithmInfo& suite, bool outbound, const std::uint8_t* key,
                          bool esn, std::uint16_t iv_offset) {
    rte_crypto_sym_xform xform{};
    xform.type = RTE_CRYPTO_SYM_XFORM_AEAD;
    xform.aead.op = outbound ? RTE_CRYPTO_AEAD_OP_ENCRYPT : RTE_CRYPTO_AEAD_OP_DECRYPT;
    xform.aead.algo = suite.aead;
    xform.aead.key.data = key;
    xform.aead.key.length = suite.cipher_key;
    xform.aead.iv.offset = iv_offset;
    xform.aead.iv.length = static_cast<std::uint16_t>(suite.salt + suite.iv);
    xform.aead.digest_length = suite.icv;
    xform.aead.aad_length = aad_length(esn);
    return xform;
}

rte_crypto_sym_xform cipher(const AlgorithmInfo& suite, bool outbound, const std::uint8_t* key,
                            std::uint16_t iv_offset) {
    rte_crypto_sym_xform xform{};
    xform.type = RTE_CRYPTO_SYM_XFORM_CIPHER;
    xform.cipher.op = outbound ? RTE_CRYPTO_CIPHER_OP_ENCRYPT : RTE_CRYPTO_CIPHER_OP_DECRYPT;
    xform.cipher.algo = suite.cipher;
    xform.cipher.key.data = key;
    xform.cipher.key.length = suite.cipher_key;
    xform.cipher.iv.offset = iv_offset;
    xform.cipher.iv.length = suite.iv;
    return xform;
}

rte_crypto_sym_xform authentication(const AlgorithmInfo& suite, bool outbound,
                                    const std::uint8_t* key) {
    rte_crypto_sym_xform xform{};
    xform.type = RTE_CRYPTO_SYM_XFORM_AUTH;
    xform.auth.op = outbound ? RTE_CRYPTO_AUTH_OP_GENERATE : RTE_CRYPTO_AUTH_OP_VERIFY;
    xform.auth.algo = suite.authentication;
    xform.auth.key.data = key;
    xform.auth.key.length = suite.authentication_key;
    xform.auth.digest_length = suite.icv;
    return xform;
}

} // namespace

Xform::Xform(Algorithm algorithm, Direction direction, const Secret& key, bool esn,
             std::uint16_t iv_offset) {
    const AlgorithmInfo& suite = info(algorithm);
    const bool outbound = direction == Direction::outbound;
    const std::uint8_t* const octets = key.octets().data();
    if (suite.is_aead()) {
        chain_[0] = aead(suite, outbound, octets, esn, iv_offset);
        std::memcpy(&salt_, octets + suite.cipher_key, sizeof salt_);
        return;
    }
    chain_[outbound ? 0 : 1] = cipher(suite, outbound, octets, iv_offset);
    chain_[outbound ? 1 : 0] = authentication(suite, outbound, octets + suite.cipher_key);
    chain_[0].next = &chain_[1];
}

} // namespace sallyport::ipsec
