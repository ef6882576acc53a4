// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/announcement.h"

#include <gtest/gtest.h>

namespace sallyport::underlay {
namespace {

using Frame = std::vector<std::uint8_t>;

TEST(Announcement, gratuitous_arp_is_a_broadcast_request_for_ones_own_address) {
    const Frame expected = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // to everybody
                            0x02, 0x11, 0x22, 0x33, 0x44, 0x55, // from the vtep's MAC
                            0x08, 0x06,                         // ARP
                            0x00, 0x01, 0x08, 0x00, 0x06, 0x04, // Ethernet, IPv4, lengths
                            0x00, 0x01,                         // request
                            0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0xc0, 0x00, 0x02, 0x07, // sender
                            0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x00, 0x02, 0x07, // target
                            0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    // padding
                            0,    0,    0,    0,    0,    0,    0,    0};
    ASSERT_EQ(expected.size(), 60U);
    EXPECT_EQ(announcement(*net::IpAddress::parse("192.0.2.7"),
                           *net::MacAddress::parse("02:11:22:33:44:55")),
              expected);
}

TEST(Announcement, unsolicited_neighbour_advertisement_overrides_at_all_nodes) {
    // The checksum was worked out apart, over the pseudo header (source, destination, length 32,
    // next header 58) and the message with a checksum of zero.
    const Frame expected = {
        0x33, 0x33, 0x00, 0x00, 0x00, 0x01,             // all nodes
        0x02, 0x11, 0x22, 0x33, 0x44, 0x55,             // from the vtep's MAC
        0x86, 0xdd,                                     // IPv6
        0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff, // 32 octets of ICMPv6, hop limit 255
        0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, // from 2001:db8::7
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, //
        0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // to ff02::1
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, //
        0x88, 0x00, 0x92, 0x86, 0x20, 0x00, 0x00, 0x00, // advertisement, override only
        0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, // target 2001:db8::7
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, //
        0x02, 0x01, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, // target link-layer address
    };
    ASSERT_EQ(expected.size(), 86U);
    EXPECT_EQ(announcement(*net::IpAddress::parse("2001:db8::7"),
                           *net::MacAddress::parse("02:11:22:33:44:55")),
              expected);
}

} // namespace
} // namespace sallyport::underlay
