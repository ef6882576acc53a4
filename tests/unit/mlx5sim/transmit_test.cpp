// SPDX-License-Identifier: BSD-3-Clause
// Work requests as the manual has them: control, Ethernet and data segments of 16 octets.
#include "fields.h"
#include "frames.h"
#include "transmit.h"

#include <gtest/gtest.h>

namespace mlx5sim {
namespace {

using namespace test;

constexpr std::uint8_t network_checksum = 1U << 6, transport_checksum = 1U << 7;
constexpr std::uint32_t key = 0x1234;

/// A request in the making.
class Request {
  public:
    explicit Request(std::uint8_t flags = 0, std::size_t segment_payload = 0) : octets_(32) {
        octets_[16 + 4] = flags;
        store16(octets_.data() + 16 + 6, segment_payload);
    }
    Request& tag(std::uint16_t tag) {
        store32(octets_.data() + 28, 1U << 31 | tag);
        return *this;
    }
    Request& offsets(std::uint8_t outer_transport, std::uint8_t outer_network,
                     std::uint8_t inner_transport, std::uint8_t inner_network) {
        octets_[16] = outer_transport;
        octets_[17] = outer_network;
        octets_[18] = inner_transport;
        octets_[19] = inner_network;
        return *this;
    }
    Request& header(const FrameBuffer& header) {
        store16(octets_.data() + 28, header.size());
        octets_.resize(30);
        octets_.insert(octets_.end(), header.begin(), header.end());
        return pad();
    }
    Request& in_line(const FrameBuffer& data) {
        const std::size_t at = octets_.size();
        octets_.resize(at + 4);
        store32(octets_.data() + at, 1U << 31 | static_cast<std::uint32_t>(data.size()));
        octets_.insert(octets_.end(), data.begin(), data.end());
        return pad();
    }
    Request& pointer(const FrameBuffer& data, std::uint32_t by = key) {
        const std::size_t at = octets_.size();
        octets_.resize(at + 16);
        store32(octets_.data() + at, static_cast<std::uint32_t>(data.size()));
        store32(octets_.data() + at + 4, by);
        set(octets_.data() + at, Field{0x40, 64}, reinterpret_cast<std::uintptr_t>(data.data()));
        return *this;
    }

    Syndrome send(std::uint8_t operation, std::vector<FrameBuffer>& packets) const {
        const auto may_read = [](std::uint32_t by, std::uint64_t, std::size_t) {
            return by == key;
        };
        return send_packets(octets_, operation, may_read,
                            [&](FrameBuffer& packet) { packets.push_back(packet); });
    }
    std::vector<FrameBuffer> sent(std::uint8_t operation) const {
        std::vector<FrameBuffer> packets;
        EXPECT_EQ(send(operation, packets), Syndrome::none);
        return packets;
    }
    FrameBuffer& octets() { return octets_; }

