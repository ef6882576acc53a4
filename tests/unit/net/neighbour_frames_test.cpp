// SPDX-License-Identifier: BSD-3-Clause
// The gratuitous ARP and the unsolicited advertisement are held by tests/unit/underlay.
#include "net/detector_frames.h"
#include "net/neighbour_frames.h"

#include <gtest/gtest.h>

namespace sallyport::net {
namespace {

using Octets = std::vector<std::uint8_t>;

const MacAddress port_mac = *MacAddress::parse("02:11:22:33:44:55");
const MacAddress neighbour_mac = *MacAddress::parse("02:0a:0b:0c:0d:0e");
const IpAddress neighbour6 = *IpAddress::parse("2001:db8::a1:b2c3");

TEST(NeighbourFrames, AnArpProbeTellsNothingOfItsSender) {
    const Octets expected = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // to everybody
                             0x02, 0x11, 0x22, 0x33, 0x44, 0x55, //
                             0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, // request
                             0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0,    0,    0,    0,    // sender
                             0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 192,  0,    2,    9,    // target
                             0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    // padding
                             0,    0,    0,    0,    0,    0,    0,    0};
    ASSERT_EQ(expected.size(), 60U);
    EXPECT_EQ(arp_request(port_mac, IpAddress{}, *IpAddress::parse("192.0.2.9"), broadcast_mac),
              expected);
}

TEST(NeighbourFrames, ASolicitationGoesToTheTargetsGroupOrToItself) {
    // The checksums were worked out apart.
    const Octets to_group = {
        0x33, 0x33, 0xff, 0xa1, 0xb2, 0xc3,             // the group's MAC
        0x02, 0x11, 0x22, 0x33, 0x44, 0x55,             //
        0x86, 0xdd,                                     // IPv6
        0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff, // 32 octets of ICMPv6, hop limit 255
        0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // from fe80::11:22ff:fe33:4455
        0x00, 0x11, 0x22, 0xff, 0xfe, 0x33, 0x44, 0x55, //
        0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // to ff02::1:ffa1:b2c3
        0x00, 0x00, 0x00, 0x01, 0xff, 0xa1, 0xb2, 0xc3, //
        0x87, 0x00, 0x18, 0x69, 0x00, 0x00, 0x00, 0x00, // solicitation
        0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, // target
        0x00, 0x00, 0x00, 0x00, 0x00, 0xa1, 0xb2, 0xc3, //
        0x01, 0x01, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, // source link-layer address
    };
    EXPECT_EQ(neighbour_solicitation(port_mac, link_local_address(port_mac), neighbour6, {}),
              to_group);
    Octets to_itself = to_group;
    std::copy_n(neighbour_mac.octets.begin(), 6, to_itself.begin());
    std::copy_n(neighbour6.octets.begin(), 16, to_itself.begin() + 38);
    to_itself[56] = 0xe8;
    to_itself[57] = 0xb4;
    EXPECT_EQ(
        neighbour_solicitation(port_mac, link_local_address(port_mac), neighbour6, neighbour_mac),
        to_itself);
}

Octets arp_reply() {
    return {0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x02, 0x0a, 0x0b, 0x0c, 0x0d,
            0x0e, 0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x02, // reply
            0x02, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 192,  0,    2,    9,    0x02,
            0x11, 0x22, 0x33, 0x44, 0x55, 0,    0,    0,    0};
}

Octets advertisement() {
    return {
        0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x02, 0x0a, 0x0b, 0x0c, 0x0d,
        0x0e, 0x86, 0xdd, 0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff, // 14
        0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00,                   // 22, from
        0x00, 0x00, 0x00, 0x00, 0x00, 0xa1, 0xb2, 0xc3,                   //
        0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,                   // 38, to
        0x00, 0x11, 0x22, 0xff, 0xfe, 0x33, 0x44, 0x55,                   //
        0x88, 0x00, 0xd5, 0x29, 0x60, 0x00, 0x00, 0x00,                   // 54, solicited, override
        0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00,                   // 62, target
        0x00, 0x00, 0x00, 0x00, 0x00, 0xa1, 0xb2, 0xc3,                   //
        0x02, 0x01, 0x02, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, // 78, target link-layer address
    };
}

Octets with(Octets octets, std::size_t at, std::uint8_t to) {
    octets[at] = to;
    return octets;
}

/// The same change with a checksum that stays right: the 16-bit word @p at loses what the checksum
/// gains.
Octets summed(Octets octets, std::size_t at, std::uint8_t to) {
    std::uint32_t sum = static_cast<std::uint32_t>(octets[56] << 8 | octets[57]);
    const unsigned shift = at % 2 == 0 ? 8 : 0;
    sum += (static_cast<std::uint32_t>(octets[at]) << shift)
           + (0xffffU - (static_cast<std::uint32_t>(to) << shift));
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    octets[at] = to;
    octets[56] = static_cast<std::uint8_t>(sum >> 8);
    octets[57] = static_cast<std::uint8_t>(sum);
    return octets;
}

TEST(NeighbourReply, AnArpReplySaysWhoAnsweredWhom) {
    for (Octets frame : {arp_reply(), [] {
                             Octets padded = arp_reply();
                             padded.resize(60);
                             return padded;
                         }()}) {
        const auto reply = parse_neighbour_reply(frame);
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->address, *IpAddress::parse("192.0.2.9"));
        EXPECT_EQ(reply->mac, neighbour_mac);
        EXPECT_EQ(reply->destination_mac, port_mac);
    }
}

