// SPDX-License-Identifier: BSD-3-Clause
// An Ethernet port whose NIC does IPsec (rte_security), and what its driver says it can do.
#pragma once

#include "base/error.h"
#include "ipsec/engine.h"
#include "ipsec/sa.h"

#include <cstdint>
#include <memory>
#include <string>

#include <rte_mbuf.h>
#include <rte_security.h>

struct rte_mempool;

namespace sallyport::ipsec {

/// Control thread. Behind an interface, so that tests can be the NIC.
class SecurityPort {
  public:
    virtual ~SecurityPort() = default;
    [[nodiscard]] virtual std::string name() const = 0;
    /// The driver's context, of type rte_security_ctx, or why the NIC does no IPsec.
    [[nodiscard]] virtual Expected<void*> context() const = 0;
    /// Makes received packets of an SA go through a session (RTE_FLOW_ACTION_TYPE_SECURITY).
    /// @return a handle for unsteer()
    virtual Expected<void*> steer(const SaSettings& settings, void* session) = 0;
    virtual void unsteer(void* handle) = 0;
};

/// A port of DPDK, configured and started by its owner, whom it must not outlive. Without
/// RTE_ETH_RX_OFFLOAD_SECURITY and RTE_ETH_TX_OFFLOAD_SECURITY it has no context: what is left to
/// the NIC to encrypt would leave in clear.
std::unique_ptr<SecurityPort> make_security_port(std::uint16_t id, std::string name);

/// Whether a NIC did IPsec, well or not, on a received packet.
inline bool was_in_nic(const rte_mbuf* packet) {
    return (packet->ol_flags & (RTE_MBUF_F_RX_SEC_OFFLOAD | RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED)) != 0;
}
/// The SPI, host byte order, of the session by which a NIC opened a packet whole, as the driver
/// says it. Means nothing of other packets. 0: it does not say.
inline std::uint32_t spi_from_nic(rte_mbuf* packet) {
    return rte_security_dynfield_is_registered()
               ? static_cast<std::uint32_t>(*rte_security_dynfield(packet))
               : 0;
}

/// What a port's driver offers for an SA, or why it does not.
struct SecurityOffer {
    /// Null: nothing.
    const rte_security_capability* capability = nullptr;
    /// Words for an operator; empty if there is an offer.
    std::string reason;
};

/// @param engine inline_protocol or inline_crypto
SecurityOffer find_offer(const SecurityPort& port, Engine engine, const SaSettings& settings);

/// Whether the port decrypts for inline crypto, whatever the SA.
bool decrypts_inline(const SecurityPort& port);

/// A session of the driver with its rule; both gone with it. Control thread. The driver says the
/// SPI of packets that it received by inline protocol (see spi_from_nic()).
class SecuritySession {
  public:
    static Expected<std::unique_ptr<SecuritySession>> create(SecurityPort& port, Engine engine,
                                                             const SaSettings& settings);
    ~SecuritySession();
    SecuritySession(const SecuritySession&) = delete;
    SecuritySession& operator=(const SecuritySession&) = delete;

    [[nodiscard]] void* get() const { return session_; }
    [[nodiscard]] void* context() const { return context_; }
    /// The driver wants rte_security_set_pkt_metadata() for packets to send.
    [[nodiscard]] bool needs_metadata() const { return needs_metadata_; }

  private:
    SecuritySession(SecurityPort& port, void* context) : port_(port), context_(context) {}

    SecurityPort& port_;
    void* context_;
    rte_mempool* pool_ = nullptr;
    void* session_ = nullptr;
    void* rule_ = nullptr;
    bool needs_metadata_ = false;
};

} // namespace sallyport::ipsec
