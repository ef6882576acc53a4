// SPDX-License-Identifier: BSD-3-Clause
// What arrives from the underlay and is right in every variety; and ECN.
#include "fixture.h"

#include <algorithm>
#include <random>

namespace sallyport::testing {
namespace {

constexpr std::uint8_t not_ect = 0, ect1 = 1, ect0 = 2, ce = 3, refused = 9;

class DecapTest : public OneTenantTest {
  protected:
    void SetUp() override { put_local(blue, 2, "b"); }
    void rebuild_with(const datapath::SoftwarePathSettings& settings, IpFamily family) {
        rebuild(settings, family);
        put_local(blue, 2, "b");
    }
};

// RFC 6040 figure 4, by inner (rows) and outer field.
constexpr std::uint8_t ecn_table[4][4] = {
    // outer: not-ECT, ECT(1), ECT(0), CE
    {not_ect, not_ect, not_ect, refused}, // inner not-ECT
    {ect1, ect1, ect1, ce},               // inner ECT(1)
    {ect0, ect1, ect0, ce},               // inner ECT(0)
    {ce, ce, ce, ce},                     // inner CE
};

TEST_F(DecapTest, EcnFollowsRfc6040) {
    for (const IpFamily underlay : {IpFamily::ipv4, IpFamily::ipv6}) {
        rebuild_with(Hypervisor::small_settings(), underlay);
        for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
            for (std::uint8_t inner = 0; inner < 4; ++inner) {
                for (std::uint8_t outer = 0; outer < 4; ++outer) {
                    SCOPED_TRACE(std::string(to_string(family)) + " over "
                                 + std::string(to_string(underlay)) + ", inner "
                                 + std::to_string(inner) + ", outer " + std::to_string(outer));
                    InnerFrame octets{.destination = mac(2), .source = mac(9)};
                    if (family == IpFamily::ipv6) {
                        octets.source_ip = *net::IpAddress::parse("fd00::1");
                        octets.destination_ip = *net::IpAddress::parse("fd00::2");
                    }
                    octets.traffic_class = static_cast<std::uint8_t>(0xb8 | inner);
                    OuterFrame header = from_vtep(2, vni, underlay);
                    // The outer DSCP is of no concern inside.
                    header.traffic_class = static_cast<std::uint8_t>(0x48 | outer);
                    reset_counters();
                    send(uplink(), make_vxlan(header, make_frame(octets)));
                    const std::uint8_t expected = ecn_table[inner][outer];
                    auto frames = sent();
                    if (expected == refused) {
                        EXPECT_TRUE(frames.empty());
                        EXPECT_EQ(drops(), one(DropReason::ecn_invalid));
                        continue;
                    }
                    octets.traffic_class = static_cast<std::uint8_t>(0xb8 | expected);
                    EXPECT_EQ(frames["b"], std::vector<Octets>{make_frame(octets)});
                    EXPECT_EQ(drops(), Drops());
                }
            }
        }
    }
}

TEST_F(DecapTest, Ipv4ChecksumStaysRightWhateverTheHeader) {
    std::mt19937 random(6040); // NOLINT: the same numbers every time
    OuterFrame header = from_vtep(2, vni);
    header.traffic_class = ce;
    for (unsigned i = 0; i < 3000; ++i) {
        InnerFrame inner{.destination = mac(2), .source = mac(9)};
        inner.traffic_class = static_cast<std::uint8_t>((random() & 0xfc) | ect0);
        inner.payload = random() % 64;
        for (std::size_t octet = 0; octet < 4; ++octet)
            inner.source_ip.octets[octet] = static_cast<std::uint8_t>(random());
        Octets octets = make_frame(inner);
        octets[18] = static_cast<std::uint8_t>(random());
        octets[19] = static_cast<std::uint8_t>(random());
        fix_ipv4_checksum(octets);
        send(uplink(), make_vxlan(header, octets));
        const Octets received = sent().at("b").at(0);
        octets[15] |= ce;
        fix_ipv4_checksum(octets);
        ASSERT_EQ(received, octets) << "packet " << i;
    }
}

// A checksum that was wrong stays wrong by as much: the VM must see it.
TEST_F(DecapTest, WrongInnerChecksumIsNotMended) {
    Octets octets = make_frame({.destination = mac(2), .source = mac(9), .traffic_class = ect0});
    octets[24] ^= 0x55;
    OuterFrame header = from_vtep(2, vni);
    header.traffic_class = ce;
    send(uplink(), make_vxlan(header, octets));
    const Octets received = sent().at("b").at(0);
    EXPECT_EQ(received[15] & 3, ce);
    EXPECT_NE(ones_sum(&received[14], 20), 0xffff);
}

TEST_F(DecapTest, EcnBehindAPassedTag) {
    change_tenant([](auto& changed) { changed.pass_inner_vlan = true; });
    InnerFrame inner{.destination = mac(2), .source = mac(9), .traffic_class = ect0};
    inner.vlan = 7;
    OuterFrame header = from_vtep(2, vni);
    header.traffic_class = ce;
    send(uplink(), make_vxlan(header, make_frame(inner)));
    inner.traffic_class = ce;
    EXPECT_EQ(sent().at("b"), std::vector<Octets>{make_frame(inner)});
}

TEST_F(DecapTest, CongestionOverNonIpIsIgnored) {
    OuterFrame header = from_vtep(2, vni);
    header.traffic_class = ce;
    const Octets inner = raw_frame(mac(2), mac(9), 0x88b5, 46);
    send(uplink(), make_vxlan(header, inner));
    EXPECT_EQ(sent().at("b"), std::vector<Octets>{inner});
}

// RFC 7348 section 5: reserved bits are ignored on receipt.
TEST_F(DecapTest, ReservedBitsAreIgnored) {
    Octets packet = make_vxlan(from_vtep(2, vni), frame(9, 2));
    packet[42] = 0xff;
    packet[43] = packet[44] = packet[45] = 0xff;
    packet[49] = 0xff;
    send(uplink(), packet);
    EXPECT_EQ(sent().at("b"), std::vector<Octets>{frame(9, 2)});
}

TEST_F(DecapTest, Ipv4OptionsAreSkipped) {
    Octets packet = make_vxlan(from_vtep(2, vni), frame(9, 2));
    const Octets options{0x94, 0x04, 0, 0};
    packet.insert(packet.begin() + 34, options.begin(), options.end());
    packet[14] = 0x46;
    packet[17] = static_cast<std::uint8_t>(packet[17] + options.size());
    fix_ipv4_checksum(packet);
    send(uplink(), packet);
    EXPECT_EQ(sent().at("b"), std::vector<Octets>{frame(9, 2)});
    packet[35] ^= 1;
    send(uplink(), packet);
    EXPECT_EQ(drops(), one(DropReason::outer_ip_checksum));
}

TEST_F(DecapTest, AnySourcePortAndComputedChecksumAreTaken) {
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
        rebuild_with(Hypervisor::small_settings(), family);
        for (const std::uint16_t port : {0, 1, 4789, 65535}) {
            OuterFrame header = from_vtep(2, vni, family);
            header.source_port = port;
            header.checksum = true;
            send(uplink(), make_vxlan(header, frame(9, 2)));
            EXPECT_EQ(sent()["b"], std::vector<Octets>{frame(9, 2)}) << port;
        }
    }
}