TEST(NeighbourReply, NothingElseOfArpIsAnAnswer) {
    EXPECT_FALSE(parse_neighbour_reply({}));
    for (std::size_t length = 0; length < arp_reply().size(); ++length) {
        const Octets whole = arp_reply();
        EXPECT_FALSE(parse_neighbour_reply(
            Octets(whole.begin(), whole.begin() + static_cast<long>(length))));
    }
    EXPECT_FALSE(parse_neighbour_reply(with(arp_reply(), 21, 1))); // a request
    EXPECT_FALSE(parse_neighbour_reply(with(arp_reply(), 15, 6))); // not Ethernet
    EXPECT_FALSE(parse_neighbour_reply(with(arp_reply(), 17, 1)));
    EXPECT_FALSE(parse_neighbour_reply(with(arp_reply(), 18, 8)));
    EXPECT_FALSE(parse_neighbour_reply(with(arp_reply(), 19, 16)));
    EXPECT_FALSE(parse_neighbour_reply(with(arp_reply(), 22, 0x03))); // a group's MAC
}

TEST(NeighbourReply, ASolicitedAdvertisementSaysWhoAnsweredWhom) {
    const auto reply = parse_neighbour_reply(advertisement());
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->address, neighbour6);
    EXPECT_EQ(reply->mac, neighbour_mac);
    EXPECT_EQ(reply->destination_mac, port_mac);
    // The option's word, not the frame's, is what counts.
    EXPECT_EQ(parse_neighbour_reply(summed(advertisement(), 85, 0x77))->mac,
              *MacAddress::parse("02:0a:0b:0c:0d:77"));
}

TEST(NeighbourReply, AnAdvertisementIsCheckedByRfc4861) {
    const Octets whole = advertisement();
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_FALSE(parse_neighbour_reply(
            Octets(whole.begin(), whole.begin() + static_cast<long>(length))));
    EXPECT_TRUE(parse_neighbour_reply(summed(whole, 85, 1))) << "the helper keeps it right";
    EXPECT_FALSE(parse_neighbour_reply(with(whole, 21, 254))) << "through a router";
    EXPECT_FALSE(parse_neighbour_reply(with(whole, 57, 0x2a))) << "checksum";
    EXPECT_FALSE(parse_neighbour_reply(with(whole, 20, 17))) << "not ICMPv6";
    EXPECT_FALSE(parse_neighbour_reply(summed(whole, 54, 135))) << "a solicitation";
    EXPECT_FALSE(parse_neighbour_reply(summed(whole, 55, 1))) << "code";
    EXPECT_FALSE(parse_neighbour_reply(summed(whole, 58, 0x20))) << "not solicited";
    EXPECT_FALSE(parse_neighbour_reply(summed(whole, 62, 0xff))) << "of a group";
    EXPECT_FALSE(parse_neighbour_reply(summed(whole, 38, 0xff))) << "to a group";
    EXPECT_FALSE(parse_neighbour_reply(summed(whole, 79, 0))) << "option without length";
    EXPECT_FALSE(parse_neighbour_reply(summed(whole, 79, 2))) << "option cut off";
    // Without the option, the frame's source says where it is.
    const auto reply = parse_neighbour_reply(summed(whole, 78, 14));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->mac, neighbour_mac);
}

const IpAddress our4 = *IpAddress::parse("192.0.2.5");
const IpAddress neighbour4 = *IpAddress::parse("192.0.2.9");
const IpAddress our6 = *IpAddress::parse("2001:db8::5");

