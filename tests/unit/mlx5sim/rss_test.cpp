// SPDX-License-Identifier: BSD-3-Clause
// "Verifying the RSS hash calculation" of Microsoft's driver documentation has the key and values.
#include "frames.h"
#include "rss.h"

#include <gtest/gtest.h>

namespace mlx5sim {
namespace {

using namespace test;

constexpr std::array<std::uint8_t, 40> key{
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

HashFields fields(bool is_ipv6, bool is_udp, bool ports) {
    HashFields fields;
    fields.is_ipv6 = is_ipv6;
    fields.is_udp = is_udp;
    fields.source = fields.destination = true;
    fields.source_port = fields.destination_port = ports;
    return fields;
}

HashRules rules(const HashFields& outer, const HashFields& inner = {}) {
    HashRules rules;
    rules.function = HashFunction::toeplitz;
    rules.key = key;
    rules.outer = outer;
    rules.inner = inner;
    return rules;
}

std::uint32_t value(const FrameBuffer& frame, const HashRules& rules) {
    return hash_of(frame, layers_of(frame), rules).value;
}

const FrameBuffer udp_ipv4 = ethernet(0x0800) + ipv4(protocol_udp, udp(payload(10)));
const FrameBuffer tcp_ipv4 = ethernet(0x0800) + ipv4(protocol_tcp, tcp(payload(10)));
const FrameBuffer tcp_ipv6 = ethernet(0x86dd) + ipv6(protocol_tcp, tcp(payload(10)));

TEST(Rss, HashesIpv4AsMicrosoftDoes) {
    EXPECT_EQ(value(tcp_ipv4, rules(fields(false, false, false))), 0x323e8fc2U);
    EXPECT_EQ(value(tcp_ipv4, rules(fields(false, false, true))), 0x51ccc178U);
    EXPECT_EQ(value(udp_ipv4, rules(fields(false, true, true))), 0x51ccc178U);
}

TEST(Rss, HashesIpv6AsMicrosoftDoes) {
    EXPECT_EQ(value(tcp_ipv6, rules(fields(true, false, false))), 0x2cc18cd5U);
    EXPECT_EQ(value(tcp_ipv6, rules(fields(true, false, true))), 0x40207d3dU);
}

TEST(Rss, HashesTheInnerPacketWhereThatIsAskedFor) {
    const FrameBuffer frame = ethernet(0x86dd) + ipv6(protocol_udp, vxlan(tcp_ipv4));
    EXPECT_EQ(value(frame, rules({}, fields(false, false, true))), 0x51ccc178U);
    EXPECT_EQ(value(frame, rules(fields(true, true, false))), 0x2cc18cd5U);
}

TEST(Rss, TellsWhatWasHashed) {
    const auto type = [](const FrameBuffer& frame, const HashRules& rules) {
        return hash_of(frame, layers_of(frame), rules).type;
    };
    EXPECT_EQ(type(tcp_ipv4, rules(fields(false, false, true))), 0x55);
    EXPECT_EQ(type(udp_ipv4, rules(fields(false, true, true))), 0xa5);
    EXPECT_EQ(type(tcp_ipv6, rules(fields(true, false, false))), 0x0a);
}

TEST(Rss, IsTheSameForBothDirectionsIfItIsSymmetric) {
    HashRules symmetric = rules(fields(false, false, true));
    symmetric.is_symmetric = true;
    FrameBuffer back = tcp_ipv4;
    std::swap_ranges(back.begin() + 26, back.begin() + 30, back.begin() + 30);
    std::swap_ranges(back.begin() + 34, back.begin() + 36, back.begin() + 36);
    EXPECT_EQ(value(tcp_ipv4, symmetric), value(back, symmetric));
    EXPECT_NE(value(tcp_ipv4, rules(fields(false, false, true))),
              value(back, rules(fields(false, false, true))));
}

TEST(Rss, HashesNothingOfAnotherProtocol) {
    EXPECT_EQ(value(tcp_ipv6, rules(fields(false, false, true))), 0U);
    EXPECT_EQ(value(ethernet(0x0806) + payload(28), rules(fields(false, false, true))), 0U);
    EXPECT_EQ(value(udp_ipv4, rules(fields(false, false, true))), 0x323e8fc2U)
        << "of ports that are not TCP's, only the addresses remain";
}

TEST(Rss, InvertsTheXorOfAllOctets) {
    EXPECT_EQ(inverted_xor8(std::array<std::uint8_t, 3>{0x0f, 0xf0, 0x01}), 0x01U);
}

} // namespace
} // namespace mlx5sim
