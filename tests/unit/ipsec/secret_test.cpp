// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/secret.h"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <sstream>
#include <string>
#include <type_traits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::ipsec {

namespace {

using ::testing::Each;
using ::testing::HasSubstr;

Secret counting(std::size_t size) {
    Secret secret(size);
    std::iota(secret.octets().begin(), secret.octets().end(), std::uint8_t{1});
    return secret;
}

template<class T>
concept Printable = requires(std::ostream& out, const T& value) {
    out << value;
};

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(std::is_nothrow_move_constructible_v<Secret>);
static_assert(!Printable<Secret> && !std::is_convertible_v<Secret, std::string>);

// Slots stay mapped, so what is left in them can be looked at.
TEST(SecretTest, IsWipedOnDestruction) {
    std::span<const std::uint8_t> memory;
    {
        const Secret secret = counting(36);
        memory = secret.octets();
        EXPECT_EQ(memory[35], 36);
    }
    EXPECT_THAT(memory, Each(0));
}

TEST(SecretTest, IsWipedWhenAnotherIsMovedOverIt) {
    Secret secret = counting(36);
    const std::span<const std::uint8_t> memory = secret.octets();
    secret = counting(20);
    EXPECT_EQ(secret.size(), 20U);
    EXPECT_NE(secret.octets().data(), memory.data());
    EXPECT_THAT(memory, Each(0));
}

TEST(SecretTest, MovesWithoutACopy) {
    Secret first = counting(36);
    const std::uint8_t* const memory = first.octets().data();
    const Secret second = std::move(first);
    EXPECT_EQ(second.octets().data(), memory);
    EXPECT_TRUE(first.empty()); // NOLINT(bugprone-use-after-move)
}

TEST(SecretTest, ShorteningWipesTheRest) {
    Secret secret = counting(36);
    const std::span<const std::uint8_t> memory = secret.octets();
    secret.shorten(4);
    EXPECT_EQ(secret.size(), 4U);
    EXPECT_THAT(memory.subspan(4), Each(0));
    EXPECT_EQ(memory[3], 4);
    secret.shorten(0);
    EXPECT_TRUE(secret.empty());
    EXPECT_THAT(memory, Each(0));
}

TEST(SecretTest, ClonesAndCompares) {
    const Secret secret = counting(36);
    Secret other = secret.clone();
    EXPECT_TRUE(other.equals(secret));
    other.octets()[35] ^= 1;
    EXPECT_FALSE(other.equals(secret));
    EXPECT_FALSE(counting(35).equals(secret));
    EXPECT_TRUE(Secret().equals(Secret()));
}

TEST(SecretTest, IsEmptyBeyondItsBound) {
    EXPECT_TRUE(Secret(Secret::most + 1).empty());
    EXPECT_EQ(Secret(Secret::most).size(), Secret::most);
}

TEST(SecretTest, ManyHaveMemoryOfTheirOwn) {
    std::vector<Secret> secrets;
    for (int i = 0; i < 1000; ++i) {
        secrets.push_back(Secret(Secret::most));
        std::fill(secrets.back().octets().begin(), secrets.back().octets().end(),
                  static_cast<std::uint8_t>(i));
    }
    for (int i = 0; i < 1000; ++i)
        EXPECT_THAT(secrets[static_cast<std::size_t>(i)].octets(),
                    Each(static_cast<std::uint8_t>(i)));
}

TEST(SecretTest, IsLeftOutOfCoreDumps) {
    const Secret secret = counting(36);
    const auto address = reinterpret_cast<std::uintptr_t>(secret.octets().data());
    std::ifstream maps("/proc/self/smaps");
    bool inside = false;
    std::string flags;
    for (std::string line; std::getline(maps, line);) {
        unsigned long from = 0, to = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2)
            inside = from <= address && address < to;
        if (inside && line.starts_with("VmFlags:")) flags = line;
    }
    EXPECT_THAT(flags, HasSubstr(" dd"));
}

} // namespace

} // namespace sallyport::ipsec
