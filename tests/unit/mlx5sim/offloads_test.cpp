// SPDX-License-Identifier: BSD-3-Clause
#include "fields.h"
#include "frames.h"
#include "offloads.h"

#include <gtest/gtest.h>

namespace mlx5sim {
namespace {

using namespace test;

constexpr ChecksumWork outer{.outer_network = true, .outer_transport = true};

TEST(Checksums, AreThoseOfRfc1071) {
    for (const std::size_t size : {0, 1, 17, 1400}) {
        FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_udp, udp(payload(size)));
        write_checksums(frame, layers_of(frame), outer);
        EXPECT_TRUE(ipv4_is_right(frame, 14)) << size;
        EXPECT_TRUE(over_ipv4_is_right(frame, 14)) << size;
        frame = ethernet(0x86dd) + ipv6(protocol_tcp, tcp(payload(size)));
        write_checksums(frame, layers_of(frame), outer);
        EXPECT_TRUE(over_ipv6_is_right(frame, 14)) << size;
    }
}

TEST(Checksums, LeaveOutThePaddingOfTheFrame) {
    FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_udp, udp(payload(3)));
    frame.resize(60, 0xaa);
    write_checksums(frame, layers_of(frame), outer);
    EXPECT_TRUE(over_ipv4_is_right(frame, 14));
}

TEST(Checksums, OfUdpAreNeverZero) {
    // The payload makes the sum 0xffff, whose complement says that there is no checksum.
    FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_udp, udp(payload(2)));
    frame[42] = frame[43] = 0;
    write_checksums(frame, layers_of(frame), outer);
    const std::size_t without = load16(frame.data() + 40);
    store16(frame.data() + 42, without);
    write_checksums(frame, layers_of(frame), outer);
    EXPECT_EQ(load16(frame.data() + 40), 0xffff);
    EXPECT_TRUE(over_ipv4_is_right(frame, 14));
}

TEST(Checksums, OfATunnelAreWrittenWhereTheyAreAskedFor) {
    const FrameBuffer inside = ethernet(0x0800) + ipv4(protocol_tcp, tcp(payload(100)));
    FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_udp, vxlan(inside));
    constexpr std::size_t inner = 14 + 20 + 8 + 8 + 14;
    write_checksums(frame, layers_of(frame),
                    {.outer_network = true, .inner_network = true, .inner_transport = true});
    EXPECT_TRUE(ipv4_is_right(frame, 14));
    EXPECT_TRUE(ipv4_is_right(frame, inner));
    EXPECT_TRUE(over_ipv4_is_right(frame, inner));
    EXPECT_EQ(load16(frame.data() + 40), 0) << "nobody asked for the outer UDP header's";
}

TEST(Checksums, AreCheckedEach) {
    FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_tcp, tcp(payload(100)));
    EXPECT_EQ(check_network(frame, layers_of(frame).outer), Check::wrong);
    EXPECT_EQ(check_transport(frame, layers_of(frame).outer), Check::wrong);
    write_checksums(frame, layers_of(frame), outer);
    EXPECT_EQ(check_network(frame, layers_of(frame).outer), Check::right);
    EXPECT_EQ(check_transport(frame, layers_of(frame).outer), Check::right);
    frame.back() ^= 1;
    EXPECT_EQ(check_network(frame, layers_of(frame).outer), Check::right);
    EXPECT_EQ(check_transport(frame, layers_of(frame).outer), Check::wrong);
    const FrameBuffer none = ethernet(0x0800) + ipv4(protocol_udp, udp(payload(5)));
    EXPECT_EQ(check_transport(none, layers_of(none).outer), Check::right) << "UDP may have none";
    const FrameBuffer arp = ethernet(0x0806) + payload(28);
    EXPECT_EQ(check_network(arp, layers_of(arp).outer), Check::none);
}

TEST(Layers, LookBehindTagsAndExtensionHeaders) {
    FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_udp, udp(payload(5)));
    insert_tag(frame, 0x8100, 5);
    insert_tag(frame, 0x88a8, 6);
    EXPECT_EQ(layers_of(frame).outer.network, 22U);
    EXPECT_TRUE(layers_of(frame).outer.is(protocol_udp));

    FrameBuffer options;
    append(options, {protocol_tcp, 0, 1, 4, 0, 0, 0, 0});
    const FrameBuffer extended = ethernet(0x86dd) + ipv6(0, options + tcp(payload(3)));
    const Level level = layers_of(extended).outer;
    EXPECT_TRUE(level.is(protocol_tcp));
    EXPECT_EQ(level.transport, 14U + 40 + 8);
    EXPECT_TRUE(level.has_options);
}

TEST(Layers, FindNoTransportInFragments) {
    FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_udp, udp(payload(5)));
    frame[14 + 6] = 0x20;
    EXPECT_TRUE(layers_of(frame).outer.is_fragment);
    EXPECT_FALSE(layers_of(frame).outer.is(protocol_udp));
}

