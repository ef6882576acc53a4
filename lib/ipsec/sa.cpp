// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/sa.h"

namespace sallyport::ipsec {

namespace {

std::string place(const SaSettings& settings) {
    return "sa " + settings.name + " (" + std::string(to_string(settings.direction)) + ", SPI "
           + std::to_string(settings.spi) + ")";
}

Expected<void> check_key(const SaSettings& settings) {
    const AlgorithmInfo& suite = info(settings.algorithm);
    if (settings.key.size() == suite.key_material()) return {};
    std::string parts = "the key of " + std::to_string(suite.cipher_key);
    if (suite.salt > 0) parts += " and the salt of " + std::to_string(suite.salt);
    if (suite.authentication_key > 0)
        parts += " and the authentication key of " + std::to_string(suite.authentication_key);
    return failure("the key has " + std::to_string(settings.key.size()) + " octets, "
                       + std::string(suite.name) + " takes " + std::to_string(suite.key_material()),
                   place(settings), "give " + parts + " octets, in this order");
}

Expected<void> check_addresses(const SaSettings& settings) {
    if (settings.local.family != settings.remote.family)
        return failure("one address is IPv4 and the other IPv6", place(settings));
    for (const net::IpAddress& address : {settings.local, settings.remote})
        if (address.is_unspecified() || address.is_multicast())
            return failure("address " + address.to_string() + " is no unicast address",
                           place(settings));
    if (settings.local == settings.remote)
        return failure("both ends have the address " + settings.local.to_string(), place(settings));
    if (settings.mode == Mode::transport && settings.inner_family != settings.local.family)
        return failure("transport mode cannot change the IP version of a packet", place(settings),
                       "use tunnel mode");
    return {};
}

Expected<void> check_numbers(const SaSettings& settings) {
    if (settings.direction == Direction::inbound
        && (settings.replay_window < smallest_replay_window
            || settings.replay_window > largest_replay_window))
        return failure("a replay window of " + std::to_string(settings.replay_window)
                           + " packets is not possible",
                       place(settings),
                       "choose " + std::to_string(smallest_replay_window) + " to "
                           + std::to_string(largest_replay_window));
    if (settings.first_sequence == 0)
        return failure("sequence numbers start at 1", place(settings));
    if (settings.first_sequence > last_sequence(settings.esn))
        return failure("all sequence numbers of this key are used up", place(settings),
                       settings.esn ? "replace the key" : "replace the key, and use esn");
    if (settings.sequence_bound != 0 && settings.sequence_bound < settings.first_sequence)
        return failure("the bound of the sequence numbers is before the first", place(settings));
    return {};
}

Expected<void> check_limit(const SaSettings& settings, std::string_view what, std::uint64_t soft,
                           std::uint64_t hard) {
    if (hard == 0 || soft <= hard) return {};
    return failure("the soft lifetime of " + std::to_string(soft) + " " + std::string(what)
                       + " is longer than the hard one of " + std::to_string(hard),
                   place(settings), "rekeying must have time before packets are dropped");
}

Expected<void> check_lifetimes(const SaSettings& settings) {
    const LifetimeLimits &soft = settings.soft, &hard = settings.hard;
    if (auto fine = check_limit(settings, "seconds", soft.seconds, hard.seconds); !fine)
        return fine;
    if (auto fine = check_limit(settings, "octets", soft.octets, hard.octets); !fine) return fine;
    return check_limit(settings, "packets", soft.packets, hard.packets);
}

} // namespace

Expected<void> validate(const SaSettings& settings) {
    if (settings.spi < smallest_spi)
        return failure("SPIs below " + std::to_string(smallest_spi) + " are reserved (RFC 4303)",
                       place(settings), "choose another, on both ends");
    if (auto fine = check_key(settings); !fine) return fine;
    if (auto fine = check_addresses(settings); !fine) return fine;
    if (settings.udp && (settings.udp->source_port == 0 || settings.udp->destination_port == 0))
        return failure("UDP encapsulation takes no port 0", place(settings));
    if (auto fine = check_numbers(settings); !fine) return fine;
    return check_lifetimes(settings);
}

} // namespace sallyport::ipsec
