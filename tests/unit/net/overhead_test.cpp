// SPDX-License-Identifier: BSD-3-Clause
#include "net/overhead.h"

#include <gtest/gtest.h>

namespace sallyport::net {

namespace {

TEST(Overhead, EncapsulationInOctets) {
    // Ethernet 14, IP 20 or 40, UDP 8, VXLAN 8 (RFC 7348 section 5).
    EXPECT_EQ(vxlan_encap_length(IpFamily::ipv4), 50);
    EXPECT_EQ(vxlan_encap_length(IpFamily::ipv6), 70);
}

TEST(Overhead, LargestOverlayMtu) {
    EXPECT_EQ(largest_overlay_mtu(1550, IpFamily::ipv4), 1500);
    EXPECT_EQ(largest_overlay_mtu(1570, IpFamily::ipv6), 1500);
    EXPECT_EQ(largest_overlay_mtu(9216, IpFamily::ipv4), 9166);
    EXPECT_EQ(largest_overlay_mtu(65535, IpFamily::ipv6), 65465);
}

TEST(Overhead, UnderlayTooSmallCarriesNothing) {
    EXPECT_EQ(largest_overlay_mtu(51, IpFamily::ipv4), 1);
    EXPECT_EQ(largest_overlay_mtu(50, IpFamily::ipv4), 0);
    EXPECT_EQ(largest_overlay_mtu(0, IpFamily::ipv4), 0);
    EXPECT_EQ(largest_overlay_mtu(69, IpFamily::ipv6), 0);
}

} // namespace

} // namespace sallyport::net
