// SPDX-License-Identifier: BSD-3-Clause
#include "control/announcer.h"
#include "fakes.h"
#include "underlay/announcement.h"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::control {
namespace {

using fakes::ip;
using namespace std::chrono_literals;

class AnnouncerTest : public ::testing::Test {
  protected:
    struct Sent {
        std::chrono::milliseconds at;
        overlay::UplinkIndex uplink;
        std::vector<std::uint8_t> frame;
    };
    fakes::Loop loop;
    std::vector<Sent> sent;
    bool fail = false;
    Announcer announcer{loop, {3, 100ms}, [this](auto uplink, auto frame) -> Expected<void> {
                            sent.push_back({loop.now, uplink, {frame.begin(), frame.end()}});
                            if (fail) return failure("queue full");
                            return {};
                        }};
    net::MacAddress mac = fakes::mac("02:00:00:00:00:01");
    std::vector<net::IpAddress> addresses = {ip("192.0.2.1"), ip("2001:db8::1")};
};

TEST_F(AnnouncerTest, AnnouncesEachAddressAtOnceAndThenInIntervals) {
    EXPECT_EQ(announcer.announce(1, addresses, mac), 2U);
    EXPECT_EQ(sent.size(), 2U) << "the first round does not wait";
    loop.turn(10s);
    ASSERT_EQ(sent.size(), 6U);
    for (std::size_t i = 0; i < sent.size(); ++i) {
        EXPECT_EQ(sent[i].at, 100ms * (i / 2));
        EXPECT_EQ(sent[i].uplink, 1);
        EXPECT_EQ(sent[i].frame, underlay::announcement(addresses[i % 2], mac));
    }
    EXPECT_TRUE(loop.timers.empty());
}

TEST_F(AnnouncerTest, ANewSeriesEndsTheOldOne) {
    announcer.announce(0, addresses, mac);
    loop.turn(50ms);
    announcer.announce(1, std::vector{addresses[0]}, mac);
    loop.turn(10s);
    ASSERT_EQ(sent.size(), 2U + 3U);
    for (std::size_t i = 2; i < sent.size(); ++i)
        EXPECT_EQ(sent[i].uplink, 1) << "nothing more is said of the uplink that was left";
}

TEST_F(AnnouncerTest, StopSilencesIt) {
    announcer.announce(0, addresses, mac);
    announcer.stop();
    loop.turn(10s);
    EXPECT_EQ(sent.size(), 2U);
    EXPECT_TRUE(loop.timers.empty());
}

TEST_F(AnnouncerTest, AFrameThatIsRefusedDoesNotEndTheSeries) {
    fail = true;
    EXPECT_EQ(announcer.announce(0, addresses, mac), 0U) << "nothing went";
    fail = false;
    loop.turn(10s);
    EXPECT_EQ(sent.size(), 6U);
}

TEST_F(AnnouncerTest, NoAddressesNoTimer) {
    EXPECT_EQ(announcer.announce(0, {}, mac), 0U);
    EXPECT_TRUE(loop.timers.empty());
    EXPECT_TRUE(sent.empty());
}

TEST_F(AnnouncerTest, ItsTimerGoesWithIt) {
    {
        Announcer other{loop, {3, 100ms}, [](auto, auto) { return Expected<void>{}; }};
        other.announce(0, addresses, mac);
        EXPECT_FALSE(loop.timers.empty());
    }
    EXPECT_TRUE(loop.timers.empty());
}

} // namespace
} // namespace sallyport::control
