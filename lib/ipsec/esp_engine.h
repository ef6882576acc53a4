// SPDX-License-Identifier: BSD-3-Clause
// Where ESP's cipher runs: behind this interface all engines are alike.
#pragma once

#include "ipsec/engine.h"

#include <cstdint>

struct rte_mbuf;

namespace sallyport::ipsec {

/// Of a burst: the first `good` packets of the array are done, in order; `refused` ones follow, in
/// no order; what is missing the device has kept.
struct BurstResult {
    std::uint16_t good = 0;
    std::uint16_t refused = 0;
};

/// Most packets of one call.
inline constexpr std::uint16_t largest_burst = 64;

/// One SA on one engine. Worker, at most one at a time; no allocation, lock, log or exception.
class EspEngine {
  public:
    virtual ~EspEngine() = default;
    [[nodiscard]] virtual Engine kind() const = 0;

    /// @param packets admitted by OutboundHeaders or InboundHeaders. After inbound,
    ///        RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED on a refused one says that its ICV is wrong
    /// @param count 1 to largest_burst
    virtual BurstResult run(rte_mbuf** packets, std::uint16_t count) = 0;
    /// Outbound, once the good packets of run() are whole frames: what a NIC wants to be told.
    /// @param port index of the uplink that they will leave by, in the order given at creation
    /// @return how many may be sent; they come first, in order, and the others must not leave
    virtual std::uint16_t complete(rte_mbuf** packets, std::uint16_t count, std::uint8_t port) {
        (void)packets, (void)port;
        return count;
    }
    /// Whether complete() may be called with this port.
    [[nodiscard]] virtual bool sits_on(std::uint8_t port) const {
        (void)port;
        return true;
    }
};

} // namespace sallyport::ipsec
