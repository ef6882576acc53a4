// SPDX-License-Identifier: BSD-3-Clause
// Clause by clause of RFC 5880 section 6.8, and two sessions that talk to each other.
#include "failover/bfd_session.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::failover {
namespace {

using namespace std::chrono_literals;
using net::BfdControl;
using net::BfdDiagnostic;
using net::BfdDiscard;
using net::BfdState;

constexpr std::uint32_t mine = 11, theirs = 22;

class BfdSessionTest : public testing::Test {
  protected:
    /// No jitter but where a test sets it.
    std::uint32_t random_ = 250;
    TimePoint now_{1h};
    BfdSettings settings_{.desired_min_tx = 100ms, .required_min_rx = 50ms, .detect_multiplier = 3};
    BfdSession session_ = make();

    BfdSession make() {
        return {settings_, mine, [this] { return random_; }, now_};
    }

    static BfdControl packet(BfdState state) {
        BfdControl packet;
        packet.state = state;
        packet.detect_multiplier = 4;
        packet.my_discriminator = theirs;
        packet.your_discriminator = mine;
        packet.desired_min_tx = 200'000;
        packet.required_min_rx = 10'000;
        return packet;
    }
    std::optional<BfdDiscard> hear(BfdState state) { return session_.receive(packet(state), now_); }
    std::vector<BfdControl> send() {
        std::vector<BfdControl> sent;
        while (auto packet = session_.transmit(now_)) {
            sent.push_back(*packet);
            if (sent.size() > 10) break;
        }
        return sent;
    }
    /// At the given time from now, and not a microsecond before.
    void expect_next_packet_in(std::chrono::microseconds time) {
        now_ += time - 1us;
        EXPECT_TRUE(send().empty());
        now_ += 1us;
        EXPECT_EQ(send().size(), 1U);
    }
    /// Up, with the Poll that follows from it answered.
    void bring_up() {
        hear(BfdState::down);
        hear(BfdState::init);
        ASSERT_EQ(session_.state(), BfdState::up);
        send();
        BfdControl final = packet(BfdState::up);
        final.final = true;
        session_.receive(final, now_);
        send();
        ASSERT_FALSE(session_.polling());
    }
};

TEST_F(BfdSessionTest, StartsDownAndSaysSoAtOnceThenEverySecond) {
    const auto sent = send();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].state, BfdState::down);
    EXPECT_EQ(sent[0].diagnostic, BfdDiagnostic::none);
    EXPECT_EQ(sent[0].my_discriminator, mine);
    EXPECT_EQ(sent[0].your_discriminator, 0U);
    EXPECT_EQ(sent[0].desired_min_tx, 1'000'000U);
    EXPECT_EQ(sent[0].required_min_rx, 50'000U);
    EXPECT_EQ(sent[0].required_min_echo_rx, 0U);
    EXPECT_EQ(sent[0].detect_multiplier, 3);
    EXPECT_FALSE(sent[0].poll || sent[0].final || sent[0].demand || sent[0].authenticated);
    expect_next_packet_in(1s);
    expect_next_packet_in(1s);
    EXPECT_FALSE(session_.failed()) << "it has never been up";
}

TEST_F(BfdSessionTest, ASlowerWishThanASecondIsKept) {
    settings_.desired_min_tx = 3s;
    session_ = make();
    EXPECT_EQ(send().at(0).desired_min_tx, 3'000'000U);
    expect_next_packet_in(3s);
}

struct Transition {
    BfdState from, received, to;
};

