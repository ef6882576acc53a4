// SPDX-License-Identifier: BSD-3-Clause
// Packets spelt by fields: what is written, and what is refused.
#include "commands/packet_fields.h"
#include "net/frame.h"
#include "net/outer.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_ip.h>

namespace sallyport::commands {
namespace {

using ::testing::HasSubstr;

const net::MacAddress source = *net::MacAddress::parse("02:00:00:00:00:01");
const net::MacAddress destination = *net::MacAddress::parse("02:00:00:00:00:02");

std::vector<std::uint8_t> frame_of(const std::string& text) {
    const auto fields = parse_packet_fields(text);
    EXPECT_TRUE(fields) << fields.error().message();
    if (!fields) return {};
    const auto frame = make_frame(source, destination, *fields);
    EXPECT_TRUE(frame) << frame.error().message();
    return frame.value_or(std::vector<std::uint8_t>());
}

std::string refusal_of(const std::string& text) {
    const auto fields = parse_packet_fields(text);
    if (!fields) return fields.error().message();
    const auto frame = make_frame(source, destination, *fields);
    return frame ? "taken" : frame.error().message();
}

TEST(PacketFields, NothingIsTheShortestPacket) {
    const auto octets = frame_of("");
    ASSERT_EQ(octets.size(), 34U);
    EXPECT_EQ(net::MacAddress::from_octets(octets.data()), destination);
    EXPECT_EQ(net::MacAddress::from_octets(octets.data() + 6), source);
    const net::Frame frame = net::parse_frame(octets.data(), octets.size(), octets.size());
    EXPECT_EQ(frame.fault, net::FrameFault::none);
    EXPECT_EQ(frame.l3, net::L3::ipv4);
    EXPECT_EQ(rte_raw_cksum(octets.data() + 14, 20), 0xffff);
}

TEST(PacketFields, FieldsStandWhereTheyBelong) {
    const auto ipv4 = frame_of("udp 258 53 length 60 ip 10.0.0.1 10.0.0.2");
    ASSERT_EQ(ipv4.size(), 74U);
    const net::Outer outer = net::parse_outer(ipv4.data(), ipv4.size(), ipv4.size());
    EXPECT_EQ(outer.kind, net::OuterKind::udp);
    EXPECT_EQ(outer.destination_port, 53);
    EXPECT_EQ(outer.udp_length, 40);
    EXPECT_EQ(ipv4[34], 1);
    EXPECT_EQ(ipv4[35], 2);
    EXPECT_EQ(net::IpAddress::from_octets(net::IpFamily::ipv4, outer.source).to_string(),
              "10.0.0.1");
    const auto ipv6 = frame_of("ip fd00::1 fd00::2 vlan 5 tcp 1 2 length 1500");
    ASSERT_EQ(ipv6.size(), 14U + 4 + 1500);
    const net::Frame frame = net::parse_frame(ipv6.data(), ipv6.size(), ipv6.size());
    EXPECT_TRUE(frame.tagged);
    EXPECT_EQ(frame.fault, net::FrameFault::none);
    EXPECT_EQ(frame.l3, net::L3::ipv6);
    EXPECT_EQ(frame.l3_length, 1500U);
    EXPECT_EQ(net::IpAddress::from_octets(net::IpFamily::ipv6, &ipv6[18 + 24]).to_string(),
              "fd00::2");
}

TEST(PacketFields, InVxlanItIsAWholePacket) {
    for (const bool ipv6 : {false, true}) {
        const std::string vtep = ipv6 ? "2001:db8::2" : "192.0.2.2";
        const auto fields = parse_packet_fields("vni 100 vtep " + vtep);
        ASSERT_TRUE(fields);
        const VxlanEnd end{destination, *net::IpAddress::parse(ipv6 ? "2001:db8::1" : "192.0.2.1"),
                           4789};
        const auto packet = encapsulate(*fields, end, frame_of(""));
        ASSERT_TRUE(packet) << packet.error().message();
        const net::Outer outer = net::parse_outer(packet->data(), packet->size(), packet->size());
        EXPECT_EQ(outer.kind, net::OuterKind::udp);
        EXPECT_TRUE(outer.vni_valid);
        EXPECT_EQ(outer.vni, 100U);
        EXPECT_EQ(outer.end, packet->size());
        EXPECT_EQ(outer.udp_offset + outer.udp_length, packet->size());
        EXPECT_EQ(net::IpAddress::from_octets(outer.family, outer.source).to_string(), vtep);
        EXPECT_EQ(outer.udp_checksum == 0, !ipv6);
    }
    auto fields = parse_packet_fields("vni 100 vtep 192.0.2.2 length 65500");
    ASSERT_TRUE(fields);
    EXPECT_FALSE(encapsulate(*fields, {destination, *net::IpAddress::parse("192.0.2.1"), 4789},
                             *make_frame(source, destination, *fields)));
}

TEST(PacketFields, WhatIsWrongIsSaid) {
    EXPECT_THAT(refusal_of("ip 10.0.0.1"), HasSubstr("no IPv4 or IPv6 address"));
    EXPECT_THAT(refusal_of("ip 10.0.0.1 fd00::1"), HasSubstr("the other IPv6"));
    EXPECT_THAT(refusal_of("udp 1"), HasSubstr("no number"));
    EXPECT_THAT(refusal_of("udp 1 65536"), HasSubstr("no number up to 65535"));
    EXPECT_THAT(refusal_of("udp 1 2 tcp 3 4"), HasSubstr("twice"));
    EXPECT_THAT(refusal_of("length 19"), HasSubstr("20 octets of IP"));
    EXPECT_THAT(refusal_of("length 100 length 100"), HasSubstr("twice"));
    EXPECT_THAT(refusal_of("vlan 4095"), HasSubstr("no number up to 4094"));
    EXPECT_THAT(refusal_of("vni 16777216 vtep 192.0.2.1"), HasSubstr("up to 16777215"));
    EXPECT_THAT(refusal_of("vni 1"), HasSubstr("belong together"));
    EXPECT_THAT(refusal_of("vtep 192.0.2.1 vtep 192.0.2.1 vni 1"), HasSubstr("twice"));
    EXPECT_THAT(refusal_of("length -1"), HasSubstr("no number"));
    EXPECT_THAT(refusal_of("length 1e3"), HasSubstr("no number"));
    EXPECT_THAT(refusal_of("\"ip"), HasSubstr("no such field"));
}

} // namespace
} // namespace sallyport::commands