TEST(NeighbourRequest, WhatWeAskIsUnderstood) {
    const auto asked =
        parse_neighbour_request(arp_request(neighbour_mac, neighbour4, our4, broadcast_mac));
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->target, our4);
    EXPECT_EQ(asked->sender, neighbour4);
    EXPECT_EQ(asked->sender_mac, neighbour_mac);

    for (const auto& to : {std::optional<MacAddress>(), std::optional(port_mac)}) {
        const auto solicited =
            parse_neighbour_request(neighbour_solicitation(neighbour_mac, neighbour6, our6, to));
        ASSERT_TRUE(solicited);
        EXPECT_EQ(solicited->target, our6);
        EXPECT_EQ(solicited->sender, neighbour6);
        EXPECT_EQ(solicited->sender_mac, neighbour_mac);
    }
}

TEST(NeighbourRequest, WhatWeAnswerIsUnderstood) {
    const auto arp =
        parse_neighbour_reply(net::arp_reply(port_mac, our4, neighbour4, neighbour_mac));
    ASSERT_TRUE(arp);
    EXPECT_EQ(arp->address, our4);
    EXPECT_EQ(arp->mac, port_mac);
    EXPECT_EQ(arp->destination_mac, neighbour_mac);
    const auto nd =
        parse_neighbour_reply(solicited_advertisement(port_mac, our6, neighbour6, neighbour_mac));
    ASSERT_TRUE(nd);
    EXPECT_EQ(nd->address, our6);
    EXPECT_EQ(nd->mac, port_mac);
    EXPECT_EQ(nd->destination_mac, neighbour_mac);
}

TEST(NeighbourRequest, IsCheckedByRfc4861) {
    const Octets whole = neighbour_solicitation(neighbour_mac, neighbour6, our6, {});
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_FALSE(parse_neighbour_request(
            Octets(whole.begin(), whole.begin() + static_cast<long>(length))));
    EXPECT_TRUE(parse_neighbour_request(summed(whole, 85, 1))) << "the helper keeps it right";
    EXPECT_FALSE(parse_neighbour_request(with(whole, 21, 254))) << "through a router";
    EXPECT_FALSE(parse_neighbour_request(summed(whole, 54, 136))) << "an advertisement";
    EXPECT_FALSE(parse_neighbour_request(summed(whole, 62, 0xff))) << "for a group";
    EXPECT_FALSE(parse_neighbour_request(summed(whole, 79, 0))) << "option without length";
    EXPECT_FALSE(parse_neighbour_request(arp_reply()));
    EXPECT_FALSE(parse_neighbour_request(advertisement()));
    // Duplicate address detection carries no option, and goes to the group.
    const Octets from_nobody =
        neighbour_solicitation(neighbour_mac, *IpAddress::parse("::"), our6, {});
    EXPECT_FALSE(parse_neighbour_request(from_nobody));
    EXPECT_TRUE(parse_neighbour_request(summed(from_nobody, 78, 14)));
}

TEST(DetectorFrames, TheStationsOwnAndQuestionsForItsAddresses) {
    const DetectorStation station{port_mac, {our4, our6}};
    const auto takes = [&](const Octets& frame) { return is_for_detectors(station, frame); };
    EXPECT_TRUE(takes(arp_reply()));
    EXPECT_TRUE(takes(advertisement()));
    EXPECT_TRUE(takes(arp_request(neighbour_mac, neighbour4, our4, broadcast_mac)));
    EXPECT_TRUE(takes(neighbour_solicitation(neighbour_mac, neighbour6, our6, {})));

    EXPECT_FALSE(takes(arp_request(neighbour_mac, our4, neighbour4, broadcast_mac)));
    EXPECT_FALSE(takes(neighbour_solicitation(neighbour_mac, our6, neighbour6, {})));
    EXPECT_FALSE(takes(with(arp_reply(), 5, 0x56))) << "to another station";
    EXPECT_FALSE(takes(unsolicited_advertisement(neighbour_mac, our6)));
    Octets longest = arp_reply();
    longest.resize(most_detector_frame);
    EXPECT_TRUE(takes(longest));
    longest.push_back(0);
    EXPECT_FALSE(takes(longest));
    EXPECT_FALSE(takes({}));
    // Nobody there: not even what is sent to no MAC at all.
    Octets to_zero = arp_reply();
    std::fill_n(to_zero.begin(), 6, std::uint8_t{0});
    EXPECT_FALSE(is_for_detectors({}, to_zero));
    EXPECT_FALSE(is_for_detectors({}, arp_request(neighbour_mac, neighbour4, our4, broadcast_mac)));
}

} // namespace
} // namespace sallyport::net
