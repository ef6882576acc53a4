// SPDX-License-Identifier: BSD-3-Clause
// The model's view of a packet: its headers, and whether they are sound.
#include "eswitch/model/packet_layers.h"
#include "model_helpers.h"
#include "net/wire.h"

#include <algorithm>
#include <memory>
#include <random>

#include <netinet/in.h>

namespace sallyport::eswitch {
namespace {

constexpr std::size_t ip_at = 14, l4_at = 34, l4_at_ipv6 = 54;

Integrity outer_integrity(const Octets& packet) {
    return check_integrity(packet, parse_layers(packet, {}).outer);
}

/// With the right UDP checksum.
void fix_udp(Octets& frame, bool ipv4) {
    const std::size_t at = ipv4 ? l4_at : l4_at_ipv6;
    net::store_be16(&frame[at + 6], 0);
    const std::size_t length = net::load_be16(&frame[at + 4]);
    const std::uint32_t start = static_cast<std::uint32_t>(IPPROTO_UDP + length);
    const std::uint16_t addresses = ipv4 ? testing::ones_sum(&frame[ip_at + 12], 8, start)
                                         : testing::ones_sum(&frame[ip_at + 8], 32, start);
    net::store_be16(&frame[at + 6],
                    static_cast<std::uint16_t>(~testing::ones_sum(&frame[at], length, addresses)));
}

TEST(ModelPacketTest, WhereHeadersLie) {
    const Octets packet = in_vxlan(vm_frame(net::IpFamily::ipv6, 7));
    const PacketLayers layers = parse_layers(packet, {});
    EXPECT_EQ(layers.outer.layer3, Layer3::ipv4);
    EXPECT_EQ(layers.outer.l3, 14U);
    EXPECT_EQ(layers.outer.l4, 34U);
    EXPECT_EQ(layers.outer.vxlan, 42U);
    EXPECT_EQ(layers.outer.vlan, VlanQualifier::none);
    EXPECT_TRUE(layers.inner.present);
    EXPECT_EQ(layers.inner.ethernet, 50U);
    EXPECT_EQ(layers.inner.vlan, VlanQualifier::customer);
    EXPECT_EQ(layers.inner.tag, 64U);
    EXPECT_EQ(layers.inner.layer3, Layer3::ipv6);
    EXPECT_EQ(layers.inner.l3, 68U);
    EXPECT_EQ(layers.inner.layer4, Layer4::udp);
    EXPECT_EQ(layers.inner.l4, 108U);
}

TEST(ModelPacketTest, VxlanPortsAreASetting) {
    Octets packet = in_vxlan(vm_frame());
    net::store_be16(&packet[l4_at + 2], 8472);
    EXPECT_FALSE(parse_layers(packet, {}).outer.has_vxlan);
    EXPECT_TRUE(parse_layers(packet, {.vxlan_ports = {4789, 8472}}).inner.present);
}

TEST(ModelPacketTest, ExtensionHeadersHideL4UnlessTheNicSeesThroughThem) {
    Octets frame = vm_frame(net::IpFamily::ipv6);
    const Octets options{IPPROTO_UDP, 0, 1, 4, 0, 0, 0, 0};
    frame.insert(frame.begin() + l4_at_ipv6, options.begin(), options.end());
    frame[ip_at + 6] = IPPROTO_DSTOPTS;
    EXPECT_EQ(parse_layers(frame, {}).outer.layer4, Layer4::other);
    const Headers seen = parse_layers(frame, {.sees_behind_extensions = true}).outer;
    EXPECT_EQ(seen.layer4, Layer4::udp);
    EXPECT_EQ(seen.l4, l4_at_ipv6 + 8);
    // Longer than the packet.
    frame[l4_at_ipv6 + 1] = 255;
    EXPECT_EQ(parse_layers(frame, {.sees_behind_extensions = true}).outer.layer4, Layer4::other);
}

TEST(ModelPacketTest, ARightPacketIsWholeRight) {
    for (const net::IpFamily family : {net::IpFamily::ipv4, net::IpFamily::ipv6}) {
        Octets frame = vm_frame(family);
        for (const bool checksum : {false, true}) {
            if (checksum) fix_udp(frame, family == net::IpFamily::ipv4);
            const Integrity found = outer_integrity(frame);
            EXPECT_TRUE(found.l3 && found.l4 && found.l4_checksum);
            EXPECT_EQ(found.ipv4_checksum, family == net::IpFamily::ipv4);
        }
        // Ethernet pads short frames.
        frame.resize(frame.size() + 9);
        EXPECT_TRUE(outer_integrity(frame).l4_checksum);
        frame.back() = 1;
        EXPECT_TRUE(outer_integrity(frame).l4_checksum);
    }
}

TEST(ModelPacketTest, EachFaultIsFound) {
    struct Fault {
        const char* name;
        std::size_t octet;
        std::uint8_t flip;
        bool l3, ipv4_checksum, l4, l4_checksum;
    };
    const Fault faults[] = {
        {"version", ip_at, 0x10, false, false, false, false},
        {"IHL of 16 octets", ip_at, 0x01, false, false, false, false},
        {"IHL longer than the packet", ip_at, 0x0a, false, false, false, false},
        {"more than there is", ip_at + 3, 0x80, false, false, false, false},
        {"shorter than UDP says", ip_at + 3, 0x04, true, false, false, false},
        {"header checksum", ip_at + 10, 1, true, false, true, true},
        {"UDP length", l4_at + 5, 1, true, true, false, false},
        {"UDP checksum", l4_at + 6, 1, true, true, true, false},
        {"payload", l4_at + 8, 1, true, true, true, false},
    };
    Octets right = vm_frame();
    fix_udp(right, true);
    for (const Fault& fault : faults) {
        SCOPED_TRACE(fault.name);
        Octets frame = right;
        frame[fault.octet] ^= fault.flip;
        const Integrity found = outer_integrity(frame);
        EXPECT_EQ(found.l3, fault.l3);
        EXPECT_EQ(found.ipv4_checksum, fault.ipv4_checksum);
        EXPECT_EQ(found.l4, fault.l4);
        EXPECT_EQ(found.l4_checksum, fault.l4_checksum);
    }
}

TEST(ModelPacketTest, AFragmentsL4IsNotRight) {
    Octets frame = vm_frame();
    frame[ip_at + 6] = 0x20;
    testing::fix_ipv4_checksum(frame);
    const Integrity found = outer_integrity(frame);
    EXPECT_TRUE(found.l3 && found.ipv4_checksum);
    EXPECT_FALSE(found.l4 || found.l4_checksum);
}

TEST(ModelPacketTest, TcpHeadersAndChecksums) {
    Octets frame = vm_frame();
    frame[ip_at + 9] = IPPROTO_TCP;
    testing::fix_ipv4_checksum(frame);
    std::fill(frame.begin() + l4_at, frame.end(), std::uint8_t{0});
    frame[l4_at + 12] = 5 << 4;
    const std::size_t length = frame.size() - l4_at;
    const std::uint16_t addresses =
        testing::ones_sum(&frame[ip_at + 12], 8, static_cast<std::uint32_t>(IPPROTO_TCP + length));
    net::store_be16(&frame[l4_at + 16], static_cast<std::uint16_t>(
                                            ~testing::ones_sum(&frame[l4_at], length, addresses)));
    EXPECT_TRUE(outer_integrity(frame).l4_checksum);
    frame[l4_at] = 1;
    EXPECT_TRUE(outer_integrity(frame).l4);
    EXPECT_FALSE(outer_integrity(frame).l4_checksum);
    for (const unsigned words : {4U, 15U}) {
        frame[l4_at + 12] = static_cast<std::uint8_t>(words << 4);
        EXPECT_FALSE(outer_integrity(frame).l4) << words;
    }
}

/// Checks what must hold of any octets; its buffer ends where they do, for AddressSanitizer.
void check_any(const Octets& packet, std::size_t length) {
    const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[length]);
    std::copy_n(packet.begin(), length, exact.get());
    const std::span<const std::uint8_t> octets(exact.get(), length);
    const PacketLayers layers = parse_layers(octets, {.sees_behind_extensions = true});
    for (const Headers& headers : {layers.outer, layers.inner}) {
        const Integrity found = check_integrity(octets, headers);
        ASSERT_TRUE(!found.l4 || found.l3);
        ASSERT_TRUE(!found.l4_checksum || found.l4);
        if (!headers.present) continue;
        ASSERT_LE(headers.l3, length);
        if (headers.layer3 != Layer3::other) {
            ASSERT_LE(headers.l3 + (headers.layer3 == Layer3::ipv4 ? 20 : 40), length);
        }
        if (headers.layer4 != Layer4::other) {
            ASSERT_LE(headers.l4 + 8, length);
        }
        if (headers.has_vxlan) {
            ASSERT_LE(headers.vxlan + 8, length);
        }
    }
}

TEST(ModelPacketTest, EveryBeginningOfEveryPacketStaysInBounds) {
    std::mt19937 random(4789); // NOLINT: the same numbers every time
    for (const net::IpFamily inner : {net::IpFamily::ipv4, net::IpFamily::ipv6}) {
        for (const net::IpFamily outer : {net::IpFamily::ipv4, net::IpFamily::ipv6}) {
            const Octets packet = in_vxlan(vm_frame(inner, 7), outer);
            for (std::size_t length = 0; length <= packet.size(); ++length)
                check_any(packet, length);
            for (unsigned i = 0; i < 2000; ++i) {
                Octets damaged = packet;
                damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
                damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
                check_any(damaged, damaged.size() - random() % 8);
            }
        }
    }
}

} // namespace
} // namespace sallyport::eswitch
