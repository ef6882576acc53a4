// SPDX-License-Identifier: BSD-3-Clause
// Who else than our own hash may say the outer UDP source port of a flow (RFC 7348 section 5).
#pragma once

#include "net/frame.h"

#include <cstddef>
#include <cstdint>

namespace sallyport::net {

/// Asked by workers for each IP packet that they encapsulate, by several at once: an implementation
/// allocates nothing, takes no lock and logs nothing.
class EncapEntropy {
  public:
    virtual ~EncapEntropy() = default;

    /// @param l3 first octet of the inner IP header, which parse_frame() has found sound
    /// @param readable octets there, the IP header at least
    /// @param kind ipv4 or ipv6
    /// @return host byte order; 0: cannot say
    [[nodiscard]] virtual std::uint16_t source_port(const std::uint8_t* l3, std::size_t readable,
                                                    L3 kind) const noexcept = 0;
};

} // namespace sallyport::net
