// SPDX-License-Identifier: BSD-3-Clause
// SAs between this hypervisor and the remote vtep n, of either end.
#pragma once

#include "fixture.h"
#include "ipsec/engine_choice.h"

#include <memory>
#include <vector>

namespace sallyport::testing {

/// The devices of the test program.
ipsec::CryptoDevices& test_crypto();

/// One direction of one SA; the ends are ours and vtep n's.
struct SaPlan {
    std::uint32_t spi = 0x1000;
    unsigned remote = 2;
    IpFamily family = IpFamily::ipv4;
    ipsec::Algorithm algorithm = ipsec::Algorithm::aes_128_gcm;
    ipsec::Mode mode = ipsec::Mode::transport;
    bool udp = false;
    bool esn = true;
    std::uint64_t first_sequence = 1;
    std::uint64_t sequence_bound = 0;
    std::uint64_t hard_packets = 0;
};

/// @param ours as this hypervisor has it, else as the peer
ipsec::SaSettings settings_of(const SaPlan& plan, ipsec::Direction direction, bool ours);
/// @param uplinks for inline engines
std::shared_ptr<ipsec::SaSession> session_of(const SaPlan& plan, ipsec::Direction direction,
                                             bool ours, ipsec::Engine engine = ipsec::Engine::cpu,
                                             std::vector<ipsec::SecurityPort*> uplinks = {});

/// A frame through the peer's end of an SA. Empty: refused.
Octets through(ipsec::SaSession& peer, const Octets& octets, rte_mempool* pool);
/// The frame inside VXLAN, headers aside.
Octets inner_of(const Octets& vxlan, IpFamily family = IpFamily::ipv4);

} // namespace sallyport::testing
