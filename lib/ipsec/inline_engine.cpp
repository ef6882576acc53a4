// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/inline_engine.h"

#include "ipsec/ipsec_library.h"

#include <algorithm>
#include <array>
#include <vector>

struct rte_security_ctx;

namespace sallyport::ipsec {

namespace {

using Sessions = std::vector<std::unique_ptr<SecuritySession>>;

/// Flags and metadata of packets to send. @return as EspEngine::complete()
std::uint16_t tell_nic(const SecuritySession& session, rte_mbuf** packets, std::uint16_t count) {
    auto* const context = static_cast<rte_security_ctx*>(session.context());
    std::array<rte_mbuf*, largest_burst> untold;
    std::uint16_t told = 0, rest = 0;
    for (std::uint16_t i = 0; i < count; ++i) {
        if (session.needs_metadata()
            && rte_security_set_pkt_metadata(context, session.get(), packets[i], nullptr) != 0) {
            untold[rest++] = packets[i];
            continue;
        }
        packets[i]->ol_flags |= RTE_MBUF_F_TX_SEC_OFFLOAD;
        packets[told++] = packets[i];
    }
    std::copy_n(untold.begin(), rest, packets + told);
    return told;
}

class ProtocolEngine final : public EspEngine {
  public:
    explicit ProtocolEngine(Sessions sessions) : sessions_(std::move(sessions)) {}

    [[nodiscard]] Engine kind() const override { return Engine::inline_protocol; }
    [[nodiscard]] bool sits_on(std::uint8_t port) const override { return port < sessions_.size(); }
    BurstResult run(rte_mbuf**, std::uint16_t count) override { return {count, 0}; }
    std::uint16_t complete(rte_mbuf** packets, std::uint16_t count, std::uint8_t port) override {
        return tell_nic(*sessions_[port], packets, count);
    }

  private:
    Sessions sessions_;
};

class InlineCryptoEngine final : public EspEngine {
  public:
    InlineCryptoEngine(LibrarySa sa, Sessions sessions, Direction direction)
        : sa_(std::move(sa)), sessions_(std::move(sessions)), direction_(direction) {}

    /// librte_ipsec's session names the first port; its functions are the same for all.
    Expected<void> prepare(const std::string& name) {
        session_.sa = sa_.get();
        session_.type = RTE_SECURITY_ACTION_TYPE_INLINE_CRYPTO;
        session_.security.ses = static_cast<rte_security_session*>(sessions_[0]->get());
        session_.security.ctx = static_cast<rte_security_ctx*>(sessions_[0]->context());
        // Metadata is set in complete(): drivers read lengths that are not final before.
        session_.security.ol_flags = 0;
        if (rte_ipsec_session_prepare(&session_) == 0) return {};
        return failure("librte_ipsec takes no inline session", "sa " + name);
    }
    [[nodiscard]] Engine kind() const override { return Engine::inline_crypto; }
    [[nodiscard]] bool sits_on(std::uint8_t port) const override { return port < sessions_.size(); }

    BurstResult run(rte_mbuf** packets, std::uint16_t count) override {
        const std::uint16_t whole =
            direction_ == Direction::inbound ? decrypted_first(packets, count) : count;
        const std::uint16_t good =
            whole == 0 ? std::uint16_t{0} : rte_ipsec_pkt_process(&session_, packets, whole);
        return {good, static_cast<std::uint16_t>(count - good)};
    }
    std::uint16_t complete(rte_mbuf** packets, std::uint16_t count, std::uint8_t port) override {
        return tell_nic(*sessions_[port], packets, count);
    }

  private:
    /// Others would be taken as if their octets were authenticated. @return how many are
    static std::uint16_t decrypted_first(rte_mbuf** packets, std::uint16_t count) {
        std::array<rte_mbuf*, largest_burst> others;
        std::uint16_t decrypted = 0, rest = 0;
        for (std::uint16_t i = 0; i < count; ++i) {
            const std::uint64_t flags = packets[i]->ol_flags;
            const bool fine = (flags & RTE_MBUF_F_RX_SEC_OFFLOAD) != 0
                              && (flags & RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED) == 0;
            if (fine)
                packets[decrypted++] = packets[i];
            else
                others[rest++] = packets[i];
        }
        std::copy_n(others.begin(), rest, packets + decrypted);
        return decrypted;
    }

    LibrarySa sa_;
    Sessions sessions_;
    Direction direction_;
    rte_ipsec_session session_{};
};

} // namespace

Expected<std::unique_ptr<EspEngine>> make_inline_engine(Engine kind, const SaSettings& settings,
                                                        std::span<SecurityPort* const> ports,
                                                        const OutboundHeaders* headers) {
    const std::string where = "sa " + settings.name;
    if (ports.empty()) return failure("no port for an inline SA", where);
    if (kind == Engine::inline_protocol && settings.direction == Direction::outbound
        && ports.size() > 1)
        return failure("an outbound SA with inline protocol cannot sit on "
                           + std::to_string(ports.size())
                           + " ports: each NIC would count the same sequence numbers",
                       where, "give each port an SA with a key of its own, or use inline-crypto");
    Sessions sessions;
    for (SecurityPort* const port : ports) {
        auto session = SecuritySession::create(*port, kind, settings);
        if (!session) return tl::unexpected(session.error());
        sessions.push_back(std::move(*session));
    }
    if (kind == Engine::inline_protocol)
        return std::make_unique<ProtocolEngine>(std::move(sessions));
    Xform xform(settings.algorithm, settings.direction, settings.key, settings.esn, 0);
    auto sa = LibrarySa::create(settings, xform, headers);
    if (!sa) return tl::unexpected(sa.error());
    auto engine = std::make_unique<InlineCryptoEngine>(std::move(*sa), std::move(sessions),
                                                       settings.direction);
    if (auto prepared = engine->prepare(settings.name); !prepared)
        return tl::unexpected(prepared.error());
    return engine;
}

} // namespace sallyport::ipsec
