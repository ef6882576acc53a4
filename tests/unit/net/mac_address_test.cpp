// SPDX-License-Identifier: BSD-3-Clause
#include "net/mac_address.h"

#include <string_view>
#include <unordered_set>

#include <gtest/gtest.h>

namespace sallyport::net {

namespace {

TEST(MacAddress, ReadsSixHexadecimalOctets) {
    const auto mac = MacAddress::parse("02:00:5e:AB:cd:ff");
    ASSERT_TRUE(mac);
    EXPECT_EQ(mac->octets, (std::array<std::uint8_t, 6>{0x02, 0x00, 0x5e, 0xab, 0xcd, 0xff}));
    EXPECT_EQ(mac->to_string(), "02:00:5e:ab:cd:ff");
}

TEST(MacAddress, ReadsShortOctetsAndDashes) {
    EXPECT_EQ(MacAddress::parse("2:0:0:0:0:a"), MacAddress::from_u64(0x02000000000a));
    EXPECT_EQ(MacAddress::parse("02-00-00-00-00-0A"), MacAddress::from_u64(0x02000000000a));
}

TEST(MacAddress, RefusesEverythingElse) {
    using namespace std::string_view_literals;
    for (std::string_view text :
         {""sv, "02"sv, "02:00:00:00:00"sv, "02:00:00:00:00:"sv, "02:00:00:00:00:01:"sv,
          "02:00:00:00:00:01:02"sv, ":02:00:00:00:00:01"sv, "02::00:00:00:01"sv,
          "002:00:00:00:00:01"sv, "02:00:00:00:00:001"sv, "0g:00:00:00:00:01"sv,
          "0x2:00:00:00:00:01"sv, "-2:00:00:00:00:01"sv, " 02:00:00:00:00:01"sv,
          "02:00:00:00:00:01 "sv, "02.00.00.00.00.01"sv, "020000000001"sv, "02:00:00:00:00:01\0"sv})
        EXPECT_FALSE(MacAddress::parse(text)) << text;
}

TEST(MacAddress, FirstOctetIsTheMostSignificant) {
    const MacAddress mac = MacAddress::from_u64(0x0123456789ab);
    EXPECT_EQ(mac.octets[0], 0x01);
    EXPECT_EQ(mac.octets[5], 0xab);
    EXPECT_EQ(mac.to_u64(), 0x0123456789abU);
    EXPECT_EQ(MacAddress::from_u64(0xffff0123456789ab), mac) << "more than 48 bits are cut";
}

TEST(MacAddress, Kinds) {
    EXPECT_TRUE(MacAddress::from_u64(0xffffffffffff).is_multicast());
    EXPECT_TRUE(MacAddress::from_u64(0x333300000001).is_multicast());
    EXPECT_FALSE(MacAddress::from_u64(0x020000000101).is_multicast());
    EXPECT_TRUE(MacAddress{}.is_zero());
    EXPECT_FALSE(MacAddress::from_u64(1).is_zero());
}

TEST(MacAddress, OrderIsThatOfTheOctets) {
    EXPECT_LT(MacAddress::from_u64(0x00ffffffffff), MacAddress::from_u64(0x010000000000));
    EXPECT_LT(MacAddress::from_u64(1), MacAddress::from_u64(2));
}

TEST(MacAddress, CanBeAHashKey) {
    const std::unordered_set<MacAddress> macs{MacAddress::from_u64(1), MacAddress::from_u64(2),
                                              MacAddress::from_u64(1)};
    EXPECT_EQ(macs.size(), 2U);
}

} // namespace

} // namespace sallyport::net
