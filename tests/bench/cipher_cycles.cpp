// SPDX-License-Identifier: BSD-3-Clause
#include "cipher_cycles.h"

#include "ipsec/crypto_session.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <rte_common.h>
#include <rte_cryptodev.h>
#include <rte_cycles.h>

namespace sallyport::testing {

namespace {

constexpr std::size_t headers = 14 + 20;
/// IV and what aligns it: the ciphers that authenticate apart hash more than they encrypt.
constexpr std::size_t authenticated_only = 24;

} // namespace

double cipher_cycles(const ipsec::CryptoDevices& devices, std::uint8_t device,
                     ipsec::Algorithm algorithm, ipsec::Direction direction,
                     std::size_t frame_size) {
    const ipsec::AlgorithmInfo& suite = ipsec::info(algorithm);
    ipsec::Secret key(suite.key_material());
    std::iota(key.octets().begin(), key.octets().end(), std::uint8_t{1});
    ipsec::Xform xform(algorithm, direction, key, false, 0);
    const auto crypto = ipsec::CryptoSession::create(device, xform.first(), devices.session_pool());
    if (!crypto) throw std::runtime_error(crypto.error().message());

    const std::size_t front = suite.is_aead() ? 0 : authenticated_only;
    const std::size_t length =
        RTE_ALIGN_CEIL(frame_size - headers + 2, std::size_t{suite.block}) + front;
    alignas(16) std::array<std::uint8_t, 16> nonce{}, aad{};
    alignas(16) std::array<std::array<std::uint8_t, 64>, burst> icvs{};
    std::vector<std::vector<std::uint8_t>> octets(burst, std::vector<std::uint8_t>(length));
    std::array<rte_crypto_vec, burst> data{};
    std::array<rte_crypto_sgl, burst> segments{};
    std::array<rte_crypto_va_iova_ptr, burst> ivs{}, aads{}, digests{};
    std::array<std::int32_t, burst> status{};
    for (std::size_t i = 0; i < burst; ++i) {
        data[i].base = octets[i].data();
        data[i].len = static_cast<std::uint32_t>(length);
        segments[i].vec = &data[i];
        segments[i].num = 1;
        ivs[i] = {nonce.data(), 0};
        aads[i] = {aad.data(), 0};
        digests[i] = {icvs[i].data(), 0};
    }
    rte_crypto_sym_vec vector{};
    vector.src_sgl = segments.data();
    vector.iv = ivs.data();
    vector.aad = aads.data();
    vector.digest = digests.data();
    vector.status = status.data();
    vector.num = burst;
    rte_crypto_sym_ofs offsets{};
    offsets.ofs.cipher.head = static_cast<std::uint16_t>(front);
    std::vector<std::uint64_t> cycles(frame_size > 2000 ? 3000 : 10000);
    for (std::uint64_t& one : cycles) {
        const std::uint64_t start = rte_rdtsc_precise();
        rte_cryptodev_sym_cpu_crypto_process(device, crypto->get(), offsets, &vector);
        one = rte_rdtsc_precise() - start;
    }
    const auto median = cycles.begin() + static_cast<std::ptrdiff_t>(cycles.size() / 2);
    std::nth_element(cycles.begin(), median, cycles.end());
    return static_cast<double>(*median) / burst;
}

} // namespace sallyport::testing
