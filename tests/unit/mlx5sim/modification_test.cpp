// SPDX-License-Identifier: BSD-3-Clause
#include "headers.h"
#include "modification.h"

#include <array>

#include <gtest/gtest.h>

namespace mlx5sim::test {
namespace {

using Action = std::array<std::uint8_t, 8>;

constexpr Action set_of(unsigned field, unsigned offset, unsigned length) {
    return {static_cast<std::uint8_t>(0x10 | field >> 8), static_cast<std::uint8_t>(field),
            static_cast<std::uint8_t>(offset), static_cast<std::uint8_t>(length)};
}

constexpr unsigned destination_mac_upper = 0x04, ttl = 0x0a, udp_to = 0x0c, source_v4 = 0x15,
                   register_c_1 = 0x52, register_c_2 = 0x53, inner_ttl = 0x3a, tcp_to = 0x09;

Packet parsed(const Packet& packet) {
    return Packet(packet.octets());
}

TEST(CardModification, SetsPartOfARegister) {
    Packet packet(plain());
    packet.c[1] = 0xffffffff;
    EXPECT_FALSE(modify(packet, set_of(register_c_1, 8, 12), 0x123));
    EXPECT_EQ(packet.c[1], 0xfff123ffU);
    modify(packet, set_of(register_c_1, 0, 0), 0x89abcdef);
    EXPECT_EQ(packet.c[1], 0x89abcdefU) << "a length of 0 is all 32 bits";
}

TEST(CardModification, SetsAMacAddress) {
    Packet packet(plain());
    EXPECT_TRUE(modify(packet, set_of(destination_mac_upper, 0, 0), 0x0a0b0c0d));
    EXPECT_EQ(Octets(packet.octets().begin(), packet.octets().begin() + 6),
              (Octets{0x0a, 0x0b, 0x0c, 0x0d, 0x00, 0x02}));
}

TEST(CardModification, KeepsRightChecksumsRight) {
    Packet packet(plain());
    modify(packet, set_of(ttl, 0, 8), 3);
    modify(packet, set_of(udp_to, 0, 16), 53);
    modify(packet, set_of(source_v4, 0, 0), 0x0a000001);
    const Packet after = parsed(packet);
    EXPECT_TRUE(after.outer().ipv4_checksum_ok && after.outer().l4_checksum_ok);
    EXPECT_EQ(packet.octets()[22], 3);
    EXPECT_EQ(packet.octets()[37], 53);
    EXPECT_EQ(packet.octets()[26], 10);
}

TEST(CardModification, KeepsWrongChecksumsWrong) {
    Octets frame = plain();
    frame[24] ^= 1;
    Packet packet(frame);
    modify(packet, set_of(ttl, 0, 8), 3);
    EXPECT_FALSE(parsed(packet).outer().ipv4_checksum_ok);
}

TEST(CardModification, AddsToAField) {
    Packet packet(plain());
    Action less = set_of(ttl, 0, 0);
    less[0] = 0x20;
    modify(packet, less, 0xffffffff);
    EXPECT_EQ(packet.octets()[22], 63);
    EXPECT_TRUE(parsed(packet).outer().ipv4_checksum_ok);
}

TEST(CardModification, CopiesBetweenRegisters) {
    Packet packet(plain());
    packet.c[1] = 0x00ab0000;
    const Action copy{0x30, register_c_1, 16, 8, 0, register_c_2, 4, 0};
    modify(packet, copy, 0);
    EXPECT_EQ(packet.c[2], 0xab0U);
}

TEST(CardModification, KnowsTheSecondHeaders) {
    Packet packet(vxlan(plain(), 7));
    modify(packet, set_of(inner_ttl, 0, 8), 9);
    EXPECT_EQ(packet.octets()[72], 9);
    EXPECT_EQ(packet.octets()[22], 64);
    EXPECT_TRUE(parsed(packet).inner()->ipv4_checksum_ok);
}

TEST(CardModification, LeavesAloneWhatIsNotThere) {
    Packet packet(plain());
    modify(packet, set_of(tcp_to, 0, 16), 1);
    modify(packet, set_of(inner_ttl, 0, 8), 1);
    EXPECT_EQ(Octets(packet.octets().begin(), packet.octets().end()), plain());
}

TEST(CardModificationDeathTest, NamesAFieldThatIsNotSimulated) {
    Packet packet(plain());
    EXPECT_DEATH(modify(packet, set_of(0x6e, 0, 0), 1), "field 0x6e is not simulated");
}

} // namespace
} // namespace mlx5sim::test
