// SPDX-License-Identifier: BSD-3-Clause
#include "failover/probe_stream.h"

#include <set>

#include <gtest/gtest.h>

namespace sallyport::failover {
namespace {

using namespace std::chrono_literals;

/// One request each millisecond; half of that there, and half back.
class ProbeStreamTest : public testing::Test {
  protected:
    ProbeStream stream_{77, 1000};
    ProbeResponder responder_;
    TimePoint now_{1h};

    net::ProbePacket send() {
        now_ += 1ms;
        return stream_.next(now_).value();
    }
    net::ProbePacket answer(const net::ProbePacket& request) {
        // By a clock of its own.
        return responder_.answer(request, now_ + 250us + 5h).value();
    }
    bool receive(const net::ProbePacket& response) {
        return stream_.receive(response, now_ + 500us);
    }
    void run(int count, const std::set<int>& lost_there = {}, const std::set<int>& lost_back = {}) {
        for (int i = 1; i <= count; ++i) {
            const auto request = send();
            if (lost_there.contains(i)) continue;
            const auto response = answer(request);
            if (!lost_back.contains(i)) {
                EXPECT_TRUE(receive(response));
            }
        }
    }
};

TEST_F(ProbeStreamTest, NothingLost) {
    run(100);
    const ProbeReport report = stream_.report();
    EXPECT_EQ(report.sent, 100U);
    EXPECT_EQ(report.received, 100U);
    EXPECT_EQ(report.lost_there + report.lost_back + report.unanswered, 0U);
    EXPECT_EQ(report.duplicates + report.reordered, 0U);
    EXPECT_EQ(report.gap.length, 1ms);
    EXPECT_EQ(report.gap_there.length, 1ms);
    EXPECT_EQ(report.gap_back.length, 1ms);
    EXPECT_EQ(report.shortest_round_trip, 500us);
    EXPECT_EQ(report.longest_round_trip, 500us);
}

TEST_F(ProbeStreamTest, LostThereIsNotLostBack) {
    run(20, {5, 6, 7});
    const ProbeReport report = stream_.report();
    EXPECT_EQ(report.lost_there, 3U);
    EXPECT_EQ(report.lost_back, 0U);
    EXPECT_EQ(report.gap_there.length, 4ms);
    EXPECT_EQ(report.gap_there.after, 4U);
    EXPECT_EQ(report.gap_there.before, 8U);
    EXPECT_EQ(report.gap_back.length, 1ms);
    EXPECT_EQ(report.gap.length, 4ms);
    EXPECT_EQ(report.gap.after, 4U);
    EXPECT_EQ(report.gap.before, 8U);
}

TEST_F(ProbeStreamTest, LostBackIsNotLostThere) {
    run(20, {}, {5, 6, 7});
    const ProbeReport report = stream_.report();
    EXPECT_EQ(report.lost_there, 0U);
    EXPECT_EQ(report.lost_back, 3U);
    EXPECT_EQ(report.gap_there.length, 1ms);
    EXPECT_EQ(report.gap_back.length, 4ms);
    EXPECT_EQ(report.gap_back.after, 4U);
    EXPECT_EQ(report.gap_back.before, 8U);
}

TEST_F(ProbeStreamTest, AnOutageBothWaysIsOneBothWays) {
    run(30, {10, 11, 12, 13}, {14, 15});
    const ProbeReport report = stream_.report();
    EXPECT_EQ(report.lost_there, 4U);
    EXPECT_EQ(report.lost_back, 2U);
    EXPECT_EQ(report.gap_there.length, 5ms);
    EXPECT_EQ(report.gap_there.before, 14U) << "though no answer told of it at once";
    EXPECT_EQ(report.gap_back.length, 7ms);
    EXPECT_EQ(report.gap.length, 7ms);
}

TEST_F(ProbeStreamTest, WhatNobodyAnsweredAtTheEndIsLaidAtNobodysDoor) {
    run(20, {18}, {19, 20});
    const ProbeReport report = stream_.report();
    EXPECT_EQ(report.lost_there, 0U);
    EXPECT_EQ(report.lost_back, 0U);
    EXPECT_EQ(report.unanswered, 3U);
}

TEST_F(ProbeStreamTest, WithoutAnyAnswerAllIsUnanswered) {
    run(5, {1, 2, 3, 4, 5});
    const ProbeReport report = stream_.report();
    EXPECT_EQ(report.unanswered, 5U);
    EXPECT_EQ(report.gap.length, 0us);
    EXPECT_EQ(report.gap.before, 0U);
    EXPECT_EQ(report.shortest_round_trip, std::nullopt);
}

TEST_F(ProbeStreamTest, DuplicatesCountOnceInEitherDirection) {
    const auto one = send();
    answer(one);
    const auto response = answer(one);
    EXPECT_EQ(response.received, 1U);
    EXPECT_TRUE(receive(response));
    EXPECT_TRUE(receive(response));
    EXPECT_TRUE(receive(answer(send())));
    const ProbeReport report = stream_.report();
    EXPECT_EQ(report.received, 2U);
    EXPECT_EQ(report.duplicates, 1U);
    EXPECT_EQ(report.lost_back + report.lost_there, 0U);
}

TEST_F(ProbeStreamTest, WhatComesOutOfOrderIsNotLost) {
    const auto one = send(), two = send(), three = send();
    const auto second = answer(two), first = answer(one), third = answer(three);
    EXPECT_TRUE(receive(third));
    EXPECT_TRUE(receive(first));
    EXPECT_TRUE(receive(second));
    const ProbeReport report = stream_.report();
    EXPECT_EQ(report.received, 3U);
    EXPECT_EQ(report.reordered, 2U);
    EXPECT_EQ(report.lost_there + report.lost_back + report.unanswered, 0U);
}

TEST_F(ProbeStreamTest, WhatIsNoAnswerIsNotCounted) {
    const auto request = send();
    auto response = answer(request);
    EXPECT_FALSE(receive(request));
    const auto with = [&](auto change) {
        auto changed = response;
        change(changed);
        return changed;
    };
    EXPECT_FALSE(receive(with([](auto& packet) { packet.stream = 78; })));
    EXPECT_FALSE(receive(with([](auto& packet) { packet.sequence = 2; })));
    EXPECT_FALSE(receive(with([](auto& packet) { packet.sequence = 0; })));
    EXPECT_FALSE(receive(with([](auto& packet) { packet.received = 2; })));
    EXPECT_FALSE(receive(with([](auto& packet) { packet.sent_at = ~std::uint64_t{0}; })));
    EXPECT_EQ(stream_.report().received, 0U);
    EXPECT_TRUE(receive(with([](auto& packet) { packet.longest_gap = ~std::uint64_t{0}; })));
    EXPECT_GE(stream_.report().gap_there.length, 0us);
}

TEST(ProbeStream, NumbersAreUsedUp) {
    ProbeStream stream(1, 2);
    EXPECT_EQ(stream.next(TimePoint{})->sequence, 1U);
    EXPECT_EQ(stream.next(TimePoint{})->sequence, 2U);
    EXPECT_EQ(stream.next(TimePoint{}), std::nullopt);
    EXPECT_EQ(stream.report().sent, 2U);
}

net::ProbePacket request(std::uint64_t stream, std::uint64_t sequence) {
    net::ProbePacket packet;
    packet.stream = stream;
    packet.sequence = sequence;
    return packet;
}

TEST(ProbeResponder, AnswersRequestsAndNothingElse) {
    ProbeResponder responder;
    auto packet = request(1, 1);
    packet.sent_at = 99;
    const auto response = responder.answer(packet, TimePoint{});
    ASSERT_TRUE(response);
    EXPECT_EQ(response->kind, net::ProbeKind::response);
    EXPECT_EQ(response->sequence, 1U);
    EXPECT_EQ(response->sent_at, 99U);
    EXPECT_EQ(responder.answer(*response, TimePoint{}), std::nullopt);
    EXPECT_EQ(responder.answer(request(1, 0), TimePoint{}), std::nullopt);
}

TEST(ProbeResponder, CountsEachRequestOnceAsFarBackAsItRemembers) {
    ProbeResponder responder;
    const auto received = [&](std::uint64_t sequence) {
        return responder.answer(request(1, sequence), TimePoint{})->received;
    };
    EXPECT_EQ(received(5000), 1U);
    EXPECT_EQ(received(5000), 1U);
    EXPECT_EQ(received(5000 - 1023), 2U);
    EXPECT_EQ(received(5000 - 1023), 2U);
    EXPECT_EQ(received(5000 - 1024), 2U) << "too late to tell";
    EXPECT_EQ(received(5003), 3U);
    EXPECT_EQ(received(5002), 4U);
    EXPECT_EQ(received(5000), 4U);
    EXPECT_EQ(received(~std::uint64_t{0}), 5U);
    EXPECT_EQ(received(~std::uint64_t{0} - 1), 6U);
}

TEST(ProbeResponder, ForgetsTheStreamThatWasSilentForLongest) {
    ProbeResponder responder(2);
    int now = 0;
    const auto received = [&](std::uint64_t stream, std::uint64_t sequence) {
        return responder.answer(request(stream, sequence), TimePoint(std::chrono::seconds(++now)))
            ->received;
    };
    EXPECT_EQ(received(1, 1), 1U);
    EXPECT_EQ(received(2, 1), 1U);
    EXPECT_EQ(received(1, 2), 2U);
    EXPECT_EQ(received(3, 1), 1U);
    EXPECT_EQ(received(1, 3), 3U);
    EXPECT_EQ(received(2, 2), 1U) << "was forgotten";
}

} // namespace
} // namespace sallyport::failover