/// Every state and every packet, as section 6.8.6 and the diagram of section 6.2 have it.
TEST_F(BfdSessionTest, EveryTransition) {
    constexpr auto admin = BfdState::admin_down, down = BfdState::down, init = BfdState::init,
                   up = BfdState::up;
    constexpr Transition transitions[] = {
        {down, admin, down}, {down, down, init}, {down, init, up}, {down, up, down},
        {init, admin, down}, {init, down, init}, {init, init, up}, {init, up, up},
        {up, admin, down},   {up, down, down},   {up, init, up},   {up, up, up},
    };
    for (const auto& [from, received, to] : transitions) {
        session_ = make();
        if (from == init) hear(down);
        if (from == up) hear(init);
        ASSERT_EQ(session_.state(), from);
        EXPECT_EQ(hear(received), std::nullopt);
        EXPECT_EQ(session_.state(), to) << to_string(from) << " receives " << to_string(received);
        const bool signalled = to == down && from != down;
        EXPECT_EQ(session_.diagnostic(),
                  signalled ? BfdDiagnostic::neighbour_signalled_down : BfdDiagnostic::none);
        EXPECT_EQ(session_.failed(), from == up && received == down);
        EXPECT_EQ(session_.remote_state(), received);
        EXPECT_EQ(session_.remote_discriminator(), theirs);
    }
}

TEST_F(BfdSessionTest, NewsOfItsStateGoOutAtOnce) {
    send();
    hear(BfdState::down);
    auto sent = send();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].state, BfdState::init);
    EXPECT_EQ(sent[0].your_discriminator, theirs);
    hear(BfdState::init);
    sent = send();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].state, BfdState::up);
    hear(BfdState::up);
    EXPECT_TRUE(send().empty());
}

TEST_F(BfdSessionTest, DiscardsAreCountedByReasonAndChangeNothing) {
    BfdControl other = packet(BfdState::init);
    other.your_discriminator = mine + 1;
    EXPECT_EQ(session_.receive(other, now_), BfdDiscard::session_unknown);
    BfdControl authenticated = packet(BfdState::init);
    authenticated.authenticated = true;
    EXPECT_EQ(session_.receive(authenticated, now_), BfdDiscard::authentication);
    for (const BfdState state : {BfdState::init, BfdState::up}) {
        BfdControl unaware = packet(state);
        unaware.your_discriminator = 0;
        EXPECT_EQ(session_.receive(unaware, now_), BfdDiscard::your_discriminator);
    }
    EXPECT_EQ(session_.state(), BfdState::down);
    EXPECT_EQ(session_.remote_discriminator(), 0U);
    session_.discard(BfdDiscard::ttl);
    const auto count = [&](BfdDiscard why) {
        return session_.discarded()[static_cast<std::size_t>(why)];
    };
    EXPECT_EQ(count(BfdDiscard::session_unknown), 1U);
    EXPECT_EQ(count(BfdDiscard::authentication), 1U);
    EXPECT_EQ(count(BfdDiscard::your_discriminator), 2U);
    EXPECT_EQ(count(BfdDiscard::ttl), 1U);
    EXPECT_EQ(session_.received(), 0U);
    BfdControl first = packet(BfdState::down);
    first.your_discriminator = 0;
    EXPECT_EQ(session_.receive(first, now_), std::nullopt);
    EXPECT_EQ(session_.state(), BfdState::init);
    EXPECT_EQ(session_.received(), 1U);
}

TEST_F(BfdSessionTest, DetectionTimeIsThePeersMultiplierTimesTheSlowerWish) {
    bring_up();
    EXPECT_EQ(session_.detection_time(), 4 * 200ms);
    BfdControl faster = packet(BfdState::up);
    faster.desired_min_tx = 10'000;
    session_.receive(faster, now_);
    EXPECT_EQ(session_.detection_time(), 4 * 50ms);
    now_ += 200ms - 1us;
    session_.advance(now_);
    EXPECT_EQ(session_.state(), BfdState::up);
    now_ += 1us;
    session_.advance(now_);
    EXPECT_EQ(session_.state(), BfdState::down);
    EXPECT_EQ(session_.diagnostic(), BfdDiagnostic::detection_time_expired);
    EXPECT_EQ(session_.remote_discriminator(), 0U);
    EXPECT_TRUE(session_.failed());
    const auto sent = send();
    ASSERT_EQ(sent.size(), 1U) << "news";
    EXPECT_EQ(sent[0].diagnostic, BfdDiagnostic::detection_time_expired);
    EXPECT_EQ(sent[0].desired_min_tx, 1'000'000U);
}

