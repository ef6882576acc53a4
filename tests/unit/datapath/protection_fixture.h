// SPDX-License-Identifier: BSD-3-Clause
// A protected tenant with SAs by hand, and the other end of each.
#pragma once

#include "fixture.h"
#include "peer_session.h"

#include <map>
#include <string>
#include <vector>

namespace sallyport::testing {

using ipsec::Direction;
using FramesByPort = std::map<std::string, std::vector<Octets>>;

/// Blue is protected; stations 1 and 2 are behind a and b, 9 and 8 behind the vteps 2 and 3.
class ProtectionTest : public OneTenantTest {
  protected:
    ProtectionTest() { begin(); }
    void begin();
    void send_by(const std::vector<SaPlan>& plans, overlay::VtepId vtep);
    /// @return our end of it
    std::shared_ptr<ipsec::SaSession> take_by(const SaPlan& plan, overlay::VtepId vtep,
                                              std::optional<std::uint16_t> worker = 0);
    /// Through the peer's end of an SA. Empty: refused.
    Octets through(ipsec::SaSession& peer, const Octets& octets);
    void expect_nothing_but(DropReason reason, std::uint64_t count = 1);
};

} // namespace sallyport::testing
