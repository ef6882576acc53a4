// SPDX-License-Identifier: BSD-3-Clause
#include "overlay/id_table.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace sallyport::overlay {
namespace {

using Table = IdTable<std::uint16_t, std::string>;

TEST(IdTable, GivesLowestFreeNumbers) {
    Table table;
    Table::FreeIds fresh(table);
    EXPECT_EQ(fresh.next(), 0);
    EXPECT_EQ(fresh.next(), 1);
    table.put(0) = "a";
    table.put(1) = "b";
    table.put(2) = "c";
    table.remove(1);
    table.remove(0);
    Table::FreeIds again(table);
    EXPECT_EQ(again.next(), 0);
    EXPECT_EQ(again.next(), 1);
    EXPECT_EQ(again.next(), 3);
    EXPECT_EQ(table.size(), 1U);
}

TEST(IdTable, PutBeyondTheEndLeavesFreeNumbersBetween) {
    Table table;
    table.put(2) = "c";
    EXPECT_EQ(table.size(), 1U);
    EXPECT_EQ(table.find(0), nullptr);
    EXPECT_EQ(table.find(7), nullptr);
    ASSERT_NE(table.find(2), nullptr);
    EXPECT_EQ(*table.find(2), "c");
    Table::FreeIds fresh(table);
    EXPECT_EQ(fresh.next(), 0);
    EXPECT_EQ(fresh.next(), 1);
    EXPECT_EQ(fresh.next(), 3);
}

TEST(IdTable, PutTwiceIsTheSameEntryAndRemoveTwiceIsHarmless) {
    Table table;
    table.put(0) = "a";
    EXPECT_EQ(table.put(0), "a");
    EXPECT_EQ(table.size(), 1U);
    table.remove(0);
    table.remove(0);
    table.remove(9);
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(table.put(0), "");
}

} // namespace
} // namespace sallyport::overlay
