// SPDX-License-Identifier: BSD-3-Clause
#include "net/probe_packet.h"

#include <vector>

#include <gtest/gtest.h>

namespace sallyport::net {
namespace {

ProbePacket response() {
    return {ProbeKind::response, 0x0102030405060708, 9, 0x1112131415161718, 7, 8, 5, 6};
}

TEST(ProbePacket, EveryFieldHasItsPlace) {
    const std::array<std::uint8_t, probe_packet_length> expected = {
        'S',  'P',  'f',  'p',  1,    2,    0,    0,    // magic, version, response
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, // stream
        0,    0,    0,    0,    0,    0,    0,    9,    // sequence
        0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, // sent at
        0,    0,    0,    0,    0,    0,    0,    7,    // received
        0,    0,    0,    0,    0,    0,    0,    8,    // longest gap
        0,    0,    0,    0,    0,    0,    0,    5,    // after
        0,    0,    0,    0,    0,    0,    0,    6,    // before
    };
    EXPECT_EQ(write_probe_packet(response()), expected);
    EXPECT_EQ(parse_probe_packet(expected), response());
}

TEST(ProbePacket, NothingElseIsTaken) {
    const auto octets = write_probe_packet(response());
    const auto taken = [&](std::size_t at, std::uint8_t to) {
        auto changed = octets;
        changed[at] = to;
        return parse_probe_packet(changed).has_value();
    };
    for (std::size_t length = 0; length < octets.size(); ++length)
        EXPECT_FALSE(parse_probe_packet(std::span(octets).first(length)));
    std::vector<std::uint8_t> longer(octets.begin(), octets.end());
    longer.push_back(0);
    EXPECT_FALSE(parse_probe_packet(longer));
    EXPECT_FALSE(taken(0, 's'));
    EXPECT_FALSE(taken(4, 2));
    EXPECT_FALSE(taken(5, 0));
    EXPECT_TRUE(taken(5, 1));
    EXPECT_FALSE(taken(5, 3));
    EXPECT_FALSE(taken(7, 1));
    EXPECT_FALSE(taken(23, 0)) << "no sequence number";
}

} // namespace
} // namespace sallyport::net
