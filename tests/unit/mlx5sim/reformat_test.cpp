// SPDX-License-Identifier: BSD-3-Clause
#include "headers.h"
#include "reformat.h"

#include <gtest/gtest.h>

namespace mlx5sim::test {
namespace {

/// An encapsulation as a rule holds it: what depends on the packet is zero.
Octets header() {
    Octets octets = vxlan({}, 77);
    for (const std::size_t at : {16, 17, 24, 25, 34, 35, 38, 39, 40, 41})
        octets[at] = 0;
    return octets;
}

TEST(CardReformat, WritesLengthsAndChecksum) {
    Packet packet(plain());
    encapsulate(packet, header());
    const Packet after(packet.octets());
    EXPECT_TRUE(after.outer().l3_ok && after.outer().l4_ok);
    ASSERT_TRUE(after.inner());
    EXPECT_TRUE(after.inner()->l4_checksum_ok);
    EXPECT_EQ(packet.octets()[40] | packet.octets()[41], 0) << "no UDP checksum was asked for";
}

TEST(CardReformat, TakesOffWhatItPutOn) {
    Packet packet(plain());
    encapsulate(packet, header());
    const auto inner = place_of(packet, Anchor::inner_mac);
    ASSERT_TRUE(inner);
    packet.remove(0, *inner);
    EXPECT_EQ(Octets(packet.octets().begin(), packet.octets().end()), plain());
}

TEST(CardReformat, ChoosesThePortByTheFlow) {
    const Packet one(plain(40)), same(plain(400));
    Octets other_frame = plain(40);
    other_frame[35] ^= 1;
    const Packet other(other_frame);
    EXPECT_EQ(entropy_port(one), entropy_port(same));
    EXPECT_NE(entropy_port(one), entropy_port(other));
    EXPECT_GE(entropy_port(one), 0xc000);
}

// CRC-16 over 0x100b of the flow's 37 octets, by hand.
TEST(CardReformat, ComputesTheDriversHash) {
    Octets flow(37);
    const Octets to{192, 0, 2, 2}, from{192, 0, 2, 1};
    std::copy(to.begin(), to.end(), flow.begin() + 12);
    std::copy(from.begin(), from.end(), flow.begin() + 28);
    flow[32] = 17;
    flow[33] = 2000 >> 8;
    flow[34] = 2000 & 255;
    flow[35] = 1000 >> 8;
    flow[36] = 1000 & 255;
    std::uint32_t remainder = 0;
    for (const std::uint8_t octet : flow + Octets{0, 0})
        for (int bit = 7; bit >= 0; --bit) {
            remainder = remainder << 1 | (octet >> bit & 1U);
            if ((remainder & 0x10000) != 0) remainder ^= 0x1100b;
        }
    EXPECT_EQ(entropy_port(Packet(plain())), 0xc000 | remainder);
}

TEST(CardReformat, HasNoPlaceInAPacketWithoutIt) {
    const Packet packet(plain());
    EXPECT_FALSE(place_of(packet, Anchor::inner_mac));
    EXPECT_FALSE(place_of(packet, Anchor::first_vlan));
    EXPECT_EQ(place_of(packet, Anchor::network), 14U);
}

} // namespace
} // namespace mlx5sim::test
