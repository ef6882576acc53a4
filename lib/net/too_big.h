// SPDX-License-Identifier: BSD-3-Clause
// The answer to a packet that is too large: ICMP "fragmentation needed" (RFC 792, RFC 1191) or
// ICMPv6 "packet too big" (RFC 4443 section 3.2).
#pragma once

#include "net/frame.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace sallyport::net {

/// Largest answer: Ethernet with two tags and an IPv6 packet of 1280 octets (RFC 4443 2.4 (c)).
inline constexpr std::size_t largest_too_big_answer = 14 + 2 * 4 + 1280;

/// Writes the answer to @p original, as a frame back to its sender. A segment has no router whose
/// address it could carry, so the source is the original's destination, as Linux does on a bridged
/// tunnel. IPv4 is answered whether or not DF is set: nobody on the way may fragment.
/// @param original the frame, contiguous as far as it is given; not larger than @p parsed was told
/// @param mtu largest IP packet that would have passed
/// @param answer at least largest_too_big_answer octets
/// @return octets written; 0 where no answer may be sent (RFC 1122 3.2.2, RFC 4443 2.4 (e))
std::size_t write_too_big(std::span<const std::uint8_t> original, const Frame& parsed,
                          std::uint16_t mtu, std::span<std::uint8_t> answer);

} // namespace sallyport::net
