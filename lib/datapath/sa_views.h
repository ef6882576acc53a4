// SPDX-License-Identifier: BSD-3-Clause
// SAs as the workers see them: immutable once published, but for the sessions, which belong to one
// worker each (RFC 9611 has the idea: as many SAs as cores, so that no counter is shared).
#pragma once

#include "datapath/tunnel_table.h"
#include "ipsec/session.h"

#include <atomic>
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

inline constexpr std::uint16_t no_worker = 0xffff;

/// By the number that the SPI has in the table.
struct InboundSaView {
    std::shared_ptr<ipsec::SaSession> session;
    /// Index of the one worker that calls the session. Without one the first that receives a packet
    /// of the SA takes it, for good: a port that spreads by SPI brings it all the others too. A
    /// forged first packet costs the way from worker to worker, and no more.
    mutable std::atomic<std::uint16_t> worker{no_worker};
    /// Selectors (RFC 4301 section 4.4.1.1): what comes out must be VXLAN of this tunnel. One of
    /// the keys, by the vtep's family.
    std::uint32_t tunnel = 0;
    net::IpFamily family = net::IpFamily::ipv4;
    TunnelKey4 key4{};
    TunnelKey6 key6{};

    /// Worker @p index has a packet of the SA. @return whose it is
    [[nodiscard]] std::uint16_t worker_for(std::uint16_t index) const {
        std::uint16_t owner = worker.load(std::memory_order_acquire);
        if (owner != no_worker) return owner;
        return worker.compare_exchange_strong(owner, index, std::memory_order_acq_rel) ? index
                                                                                       : owner;
    }
};

} // namespace sallyport::datapath
