// SPDX-License-Identifier: BSD-3-Clause
#include "failover/bfd_link.h"

#include <chrono>
#include <utility>

namespace sallyport::failover {

namespace {

/// RFC 1122 section 2.3.2.1 and RFC 4861 section 10: no more than one question a second.
constexpr std::chrono::seconds ask_interval{1};

/// Not zero, and not to be guessed by somebody off the link.
std::uint32_t discriminator(const BfdSession::Random& random) {
    for (;;)
        if (const std::uint32_t value = random(); value != 0) return value;
}

/// RFC 5881 section 4: 49152 to 65535.
std::uint16_t source_port(const BfdSession::Random& random) {
    constexpr std::uint32_t ports = 65536 - net::bfd_first_source_port;
    return static_cast<std::uint16_t>(net::bfd_first_source_port + random() % ports);
}

} // namespace

BfdLink::BfdLink(const BfdEnds& ends, const BfdSettings& settings, const net::MacAddress& mac,
                 BfdSession::Random random, TimePoint now)
    : ends_(ends), mac_(mac), session_(settings, discriminator(random), random, now),
      source_port_(source_port(random)), ask_at_(now) {}

void BfdLink::receive(const net::BfdFrame& frame, TimePoint now) {
    if (frame.source != ends_.peer || frame.destination != ends_.local)
        return session_.discard(net::BfdDiscard::session_unknown);
    session_.receive(frame.control, now);
}

void BfdLink::learn(const net::IpAddress& address, const net::MacAddress& mac) {
    if (address == ends_.peer) peer_mac_ = mac;
}

std::vector<std::uint8_t> BfdLink::question() const {
    return ends_.local.is_ipv4()
               ? net::arp_request(mac_, ends_.local, ends_.peer, net::broadcast_mac)
               : net::neighbour_solicitation(mac_, ends_.local, ends_.peer, std::nullopt);
}

std::vector<std::vector<std::uint8_t>> BfdLink::due(TimePoint now) {
    std::vector<std::vector<std::uint8_t>> frames;
    session_.advance(now);
    if (session_.state() != net::BfdState::up && now >= ask_at_) {
        frames.push_back(question());
        ask_at_ = now + ask_interval;
    }
    while (const auto control = session_.transmit(now))
        if (peer_mac_)
            frames.push_back(net::write_bfd_frame({.destination_mac = *peer_mac_,
                                                   .source_mac = mac_,
                                                   .source = ends_.local,
                                                   .destination = ends_.peer,
                                                   .source_port = source_port_,
                                                   .control = *control}));
    return frames;
}

std::optional<TimePoint> BfdLink::next_deadline() const {
    const auto ask = session_.state() == net::BfdState::up ? std::nullopt : std::optional(ask_at_);
    return sooner(ask, session_.next_deadline());
}

} // namespace sallyport::failover
