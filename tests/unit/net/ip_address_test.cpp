// SPDX-License-Identifier: BSD-3-Clause
#include "net/ip_address.h"

#include <string_view>
#include <unordered_set>

#include <gtest/gtest.h>

namespace sallyport::net {

namespace {

using namespace std::string_view_literals;

IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}

TEST(IpAddress, ReadsIpv4) {
    const auto address = IpAddress::parse("192.0.2.1");
    ASSERT_TRUE(address);
    EXPECT_TRUE(address->is_ipv4());
    EXPECT_FALSE(address->is_ipv6());
    EXPECT_EQ(address->octets,
              (std::array<std::uint8_t, 16>{192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(address->to_string(), "192.0.2.1");
}

TEST(IpAddress, ReadsIpv6) {
    const auto address = IpAddress::parse("2001:0DB8::00ff");
    ASSERT_TRUE(address);
    EXPECT_TRUE(address->is_ipv6());
    EXPECT_EQ(address->octets, (std::array<std::uint8_t, 16>{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0,
                                                             0, 0, 0, 0, 0, 0, 0xff}));
    EXPECT_EQ(address->to_string(), "2001:db8::ff");
}

TEST(IpAddress, RefusesEverythingElse) {
    for (std::string_view text :
         {""sv, "192.0.2"sv, "192.0.2.256"sv, "192.0.2.1.1"sv, "192.0.2.1/24"sv, " 192.0.2.1"sv,
          "192.0.2.1 "sv, "192.0.2.1\0junk"sv, "0xc0.0.2.1"sv, "3221225985"sv, "::1%eth0"sv,
          "2001:db8:::1"sv, "2001:db8::1::2"sv, "1:2:3:4:5:6:7"sv, "1:2:3:4:5:6:7:8:9"sv,
          "[2001:db8::1]"sv, "localhost"sv})
        EXPECT_FALSE(IpAddress::parse(text)) << text;
}

TEST(IpAddress, FromOctetsTakesAsManyAsTheFamilyHas) {
    constexpr std::array<std::uint8_t, 16> octets{0x20, 0x01, 0x0d, 0xb8, 5,  6,  7,  8,
                                                  9,    10,   11,   12,   13, 14, 15, 16};
    EXPECT_EQ(IpAddress::from_octets(IpFamily::ipv4, octets.data()), ip("32.1.13.184"));
    EXPECT_EQ(IpAddress::from_octets(IpFamily::ipv6, octets.data()),
              ip("2001:db8:506:708:90a:b0c:d0e:f10"));
}

TEST(IpAddress, Kinds) {
    EXPECT_TRUE(ip("0.0.0.0").is_unspecified());
    EXPECT_TRUE(ip("::").is_unspecified());
    EXPECT_FALSE(ip("0.0.0.1").is_unspecified());
    EXPECT_FALSE(ip("::1").is_unspecified());

    EXPECT_TRUE(ip("224.0.0.1").is_multicast());
    EXPECT_TRUE(ip("239.255.255.255").is_multicast());
    EXPECT_TRUE(ip("255.255.255.255").is_multicast());
    EXPECT_TRUE(ip("ff02::1").is_multicast());
    EXPECT_FALSE(ip("223.255.255.255").is_multicast());
    EXPECT_FALSE(ip("240.0.0.1").is_multicast());
    EXPECT_FALSE(ip("fe80::1").is_multicast());

    EXPECT_TRUE(ip("127.255.0.1").is_loopback());
    EXPECT_TRUE(ip("::1").is_loopback());
    EXPECT_FALSE(ip("128.0.0.1").is_loopback());
    EXPECT_FALSE(ip("::2").is_loopback());
    EXPECT_FALSE(ip("1::1").is_loopback());
}

TEST(IpAddress, FamiliesDiffer) {
    EXPECT_NE(ip("32.1.0.0"), ip("2001::"));
    EXPECT_EQ(to_string(IpFamily::ipv4), "IPv4");
    EXPECT_EQ(to_string(IpFamily::ipv6), "IPv6");
}

TEST(IpAddress, CanBeAHashKey) {
    const std::unordered_set<IpAddress> addresses{ip("192.0.2.1"), ip("192.0.2.2"),
                                                  ip("2001:db8::1"), ip("2001:DB8::1")};
    EXPECT_EQ(addresses.size(), 3U);
}

TEST(IpPrefix, ReadsAddressAndLength) {
    const auto prefix = IpPrefix::parse("2001:db8::1/64");
    ASSERT_TRUE(prefix);
    EXPECT_EQ(prefix->address, ip("2001:db8::1"));
    EXPECT_EQ(prefix->length, 64);
    EXPECT_EQ(prefix->to_string(), "2001:db8::1/64");
    EXPECT_EQ(IpPrefix::parse("0.0.0.0/0")->length, 0);
    EXPECT_EQ(IpPrefix::parse("192.0.2.1/32")->length, 32);
    EXPECT_EQ(IpPrefix::parse("::/128")->length, 128);
}

TEST(IpPrefix, IsTheWholeAddressWithoutLength) {
    EXPECT_EQ(IpPrefix::parse("192.0.2.1")->to_string(), "192.0.2.1/32");
    EXPECT_EQ(IpPrefix::parse("2001:db8::1")->to_string(), "2001:db8::1/128");
}

TEST(IpPrefix, RefusesEverythingElse) {
    for (std::string_view text :
         {""sv, "/24"sv, "192.0.2.1/"sv, "192.0.2.1/33"sv, "192.0.2.1/-1"sv, "192.0.2.1/+1"sv,
          "192.0.2.1/ 24"sv, "192.0.2.1/24 "sv, "192.0.2.1/24/24"sv, "192.0.2.1/256"sv,
          "192.0.2.1/255.255.255.0"sv, "2001:db8::1/129"sv, "192.0.2/24"sv})
        EXPECT_FALSE(IpPrefix::parse(text)) << text;
}

} // namespace

} // namespace sallyport::net
