// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/lookaside_engine.h"

#include "ipsec/crypto_operations.h"
#include "ipsec/ipsec_library.h"

#include <algorithm>
#include <array>
#include <string>

#include <rte_cryptodev.h>
#include <rte_cycles.h>
#include <rte_pause.h>

namespace sallyport::ipsec {

namespace {

/// A burst is waited for: the worker has nothing else to do with its packets, and what software
/// devices enqueue they do when they are asked for it.
class LookasideEngine final : public EspEngine {
  public:
    LookasideEngine(LibrarySa sa, CryptoSession session, std::uint16_t queue_pair)
        : sa_(std::move(sa)), crypto_(std::move(session)), queue_pair_(queue_pair),
          patience_(rte_get_tsc_hz()) {}

    [[nodiscard]] Engine kind() const override { return Engine::lookaside; }

    Expected<void> prepare(const std::string& name) {
        session_.sa = sa_.get();
        session_.type = RTE_SECURITY_ACTION_TYPE_NONE;
        session_.crypto.ses = static_cast<rte_cryptodev_sym_session*>(crypto_.get());
        session_.crypto.dev_id = crypto_.device();
        if (rte_ipsec_session_prepare(&session_) == 0) return {};
        return failure("librte_ipsec takes no session on a crypto device", "sa " + name);
    }

    BurstResult run(rte_mbuf** packets, std::uint16_t count) override {
        if (dead_) return {0, count};
        const std::uint16_t prepared =
            rte_ipsec_pkt_crypto_prepare(&session_, packets, operations_.get(), count);
        if (prepared == 0) return {0, count};
        const std::uint16_t enqueued =
            rte_cryptodev_enqueue_burst(crypto_.device(), queue_pair_, operations_.get(), prepared);
        // What the queue did not take is as if the cipher had failed.
        for (std::uint16_t i = enqueued; i < prepared; ++i)
            packets[i]->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED;
        if (wait(enqueued) < enqueued) return lose(packets, enqueued, count);
        const std::uint16_t good = rte_ipsec_pkt_process(&session_, packets, prepared);
        return {good, static_cast<std::uint16_t>(count - good)};
    }

  private:
    std::uint16_t wait(std::uint16_t enqueued) {
        std::array<rte_crypto_op*, largest_burst> done;
        std::uint16_t count = 0;
        std::uint64_t deadline = 0;
        while (count < enqueued) {
            const std::uint16_t got =
                rte_cryptodev_dequeue_burst(crypto_.device(), queue_pair_, done.data(),
                                            static_cast<std::uint16_t>(enqueued - count));
            for (std::uint16_t i = 0; i < got; ++i)
                if (done[i]->status != RTE_CRYPTO_OP_STATUS_SUCCESS)
                    done[i]->sym->m_src->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED;
            count = static_cast<std::uint16_t>(count + got);
            if (got > 0) continue;
            const std::uint64_t now = rte_rdtsc();
            if (deadline == 0) deadline = now + patience_;
            if (now > deadline) break;
            rte_pause();
        }
        return count;
    }

    /// The device may yet write to what it has: those packets are gone, and so is the engine.
    BurstResult lose(rte_mbuf** packets, std::uint16_t enqueued, std::uint16_t count) {
        dead_ = true;
        std::copy(packets + enqueued, packets + count, packets);
        return {0, static_cast<std::uint16_t>(count - enqueued)};
    }

    LibrarySa sa_;
    CryptoSession crypto_;
    std::uint16_t queue_pair_;
    std::uint64_t patience_;
    bool dead_ = false;
    rte_ipsec_session session_{};
    CryptoOperations operations_;
};

} // namespace

Expected<std::unique_ptr<EspEngine>>
make_lookaside_engine(const SaSettings& settings, const CryptoDevices& devices, std::uint8_t device,
                      std::uint16_t queue_pair, const OutboundHeaders* headers) {
    Xform xform(settings.algorithm, settings.direction, settings.key, settings.esn,
                CryptoOperations::iv_offset);
    auto sa = LibrarySa::create(settings, xform, headers);
    if (!sa) return tl::unexpected(sa.error());
    auto session = CryptoSession::create(device, xform.first(), devices.session_pool());
    if (!session) return tl::unexpected(session.error());
    auto engine =
        std::make_unique<LookasideEngine>(std::move(*sa), std::move(*session), queue_pair);
    if (auto prepared = engine->prepare(settings.name); !prepared)
        return tl::unexpected(prepared.error());
    return engine;
}

} // namespace sallyport::ipsec
