// SPDX-License-Identifier: BSD-3-Clause
#include "arrival.h"
#include "frames.h"

#include <gtest/gtest.h>

namespace mlx5sim {
namespace {

using namespace test;

std::vector<FrameBuffer> arrived(FrameBuffer frame, const LeftToDo& todo,
                                 std::optional<Tag> tag = {}) {
    std::vector<FrameBuffer> all;
    EXPECT_TRUE(arrive(frame, todo, tag, [&](FrameBuffer& packet) { all.push_back(packet); }));
    return all;
}

/// What a kernel leaves in the field of a checksum that it has not computed.
void put_pseudo_sum(FrameBuffer& frame, std::size_t network, std::size_t field) {
    const std::size_t size = load16(frame.data() + network + 2) - 20U;
    store16(frame.data() + field, ones_sum(std::span(frame).subspan(network + 12, 8),
                                           frame[network + 9] + static_cast<std::uint32_t>(size)));
}

TEST(Arrival, LeavesAWholeFrameAsItIs) {
    const FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_udp, udp(payload(5)));
    EXPECT_EQ(arrived(frame, {}), std::vector<FrameBuffer>{frame});
}

TEST(Arrival, CompletesAChecksum) {
    FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_udp, udp(payload(33)));
    put_pseudo_sum(frame, 14, 40);
    LeftToDo todo;
    todo.flags = LeftToDo::needs_checksum;
    todo.checksum_start = 34;
    todo.checksum_offset = 6;
    const auto all = arrived(frame, todo);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_TRUE(over_ipv4_is_right(all[0], 14));
}

TEST(Arrival, PutsTheTagBackAfterTheChecksum) {
    FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_tcp, tcp(payload(33)));
    put_pseudo_sum(frame, 14, 50);
    LeftToDo todo;
    todo.flags = LeftToDo::needs_checksum;
    todo.checksum_start = 34;
    todo.checksum_offset = 16;
    const auto all = arrived(frame, todo, Tag{0x88a8, 0x2005});
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(load16(all[0].data() + 12), 0x88a8);
    EXPECT_EQ(load16(all[0].data() + 14), 0x2005);
    EXPECT_EQ(load16(all[0].data() + 16), 0x0800);
    EXPECT_TRUE(over_ipv4_is_right(all[0], 18));
}

TEST(Arrival, SegmentsWhatIsTooLargeForTheWire) {
    const FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_tcp, tcp(payload(30000)));
    LeftToDo todo;
    todo.flags = LeftToDo::needs_checksum;
    todo.segmentation = LeftToDo::tcp_ipv4 | LeftToDo::has_ecn;
    todo.segment_size = 1448;
    todo.checksum_start = 34;
    todo.checksum_offset = 16;
    const auto all = arrived(frame, todo, Tag{0x8100, 7});
    ASSERT_EQ(all.size(), 21U);
    for (const FrameBuffer& packet : all) {
        EXPECT_EQ(load16(packet.data() + 14), 7);
        EXPECT_TRUE(ipv4_is_right(packet, 18));
        EXPECT_TRUE(over_ipv4_is_right(packet, 18));
    }
}

TEST(Arrival, SegmentsInATunnel) {
    const FrameBuffer inside = ethernet(0x0800) + ipv4(protocol_tcp, tcp(payload(5000)));
    const FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_udp, vxlan(inside));
    constexpr std::size_t inner = 14 + 20 + 8 + 8 + 14;
    LeftToDo todo;
    todo.flags = LeftToDo::needs_checksum;
    todo.segmentation = LeftToDo::tcp_ipv4;
    todo.segment_size = 1398;
    todo.checksum_start = inner + 20;
    todo.checksum_offset = 16;
    const auto all = arrived(frame, todo);
    ASSERT_EQ(all.size(), 4U);
    for (const FrameBuffer& packet : all) {
        EXPECT_TRUE(ipv4_is_right(packet, 14));
        EXPECT_EQ(load16(packet.data() + 40), 0) << "the outer UDP header had no checksum";
        EXPECT_TRUE(ipv4_is_right(packet, inner));
        EXPECT_TRUE(over_ipv4_is_right(packet, inner));
    }
}

TEST(Arrival, RefusesWhatItDoesNotKnow) {
    const auto none = [](FrameBuffer&) { FAIL() << "a frame came"; };
    FrameBuffer frame = ethernet(0x0800) + ipv4(132, payload(100));
    LeftToDo sctp;
    sctp.flags = LeftToDo::needs_checksum;
    sctp.checksum_start = 34;
    sctp.checksum_offset = 8;
    EXPECT_FALSE(arrive(frame, sctp, std::nullopt, none));
    LeftToDo fragments;
    fragments.segmentation = 3;
    fragments.segment_size = 1000;
    EXPECT_FALSE(arrive(frame, fragments, std::nullopt, none));
    // GRE, behind which the parser does not look.
    frame = ethernet(0x0800) + ipv4(47, payload(4) + ipv4(protocol_tcp, tcp(payload(4000))));
    LeftToDo tunnel;
    tunnel.flags = LeftToDo::needs_checksum;
    tunnel.segmentation = LeftToDo::tcp_ipv4;
    tunnel.segment_size = 1000;
    tunnel.checksum_start = 34 + 24;
    tunnel.checksum_offset = 16;
    EXPECT_FALSE(arrive(frame, tunnel, std::nullopt, none));
}

} // namespace
} // namespace mlx5sim
