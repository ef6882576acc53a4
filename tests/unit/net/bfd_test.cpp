// SPDX-License-Identifier: BSD-3-Clause
#include "net/bfd.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace sallyport::net {
namespace {

using Octets = std::vector<std::uint8_t>;

const Octets up_packet = {0x20, 0xc0, 0x03, 0x18, // version 1, Up, multiplier 3, 24 octets
                          0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, // discriminators
                          0x00, 0x04, 0x93, 0xe0, 0x00, 0x00, 0xc3, 0x50, // 300000, 50000
                          0x00, 0x00, 0x00, 0x00};

BfdControl up() {
    BfdControl control;
    control.state = BfdState::up;
    control.detect_multiplier = 3;
    control.my_discriminator = 0x01020304;
    control.your_discriminator = 0x05060708;
    control.desired_min_tx = 300'000;
    control.required_min_rx = 50'000;
    return control;
}

Octets changed(std::size_t at, std::uint8_t to) {
    Octets octets = up_packet;
    octets[at] = to;
    return octets;
}

BfdDiscard fault(const Octets& payload) {
    const auto parsed = parse_bfd_control(payload);
    EXPECT_FALSE(parsed);
    return parsed ? BfdDiscard::not_bfd : parsed.error();
}

TEST(BfdControl, IsReadAndWrittenAsRfc5880DrawsIt) {
    EXPECT_EQ(parse_bfd_control(up_packet), up());
    const auto written = write_bfd_control(up());
    EXPECT_EQ(Octets(written.begin(), written.end()), up_packet);
}

TEST(BfdControl, EveryFlagHasItsBit) {
    const Octets flagged = {0x27, 0x40 | 0x20 | 0x10 | 0x08 | 0x02,
                            0x01, 0x18,
                            0,    0,
                            0,    1,
                            0,    0,
                            0,    0,
                            0,    0,
                            0,    0,
                            0,    0,
                            0,    0,
                            0,    0,
                            0,    7};
    const auto parsed = parse_bfd_control(flagged);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->diagnostic, BfdDiagnostic::administratively_down);
    EXPECT_EQ(parsed->state, BfdState::down);
    EXPECT_TRUE(parsed->poll && parsed->final && parsed->control_plane_independent
                && parsed->demand);
    EXPECT_FALSE(parsed->authenticated);
    EXPECT_EQ(parsed->required_min_echo_rx, 7U);
    const auto written = write_bfd_control(*parsed);
    EXPECT_EQ(Octets(written.begin(), written.end()), flagged);
}

TEST(BfdControl, IsCheckedByTheClausesOfSection686) {
    EXPECT_EQ(fault({}), BfdDiscard::length_short);
    EXPECT_EQ(fault(Octets(up_packet.begin(), up_packet.end() - 1)), BfdDiscard::length_short);
    EXPECT_EQ(fault(changed(0, 0x00)), BfdDiscard::version);
    EXPECT_EQ(fault(changed(0, 0x40)), BfdDiscard::version);
    EXPECT_EQ(fault(changed(3, 23)), BfdDiscard::length_short);
    EXPECT_EQ(fault(changed(3, 25)), BfdDiscard::length_long);
    EXPECT_EQ(fault(changed(2, 0)), BfdDiscard::detect_multiplier);
    EXPECT_EQ(fault(changed(1, 0xc1)), BfdDiscard::multipoint);
    Octets nobodys = up_packet;
    std::fill(nobodys.begin() + 4, nobodys.begin() + 8, 0);
    EXPECT_EQ(fault(nobodys), BfdDiscard::my_discriminator);
}

TEST(BfdControl, AnAuthenticatedOneHasAtLeast26Octets) {
    EXPECT_EQ(fault(changed(1, 0xc4)), BfdDiscard::length_short);
    Octets authenticated = changed(1, 0xc4);
    authenticated[3] = 26;
    EXPECT_EQ(fault(authenticated), BfdDiscard::length_long);
    authenticated.resize(26);
    ASSERT_TRUE(parse_bfd_control(authenticated));
    EXPECT_TRUE(parse_bfd_control(authenticated)->authenticated);
}

TEST(BfdControl, WhatFollowsItsOwnLengthIsIgnored) {
    Octets longer = up_packet;
    longer.resize(40, 0xff);
    EXPECT_EQ(parse_bfd_control(longer), up());
}

BfdFrame over(const char* source, const char* destination) {
    BfdFrame frame;
    frame.destination_mac = *MacAddress::parse("02:00:00:00:00:02");
    frame.source_mac = *MacAddress::parse("02:00:00:00:00:01");
    frame.source = *IpAddress::parse(source);
    frame.destination = *IpAddress::parse(destination);
    frame.source_port = 50'000;
    frame.control = up();
    return frame;
}

BfdDiscard frame_fault(const Octets& frame) {
    const auto parsed = parse_bfd_frame(frame);
    EXPECT_FALSE(parsed);
    return parsed ? BfdDiscard::version : parsed.error();
}

