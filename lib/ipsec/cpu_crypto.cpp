// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/cpu_crypto.h"

#include <array>
#include <atomic>
#include <cerrno>

#include <rte_cryptodev.h>

namespace sallyport::ipsec {

bool run_on_cpu(const CryptoSession& session, const CpuCryptoRequest& request) {
    rte_crypto_vec data{};
    data.base = request.data.data();
    data.len = static_cast<std::uint32_t>(request.data.size());
    rte_crypto_sgl segments{};
    segments.vec = &data;
    segments.num = 1;
    rte_crypto_va_iova_ptr iv{}, aad{}, icv{};
    iv.va = request.iv;
    aad.va = request.aad;
    icv.va = request.icv;
    std::int32_t status = EINPROGRESS;
    rte_crypto_sym_vec vector{};
    vector.src_sgl = &segments;
    vector.iv = &iv;
    vector.aad = &aad;
    vector.digest = &icv;
    vector.status = &status;
    vector.num = 1;
    rte_crypto_sym_ofs offsets{};
    offsets.ofs.cipher.head = request.clear_head;
    const std::uint32_t done =
        rte_cryptodev_sym_cpu_crypto_process(session.device(), session.get(), offsets, &vector);
    return done == 1 && status == 0;
}

namespace {

std::uint32_t next_generation() {
    static std::atomic<std::uint32_t> last{0};
    return ++last;
}

} // namespace

ThreadProbe::ThreadProbe(CryptoSession session)
    : session_(std::move(session)), generation_(next_generation()) {}

bool ThreadProbe::works_here() const {
    thread_local std::array<std::uint32_t, RTE_CRYPTO_MAX_DEVS> works{};
    std::uint32_t& known = works[session_.device()];
    if (known == generation_) return true;
    alignas(16) std::array<std::uint8_t, 16> text{}, iv{}, aad{}, icv{};
    if (!run_on_cpu(session_, {text, 0, iv.data(), aad.data(), icv.data()})) return false;
    known = generation_;
    return true;
}

} // namespace sallyport::ipsec
