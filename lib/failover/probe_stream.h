// SPDX-License-Identifier: BSD-3-Clause
// Both ends of "failover probe": the accounting of a numbered stream of requests and its responses.
// Pure logic; packets come and go elsewhere.
#pragma once

#include "failover/clock.h"
#include "net/probe_packet.h"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sallyport::failover {

/// A time without packets.
struct ProbeGap {
    std::chrono::microseconds length{0};
    /// The sequence numbers of the packets that it lies between; both zero: there were no two
    /// packets.
    std::uint64_t after = 0;
    std::uint64_t before = 0;
};

struct ProbeReport {
    std::uint64_t sent = 0;
    /// Different responses.
    std::uint64_t received = 0;
    std::uint64_t duplicates = 0;
    /// Responses that came after one to a later request.
    std::uint64_t reordered = 0;
    /// Of the requests up to the last one that was answered: those that did not get there, and
    /// those whose responses did not come back.
    std::uint64_t lost_there = 0;
    std::uint64_t lost_back = 0;
    /// Requests after the last one that was answered. Nobody can tell where they were lost, if they
    /// are not still under way.
    std::uint64_t unanswered = 0;
    /// The longest time between two requests at the responder, by its clock. It is told with each
    /// response, so that the last one counts.
    ProbeGap gap_there;
    /// The longest time between two responses here, but for those times in which all that is
    /// missing had not got there.
    ProbeGap gap_back;
    /// The longest time between two responses, whichever direction was to blame.
    ProbeGap gap;
    /// From a request to its response; absent: none came.
    std::optional<std::chrono::microseconds> shortest_round_trip;
    std::optional<std::chrono::microseconds> longest_round_trip;
};

/// The end that sends requests. A gap includes the interval between two packets, about which
/// nothing can be said. Not thread-safe.
class ProbeStream {
  public:
    /// @param stream random
    /// @param most requests that it may number, which bounds its memory (a bit each)
    ProbeStream(std::uint64_t stream, std::size_t most) : stream_(stream), seen_(most + 1) {}

    /// The next request, for sending at once. Absent: the numbers are used up.
    std::optional<net::ProbePacket> next(TimePoint now);
    /// @return false: no response of this stream to a request that was sent; not counted
    bool receive(const net::ProbePacket& packet, TimePoint now);
    [[nodiscard]] ProbeReport report() const;

  private:
    struct Arrival {
        std::uint64_t sequence = 0;
        /// What the responder had got.
        std::uint64_t responder_received = 0;
        TimePoint at;
    };
    void note_gaps(const Arrival& arrival);
    void note_round_trip(std::uint64_t sent_at, TimePoint now);

    std::uint64_t stream_;
    /// By sequence number: it was answered.
    std::vector<bool> seen_;
    ProbeReport counts_;
    std::optional<Arrival> last_;
    std::uint64_t highest_ = 0;
    std::uint64_t responder_received_ = 0;
};

/// The end that answers. It remembers a bounded number of streams; a new one takes the place of the
/// one that was silent for longest. Not thread-safe.
class ProbeResponder {
  public:
    /// @param streams at most; above zero
    explicit ProbeResponder(std::size_t streams = 16) : most_(streams) {}

    /// The response to a request, for the sender of the request. Absent: it is no request.
    std::optional<net::ProbePacket> answer(const net::ProbePacket& request, TimePoint now);

  private:
    /// Requests that are so late that a repetition could not be told are not counted.
    static constexpr std::size_t window = 1024;
    struct Stream {
        std::uint64_t id = 0;
        std::uint64_t received = 0;
        std::uint64_t highest = 0;
        /// Bit n: highest - n was received.
        std::bitset<window> seen{};
        TimePoint last{};
        std::uint64_t last_sequence = 0;
        /// In nanoseconds.
        std::uint64_t longest_gap = 0;
        std::uint64_t gap_after = 0, gap_before = 0;
    };
    Stream& find(std::uint64_t id);
    static bool is_new(Stream& stream, std::uint64_t sequence);

    std::size_t most_;
    std::vector<Stream> streams_;
};

} // namespace sallyport::failover
