// SPDX-License-Identifier: BSD-3-Clause
// The cipher suites of ESP there are, in one table: everything else asks it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <rte_crypto_sym.h>

namespace sallyport::ipsec {

enum class Algorithm : std::uint8_t {
    aes_128_gcm,
    aes_256_gcm,
    chacha20_poly1305,
    aes_128_cbc_sha256,
    aes_128_cbc_sha384,
    aes_128_cbc_sha512,
    aes_256_cbc_sha256,
    aes_256_cbc_sha384,
    aes_256_cbc_sha512,
};

/// Lengths are octets.
struct AlgorithmInfo {
    Algorithm algorithm;
    /// As strongSwan's proposals have it: "aes128gcm16". What the shell shows.
    std::string_view name;
    /// As `ip xfrm` has it: "rfc4106(gcm(aes))", or encryption and authentication with a '+'
    /// between: "cbc(aes)+hmac(sha256)". It leaves the key length open.
    std::string_view xfrm_name;
    /// RFC 4106, 7634, 3602 with 4868.
    std::string_view specification;
    /// Key of the cipher alone.
    std::uint8_t cipher_key;
    /// Behind the key: salt of the nonce (RFC 4106 8.1, RFC 7634 2); 0 without.
    std::uint8_t salt;
    /// Behind the cipher's key: key of the HMAC; 0 where the cipher authenticates.
    std::uint8_t authentication_key;
    /// On the wire, behind the sequence number.
    std::uint8_t iv;
    /// On the wire, at the end.
    std::uint8_t icv;
    /// What padding aligns the ciphertext to (RFC 4303 2.4).
    std::uint8_t block;
    /// NOT_SPECIFIED (zero) in those that do not apply.
    rte_crypto_aead_algorithm aead;
    rte_crypto_cipher_algorithm cipher;
    rte_crypto_auth_algorithm authentication;

    /// Octets of key material, in the order cipher key, salt or authentication key, as rfc4106 keys
    /// in `ip xfrm` are.
    [[nodiscard]] constexpr std::size_t key_material() const {
        return std::size_t{cipher_key} + salt + authentication_key;
    }
    [[nodiscard]] constexpr bool is_aead() const { return authentication_key == 0; }
};

/// All there are, in the order of the enumeration.
std::span<const AlgorithmInfo> algorithms();
const AlgorithmInfo& info(Algorithm algorithm);
inline std::string_view to_string(Algorithm algorithm) {
    return info(algorithm).name;
}

/// What a name means, and why it means nothing.
struct NamedAlgorithm {
    std::optional<Algorithm> algorithm;
    /// For an operator, a sentence without a stop; empty where the name is known.
    std::string complaint;
    /// The name is one of `ip xfrm`'s, and the key's length tells which of ours it means.
    bool needs_key = false;
};

/// @param name either name of the table, in any case
/// @param key_material octets of the key that goes with it: tells the key lengths of an xfrm name
///        apart; 0: not known
NamedAlgorithm find_algorithm(std::string_view name, std::size_t key_material = 0);

/// "aes128gcm16, aes256gcm16, ...": for messages.
std::string algorithm_names();

} // namespace sallyport::ipsec
