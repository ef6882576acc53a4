// SPDX-License-Identifier: BSD-3-Clause
// Every way in which an SA can refuse a packet, and the counters of one SA.
#pragma once

#include "base/counter.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sallyport::ipsec {

// clang-format off
#define SALLYPORT_PACKET_FAULTS(X)                                                                     \
    /* inbound */                                                                                      \
    X(bad_icv,               "bad-icv",               "ICV wrong: damaged, forged, or another key")    \
    X(replayed,              "replayed",              "sequence number was taken before")              \
    X(outside_window,        "outside-window",        "sequence number older than the replay window")  \
    X(bad_padding,           "bad-padding",           "ICV right, but padding or next header wrong (RFC 4303 2.4)") \
    X(dummy,                 "dummy",                 "dummy packet of traffic flow confidentiality (RFC 4303 2.6)") \
    X(ecn_invalid,           "ecn-invalid",           "outer CE on a not-ECN-capable inner packet (RFC 6040)") \
    X(selector_mismatch,     "selector-mismatch",     "what came out is not the traffic that the SA is for (RFC 4301 5.2)") \
    /* outbound */                                                                                     \
    X(sequence_exhausted,    "sequence-exhausted",    "no sequence number is left under this key")     \
    X(sequence_not_reserved, "sequence-not-reserved", "the next sequence number is not yet safe to use: the state file lags") \
    X(no_room,               "no-room",               "buffer or IP length has no room for what ESP adds") \
    /* both */                                                                                         \
    X(malformed,             "malformed",             "not the packet this SA takes: headers or a length wrong, or a fragment") \
    X(unsuitable_buffer,     "unsuitable-buffer",     "in several segments, or octets shared with another packet") \
    X(lifetime_over,         "lifetime-over",         "hard lifetime of the SA is over")               \
    X(engine_failure,        "engine-failure",        "the crypto device or NIC failed")
// clang-format on

enum class PacketFault : std::uint8_t {
#define X(id, name, text) id,
    SALLYPORT_PACKET_FAULTS(X)
#undef X
};
inline constexpr std::size_t packet_fault_count = 0
#define X(id, name, text) +1
    SALLYPORT_PACKET_FAULTS(X)
#undef X
    ;

/// As in commands and telemetry: "bad-icv".
std::string_view name(PacketFault fault);
/// One line for an operator.
std::string_view text(PacketFault fault);

/// Of one SA, written by its worker.
struct SaCounters {
    /// Protected or unprotected whole.
    base::Counter packets;
    /// Of their IP packets in clear.
    base::Counter octets;
    std::array<base::Counter, packet_fault_count> faults;

    base::Counter& of(PacketFault fault) { return faults[static_cast<std::size_t>(fault)]; }
    [[nodiscard]] const base::Counter& of(PacketFault fault) const {
        return faults[static_cast<std::size_t>(fault)];
    }
};

} // namespace sallyport::ipsec
