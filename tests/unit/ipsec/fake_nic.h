// SPDX-License-Identifier: BSD-3-Clause
// A NIC with IPsec, as its driver's rte_security context shows it: capabilities, sessions with all
// their parameters, per-packet metadata and rules are kept for tests to look at; what its
// capabilities do not have it refuses. It also does the cipher's part of inline crypto.
#pragma once

#include "ipsec/security_port.h"
#include "lab.h"

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

class FakeNic : public SecurityPort {
  public:
    explicit FakeNic(std::string name);
    ~FakeNic() override;

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] void* context() const override;
    Expected<void*> steer(const SaSettings& settings, void* session) override;
    void unsteer(void* handle) override;

    /// Adds what it can do, with AES-GCM of 128 bits and no options.
    rte_security_capability& offer(rte_security_session_action_type action, Mode mode,
                                   Direction direction);

    /// What a NIC does with a frame it sends: encrypts it, if it is flagged.
    void transmit(rte_mbuf* packet);
    /// What it does with a frame it receives: decrypts and flags it.
    void receive(rte_mbuf* packet);

    std::vector<NicSession> sessions;
    /// Sessions of the packets that metadata was set for, in order.
    std::vector<std::pair<const void*, const rte_mbuf*>> metadata;
    std::vector<std::uint32_t> steered_spis;
    /// Answers of the driver.
    bool table_full = false;
    bool refuses_rules = false;

  private:
    static int create(void* device, rte_security_session_conf* conf, rte_security_session* session);
    static int destroy(void* device, rte_security_session* session);
    static unsigned size(void* device);
    static int set_metadata(void* device, rte_security_session* session, rte_mbuf* packet,
                            void* parameters);
    static const rte_security_capability* list(void* device);
    bool run(rte_mbuf* packet, rte_crypto_aead_operation operation);
    [[nodiscard]] const rte_security_capability* matching(const rte_security_session_conf& conf);

    std::string name_;
    rte_security_ops ops_{};
    mutable rte_security_ctx context_{};
    std::vector<rte_security_capability> capabilities_;
};

} // namespace sallyport::testing