TEST_F(BfdSessionTest, TheDeadlineIsTheSoonerOfDetectionAndTransmission) {
    bring_up();
    EXPECT_EQ(session_.next_deadline(), now_ + 100ms);
    BfdControl impatient = packet(BfdState::up);
    impatient.detect_multiplier = 1;
    impatient.desired_min_tx = 1;
    session_.receive(impatient, now_);
    EXPECT_EQ(session_.next_deadline(), now_ + 50ms);
}

TEST_F(BfdSessionTest, InitTimesOutToo) {
    hear(BfdState::down);
    now_ += 800ms;
    session_.advance(now_);
    EXPECT_EQ(session_.state(), BfdState::down);
    EXPECT_EQ(session_.diagnostic(), BfdDiagnostic::detection_time_expired);
    EXPECT_FALSE(session_.failed());
}

TEST_F(BfdSessionTest, AForgottenPeerIsForgottenWhileDownToo) {
    hear(BfdState::up); // stays down
    EXPECT_EQ(session_.remote_discriminator(), theirs);
    now_ += 800ms;
    session_.advance(now_);
    EXPECT_EQ(session_.remote_discriminator(), 0U);
    EXPECT_EQ(session_.diagnostic(), BfdDiagnostic::none);
}

TEST_F(BfdSessionTest, NeverSendsMoreOftenThanThePeerWants) {
    bring_up();
    expect_next_packet_in(100ms);
    BfdControl slower = packet(BfdState::up);
    slower.required_min_rx = 150'000;
    session_.receive(slower, now_);
    EXPECT_EQ(session_.transmit_interval(), 150ms);
    expect_next_packet_in(150ms);
}

TEST_F(BfdSessionTest, AFasterPeerIsObeyedAtOnce) {
    bring_up();
    BfdControl slower = packet(BfdState::up);
    slower.required_min_rx = 500'000;
    session_.receive(slower, now_);
    now_ += 120ms;
    EXPECT_TRUE(send().empty());
    // Section 6.8.3: the interval has passed already, so as soon as practicable.
    session_.receive(packet(BfdState::up), now_);
    EXPECT_EQ(send().size(), 1U);
}

TEST_F(BfdSessionTest, APeerThatWantsNoneGetsNone) {
    send();
    BfdControl deaf = packet(BfdState::down);
    deaf.required_min_rx = 0;
    session_.receive(deaf, now_);
    now_ += 100ms;
    EXPECT_TRUE(send().empty());
    deaf.poll = true;
    session_.receive(deaf, now_);
    EXPECT_EQ(send().size(), 1U) << "a Poll is answered regardless";
}

TEST_F(BfdSessionTest, JitterTakesUpToAQuarterAway) {
    bring_up();
    random_ = 0;
    expect_next_packet_in(100ms);
    random_ = 100;
    expect_next_packet_in(75ms);
    random_ = 250;
    expect_next_packet_in(85ms);
    expect_next_packet_in(100ms);
}

TEST_F(BfdSessionTest, WithAMultiplierOfOneJitterTakesATenthAtLeast) {
    settings_.detect_multiplier = 1;
    random_ = 150;
    session_ = make();
    bring_up();
    expect_next_packet_in(90ms);
    random_ = 151; // wraps around
    expect_next_packet_in(90ms);
    expect_next_packet_in(75ms);
}

TEST_F(BfdSessionTest, APollIsAnsweredAtOnceWithoutTouchingTheSchedule) {
    bring_up();
    now_ += 40ms;
    BfdControl poll = packet(BfdState::up);
    poll.poll = true;
    session_.receive(poll, now_);
    EXPECT_EQ(session_.next_deadline(), now_);
    const auto sent = send();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_TRUE(sent[0].final);
    EXPECT_FALSE(sent[0].poll);
    expect_next_packet_in(60ms);
}

