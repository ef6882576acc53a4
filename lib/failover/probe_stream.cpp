// SPDX-License-Identifier: BSD-3-Clause
#include "failover/probe_stream.h"

#include <algorithm>

namespace sallyport::failover {

namespace {

std::uint64_t nanoseconds(Clock::duration time) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

void lengthen(ProbeGap& longest, const ProbeGap& gap) {
    if (gap.length >= longest.length) longest = gap;
}

std::uint64_t excess(std::uint64_t more, std::uint64_t less) {
    return more > less ? more - less : 0;
}

} // namespace

std::optional<net::ProbePacket> ProbeStream::next(TimePoint now) {
    if (counts_.sent + 1 >= seen_.size()) return std::nullopt;
    net::ProbePacket packet;
    packet.stream = stream_;
    packet.sequence = ++counts_.sent;
    packet.sent_at = nanoseconds(now.time_since_epoch());
    return packet;
}

bool ProbeStream::receive(const net::ProbePacket& packet, TimePoint now) {
    if (packet.kind != net::ProbeKind::response || packet.stream != stream_ || packet.sequence == 0
        || packet.sequence > counts_.sent || packet.received > counts_.sent
        || packet.sent_at > nanoseconds(now.time_since_epoch()))
        return false;
    if (seen_[packet.sequence]) {
        ++counts_.duplicates;
        return true;
    }
    seen_[packet.sequence] = true;
    ++counts_.received;
    if (packet.sequence < highest_) ++counts_.reordered;
    highest_ = std::max(highest_, packet.sequence);
    if (packet.received >= responder_received_) {
        responder_received_ = packet.received;
        const std::chrono::nanoseconds length(
            std::min<std::uint64_t>(packet.longest_gap, std::chrono::nanoseconds::max().count()));
        counts_.gap_there = {std::chrono::duration_cast<std::chrono::microseconds>(length),
                             packet.gap_after, packet.gap_before};
    }
    note_gaps({packet.sequence, packet.received, now});
    note_round_trip(packet.sent_at, now);
    return true;
}

void ProbeStream::note_gaps(const Arrival& arrival) {
    if (last_) {
        const ProbeGap gap{
            std::chrono::duration_cast<std::chrono::microseconds>(arrival.at - last_->at),
            last_->sequence, arrival.sequence};
        lengthen(counts_.gap, gap);
        const bool requests_lost = arrival.sequence > last_->sequence + 1;
        const bool responses_lost = arrival.responder_received > last_->responder_received + 1;
        if (!requests_lost || responses_lost) lengthen(counts_.gap_back, gap);
    }
    last_ = arrival;
}

void ProbeStream::note_round_trip(std::uint64_t sent_at, TimePoint now) {
    const std::chrono::nanoseconds took(nanoseconds(now.time_since_epoch()) - sent_at);
    const auto round_trip = std::chrono::duration_cast<std::chrono::microseconds>(took);
    auto& shortest = counts_.shortest_round_trip;
    auto& longest = counts_.longest_round_trip;
    shortest = std::min(shortest.value_or(round_trip), round_trip);
    longest = std::max(longest.value_or(round_trip), round_trip);
}

ProbeReport ProbeStream::report() const {
    ProbeReport report = counts_;
    report.lost_there = excess(highest_, responder_received_);
    report.lost_back = excess(responder_received_, counts_.received);
    report.unanswered = counts_.sent - highest_;
    return report;
}

std::optional<net::ProbePacket> ProbeResponder::answer(const net::ProbePacket& request,
                                                       TimePoint now) {
    if (request.kind != net::ProbeKind::request || request.sequence == 0) return std::nullopt;
    Stream& stream = find(request.stream);
    if (is_new(stream, request.sequence)) {
        const std::uint64_t gap = stream.received == 0 ? 0 : nanoseconds(now - stream.last);
        if (stream.received > 0 && gap >= stream.longest_gap) {
            stream.longest_gap = gap;
            stream.gap_after = stream.last_sequence;
            stream.gap_before = request.sequence;
        }
        ++stream.received;
        stream.last_sequence = request.sequence;
    }
    stream.last = now;
    net::ProbePacket response = request;
    response.kind = net::ProbeKind::response;
    response.received = stream.received;
    response.longest_gap = stream.longest_gap;
    response.gap_after = stream.gap_after;
    response.gap_before = stream.gap_before;
    return response;
}

ProbeResponder::Stream& ProbeResponder::find(std::uint64_t id) {
    const auto known = std::ranges::find(streams_, id, &Stream::id);
    if (known != streams_.end()) return *known;
    if (streams_.size() < most_) return streams_.emplace_back(Stream{.id = id});
    Stream& oldest = *std::ranges::min_element(streams_, {}, &Stream::last);
    oldest = Stream{.id = id};
    return oldest;
}

bool ProbeResponder::is_new(Stream& stream, std::uint64_t sequence) {
    if (sequence > stream.highest) {
        const std::uint64_t ahead = sequence - stream.highest;
        stream.seen = ahead < window ? stream.seen << ahead : std::bitset<window>{};
        stream.seen.set(0);
        stream.highest = sequence;
        return true;
    }
    const std::uint64_t behind = stream.highest - sequence;
    if (behind >= window || stream.seen[behind]) return false;
    stream.seen.set(behind);
    return true;
}

} // namespace sallyport::failover
