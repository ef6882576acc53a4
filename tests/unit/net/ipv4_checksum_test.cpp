// SPDX-License-Identifier: BSD-3-Clause
#include "net/ipv4_checksum.h"

#include <array>
#include <cstdint>
#include <random>

#include <gtest/gtest.h>

namespace sallyport::net {
namespace {

using Header = std::array<std::uint8_t, 60>;

/// DPDK's own sum is what ours must equal.
std::uint16_t expected_sum(const Header& header) {
    return rte_raw_cksum(header.data(), ipv4_header_length(header[0]));
}

/// Words that are all zeros and all ones among them: those carry.
Header random_header(std::mt19937& random, std::uint8_t words) {
    Header header{};
    for (std::uint8_t& octet : header) {
        const auto value = static_cast<std::uint8_t>(random());
        octet = random() % 4 == 0   ? std::uint8_t{0xff}
                : random() % 4 == 0 ? std::uint8_t{0}
                                    : value;
    }
    header[0] = static_cast<std::uint8_t>(0x40 | words);
    return header;
}

TEST(Ipv4Checksum, SumIsThatOfDpdk) {
    std::mt19937 random(1);
    for (const std::uint8_t words : {5, 6, 15})
        for (int round = 0; round < 20000; ++round) {
            const Header header = random_header(random, words);
            ASSERT_EQ(ipv4_header_sum(header.data()), expected_sum(header)) << "round " << round;
        }
}

TEST(Ipv4Checksum, SumOfLargestHeader) {
    Header header;
    header.fill(0xff);
    header[0] = 0x45;
    EXPECT_EQ(ipv4_header_sum(header.data()), expected_sum(header));
}

// What was written is right by DPDK's sum too, and any octet that changes makes it wrong.
TEST(Ipv4Checksum, WrittenIsRight) {
    std::mt19937 random(2);
    for (const std::uint8_t words : {5, 7}) {
        Header header = random_header(random, words);
        write_ipv4_checksum(header.data());
        EXPECT_EQ(expected_sum(header), 0xffff);
        EXPECT_TRUE(ipv4_checksum_is_right(header.data()));
        for (std::size_t i = 1; i < words * 4U; ++i) {
            Header changed = header;
            changed[i] ^= 0x10;
            EXPECT_FALSE(ipv4_checksum_is_right(changed.data())) << "octet " << i;
        }
    }
}

} // namespace
} // namespace sallyport::net
