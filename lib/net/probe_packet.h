// SPDX-License-Identifier: BSD-3-Clause
// The packets of "failover probe", as UDP payload: a numbered stream of requests to a peer's vtep,
// each of which its responder answers. All numbers are in network byte order on the wire:
//
//   0  magic "SPfp"          8  stream           32  received
//   4  version, 1           16  sequence         40  longest gap, ns
//   5  kind                 24  sent at, ns      48  sequence before the gap
//   6  reserved, 0                               56  sequence after the gap
//
// A request is as long as its answer, so that nobody can have the responder amplify anything, and
// an answer is never answered, so that two responders cannot be set upon each other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sallyport::net {

enum class ProbeKind : std::uint8_t { request = 1, response = 2 };

struct ProbePacket {
    ProbeKind kind = ProbeKind::request;
    /// Random, by the sender of the requests.
    std::uint64_t stream = 0;
    /// From 1.
    std::uint64_t sequence = 0;
    /// When the request was sent, in nanoseconds by a clock of its sender; echoed.
    std::uint64_t sent_at = 0;
    // Of the responder, zero in requests:
    /// Different requests of the stream that it got, this one included.
    std::uint64_t received = 0;
    /// The longest time between two of them, in nanoseconds, and their sequence numbers.
    std::uint64_t longest_gap = 0;
    std::uint64_t gap_after = 0;
    std::uint64_t gap_before = 0;

    bool operator==(const ProbePacket&) const = default;
};
inline constexpr std::size_t probe_packet_length = 64;

/// @param payload of UDP; any octets
/// @return absent unless it is exactly a packet of this version, with a sequence number
std::optional<ProbePacket> parse_probe_packet(std::span<const std::uint8_t> payload);

std::array<std::uint8_t, probe_packet_length> write_probe_packet(const ProbePacket& packet);

} // namespace sallyport::net
