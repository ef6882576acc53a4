// SPDX-License-Identifier: BSD-3-Clause
// What the tests of ESP share: devices, buffers, SAs of both ends, and short words.
#pragma once

#include "ipsec/cpu_engine.h"
#include "ipsec/crypto_devices.h"
#include "ipsec/session.h"
#include "support/ring_port.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::testing {

using namespace sallyport::ipsec; // NOLINT(google-build-using-namespace): tests are about it
using net::IpFamily;

inline constexpr std::uint16_t l2 = 14;

/// The devices of the test program, made with EAL on first use.
CryptoDevices& crypto();
/// Buffers of 10000 octets.
rte_mempool* buffers();

struct SaOptions {
    Algorithm algorithm = Algorithm::aes_128_gcm;
    Mode mode = Mode::transport;
    IpFamily outer = IpFamily::ipv4;
    IpFamily inner = IpFamily::ipv4;
    bool udp = false;
    bool esn = false;
    std::uint32_t window = 64;
    std::uint64_t first = 1;

    [[nodiscard]] std::string name() const;
};
/// Every algorithm, mode, family, and both with and without ESN and UDP encapsulation.
std::vector<SaOptions> all_shapes();

/// Settings of one end; the two directions fit together.
SaSettings sa_settings(const SaOptions& options, Direction direction);
std::unique_ptr<SaSession> session(SaSettings settings);
std::unique_ptr<SaSession> session(const SaOptions& options, Direction direction);

/// A frame with an IP packet of that many octets, Ethernet header not counted, with @p seed in it.
Octets clear_frame(IpFamily family, std::size_t ip_length, std::uint8_t seed = 0,
                   std::uint8_t traffic_class = 0);

/// What came of one call.
struct Outcome {
    std::vector<Octets> good;
    /// Of the refused, by name.
    std::map<std::string, unsigned> faults;
};
using Faults = std::map<std::string, unsigned>;

/// One call with at most 64 frames; buffers are freed.
Outcome run(SaSession& session, const std::vector<Octets>& frames);
/// The one frame that comes of one; empty if refused.
Octets run_one(SaSession& session, const Octets& frame);
/// The fault of one frame; "" if it was taken.
std::string fault_of(SaSession& session, const Octets& frame);

rte_mbuf* make_packet(const Octets& frame);
Octets octets_of_packet(const rte_mbuf* packet);

/// In every test: all buffers are back at its end.
class IpsecTest : public ::testing::Test {
  protected:
    IpsecTest();
    void TearDown() override;

  private:
    unsigned before_;
};

} // namespace sallyport::testing