TEST(Layers, StopWhereTheFrameIsCut) {
    const FrameBuffer inside = ethernet(0x0800) + ipv4(protocol_tcp, tcp(payload(100)));
    const FrameBuffer frame = ethernet(0x86dd) + ipv6(protocol_udp, vxlan(inside));
    // Any of these may be read beyond its end only by a mistake, which a sanitizer sees.
    for (std::size_t size = 0; size < frame.size(); ++size) {
        const FrameBuffer cut(frame.begin(), frame.begin() + size);
        layers_of(cut);
        const Layers layers = layers_of(cut, Lengths::ignored);
        EXPECT_LE(layers.inner.transport, size);
    }
}

std::vector<FrameBuffer> segments(const FrameBuffer& frame, std::size_t size, ChecksumWork work) {
    std::vector<FrameBuffer> all;
    EXPECT_TRUE(segment(frame, layers_of(frame, Lengths::ignored), size, [&](FrameBuffer& packet) {
        write_checksums(packet, layers_of(packet), work);
        all.push_back(packet);
    }));
    return all;
}

TEST(Segmentation, CutsTcpOverIpv4) {
    const FrameBuffer whole = payload(2500);
    const auto all = segments(ethernet(0x0800) + ipv4(protocol_tcp, tcp(whole)), 1000, outer);
    ASSERT_EQ(all.size(), 3U);
    FrameBuffer joined;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const FrameBuffer& packet = all[i];
        EXPECT_EQ(load16(packet.data() + 16), packet.size() - 14) << i;
        EXPECT_EQ(load16(packet.data() + 18), 7 + i) << "the identification counts up";
        EXPECT_EQ(load32(packet.data() + 38), 1000 + 1000 * i);
        EXPECT_TRUE(ipv4_is_right(packet, 14)) << i;
        EXPECT_TRUE(over_ipv4_is_right(packet, 14)) << i;
        joined.insert(joined.end(), packet.begin() + 54, packet.end());
    }
    EXPECT_EQ(joined, whole);
    // CWR in the first only, FIN and PSH in the last only.
    EXPECT_EQ(all[0][47], 0x90);
    EXPECT_EQ(all[1][47], 0x10);
    EXPECT_EQ(all[2][47], 0x19);
}

TEST(Segmentation, CutsUdpOverIpv6) {
    const auto all =
        segments(ethernet(0x86dd) + ipv6(protocol_udp, udp(payload(2500))), 1200, outer);
    ASSERT_EQ(all.size(), 3U);
    for (const FrameBuffer& packet : all) {
        EXPECT_EQ(load16(packet.data() + 18), packet.size() - 54);
        EXPECT_EQ(load16(packet.data() + 58), packet.size() - 54);
        EXPECT_TRUE(over_ipv6_is_right(packet, 14));
    }
    EXPECT_EQ(all[2].size(), 54U + 8 + 100);
}

TEST(Segmentation, CutsTheInnerPacketOfATunnel) {
    const FrameBuffer inside = ethernet(0x86dd) + ipv6(protocol_tcp, tcp(payload(2500)));
    const auto all =
        segments(ethernet(0x0800) + ipv4(protocol_udp, vxlan(inside)), 1000,
                 {.outer_network = true, .inner_network = true, .inner_transport = true});
    ASSERT_EQ(all.size(), 3U);
    constexpr std::size_t inner = 14 + 20 + 8 + 8 + 14;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const FrameBuffer& packet = all[i];
        EXPECT_TRUE(ipv4_is_right(packet, 14)) << i;
        EXPECT_EQ(load16(packet.data() + 16), packet.size() - 14) << i;
        EXPECT_EQ(load16(packet.data() + 38), packet.size() - 34) << "the outer UDP length";
        EXPECT_EQ(load16(packet.data() + inner + 4), packet.size() - inner - 40) << i;
        EXPECT_TRUE(over_ipv6_is_right(packet, inner)) << i;
    }
}

TEST(Segmentation, RefusesWhatItCannotCut) {
    const auto none = [](FrameBuffer&) { FAIL() << "a packet came out"; };
    const FrameBuffer arp = ethernet(0x0806) + payload(28);
    EXPECT_FALSE(segment(arp, layers_of(arp), 1000, none));
    const FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_tcp, tcp(payload(100)));
    EXPECT_FALSE(segment(frame, layers_of(frame), 0, none));
    FrameBuffer wrong = frame;
    wrong[46] = 0xf0;
    wrong.resize(80);
    EXPECT_FALSE(segment(wrong, layers_of(wrong, Lengths::ignored), 1000, none))
        << "the TCP header is longer than the packet";
}

} // namespace
} // namespace mlx5sim