TEST(BfdFrame, OverIpv4IsAsWorkedOutByHand) {
    // Checksums were worked out apart.
    Octets expected = {
        0x02, 0x00, 0x00, 0x00, 0x00, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01,
        0x08, 0x00, 0x45, 0xc0, 0x00, 0x34, 0x00, 0x00, 0x40, 0x00, 0xff, 0x11,
        0xf6, 0xf4, 192,  0,    2,    1,    192,  0,    2,    2, // addresses
        0xc3, 0x50, 0x0e, 0xc8, 0x00, 0x20, 0x1e, 0x70,          // ports, length 32
    };
    expected.insert(expected.end(), up_packet.begin(), up_packet.end());
    EXPECT_EQ(write_bfd_frame(over("192.0.2.1", "192.0.2.2")), expected);
}

TEST(BfdFrame, OverIpv6IsAsWorkedOutByHand) {
    Octets expected = {
        0x02, 0x00, 0x00, 0x00, 0x00, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x86, 0xdd,
        0x6c, 0x00, 0x00, 0x00, 0x00, 0x20, 0x11, 0xff, // class CS6, length 32, UDP, 255
        0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
        0,    1,    0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,    0,    0,    0,    0,
        0,    0,    0,    2,    0xc3, 0x50, 0x0e, 0xc8, 0x00, 0x20, 0x46, 0xff,
    };
    expected.insert(expected.end(), up_packet.begin(), up_packet.end());
    EXPECT_EQ(write_bfd_frame(over("2001:db8::1", "2001:db8::2")), expected);
}

TEST(BfdFrame, WhatIsWrittenIsRead) {
    for (const auto& frame : {over("192.0.2.1", "192.0.2.2"), over("fe80::1", "fe80::2")}) {
        const auto parsed = parse_bfd_frame(write_bfd_frame(frame));
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->source, frame.source);
        EXPECT_EQ(parsed->destination, frame.destination);
        EXPECT_EQ(parsed->source_mac, frame.source_mac);
        EXPECT_EQ(parsed->destination_mac, frame.destination_mac);
        EXPECT_EQ(parsed->source_port, frame.source_port);
        EXPECT_EQ(parsed->control, frame.control);
    }
}

TEST(BfdFrame, EveryClauseHasItsReason) {
    const Octets ipv4 = write_bfd_frame(over("192.0.2.1", "192.0.2.2"));
    const Octets ipv6 = write_bfd_frame(over("fe80::1", "fe80::2"));
    const auto with = [](Octets octets, std::size_t at, std::uint8_t to) {
        octets[at] = to;
        return octets;
    };
    EXPECT_EQ(frame_fault({}), BfdDiscard::not_bfd);
    EXPECT_EQ(frame_fault(Octets(ipv4.begin(), ipv4.begin() + 40)), BfdDiscard::not_bfd);
    EXPECT_EQ(frame_fault(with(ipv4, 37, 0xc9)), BfdDiscard::not_bfd); // port 3785, echo
    EXPECT_EQ(frame_fault(with(ipv4, 20, 0x20)), BfdDiscard::not_bfd); // more fragments
    EXPECT_EQ(frame_fault(with(ipv4, 22, 254)), BfdDiscard::ttl);
    EXPECT_EQ(frame_fault(with(ipv6, 21, 254)), BfdDiscard::ttl);
    EXPECT_EQ(frame_fault(with(ipv4, 39, 31)), BfdDiscard::udp_length);
    EXPECT_EQ(frame_fault(with(ipv4, 24, 0)), BfdDiscard::checksum);
    EXPECT_EQ(frame_fault(with(ipv4, 65, 1)), BfdDiscard::checksum);
    EXPECT_EQ(frame_fault(with(ipv6, 85, 1)), BfdDiscard::checksum);
    EXPECT_EQ(frame_fault(with(with(ipv6, 60, 0), 61, 0)), BfdDiscard::checksum);
    // None is allowed over IPv4 (RFC 768).
    EXPECT_TRUE(parse_bfd_frame(with(with(ipv4, 40, 0), 41, 0)));
    BfdFrame low = over("192.0.2.1", "192.0.2.2");
    low.source_port = 49'151;
    EXPECT_EQ(frame_fault(write_bfd_frame(low)), BfdDiscard::source_port);
    low.source_port = 49'152;
    EXPECT_TRUE(parse_bfd_frame(write_bfd_frame(low)));
    low.control.detect_multiplier = 0;
    EXPECT_EQ(frame_fault(write_bfd_frame(low)), BfdDiscard::detect_multiplier);
}

TEST(BfdFrame, EthernetPaddingIsNoPartOfIt) {
    Octets padded = write_bfd_frame(over("192.0.2.1", "192.0.2.2"));
    padded.resize(padded.size() + 10, 0xaa);
    EXPECT_TRUE(parse_bfd_frame(padded));
}

TEST(BfdNames, Differ) {
    std::set<std::string_view> names, explanations;
    for (std::size_t i = 0; i < bfd_discard_count; ++i) {
        names.insert(name(static_cast<BfdDiscard>(i)));
        explanations.insert(explanation(static_cast<BfdDiscard>(i)));
    }
    EXPECT_EQ(names.size(), bfd_discard_count);
    EXPECT_EQ(explanations.size(), bfd_discard_count);
    EXPECT_EQ(to_string(BfdState::admin_down), "AdminDown");
    EXPECT_EQ(to_string(BfdState::up), "Up");
    EXPECT_EQ(to_string(BfdDiagnostic::reverse_concatenated_path_down),
              "reverse concatenated path down");
    EXPECT_EQ(to_string(static_cast<BfdDiagnostic>(31)), "reserved");
}

} // namespace
} // namespace sallyport::net
