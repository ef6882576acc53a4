// SPDX-License-Identifier: BSD-3-Clause
// SAs as the workers see them: immutable once published, but for the sessions, which belong to one
// worker each (RFC 9611 has the idea: as many SAs as cores, so that no counter is shared).
#pragma once

#include "datapath/tunnel_table.h"
#include "ipsec/session.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace sallyport::datapath {

struct WorkerSa {
    std::shared_ptr<ipsec::SaSession> session;
    /// Index of the one worker that calls it.
    std::uint16_t worker = 0;
    /// Outbound: octets that ESP puts in front of the IP packet, or of what it carries.
    std::uint16_t headroom = 0;
};

/// What an SPI finds. Network byte order.
struct SpiKey {
    std::uint32_t spi = 0;

    bool operator==(const SpiKey&) const = default;
};

/// By the number that the SPI has in the table.
struct InboundSaView {
    WorkerSa sa;
    /// Selectors (RFC 4301 section 4.4.1.1): what comes out must be VXLAN of this tunnel. One of
    /// the keys, by the vtep's family.
    std::uint32_t tunnel = 0;
    net::IpFamily family = net::IpFamily::ipv4;
    TunnelKey4 key4{};
    TunnelKey6 key6{};
};

} // namespace sallyport::datapath
