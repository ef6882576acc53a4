// SPDX-License-Identifier: BSD-3-Clause
#include "control/failover_drill.h"
#include "fakes.h"

#include <memory>

#include <gtest/gtest.h>

namespace sallyport::control {
namespace {

using namespace std::chrono_literals;
using failover::Reason;
using failover::Switch;

/// What a stream's end is told, and what it tells.
struct Played {
    failover::ProbeReport report;
    bool finishing = false;
    bool finished = false;
};

class PlayedStream final : public ProbeRun {
  public:
    explicit PlayedStream(std::shared_ptr<Played> played) : played_(std::move(played)) {}
    void finish() override { played_->finishing = true; }
    [[nodiscard]] bool finished() const override { return played_->finished; }
    [[nodiscard]] failover::ProbeReport report() const override { return played_->report; }

  private:
    std::shared_ptr<Played> played_;
};

class FailoverDrillTest : public ::testing::Test {
  protected:
    using State = DrillReport::State;

    /// Of the stream that began last.
    Played& stream() { return *streams.back(); }
    /// The stream that runs ends with so many lost.
    void end_leg(std::uint64_t lost) {
        loop.turn(2s);
        EXPECT_TRUE(stream().finishing);
        stream().report.lost_there = lost;
        stream().finished = true;
        loop.turn(100ms);
    }

    fakes::Loop loop;
    std::vector<std::shared_ptr<Played>> streams;
    std::uint64_t answered = 100;
    failover::UplinkIndex active = 0;
    bool stream_fails = false, switch_fails = false;
    FailoverDrill drill{loop,
                        {[this]() -> Expected<std::unique_ptr<ProbeRun>> {
                             if (stream_fails) return failure("no socket");
                             streams.push_back(std::make_shared<Played>());
                             stream().report.received = answered;
                             return std::make_unique<PlayedStream>(streams.back());
                         },
                         [this]() -> Expected<Switch> {
                             if (switch_fails) return failure("the backup uplink is not usable");
                             const failover::UplinkIndex from = active;
                             active = 1 - active;
                             return Switch{from, active, Reason::requested};
                         }}};
};

TEST_F(FailoverDrillTest, ThereAndBackEachInTheMiddleOfAStream) {
    ASSERT_TRUE(drill.start());
    loop.turn(999ms);
    EXPECT_EQ(active, 0) << "the stream runs alone at first";
    loop.turn(1ms);
    EXPECT_EQ(active, 1);
    end_leg(3);
    EXPECT_EQ(drill.report().state, State::running);
    ASSERT_EQ(streams.size(), 2U);
    loop.turn(1s);
    EXPECT_EQ(active, 0);
    end_leg(5);

    const DrillReport& report = drill.report();
    EXPECT_EQ(report.state, State::done);
    EXPECT_EQ(report.failure, "");
    ASSERT_EQ(report.legs.size(), 2U);
    EXPECT_EQ(report.legs[0].what, (Switch{0, 1, Reason::requested}));
    EXPECT_EQ(report.legs[0].traffic.lost_there, 3U);
    EXPECT_EQ(report.legs[1].what, (Switch{1, 0, Reason::requested}));
    EXPECT_EQ(report.legs[1].traffic.lost_there, 5U);
    EXPECT_TRUE(loop.timers.empty());
}

TEST_F(FailoverDrillTest, WaitsForTheStreamsLastAnswers) {
    ASSERT_TRUE(drill.start());
    loop.turn(60s);
    EXPECT_EQ(streams.size(), 1U);
    EXPECT_EQ(drill.report().state, State::running);
}

TEST_F(FailoverDrillTest, WhereNobodyAnswersNothingIsSwitched) {
    answered = 0;
    ASSERT_TRUE(drill.start());
    loop.turn(1s);
    EXPECT_EQ(active, 0);
    EXPECT_EQ(drill.report().state, State::failed);
    EXPECT_NE(drill.report().failure.find("no probe was answered"), std::string::npos);
    EXPECT_TRUE(loop.timers.empty());
}

TEST_F(FailoverDrillTest, ARefusedSwitchBackIsToldWithTheLegThatWasDone) {
    ASSERT_TRUE(drill.start());
    loop.turn(1s);
    end_leg(2);
    switch_fails = true;
    loop.turn(1s);
    EXPECT_EQ(drill.report().state, State::failed);
    EXPECT_EQ(drill.report().failure, "the backup uplink is not usable");
    ASSERT_EQ(drill.report().legs.size(), 1U);
    EXPECT_EQ(drill.report().legs[0].traffic.lost_there, 2U);
}

TEST_F(FailoverDrillTest, WithoutAStreamItDoesNotBegin) {
    stream_fails = true;
    EXPECT_FALSE(drill.start());
    EXPECT_TRUE(loop.timers.empty());
}

TEST_F(FailoverDrillTest, OneThatIsTakenAwayLeavesNoTimer) {
    {
        FailoverDrill other(loop,
                            {[]() -> Expected<std::unique_ptr<ProbeRun>> {
                                 return std::make_unique<PlayedStream>(std::make_shared<Played>());
                             },
                             {}});
        ASSERT_TRUE(other.start());
        EXPECT_EQ(loop.timers.size(), 1U);
    }
    EXPECT_TRUE(loop.timers.empty());
}

} // namespace
} // namespace sallyport::control