  private:
    Request& pad() {
        octets_.resize((octets_.size() + 15) / 16 * 16);
        return *this;
    }
    FrameBuffer octets_;
};

const FrameBuffer udp_frame = ethernet(0x0800) + ipv4(protocol_udp, udp(payload(501)));

FrameBuffer part(const FrameBuffer& frame, std::size_t from, std::size_t to) {
    return {frame.begin() + from, frame.begin() + to};
}

TEST(Transmit, JoinsTheSegmentsOfAPacket) {
    const FrameBuffer one = part(udp_frame, 0, 100), other = part(udp_frame, 100, udp_frame.size());
    EXPECT_EQ(Request().pointer(one).pointer(other).sent(operation_send),
              std::vector<FrameBuffer>{udp_frame});
    const FrameBuffer head = part(udp_frame, 0, 18), rest = part(udp_frame, 18, udp_frame.size());
    EXPECT_EQ(Request().header(head).pointer(rest).sent(operation_send),
              std::vector<FrameBuffer>{udp_frame});
    EXPECT_EQ(Request().in_line(udp_frame).sent(operation_send),
              std::vector<FrameBuffer>{udp_frame});
}

TEST(Transmit, TakesEachSegmentOfManyPacketsForOne) {
    const FrameBuffer small = ethernet(0x0806) + payload(46);
    const auto packets = Request(network_checksum | transport_checksum)
                             .in_line(small)
                             .pointer(udp_frame)
                             .in_line(udp_frame)
                             .sent(operation_many_packets);
    ASSERT_EQ(packets.size(), 3U);
    EXPECT_EQ(packets[0], small);
    for (const std::size_t i : {1, 2}) {
        EXPECT_TRUE(ipv4_is_right(packets[i], 14)) << i;
        EXPECT_TRUE(over_ipv4_is_right(packets[i], 14)) << i;
    }
}

TEST(Transmit, WritesTheChecksumsThatAreAskedForAlone) {
    const auto packets = Request(network_checksum).pointer(udp_frame).sent(operation_send);
    ASSERT_EQ(packets.size(), 1U);
    EXPECT_TRUE(ipv4_is_right(packets[0], 14));
    EXPECT_EQ(load16(packets[0].data() + 40), 0);
}

TEST(Transmit, InsertsATag) {
    const auto packets = Request(network_checksum | transport_checksum)
                             .tag(0x2064)
                             .pointer(udp_frame)
                             .sent(operation_send);
    ASSERT_EQ(packets.size(), 1U);
    EXPECT_EQ(load16(packets[0].data() + 12), 0x8100);
    EXPECT_EQ(load16(packets[0].data() + 14), 0x2064);
    EXPECT_TRUE(over_ipv4_is_right(packets[0], 18));
}

TEST(Transmit, Segments) {
    const FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_tcp, tcp(payload(2500)));
    const FrameBuffer head = part(frame, 0, 54), one = part(frame, 54, 1000),
                      other = part(frame, 1000, frame.size());
    const auto packets = Request(network_checksum | transport_checksum, 1000)
                             .header(head)
                             .pointer(one)
                             .pointer(other)
                             .sent(operation_segment);
    ASSERT_EQ(packets.size(), 3U);
    for (const FrameBuffer& packet : packets) {
        EXPECT_TRUE(ipv4_is_right(packet, 14));
        EXPECT_TRUE(over_ipv4_is_right(packet, 14));
    }
    EXPECT_EQ(packets[2].size(), 54U + 500);
}

TEST(Transmit, BelievesTheDriverWhereHeadersLieInAnUnknownTunnel) {
    const FrameBuffer inside = ethernet(0x0800) + ipv4(protocol_udp, udp(payload(100)));
    // VXLAN by another port, which the parser takes for data.
    const FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_udp, udp(payload(8) + inside, 4790));
    constexpr std::size_t inner = 14 + 20 + 8 + 8 + 14;
    constexpr std::uint8_t inner_network = 1U << 4, inner_transport = 1U << 5;
    const auto packets = Request(network_checksum | inner_network | inner_transport)
                             .offsets(34 / 2, 14 / 2, (inner + 20) / 2, inner / 2)
                             .pointer(frame)
                             .sent(operation_send);
    ASSERT_EQ(packets.size(), 1U);
    EXPECT_TRUE(ipv4_is_right(packets[0], 14));
    EXPECT_TRUE(ipv4_is_right(packets[0], inner));
    EXPECT_TRUE(over_ipv4_is_right(packets[0], inner));
    EXPECT_NE(load16(packets[0].data() + inner + 26), 0) << "the checksum was written";
}

TEST(Transmit, SaysWhatIsWrongWithARequest) {
    std::vector<FrameBuffer> none;
    EXPECT_EQ(Request().pointer(udp_frame, key + 1).send(operation_send, none),
              Syndrome::protection);
    Request longer;
    longer.in_line(udp_frame).octets().resize(64);
    EXPECT_EQ(longer.send(operation_send, none), Syndrome::operation)
        << "more octets are in line than the request has";
    Request header;
    store16(header.octets().data() + 28, 100);
    EXPECT_EQ(header.send(operation_send, none), Syndrome::operation);
    EXPECT_EQ(Request(0, 0).header(udp_frame).send(operation_segment, none), Syndrome::operation)
        << "no size to cut by";
    Request tiny;
    tiny.octets().resize(16);
    EXPECT_EQ(tiny.send(operation_send, none), Syndrome::operation);
    EXPECT_TRUE(none.empty());
}

} // namespace
} // namespace mlx5sim
