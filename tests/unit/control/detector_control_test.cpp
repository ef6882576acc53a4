// SPDX-License-Identifier: BSD-3-Clause
// The detectors in the control thread's loop, with neighbours that tests play.
#include "control/detector_control.h"
#include "fakes.h"
#include "net/bfd.h"
#include "net/neighbour_frames.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

namespace sallyport::control {
namespace {

using namespace std::chrono_literals;
using failover::Detector;
using failover::UplinkIndex;
using net::IpAddress;
using net::MacAddress;
using Frame = std::vector<std::uint8_t>;

const MacAddress underlay = *MacAddress::parse("02:00:00:00:01:00");
const MacAddress neighbour = *MacAddress::parse("02:00:00:00:00:99");
constexpr int frames_fd = 77;

IpAddress address(const std::string& text) {
    return *IpAddress::parse(text);
}

class DetectorControlTest : public testing::Test {
  protected:
    static config::Settings two_uplinks() {
        config::Settings settings;
        settings.uplinks = {{.name = "p0", .device = "", .interface = ""},
                            {.name = "p1", .device = "", .interface = ""}};
        return settings;
    }
    void start(const config::Settings& settings, bool first_up = true) {
        DetectorControl::Environment environment{
            .send = [this](UplinkIndex uplink,
                           std::span<const std::uint8_t> frame) -> Expected<void> {
                answer(uplink, {frame.begin(), frame.end()});
                ++sent[uplink];
                return {};
            },
            .take_frames =
                [this](const datapath::SoftwarePath::DetectorFrame& each) {
                    for (const auto& [uplink, frame] : std::exchange(waiting, {}))
                        each(uplink, frame);
                },
            .next_hops = [this] { return next_hops; },
            .told =
                [this](UplinkIndex uplink, Detector detector, bool failed) {
                    told[{uplink, detector}] = failed;
                },
            .random = [this] { return random += 77; },
            .now = [this] { return failover::TimePoint(loop.now); }};
        control = std::make_unique<DetectorControl>(loop, settings, underlay, environment);
        ASSERT_TRUE(control->start(frames_fd, {first_up, true}));
    }
    /// Neighbours answer on the uplinks that reach them.
    void answer(UplinkIndex uplink, const Frame& frame) {
        if (const auto bfd = net::parse_bfd_frame(frame)) bfd_states[uplink] = bfd->control.state;
        const auto request = net::parse_neighbour_request(frame);
        if (!request || !reaches[uplink]) return;
        asked.insert(request->target);
        if (request->target.is_ipv4())
            waiting.emplace_back(uplink, net::arp_reply(neighbour, request->target, request->sender,
                                                        request->sender_mac));
    }
    [[nodiscard]] bool failed(UplinkIndex uplink) { return told[{uplink, Detector::probe}]; }
    /// As the loop does it: frames are told by the descriptor.
    void run(std::chrono::milliseconds time) {
        for (const auto end = loop.now + time; loop.now < end;) {
            loop.turn(1ms);
            if (!waiting.empty()) loop.watched.at(frames_fd)();
        }
    }

