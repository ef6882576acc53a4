// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/algorithm.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>

namespace sallyport::ipsec {

namespace {

constexpr auto no_aead = static_cast<rte_crypto_aead_algorithm>(0);
constexpr auto no_cipher = static_cast<rte_crypto_cipher_algorithm>(0);
constexpr auto no_authentication = static_cast<rte_crypto_auth_algorithm>(0);

constexpr AlgorithmInfo aead(Algorithm algorithm, std::string_view name, std::string_view xfrm_name,
                             std::string_view specification, std::uint8_t key,
                             rte_crypto_aead_algorithm dpdk) {
    return {algorithm, name, xfrm_name, specification,    key, 4, 0, 8, 16,
            4,         dpdk, no_cipher, no_authentication};
}

constexpr AlgorithmInfo cbc(Algorithm algorithm, std::string_view name, std::string_view xfrm_name,
                            std::uint8_t key, std::uint8_t authentication_key,
                            rte_crypto_auth_algorithm authentication) {
    // RFC 4868: the ICV is half the hash, and the key as long as the hash.
    return {algorithm,
            name,
            xfrm_name,
            "RFC 3602, RFC 4868",
            key,
            0,
            authentication_key,
            16,
            static_cast<std::uint8_t>(authentication_key / 2),
            16,
            no_aead,
            RTE_CRYPTO_CIPHER_AES_CBC,
            authentication};
}

constexpr std::array table{
    aead(Algorithm::aes_128_gcm, "aes128gcm16", "rfc4106(gcm(aes))", "RFC 4106", 16,
         RTE_CRYPTO_AEAD_AES_GCM),
    aead(Algorithm::aes_256_gcm, "aes256gcm16", "rfc4106(gcm(aes))", "RFC 4106", 32,
         RTE_CRYPTO_AEAD_AES_GCM),
    aead(Algorithm::chacha20_poly1305, "chacha20poly1305", "rfc7539esp(chacha20,poly1305)",
         "RFC 7634", 32, RTE_CRYPTO_AEAD_CHACHA20_POLY1305),
    cbc(Algorithm::aes_128_cbc_sha256, "aes128-sha256", "cbc(aes)+hmac(sha256)", 16, 32,
        RTE_CRYPTO_AUTH_SHA256_HMAC),
    cbc(Algorithm::aes_128_cbc_sha384, "aes128-sha384", "cbc(aes)+hmac(sha384)", 16, 48,
        RTE_CRYPTO_AUTH_SHA384_HMAC),
    cbc(Algorithm::aes_128_cbc_sha512, "aes128-sha512", "cbc(aes)+hmac(sha512)", 16, 64,
        RTE_CRYPTO_AUTH_SHA512_HMAC),
    cbc(Algorithm::aes_256_cbc_sha256, "aes256-sha256", "cbc(aes)+hmac(sha256)", 32, 32,
        RTE_CRYPTO_AUTH_SHA256_HMAC),
    cbc(Algorithm::aes_256_cbc_sha384, "aes256-sha384", "cbc(aes)+hmac(sha384)", 32, 48,
        RTE_CRYPTO_AUTH_SHA384_HMAC),
    cbc(Algorithm::aes_256_cbc_sha512, "aes256-sha512", "cbc(aes)+hmac(sha512)", 32, 64,
        RTE_CRYPTO_AUTH_SHA512_HMAC),
};

constexpr bool in_order() {
    for (std::size_t i = 0; i < table.size(); ++i)
        if (static_cast<std::size_t>(table[i].algorithm) != i) return false;
    return true;
}
static_assert(in_order());
// Padding is checked by a mask.
static_assert(std::ranges::all_of(table, [](const auto& algorithm) {
    return std::has_single_bit(algorithm.block);
}));

bool same(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
        return std::tolower(x) == std::tolower(y);
    });
}

bool says_null(std::string_view name) {
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return lower.find("null") != std::string::npos || lower.find("gmac") != std::string::npos;
}

} // namespace

std::span<const AlgorithmInfo> algorithms() {
    return table;
}

const AlgorithmInfo& info(Algorithm algorithm) {
    return table[static_cast<std::size_t>(algorithm)];
}

NamedAlgorithm find_algorithm(std::string_view name, std::size_t key_material) {
    bool known = false;
    std::string lengths;
    for (const AlgorithmInfo& entry : table) {
        if (same(name, entry.name)) return {entry.algorithm, {}};
        if (!same(name, entry.xfrm_name)) continue;
        if (entry.key_material() == key_material) return {entry.algorithm, {}};
        known = true;
        lengths += (lengths.empty() ? "" : " or ") + std::to_string(entry.key_material());
    }
    if (known)
        return {std::nullopt,
                "algorithm '" + std::string(name) + "' takes a key of " + lengths
                    + " octets, salt included",
                true};
    if (says_null(name))
        return {std::nullopt,
                "algorithm '" + std::string(name) + "' does not encrypt and is refused"};
    return {std::nullopt, "unknown algorithm '" + std::string(name) + "'"};
}

std::string algorithm_names() {
    std::string names;
    for (const AlgorithmInfo& entry : table)
        names += (names.empty() ? "" : ", ") + std::string(entry.name);
    return names;
}

} // namespace sallyport::ipsec
