// SPDX-License-Identifier: BSD-3-Clause
// One security association of ESP as the control thread wants it: plain data, one direction
// (RFC 4301 section 4.4.2, RFC 4303).
#pragma once

#include "base/error.h"
#include "ipsec/algorithm.h"
#include "ipsec/secret.h"
#include "ipsec/xform.h"
#include "net/ip_address.h"

#include <cstdint>
#include <optional>
#include <string>

namespace sallyport::ipsec {

enum class Mode : std::uint8_t { transport, tunnel };

/// "transport" or "tunnel".
inline std::string_view to_string(Mode mode) {
    return mode == Mode::transport ? "transport" : "tunnel";
}

/// SPIs up to here are reserved (RFC 4303 section 2.1).
inline constexpr std::uint32_t smallest_spi = 256;
inline constexpr std::uint32_t smallest_replay_window = 32;
inline constexpr std::uint32_t largest_replay_window = 4096;
/// UDP port of ESP in UDP (RFC 3948).
inline constexpr std::uint16_t udp_encapsulation_port = 4500;

/// ESP in UDP (RFC 3948), host byte order. Inbound only the destination port must be as said here:
/// a NAT may change the other.
struct UdpEncapsulation {
    std::uint16_t source_port = udp_encapsulation_port;
    std::uint16_t destination_port = udp_encapsulation_port;
    bool operator==(const UdpEncapsulation&) const = default;
};

/// What an SA may be used for; 0: no bound. Octets are those of the IP packet before protection.
struct LifetimeLimits {
    std::uint64_t seconds = 0;
    std::uint64_t octets = 0;
    std::uint64_t packets = 0;
    bool operator==(const LifetimeLimits&) const = default;
};

/// Move-only, since it holds the key.
struct SaSettings {
    /// For messages and the shell: "blue to 192.0.2.2".
    std::string name;
    /// Host byte order.
    std::uint32_t spi = 0;
    Direction direction = Direction::outbound;
    Algorithm algorithm = Algorithm::aes_128_gcm;
    Secret key;
    Mode mode = Mode::transport;
    /// Of the packet that ESP travels in, as this end sees it: outbound from local to remote,
    /// inbound the other way round.
    net::IpAddress local;
    net::IpAddress remote;
    /// Tunnel mode: family of the packets inside, one for an SA; transport mode: that of the
    /// addresses.
    net::IpFamily inner_family = net::IpFamily::ipv4;
    std::optional<UdpEncapsulation> udp;
    /// Extended sequence numbers (RFC 4303 section 2.2.1).
    bool esn = false;
    /// Inbound: packets behind the newest that are taken still, exactly as many as said: the window
    /// is our own (replay_window.h), not librte_ipsec's, which would round it to powers of two
    /// of 64.
    std::uint32_t replay_window = 64;
    /// Outbound: the first number to use. Inbound: numbers before it are outside the window.
    std::uint64_t first_sequence = 1;
    /// Outbound: numbers from here on are not used before extend_sequence(); 0: no such bound.
    std::uint64_t sequence_bound = 0;
    /// Reached: time to rekey.
    LifetimeLimits soft;
    /// Reached: packets are dropped.
    LifetimeLimits hard;
};

/// Largest sequence number that is ever used, at 32 and 64 bits: one less than RFC 4303 3.3.3
/// allows, since librte_ipsec refuses the last.
constexpr std::uint64_t last_sequence(bool esn) {
    return (esn ? UINT64_MAX : std::uint64_t{UINT32_MAX}) - 1;
}

/// All that can be told without a device. Never says anything of the key but its length.
Expected<void> validate(const SaSettings& settings);

} // namespace sallyport::ipsec
