// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/replay_window.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace sallyport::ipsec {

namespace {

using Verdict = ReplayWindow::Verdict;

class ReplayWindowTest : public ::testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Sizes, ReplayWindowTest,
                         ::testing::Values(32, 33, 63, 64, 65, 127, 128, 1000, 1024, 4095, 4096));

TEST_P(ReplayWindowTest, TakesEachNumberOnceAndNoneBehindTheWindow) {
    const std::uint32_t size = GetParam();
    ReplayWindow window(size, 1);
    const std::uint64_t newest = 10ULL * size;
    EXPECT_EQ(window.accept(newest), Verdict::fresh);
    EXPECT_EQ(window.check(newest - size), Verdict::outside);
    for (std::uint64_t number = newest - size + 1; number < newest; ++number) {
        EXPECT_EQ(window.accept(number), Verdict::fresh) << number;
        EXPECT_EQ(window.accept(number), Verdict::replayed) << number;
    }
    EXPECT_EQ(window.accept(newest), Verdict::replayed);
    EXPECT_EQ(window.newest(), newest);
}

// Where librte_ipsec fails at windows of 128 and up: a number that opens a new word.
TEST_P(ReplayWindowTest, ANewNumberForgetsNothingInTheWindow) {
    const std::uint32_t size = GetParam();
    ReplayWindow window(size, 1);
    for (std::uint64_t number = 1; number <= 4ULL * size + 200; ++number) {
        ASSERT_EQ(window.accept(number), Verdict::fresh);
        for (std::uint64_t old = number > size ? number - size + 1 : 1; old <= number; old += 7)
            ASSERT_EQ(window.check(old), Verdict::replayed) << old << " after " << number;
    }
}

TEST_P(ReplayWindowTest, AgreesWithASetOfNumbers) {
    const std::uint32_t size = GetParam();
    ReplayWindow window(size, 1);
    std::set<std::uint64_t> taken;
    std::mt19937_64 random(size);
    std::uint64_t newest = 0;
    for (int i = 0; i < 20000; ++i) {
        const std::uint64_t reach = random() % 50 == 0 ? 3ULL * size + 500 : size / 2 + 3;
        const std::uint64_t from = newest > size + 70 ? newest - size - 70 : 1;
        const std::uint64_t number = from + random() % (newest + reach - from + 1);
        const Verdict expected = number + size <= newest  ? Verdict::outside
                                 : taken.contains(number) ? Verdict::replayed
                                                          : Verdict::fresh;
        ASSERT_EQ(window.check(number), expected);
        ASSERT_EQ(window.accept(number), expected);
        if (expected == Verdict::fresh) taken.insert(number);
        newest = std::max(newest, number);
    }
}

TEST(ReplayWindowStartTest, NothingBeforeTheFirst) {
    ReplayWindow window(64, 1000);
    EXPECT_EQ(window.check(0), Verdict::outside);
    EXPECT_EQ(window.check(999), Verdict::outside);
    EXPECT_EQ(window.accept(1010), Verdict::fresh);
    EXPECT_EQ(window.check(999), Verdict::outside);
    EXPECT_EQ(window.check(1000), Verdict::fresh);
}

TEST(ReplayWindowEsnTest, FindsTheWholeNumberAcrossTheWrap) {
    const std::uint64_t turn = 1ULL << 32;
    ReplayWindow window(64, 1);
    EXPECT_EQ(window.whole(1), 1U);
    EXPECT_EQ(window.whole(UINT32_MAX), UINT32_MAX) << "nothing is before the first";
    window.accept(turn - 10);
    EXPECT_EQ(window.whole(static_cast<std::uint32_t>(turn - 20)), turn - 20);
    EXPECT_EQ(window.whole(5), turn + 5);
    window.accept(turn + 5);
    EXPECT_EQ(window.whole(static_cast<std::uint32_t>(turn - 9)), turn - 9);
    EXPECT_EQ(window.accept(turn - 9), Verdict::fresh);
    EXPECT_EQ(window.accept(turn - 10), Verdict::replayed);
    EXPECT_EQ(window.check(window.whole(static_cast<std::uint32_t>(turn - 100))), Verdict::outside);
}

} // namespace

} // namespace sallyport::ipsec
