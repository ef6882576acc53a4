// SPDX-License-Identifier: BSD-3-Clause
// BFD control packets (RFC 5880 section 4.1), and the frames that carry them over a single hop
// (RFC 5881).
#pragma once

#include "net/ip_address.h"
#include "net/mac_address.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace sallyport::net {

/// RFC 5881 section 4. Host byte order, as all members here.
inline constexpr std::uint16_t bfd_udp_port = 3784;
inline constexpr std::uint16_t bfd_first_source_port = 49152;

/// As on the wire.
enum class BfdState : std::uint8_t { admin_down, down, init, up };
/// As RFC 5880 writes it: "AdminDown".
std::string_view to_string(BfdState state);

/// Those of RFC 5880 section 4.1 that we use or are told by common peers, as on the wire; a peer
/// may send any number up to 31.
enum class BfdDiagnostic : std::uint8_t {
    none = 0,
    detection_time_expired = 1,
    echo_failed = 2,
    neighbour_signalled_down = 3,
    forwarding_plane_reset = 4,
    path_down = 5,
    concatenated_path_down = 6,
    administratively_down = 7,
    reverse_concatenated_path_down = 8,
};
/// "control detection time expired"; "reserved" for a number without a name.
std::string_view to_string(BfdDiagnostic diagnostic);

/// The mandatory section. The version is 1 and the multipoint bit zero.
struct BfdControl {
    BfdDiagnostic diagnostic = BfdDiagnostic::none;
    BfdState state = BfdState::down;
    bool poll = false;
    bool final = false;
    bool control_plane_independent = false;
    /// An authentication section follows, which is not read.
    bool authenticated = false;
    bool demand = false;
    std::uint8_t detect_multiplier = 0;
    std::uint32_t my_discriminator = 0;
    /// Zero: not known yet.
    std::uint32_t your_discriminator = 0;
    /// In microseconds, as on the wire.
    std::uint32_t desired_min_tx = 0;
    std::uint32_t required_min_rx = 0;
    std::uint32_t required_min_echo_rx = 0;

    bool operator==(const BfdControl&) const = default;
};
inline constexpr std::size_t bfd_control_length = 24;

// Every way a packet to the BFD port can end other than by changing a session. The last four are
// found by the session, not by the parsers here.
// clang-format off
#define SALLYPORT_BFD_DISCARDS(X)                                                                       \
    /* the frame */                                                                                     \
    X(not_bfd,              "not-bfd",              "no whole, unfragmented UDP packet to port 3784")   \
    X(ttl,                  "ttl",                  "TTL or hop limit is not 255: it came through a router (RFC 5881 section 5)") \
    X(udp_length,           "udp-length",           "UDP length is not that of the IP packet")          \
    X(checksum,             "checksum",             "IPv4 header or UDP checksum wrong, or none over IPv6") \
    X(source_port,          "source-port",          "UDP source port below 49152 (RFC 5881 section 4)") \
    /* RFC 5880 section 6.8.6, in its order */                                                          \
    X(version,              "version",              "BFD version is not 1")                             \
    X(length_short,         "length-short",         "length field, or what UDP carries, below the least that is possible")    \
    X(length_long,          "length-long",          "length field beyond what UDP carries")             \
    X(detect_multiplier,    "detect-multiplier",    "detect multiplier is zero")                        \
    X(multipoint,           "multipoint",           "multipoint bit is set")                            \
    X(my_discriminator,     "my-discriminator",     "the sender's discriminator is zero")               \
    X(session_unknown,      "session-unknown",      "no session has the discriminator, or the addresses") \
    X(your_discriminator,   "your-discriminator",   "our discriminator is missing though the sender is not down") \
    X(authentication,       "authentication",       "authenticated, which no session uses")             \
    X(administratively_down, "administratively-down", "the session is administratively down")
// clang-format on

enum class BfdDiscard : std::uint8_t {
#define X(id, name, text) id,
    SALLYPORT_BFD_DISCARDS(X)
#undef X
};
inline constexpr std::size_t bfd_discard_count = 0
#define X(id, name, text) +1 // NOLINT(bugprone-macro-parentheses): terms of a sum
    SALLYPORT_BFD_DISCARDS(X)
#undef X
    ;
/// As operators see it: "my-discriminator".
std::string_view name(BfdDiscard discard);
/// One sentence.
std::string_view explanation(BfdDiscard discard);
/// How often each happened, by BfdDiscard.
using BfdDiscardCounters = std::array<std::uint64_t, bfd_discard_count>;

/// The checks of RFC 5880 section 6.8.6 up to the sender's discriminator.
/// @param payload of UDP; what follows the packet's own length is ignored
tl::expected<BfdControl, BfdDiscard> parse_bfd_control(std::span<const std::uint8_t> payload);

/// Without an authentication section, whatever @p control says of one.
std::array<std::uint8_t, bfd_control_length> write_bfd_control(const BfdControl& control);

/// A control packet with what carries it.
struct BfdFrame {
    MacAddress destination_mac;
    MacAddress source_mac;
    /// Of one family.
    IpAddress source;
    IpAddress destination;
    std::uint16_t source_port = bfd_first_source_port;
    BfdControl control;
};

/// @param frame a whole Ethernet frame without FCS and 802.1Q tag
tl::expected<BfdFrame, BfdDiscard> parse_bfd_frame(std::span<const std::uint8_t> frame);

/// A whole Ethernet frame without FCS, of at least 60 octets, with TTL or hop limit 255, DSCP CS6
/// and all checksums.
std::vector<std::uint8_t> write_bfd_frame(const BfdFrame& frame);

} // namespace sallyport::net