TEST_F(DecapTest, ZeroChecksumOverIpv6OnlyWhereAccepted) {
    OuterFrame header = from_vtep(2, vni, IpFamily::ipv6);
    header.checksum = false;
    datapath::SoftwarePathSettings settings = Hypervisor::small_settings();
    rebuild_with(settings, IpFamily::ipv6);
    send(uplink(), make_vxlan(header, frame(9, 2)));
    EXPECT_EQ(drops(), one(DropReason::outer_udp6_zero_checksum));
    EXPECT_TRUE(sent().empty());
    settings.accept_udp6_zero_checksum = true;
    rebuild_with(settings, IpFamily::ipv6);
    send(uplink(), make_vxlan(header, frame(9, 2)));
    EXPECT_EQ(sent()["b"], std::vector<Octets>{frame(9, 2)});
}

// net_ring gives no verdict; a NIC does, and ours must take it.
TEST_F(DecapTest, DriversVerdictOnChecksums) {
    const auto send_with = [&](const Octets& packet, std::uint64_t flags) {
        reset_counters();
        rte_mbuf* const buffer = rte_pktmbuf_alloc(path().buffer_pool());
        char* const room = rte_pktmbuf_append(buffer, static_cast<std::uint16_t>(packet.size()));
        std::copy(packet.begin(), packet.end(), room);
        buffer->ol_flags |= flags;
        rte_mbuf* one_buffer = buffer;
        uplink().send_bulk(&one_buffer, 1);
        run();
        return sent()["b"].size();
    };
    OuterFrame header = from_vtep(2, vni);
    header.checksum = true;
    Octets packet = make_vxlan(header, frame(9, 2));
    packet[24] ^= 1;
    EXPECT_EQ(send_with(packet, RTE_MBUF_F_RX_IP_CKSUM_BAD), 0U);
    EXPECT_EQ(drops(), one(DropReason::outer_ip_checksum));
    EXPECT_EQ(send_with(packet, RTE_MBUF_F_RX_IP_CKSUM_GOOD), 1U) << "trusts the driver";
    fix_ipv4_checksum(packet);
    packet[40] ^= 1;
    EXPECT_EQ(send_with(packet, RTE_MBUF_F_RX_L4_CKSUM_BAD), 0U);
    EXPECT_EQ(drops(), one(DropReason::outer_udp_checksum));
    EXPECT_EQ(send_with(packet, RTE_MBUF_F_RX_L4_CKSUM_NONE), 0U);
    EXPECT_EQ(send_with(packet, RTE_MBUF_F_RX_L4_CKSUM_GOOD), 1U) << "trusts the driver";
}

} // namespace
} // namespace sallyport::testing