TEST_F(BfdSessionTest, OnTheWayUpThePollAgreesOnTheFasterInterval) {
    send();
    hear(BfdState::init);
    auto sent = send();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_TRUE(sent[0].poll);
    EXPECT_EQ(sent[0].desired_min_tx, 100'000U);
    expect_next_packet_in(100ms); // a faster one needs no consent
    now_ += 100ms;
    sent = send();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_TRUE(sent[0].poll) << "until the Final";
    BfdControl final = packet(BfdState::up);
    final.final = true;
    session_.receive(final, now_);
    now_ += 100ms;
    EXPECT_FALSE(send().at(0).poll);
}

TEST_F(BfdSessionTest, WhilePollingTheAnswerToAPollHasNoPollBit) {
    hear(BfdState::init);
    BfdControl poll = packet(BfdState::up);
    poll.poll = true;
    session_.receive(poll, now_);
    const auto sent = send();
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_TRUE(sent[0].final && !sent[0].poll);
    EXPECT_TRUE(sent[1].poll && !sent[1].final);
}

TEST_F(BfdSessionTest, AFinalToTheFirstOfTwoChangesConfirmsOnlyThat) {
    hear(BfdState::init);
    ASSERT_TRUE(send().at(0).poll);
    // Down and up again before the answer is here: two changes of our interval.
    hear(BfdState::down);
    hear(BfdState::init);
    BfdControl final = packet(BfdState::up);
    final.final = true;
    session_.receive(final, now_);
    EXPECT_TRUE(session_.polling());
    now_ += 100ms;
    EXPECT_TRUE(send().at(0).poll);
    session_.receive(final, now_);
    EXPECT_FALSE(session_.polling());
}

TEST_F(BfdSessionTest, AFinalThatNobodyAskedForMeansNothing) {
    hear(BfdState::init);
    BfdControl final = packet(BfdState::up);
    final.final = true;
    session_.receive(final, now_); // our Poll has not gone out yet
    EXPECT_TRUE(session_.polling());
}

TEST_F(BfdSessionTest, APeerInDemandModeHearsNothingButPollsAndAnswers) {
    bring_up();
    BfdControl demanding = packet(BfdState::up);
    demanding.demand = true;
    session_.receive(demanding, now_);
    now_ += 700ms;
    EXPECT_TRUE(send().empty());
    EXPECT_EQ(session_.next_deadline(), now_ + 100ms) << "only the detection time, ours";
    demanding.poll = true;
    session_.receive(demanding, now_);
    ASSERT_EQ(send().size(), 1U);
    demanding.poll = false;
    // Demand mode is active only while both ends are up (section 6.6).
    demanding.state = BfdState::init;
    session_.receive(demanding, now_);
    ASSERT_EQ(session_.state(), BfdState::up);
    EXPECT_EQ(send().size(), 1U);
    demanding.state = BfdState::down;
    session_.receive(demanding, now_);
    EXPECT_EQ(send().size(), 1U);
}

TEST_F(BfdSessionTest, StoppedItSaysSoAndHearsNothing) {
    bring_up();
    session_.stop(now_);
    EXPECT_FALSE(session_.failed());
    const auto sent = send();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].state, BfdState::admin_down);
    EXPECT_EQ(sent[0].diagnostic, BfdDiagnostic::administratively_down);
    EXPECT_EQ(hear(BfdState::down), BfdDiscard::administratively_down);
    EXPECT_EQ(session_.state(), BfdState::admin_down);
    now_ += 1h;
    session_.advance(now_);
    EXPECT_EQ(session_.state(), BfdState::admin_down);
    EXPECT_EQ(send().size(), 1U);
}

TEST_F(BfdSessionTest, APeersOperatorIsNoFailureOfThePath) {
    bring_up();
    hear(BfdState::admin_down);
    EXPECT_EQ(session_.state(), BfdState::down);
    EXPECT_FALSE(session_.failed());
    hear(BfdState::down);
    EXPECT_FALSE(session_.failed()) << "it comes up again";
    hear(BfdState::init);
    now_ += 1h;
    session_.advance(now_);
    EXPECT_TRUE(session_.failed());
    hear(BfdState::admin_down);
    EXPECT_FALSE(session_.failed()) << "its operator knows better";
}

