// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/cpu_engine.h"

#include "ipsec/crypto_operations.h"
#include "ipsec/ip_packet.h"
#include "ipsec/ipsec_library.h"

#include <algorithm>
#include <array>
#include <string>

#include <rte_cryptodev.h>

namespace sallyport::ipsec {

namespace {

/// What both ways on the CPU have.
class CpuEngine : public EspEngine {
  public:
    CpuEngine(LibrarySa sa, CryptoSession session, const ThreadProbe* probe)
        : sa_(std::move(sa)), crypto_(std::move(session)), probe_(probe) {}

    [[nodiscard]] Engine kind() const final { return Engine::cpu; }

    Expected<void> prepare(const std::string& name, rte_security_session_action_type type) {
        session_.sa = sa_.get();
        session_.type = type;
        session_.crypto.ses = static_cast<rte_cryptodev_sym_session*>(crypto_.get());
        session_.crypto.dev_id = crypto_.device();
        if (rte_ipsec_session_prepare(&session_) == 0) return {};
        return failure("librte_ipsec takes no session on the CPU", "sa " + name);
    }

  protected:
    LibrarySa sa_;
    CryptoSession crypto_;
    const ThreadProbe* probe_;
    rte_ipsec_session session_{};
};

/// All that librte_ipsec does right by itself.
class DirectEngine final : public CpuEngine {
  public:
    using CpuEngine::CpuEngine;

    BurstResult run(rte_mbuf** packets, std::uint16_t count) override {
        if (!probe_->works_here()) return {0, count};
        const std::uint16_t prepared = rte_ipsec_pkt_cpu_prepare(&session_, packets, count);
        const std::uint16_t good =
            prepared == 0 ? std::uint16_t{0} : rte_ipsec_pkt_process(&session_, packets, prepared);
        return {good, static_cast<std::uint16_t>(count - good)};
    }
};

/// AES-CBC outbound. librte_ipsec's CPU mode hands the cipher an IV that equals the block it
/// encrypts first, the sequence number: every packet would have the same IV on the wire, the cipher
/// of zero, and packets that begin alike would look alike. So we let it prepare crypto operations,
/// as for a lookaside device, and run them here with an IV of zeros (see CryptoOperations).
class CbcOutboundEngine final : public CpuEngine {
  public:
    using CpuEngine::CpuEngine;

    BurstResult run(rte_mbuf** packets, std::uint16_t count) override {
        if (!probe_->works_here()) return {0, count};
        const std::uint16_t prepared =
            rte_ipsec_pkt_crypto_prepare(&session_, packets, operations_.get(), count);
        if (prepared == 0) return {0, count};
        encrypt(packets, prepared);
        const std::uint16_t good = rte_ipsec_pkt_process(&session_, packets, prepared);
        return {good, static_cast<std::uint16_t>(count - good)};
    }

  private:
    void encrypt(rte_mbuf** packets, std::uint16_t count) {
        std::array<rte_crypto_vec, largest_burst> data;
        std::array<rte_crypto_sgl, largest_burst> segments;
        std::array<rte_crypto_va_iova_ptr, largest_burst> ivs, icvs;
        std::array<std::int32_t, largest_burst> status;
        rte_crypto_sym_ofs offsets{};
        for (std::uint16_t i = 0; i < count; ++i) {
            const rte_crypto_sym_op& operation = *operations_.get()[i]->sym;
            data[i] = {};
            data[i].base = octets_of(packets[i]) + operation.auth.data.offset;
            data[i].len = operation.auth.data.length;
            segments[i] = {};
            segments[i].vec = &data[i];
            segments[i].num = 1;
            ivs[i] = {zeros_.data(), 0};
            icvs[i] = {operation.auth.digest.data, 0};
            status[i] = ENOTSUP;
            // The same for all packets of an SA.
            const std::uint32_t head = operation.cipher.data.offset - operation.auth.data.offset;
            offsets.ofs.cipher.head = static_cast<std::uint16_t>(head);
            offsets.ofs.cipher.tail = static_cast<std::uint16_t>(operation.auth.data.length - head
                                                                 - operation.cipher.data.length);
        }
        rte_crypto_sym_vec vector{};
        vector.src_sgl = segments.data();
        vector.iv = ivs.data();
        vector.aad = ivs.data();
        vector.digest = icvs.data();
        vector.status = status.data();
        vector.num = count;
        rte_cryptodev_sym_cpu_crypto_process(crypto_.device(), crypto_.get(), offsets, &vector);
        for (std::uint16_t i = 0; i < count; ++i)
            if (status[i] != 0) packets[i]->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED;
    }

    CryptoOperations operations_;
    alignas(16) std::array<std::uint8_t, 16> zeros_{};
};

template<class Kind>
Expected<std::unique_ptr<EspEngine>> make(const std::string& name, LibrarySa sa,
                                          CryptoSession session, const ThreadProbe* probe,
                                          rte_security_session_action_type type) {
    auto engine = std::make_unique<Kind>(std::move(sa), std::move(session), probe);
    if (auto prepared = engine->prepare(name, type); !prepared)
        return tl::unexpected(prepared.error());
    return engine;
}

} // namespace

Expected<std::unique_ptr<EspEngine>> make_cpu_engine(const SaSettings& settings,
                                                     const CryptoDevices& devices,
                                                     const OutboundHeaders* headers) {
    const auto device = devices.cpu_device(settings.algorithm);
    if (!device) return tl::unexpected(device.error());
    return make_cpu_engine_on(*device, settings, devices, headers);
}

Expected<std::unique_ptr<EspEngine>> make_cpu_engine_on(std::uint8_t device,
                                                        const SaSettings& settings,
                                                        const CryptoDevices& devices,
                                                        const OutboundHeaders* headers) {
    Xform xform(settings.algorithm, settings.direction, settings.key, settings.esn,
                CryptoOperations::iv_offset);
    auto sa = LibrarySa::create(settings, xform, headers);
    if (!sa) return tl::unexpected(sa.error());
    auto session = CryptoSession::create(device, xform.first(), devices.session_pool());
    if (!session) return tl::unexpected(session.error());
    const ThreadProbe* const probe = devices.probe(device);
    if (settings.direction == Direction::outbound && !info(settings.algorithm).is_aead())
        return make<CbcOutboundEngine>(settings.name, std::move(*sa), std::move(*session), probe,
                                       RTE_SECURITY_ACTION_TYPE_NONE);
    return make<DirectEngine>(settings.name, std::move(*sa), std::move(*session), probe,
                              RTE_SECURITY_ACTION_TYPE_CPU_CRYPTO);
}

} // namespace sallyport::ipsec
