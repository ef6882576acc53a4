// SPDX-License-Identifier: BSD-3-Clause
// A NIC with IPsec, as its driver's rte_security context shows it: capabilities, sessions with all
// their parameters and rules are kept for tests to look at; what its capabilities do not have it
// refuses. It also does what a NIC does with packets: the cipher's part of inline crypto, and what
// a driver says of a packet opened by inline protocol.
#pragma once

#include "ipsec/crypto_devices.h"
#include "ipsec/security_port.h"
#include "support/ring_port.h"

#include <string>
#include <vector>

#include <rte_security_driver.h>

namespace sallyport::testing {

/// A session as the driver was given it. Pointers of the configuration are gone.
struct NicSession {
    rte_security_session* handle = nullptr;
    rte_security_session_action_type action{};
    rte_security_session_protocol protocol{};
    rte_security_ipsec_xform ipsec{};
    rte_crypto_sym_xform xform{};
    Octets key;
    void* userdata = nullptr;
};

/// Needs EAL. Control thread, but for transmit(), receive(), open_whole() and the driver's
/// metadata.
class FakeNic : public ipsec::SecurityPort {
  public:
    explicit FakeNic(std::string name);
    ~FakeNic() override;

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] Expected<void*> context() const override;
    Expected<void*> steer(const ipsec::SaSettings& settings, void* session) override;
    void unsteer(void* handle) override;

    /// Adds what it can do, with AES-GCM of 128 bits and no options.
    rte_security_capability& offer(rte_security_session_action_type action, ipsec::Mode mode,
                                   ipsec::Direction direction);

    /// The session that a packet to send was flagged and marked for; null: none of this NIC's.
    [[nodiscard]] const NicSession* session_of(rte_mbuf* packet) const;
    /// What a NIC does with a frame it sends: encrypts it, if it is flagged.
    /// @param devices for the cipher
    void transmit(rte_mbuf* packet, const ipsec::CryptoDevices& devices) const;
    /// What it does with a frame it receives with ESP of an SPI of its sessions: decrypts and flags
    /// it.
    void receive(rte_mbuf* packet, const ipsec::CryptoDevices& devices) const;
    /// What it says of a packet that it opened by inline protocol and that is in clear now.
    void open_whole(rte_mbuf* packet, std::uint32_t spi, bool well = true) const;

    std::vector<NicSession> sessions;
    std::vector<std::uint32_t> steered_spis;
    /// Answers of the driver.
    bool table_full = false;
    bool refuses_rules = false;
    bool refuses_metadata = false;

  private:
    static int create(void* device, rte_security_session_conf* conf, rte_security_session* session);
    static int destroy(void* device, rte_security_session* session);
    static unsigned size(void* device);
    static int set_metadata(void* device, rte_security_session* session, rte_mbuf* packet,
                            void* parameters);
    static const rte_security_capability* list(void* device);
    [[nodiscard]] const NicSession& inbound_session(std::uint32_t spi) const;
    [[nodiscard]] const rte_security_capability* matching(const rte_security_session_conf& conf);

    std::string name_;
    rte_security_ops ops_{};
    mutable rte_security_ctx context_{};
    std::vector<rte_security_capability> capabilities_;
};

} // namespace sallyport::testing
