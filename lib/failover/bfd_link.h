// SPDX-License-Identifier: BSD-3-Clause
// A BFD session with one neighbour over one uplink (RFC 5881), and the frames it needs: its own,
// and those by which both ends find each other. Pure logic.
#pragma once

#include "failover/bfd_session.h"
#include "failover/clock.h"
#include "net/bfd.h"
#include "net/ip_address.h"
#include "net/mac_address.h"
#include "net/neighbour_frames.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace sallyport::failover {

/// The two ends, of one family and on one link.
struct BfdEnds {
    net::IpAddress local;
    net::IpAddress peer;

    bool operator==(const BfdEnds&) const = default;
};

/// Not thread-safe.
class BfdLink {
  public:
    /// @param mac of the station that has the local address
    /// @param random as BfdSession's; also for the discriminator and the UDP port
    BfdLink(const BfdEnds& ends, const BfdSettings& settings, const net::MacAddress& mac,
            BfdSession::Random random, TimePoint now);

    /// A BFD frame has come by this uplink, to this station; one of another session is counted.
    void receive(const net::BfdFrame& frame, TimePoint now);
    /// The same of one that the parser refused.
    void discard(net::BfdDiscard why) { session_.discard(why); }
    /// A neighbour said where it is, in a question or an answer.
    void learn(const net::IpAddress& address, const net::MacAddress& mac);

    /// Frames to be sent now. Give receive() all that has come first.
    std::vector<std::vector<std::uint8_t>> due(TimePoint now);
    /// From now on due() has what tells the peer that we go (BfdSession::stop()).
    void stop(TimePoint now) { session_.stop(now); }
    /// When to call due() unless something else happens first.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;

    [[nodiscard]] const BfdSession& session() const { return session_; }
    [[nodiscard]] const BfdEnds& ends() const { return ends_; }
    /// Absent: it has not answered yet.
    [[nodiscard]] const std::optional<net::MacAddress>& peer_mac() const { return peer_mac_; }

  private:
    [[nodiscard]] std::vector<std::uint8_t> question() const;

    BfdEnds ends_;
    net::MacAddress mac_;
    BfdSession session_;
    std::uint16_t source_port_;
    std::optional<net::MacAddress> peer_mac_;
    /// When the peer is asked for its MAC; while the session is up it needs not be.
    TimePoint ask_at_;
};

} // namespace sallyport::failover
