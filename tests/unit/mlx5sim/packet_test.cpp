// SPDX-License-Identifier: BSD-3-Clause
#include "headers.h"
#include "packet.h"

#include <gtest/gtest.h>

namespace mlx5sim::test {
namespace {

TEST(CardPacket, FindsTheHeaders) {
    const Packet packet(plain());
    const Headers& found = packet.outer();
    EXPECT_TRUE(found.l2_ok);
    EXPECT_EQ(found.network_kind, NetworkHeader::ipv4);
    EXPECT_EQ(found.network, 14U);
    EXPECT_EQ(found.transport_kind, TransportHeader::udp);
    EXPECT_EQ(found.transport, 34U);
    EXPECT_TRUE(found.l3_ok && found.l4_ok);
    EXPECT_TRUE(found.ipv4_checksum_ok && found.l4_checksum_ok);
    EXPECT_FALSE(packet.inner());
}

TEST(CardPacket, FindsWhatVxlanCarries) {
    const Packet packet(vxlan(plain(), 0x123456));
    ASSERT_TRUE(packet.tunnel());
    EXPECT_EQ(*packet.tunnel(), 42U);
    ASSERT_TRUE(packet.inner());
    EXPECT_EQ(packet.inner()->mac, 50U);
    EXPECT_EQ(packet.inner()->transport, 84U);
    EXPECT_TRUE(packet.inner()->l4_checksum_ok);
}

TEST(CardPacket, TellsWrongChecksumsApart) {
    Octets frame = plain();
    frame[24] ^= 1;
    const Packet network(frame);
    EXPECT_FALSE(network.outer().ipv4_checksum_ok);
    EXPECT_FALSE(network.outer().l3_ok);
    frame = plain();
    frame.back() ^= 1;
    const Packet transport(frame);
    EXPECT_TRUE(transport.outer().l3_ok && transport.outer().l4_ok);
    EXPECT_FALSE(transport.outer().l4_checksum_ok);
}

TEST(CardPacket, TakesUdpWithoutAChecksum) {
    Octets frame = plain();
    frame[40] = frame[41] = 0;
    EXPECT_TRUE(Packet(frame).outer().l4_checksum_ok);
}

TEST(CardPacket, CountsTags) {
    Octets frame = plain();
    const Octets tags{0x88, 0xa8, 0, 5, 0x81, 0, 0, 6};
    frame.insert(frame.begin() + 12, tags.begin(), tags.end());
    const Packet packet(frame);
    EXPECT_EQ(packet.outer().first_vlan, VlanTag::service);
    EXPECT_EQ(packet.outer().second_vlan, VlanTag::customer);
    EXPECT_EQ(packet.outer().network, 22U);
    EXPECT_TRUE(packet.outer().l4_checksum_ok);
}

TEST(CardPacket, NoLengthReadsBeyondTheEnd) {
    const Octets whole = vxlan(plain(), 7);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const Packet packet(Octets(whole.begin(), whole.begin() + static_cast<long>(size)));
        EXPECT_FALSE(packet.outer().l3_ok) << size;
    }
}

TEST(CardPacket, GrowsBeyondItsHeadroom) {
    Packet packet(plain());
    const Octets before(packet.octets().begin(), packet.octets().end());
    const Octets header(300, 0xee);
    packet.insert(0, header);
    packet.insert(0, header);
    EXPECT_EQ(Octets(packet.octets().begin(), packet.octets().end()), header + header + before);
    packet.remove(10, 590);
    EXPECT_EQ(packet.size(), before.size() + 10);
}

TEST(CardPacket, SumsOddOctets) {
    const Octets octets{1, 2, 3, 4, 5, 6, 7};
    EXPECT_EQ(static_cast<std::uint16_t>(~ones_sum(octets)), checksum(octets));
}

} // namespace
} // namespace mlx5sim::test
