// SPDX-License-Identifier: BSD-3-Clause
#include "meter.h"

#include <gtest/gtest.h>

namespace mlx5sim::test {
namespace {

using namespace std::chrono_literals;

/// 1e9 * 128 / 2^17 octets a second, and a burst of 250 * 2^3 octets.
Meter meter_at(Meter::Clock::time_point now) {
    Meter meter;
    meter.parameters[0] = 0x80;
    meter.parameters[8] = 3;
    meter.parameters[9] = 250;
    meter.parameters[10] = 17;
    meter.parameters[11] = 128;
    meter.set_up(now);
    return meter;
}

TEST(CardMeter, TakesTheBurstAndNoMore) {
    const Meter::Clock::time_point start{};
    Meter meter = meter_at(start);
    EXPECT_EQ(meter.take(1000, start), Colour::green);
    EXPECT_EQ(meter.take(1000, start), Colour::green);
    EXPECT_EQ(meter.take(1, start), Colour::red);
}

TEST(CardMeter, FillsByTheRate) {
    const Meter::Clock::time_point start{};
    Meter meter = meter_at(start);
    meter.take(2000, start);
    EXPECT_EQ(meter.take(978, start + 1ms), Colour::red) << "976.5 octets in a millisecond";
    EXPECT_EQ(meter.take(976, start + 1ms), Colour::green);
    EXPECT_EQ(meter.take(2001, start + 1h), Colour::red) << "no more than the burst";
    EXPECT_EQ(meter.take(2000, start + 1h), Colour::green);
}

TEST(CardMeter, IsGreenUntilItIsSetUp) {
    Meter meter;
    EXPECT_EQ(meter.take(1 << 20, {}), Colour::green);
}

} // namespace
} // namespace mlx5sim::test