TEST_F(BfdSessionTest, AFailedOneHasFailedUntilItIsUp) {
    bring_up();
    now_ += 1h;
    session_.advance(now_);
    EXPECT_TRUE(session_.failed());
    hear(BfdState::down);
    EXPECT_TRUE(session_.failed());
    hear(BfdState::init);
    EXPECT_FALSE(session_.failed());
}

/// Two sessions over a line that delays, and loses some: they come up, agree on intervals, stay up
/// as long as fewer packets in a row are lost than the multiplier, and notice when it is cut.
class TwoBfdSessions : public testing::TestWithParam<unsigned> {};

TEST_P(TwoBfdSessions, ComeUpStayUpAndNotice) {
    std::mt19937 random(GetParam());
    TimePoint now(1h);
    struct Flying {
        TimePoint at;
        int to;
        std::array<std::uint8_t, net::bfd_control_length> octets;
    };
    std::vector<Flying> line;
    const auto some = [&] { return static_cast<std::uint32_t>(random()); };
    std::array<BfdSession, 2> ends{
        BfdSession({.desired_min_tx = 10ms, .required_min_rx = 20ms, .detect_multiplier = 3}, 1,
                   some, now),
        BfdSession({.desired_min_tx = 30ms, .required_min_rx = 5ms, .detect_multiplier = 5}, 2,
                   some, now)};
    std::array<int, 2> lost{};
    bool cut = false, lossy = true;
    const auto run = [&](TimePoint until) {
        while (now < until) {
            for (int end : {0, 1}) {
                while (const auto packet = ends[end].transmit(now)) {
                    // Never two in a row, so that both multipliers bear it.
                    const bool loses = cut || (lossy && lost[end] == 0 && random() % 4 == 0);
                    lost[end] = loses ? lost[end] + 1 : 0;
                    if (!loses)
                        line.push_back({now + std::chrono::microseconds(random() % 1000), 1 - end,
                                        net::write_bfd_control(*packet)});
                }
            }
            TimePoint next = until;
            for (int end : {0, 1})
                next = std::min(next, ends[end].next_deadline().value_or(until));
            for (const Flying& flying : line)
                next = std::min(next, flying.at);
            now = std::max(next, now);
            for (std::size_t i = 0; i < line.size();)
                if (line[i].at <= now) {
                    const auto packet = net::parse_bfd_control(line[i].octets);
                    ASSERT_TRUE(packet);
                    BfdSession& to = ends[line[i].to];
                    const bool stopped = to.state() == BfdState::admin_down;
                    ASSERT_EQ(to.receive(*packet, now),
                              stopped ? std::optional(BfdDiscard::administratively_down)
                                      : std::nullopt);
                    line.erase(line.begin() + static_cast<long>(i));
                } else {
                    ++i;
                }
            for (BfdSession& end : ends)
                end.advance(now);
        }
    };
    run(now + 10s);
    for (const BfdSession& end : ends) {
        EXPECT_EQ(end.state(), BfdState::up);
        EXPECT_FALSE(end.polling());
    }
    EXPECT_EQ(ends[0].transmit_interval(), 10ms);
    EXPECT_EQ(ends[1].transmit_interval(), 30ms);
    EXPECT_EQ(ends[0].detection_time(), 5 * 30ms);
    EXPECT_EQ(ends[1].detection_time(), 3 * 10ms);
    cut = true;
    run(now + 160ms);
    for (const BfdSession& end : ends)
        EXPECT_EQ(end.diagnostic(), BfdDiagnostic::detection_time_expired);
    cut = false;
    run(now + 10s);
    for (const BfdSession& end : ends)
        EXPECT_EQ(end.state(), BfdState::up);
    lossy = false;
    ends[0].stop(now);
    run(now + 10ms);
    EXPECT_EQ(ends[1].state(), BfdState::down);
    EXPECT_EQ(ends[1].diagnostic(), BfdDiagnostic::neighbour_signalled_down);
    EXPECT_FALSE(ends[1].failed()) << "an operator's doing is no failure of the path";
}

INSTANTIATE_TEST_SUITE_P(Seeds, TwoBfdSessions, testing::Range(1U, 11U));

} // namespace
} // namespace sallyport::failover