    fakes::Loop loop;
    std::array<bool, 2> reaches{true, true};
    std::vector<std::pair<UplinkIndex, Frame>> waiting;
    std::vector<IpAddress> next_hops{address("192.0.2.254")};
    std::map<std::pair<UplinkIndex, Detector>, bool> told;
    std::map<UplinkIndex, unsigned> sent;
    std::set<IpAddress> asked;
    std::map<UplinkIndex, net::BfdState> bfd_states;
    std::uint32_t random = 1;
    std::unique_ptr<DetectorControl> control;
};

TEST_F(DetectorControlTest, WithoutDetectorsNothingRuns) {
    start(two_uplinks());
    EXPECT_TRUE(loop.timers.empty());
    run(10s);
    EXPECT_TRUE(sent.empty());
    control.reset();
    EXPECT_TRUE(loop.watched.empty());
}

TEST_F(DetectorControlTest, AnUplinkThatLeadsNowhereIsTold) {
    auto settings = two_uplinks();
    settings.failover.neighbour_probe.next_hops = true;
    start(settings);
    run(1s);
    EXPECT_FALSE(failed(0));
    EXPECT_FALSE(failed(1));
    reaches[1] = false;
    run(500ms);
    EXPECT_FALSE(failed(0));
    EXPECT_TRUE(failed(1)) << "the backup too";
    reaches[1] = true;
    run(200ms);
    EXPECT_FALSE(failed(1));
    control.reset();
    EXPECT_TRUE(loop.timers.empty());
    EXPECT_TRUE(loop.watched.empty());
}

TEST_F(DetectorControlTest, WhatCameWhileTheThreadWasBusyCounts) {
    auto settings = two_uplinks();
    settings.failover.neighbour_probe.targets = {address("192.0.2.9")};
    start(settings);
    // Nobody looks at the descriptor: the timers alone must take the answers first.
    loop.turn(10s);
    EXPECT_FALSE(failed(0));
    EXPECT_FALSE(failed(1));
}

TEST_F(DetectorControlTest, TargetsFollowTheNextHopsUpToALimit) {
    auto settings = two_uplinks();
    settings.failover.neighbour_probe.next_hops = true;
    settings.failover.neighbour_probe.targets = {address("192.0.2.253")};
    start(settings);
    run(300ms);
    EXPECT_EQ(asked, (std::set<IpAddress>{address("192.0.2.253"), address("192.0.2.254")}));
    next_hops.clear();
    for (int i = 100; i > 0; --i)
        next_hops.push_back(address("192.0.2." + std::to_string(i)));
    asked.clear();
    run(300ms);
    EXPECT_EQ(asked.size(), config::most_neighbour_targets);
    EXPECT_TRUE(asked.contains(address("192.0.2.253")));
    EXPECT_TRUE(asked.contains(address("192.0.2.1")));
    EXPECT_FALSE(asked.contains(address("192.0.2.16")));
}

TEST_F(DetectorControlTest, ManyHypervisorsDoNotAllAskTheSameFew) {
    auto settings = two_uplinks();
    settings.failover.neighbour_probe.next_hops = true;
    settings.underlay.addresses = {{address("192.0.2.95"), 24}};
    next_hops.clear();
    for (int i = 1; i <= 100; ++i)
        if (i != 95) next_hops.push_back(address("192.0.2." + std::to_string(i)));
    start(settings);
    run(300ms);
    EXPECT_EQ(asked.size(), config::most_neighbour_targets);
    for (const char* text : {"192.0.2.96", "192.0.2.100", "192.0.2.1", "192.0.2.11"})
        EXPECT_TRUE(asked.contains(address(text))) << text;
    EXPECT_FALSE(asked.contains(address("192.0.2.94")));
}

TEST_F(DetectorControlTest, WhoStopsSaysSo) {
    auto settings = two_uplinks();
    for (const UplinkIndex uplink : {0, 1})
        settings.uplinks[uplink].bfd = {.local = address("192.0.2.5"),
                                        .peer = address("192.0.2.254")};
    settings.failover.neighbour_probe.next_hops = true;
    start(settings);
    run(3s);
    using States = std::map<UplinkIndex, net::BfdState>;
    EXPECT_EQ(bfd_states, (States{{0, net::BfdState::down}, {1, net::BfdState::down}}));
    control->stop();
    EXPECT_EQ(bfd_states, (States{{0, net::BfdState::admin_down}, {1, net::BfdState::admin_down}}));
    EXPECT_TRUE(loop.timers.empty());
    EXPECT_TRUE(loop.watched.empty());
}

TEST_F(DetectorControlTest, AnUplinkWithoutLinkIsLeftAlone) {
    auto settings = two_uplinks();
    settings.failover.neighbour_probe.next_hops = true;
    start(settings, false);
    run(1s);
    EXPECT_FALSE(sent.contains(0));
    control->link(0, true);
    EXPECT_TRUE(sent.contains(0));
    const unsigned before = sent[1];
    control->link(1, false);
    run(1s);
    EXPECT_EQ(sent[1], before);
}

} // namespace
} // namespace sallyport::control
