// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/known_answer.h"

#include "ipsec/cpu_crypto.h"
#include "net/hex.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>
#include <vector>

namespace sallyport::ipsec {

namespace {

constexpr std::size_t header = 8;
constexpr std::size_t plaintext = 64;

/// ICVs over key material 00 01 02 ..., header 10..17, IV a0 a1 ..., plaintext i * 7, made with
/// OpenSSL: each depends on every octet of the ciphertext. In the order of the algorithms.
constexpr std::array<std::string_view, 9> icvs{
    "3cc830a7897224d0d80bfed32604a659",
    "3a40471eac9c1ee14bb90e7bdc5c3f3e",
    "8046e93f4d99791d7a07fcc0aaddce67",
    "d4d8cc4e899ddf8c979d59f170e4fbe9",
    "933ed59640d53799eccbf709b7a46759501cde00c765366a",
    "2883e76fe82b14901e2c3a9e1a1bd6138e3b23c3251ec22fcfcbe4639fdbf9b9",
    "2f4c6c7f292562131134f15b89399d13",
    "983a8bd63dd4058999e1e88ee8513e96eb04198502ae0358",
    "5ff90a3eacb6a2be2800bb03a090c2d7673725976c4b4b3dafde039bd1a36198",
};

/// One packet and what a device needs beside it.
struct Trial {
    explicit Trial(const AlgorithmInfo& chosen) : suite(chosen) {
        std::iota(packet.begin(), packet.begin() + header, std::uint8_t{0x10});
        std::iota(iv(), iv() + suite.iv, std::uint8_t{0xa0});
        for (std::size_t i = 0; i < plaintext; ++i)
            text()[i] = static_cast<std::uint8_t>(i * 7);
        std::iota(nonce.begin(), nonce.begin() + suite.salt, suite.cipher_key);
        std::copy_n(iv(), suite.iv, nonce.begin() + suite.salt);
        // The counter of GCM, where devices want the whole block.
        if (suite.is_aead()) nonce[15] = 1;
        std::copy_n(packet.begin(), header, aad.begin());
    }
    std::uint8_t* iv() { return &packet[header]; }
    std::uint8_t* text() { return &packet[header + suite.iv]; }

    /// False unless the device says it did it.
    bool run(const CryptoSession& session) {
        const auto clear = static_cast<std::uint16_t>(header + suite.iv);
        const std::span<std::uint8_t> data = suite.is_aead()
                                                 ? std::span(text(), plaintext)
                                                 : std::span(packet.data(), plaintext + clear);
        return run_on_cpu(session, {data, suite.is_aead() ? std::uint16_t{0} : clear, nonce.data(),
                                    aad.data(), icv.data()});
    }

    const AlgorithmInfo& suite;
    std::array<std::uint8_t, header + 16 + plaintext> packet{};
    alignas(16) std::array<std::uint8_t, 16> nonce{};
    alignas(16) std::array<std::uint8_t, 16> aad{};
    alignas(16) std::array<std::uint8_t, 64> icv{};
};

} // namespace

bool passes_known_answer(std::uint8_t device, Algorithm algorithm, rte_mempool* session_pool) {
    const AlgorithmInfo& suite = info(algorithm);
    Secret key(suite.key_material());
    std::iota(key.octets().begin(), key.octets().end(), std::uint8_t{0});
    Xform encrypt(algorithm, Direction::outbound, key, false, 0);
    Xform decrypt(algorithm, Direction::inbound, key, false, 0);
    const auto outbound = CryptoSession::create(device, encrypt.first(), session_pool);
    const auto inbound = CryptoSession::create(device, decrypt.first(), session_pool);
    if (!outbound || !inbound) return false;

    const auto expected = net::parse_hex(icvs[static_cast<std::size_t>(algorithm)]);
    Trial trial(suite);
    const Trial original(suite);
    if (!trial.run(*outbound) || !std::equal(expected->begin(), expected->end(), trial.icv.begin())
        || trial.packet == original.packet)
        return false;
    Trial forged = trial;
    forged.icv[suite.icv - 1U] ^= 1;
    return trial.run(*inbound) && trial.packet == original.packet && !forged.run(*inbound);
}

} // namespace sallyport::ipsec
