// SPDX-License-Identifier: BSD-3-Clause
// One BFD session in asynchronous mode (RFC 5880 section 6.8), active role, without authentication
// and echo. Pure logic: it says what to send and when, and is told what came.
#pragma once

#include "failover/clock.h"
#include "net/bfd.h"

#include <cstdint>
#include <functional>
#include <optional>

namespace sallyport::failover {

struct BfdSettings {
    /// How often we want to send once the session is up; before, it is a second or more (RFC 5880
    /// section 6.8.3). The peer may ask for less, never for more.
    std::chrono::microseconds desired_min_tx{300'000};
    /// How often the peer may send at most, above zero. A peer is lost after its own detect
    /// multiplier times the larger of this and of what it wants to send at.
    std::chrono::microseconds required_min_rx{300'000};
    /// After how many of our packets the peer gives us up; above zero.
    std::uint8_t detect_multiplier = 3;

    bool operator==(const BfdSettings&) const = default;
};

/// What the state machine does, by RFC 5880 section 6.8.6: Down -> Init when the peer is Down, Up
/// when the peer says Init (or, from Init, Up): each end has then seen that the other hears it. Up
/// or Init -> Down when the peer says Down or AdminDown (diagnostic 3), or nothing for the
/// detection time (diagnostic 1).
///
/// Whoever owns the session calls, in a loop until it is empty, transmit() after each other call
/// and whenever next_deadline() has come. Not thread-safe.
class BfdSession {
  public:
    /// Uniformly distributed over all its values; for jitter only.
    using Random = std::function<std::uint32_t()>;

    /// @param my_discriminator not zero, no other session's, and better not guessable
    BfdSession(const BfdSettings& settings, std::uint32_t my_discriminator, Random random,
               TimePoint now);

    /// @param packet from net::parse_bfd_control(); by a frame that belongs to this session
    /// @return why it was discarded, which is counted. One that comes while the session is
    ///         administratively down is discarded too, though what it says of the peer is kept.
    std::optional<net::BfdDiscard> receive(const net::BfdControl& packet, TimePoint now);
    /// Counts a frame for this session that the parser discarded.
    void discard(net::BfdDiscard why) { ++discarded_[static_cast<std::size_t>(why)]; }

    /// Looks whether the detection time is over. Give receive() all that has come first: a packet
    /// that had to wait for us proves that the peer lives.
    void advance(TimePoint now);
    /// The packet to be sent now, if there is one: the answer to a Poll at once, else the periodic
    /// one when its interval, less a jitter of up to a quarter, is over, or when there is news.
    std::optional<net::BfdControl> transmit(TimePoint now);
    /// When to call advance() and transmit() unless something else happens first.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;

    /// Administratively down, for good (RFC 5880 section 6.8.16): what goes out from now on tells
    /// the peer so, for which that is no failure of the path.
    void stop(TimePoint now);

    /// The session was up and went down by something else than an operator at either end (RFC 5882
    /// section 3.2), and is not up again. A session that has never been up has not failed: the
    /// peer may not speak BFD.
    [[nodiscard]] bool failed() const { return failed_; }

    [[nodiscard]] net::BfdState state() const { return state_; }
    /// Why the session last left Up (bfd.LocalDiag); none while it is up.
    [[nodiscard]] net::BfdDiagnostic diagnostic() const { return diagnostic_; }
    [[nodiscard]] std::uint32_t my_discriminator() const { return my_discriminator_; }
    /// Zero: not heard within the detection time.
    [[nodiscard]] std::uint32_t remote_discriminator() const { return remote_.my_discriminator; }
    [[nodiscard]] net::BfdState remote_state() const { return remote_.state; }
    [[nodiscard]] net::BfdDiagnostic remote_diagnostic() const { return remote_.diagnostic; }
    [[nodiscard]] bool polling() const { return polling_; }
    /// Between our packets, before jitter.
    [[nodiscard]] std::chrono::microseconds transmit_interval() const;
    /// Without a packet for this long the peer is lost. Zero: none came yet.
    [[nodiscard]] std::chrono::microseconds detection_time() const;
    [[nodiscard]] std::uint64_t sent() const { return sent_; }
    [[nodiscard]] std::uint64_t received() const { return received_; }
    [[nodiscard]] const net::BfdDiscardCounters& discarded() const { return discarded_; }

  private:
    using Microseconds = std::chrono::microseconds;

    void run_state_machine(net::BfdState received, TimePoint now);
    void enter(net::BfdState state, net::BfdDiagnostic diagnostic, TimePoint now);
    [[nodiscard]] Microseconds desired_min_tx() const;
    void end_poll();
    [[nodiscard]] bool demand_active() const;
    [[nodiscard]] std::optional<TimePoint> detection_deadline() const;
    [[nodiscard]] std::optional<TimePoint> transmit_deadline() const;
    [[nodiscard]] net::BfdControl packet() const;

    BfdSettings settings_;
    std::uint32_t my_discriminator_;
    Random random_;
    net::BfdState state_ = net::BfdState::down;
    net::BfdDiagnostic diagnostic_ = net::BfdDiagnostic::none;
    bool failed_ = false;
    /// The peer's latest packet.
    net::BfdControl remote_;
    std::optional<TimePoint> heard_;
    bool polling_ = false;
    /// Our interval changed after a Poll had gone out: the Final to come is about the old one.
    bool poll_again_ = false, poll_sent_ = false;
    /// Since when a Poll waits for its Final.
    std::optional<TimePoint> final_due_;
    /// When the next periodic packet is due on account of news.
    std::optional<TimePoint> news_;
    TimePoint last_sent_{};
    /// Of the interval behind last_sent_, in thousandths.
    std::int64_t jittered_ = 1000;
    std::uint64_t sent_ = 0, received_ = 0;
    net::BfdDiscardCounters discarded_{};
};

} // namespace sallyport::failover
