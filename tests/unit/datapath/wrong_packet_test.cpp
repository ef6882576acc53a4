// SPDX-License-Identifier: BSD-3-Clause
// Everything that can be wrong with a packet from the underlay, each under a reason of its own.
#include "fixture.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace sallyport::testing {
namespace {

struct WrongPacket {
    std::string name;
    DropReason reason;
    std::function<void(Octets&)> change;
    /// The tenant it is counted for: known once the tunnel is.
    bool tenant_known = true;
};

void set16(Octets& packet, std::size_t at, unsigned value) {
    packet[at] = static_cast<std::uint8_t>(value >> 8);
    packet[at + 1] = static_cast<std::uint8_t>(value);
}
unsigned get16(const Octets& packet, std::size_t at) {
    return static_cast<unsigned>(packet[at] << 8 | packet[at + 1]);
}

/// What can be wrong behind the outer IP header, and from the VXLAN header on.
std::vector<WrongPacket> wrong_in(std::size_t udp, IpFamily family) {
    const std::size_t vxlan = udp + 8, inner = udp + 16;
    // Cuts the packet to a whole one of that many octets.
    const auto cut = [=](Octets& packet, std::size_t length) {
        packet.resize(length);
        set16(packet, udp + 4, static_cast<unsigned>(length - udp));
        if (family == IpFamily::ipv4) {
            set16(packet, 16, static_cast<unsigned>(length - 14));
            fix_ipv4_checksum(packet);
        } else {
            set16(packet, 18, static_cast<unsigned>(length - udp));
        }
    };
    // Over IPv6 the UDP checksum comes first, so it must be right for what is behind it to count.
    const auto fix = [=](Octets& packet) {
        if (packet.size() < udp + 8) return;
        set16(packet, udp + 6, 0);
        if (family == IpFamily::ipv4) return;
        const std::size_t length = packet.size() - udp;
        const std::uint16_t pseudo =
            ones_sum(&packet[22], 32, static_cast<std::uint32_t>(17 + length));
        const unsigned sum = 0xffffU & ~ones_sum(&packet[udp], length, pseudo);
        set16(packet, udp + 6, sum == 0 ? 0xffff : sum);
    };
    const auto then_fix = [=](auto change) {
        return [=](Octets& packet) {
            change(packet);
            fix(packet);
        };
    };
    return {
        {"UdpLengthTooLong", DropReason::outer_udp_length,
         [=](Octets& p) { set16(p, udp + 4, get16(p, udp + 4) + 1); }},
        {"UdpLengthTooShort", DropReason::outer_udp_length,
         [=](Octets& p) { set16(p, udp + 4, get16(p, udp + 4) - 1); }},
        {"UdpLengthOfHeader", DropReason::outer_udp_length,
         [=](Octets& p) { set16(p, udp + 4, 8); }},
        {"UdpLengthZero", DropReason::outer_udp_length, [=](Octets& p) { set16(p, udp + 4, 0); }},
        {"VxlanHeaderCutOff", DropReason::outer_udp_length, [=](Octets& p) { cut(p, vxlan + 7); },
         false},
        {"NoVxlanHeader", DropReason::outer_udp_length, [=](Octets& p) { cut(p, vxlan); }, false},
        {"UdpChecksumWrong", DropReason::outer_udp_checksum,
         [=](Octets& p) { set16(p, udp + 6, get16(p, udp + 6) == 0x1234 ? 0x4321 : 0x1234); }},
        {"PayloadChanged", DropReason::outer_udp_checksum,
         [=](Octets& p) {
             if (get16(p, udp + 6) == 0) set16(p, udp + 6, 0xbeef);
             p.back() ^= 0x80;
         }},
        {"FlagINotSet", DropReason::vxlan_flags, then_fix([=](Octets& p) { p[vxlan] = 0xf7; })},
        {"FlagINotSetAndVniUnknown", DropReason::vxlan_flags, then_fix([=](Octets& p) {
             p[vxlan] = 0;
             p[vxlan + 4] = 0xff;
         }),
         false},
        {"VniUnknown", DropReason::vni_unknown, then_fix([=](Octets& p) { ++p[vxlan + 6]; }),
         false},
        {"VniUnknownInHighOctet", DropReason::vni_unknown,
         then_fix([=](Octets& p) { p[vxlan + 4] = 1; }), false},
        {"VtepUnknown", DropReason::vtep_unknown, then_fix([=](Octets& p) {
             // The last octet of the outer source.
             p[family == IpFamily::ipv4 ? 29 : 37] = 99;
             if (family == IpFamily::ipv4) fix_ipv4_checksum(p);
         }),
         false},
        {"NoInnerFrame", DropReason::frame_too_short, then_fix([=](Octets& p) { cut(p, inner); })},
        {"InnerFrameTooShort", DropReason::frame_too_short,
         then_fix([=](Octets& p) { cut(p, inner + 13); })},
        {"InnerSourceMulticast", DropReason::source_mac_invalid,
         then_fix([=](Octets& p) { p[inner + 6] |= 1; })},
        {"InnerSourceZero", DropReason::source_mac_invalid, then_fix([=](Octets& p) {
             std::fill_n(p.begin() + static_cast<long>(inner + 6), 6, std::uint8_t{0});
         })},
        {"InnerTag", DropReason::inner_vlan,
         then_fix([=](Octets& p) { set16(p, inner + 12, 0x8100); })},
        {"InnerServiceTag", DropReason::inner_vlan,
         then_fix([=](Octets& p) { set16(p, inner + 12, 0x88a8); })},
        {"InnerIpLongerThanFrame", DropReason::frame_truncated,
         then_fix([=](Octets& p) { set16(p, inner + 16, get16(p, inner + 16) + 1); })},
        {"InnerIpVersionWrong", DropReason::frame_truncated,
         then_fix([=](Octets& p) { p[inner + 14] = 0x55; })},
        {"InnerIpHeaderLengthWrong", DropReason::frame_truncated,
         then_fix([=](Octets& p) { p[inner + 14] = 0x44; })},
        {"InnerIpHeaderCutOff", DropReason::frame_truncated,
         then_fix([=](Octets& p) { cut(p, inner + 14 + 19); })},
        {"InnerSourceStaticElsewhere", DropReason::source_mac_static,
         then_fix([=](Octets& p) { p[inner + 11] = 4; })},
    };
}

std::vector<WrongPacket> wrong_ipv4() {
    const auto fixed = [](auto change) {
        return [=](Octets& packet) {
            change(packet);
            fix_ipv4_checksum(packet);
        };
    };
    std::vector<WrongPacket> cases{
        {"FrameTooShort", DropReason::frame_too_short, [](Octets& p) { p.resize(13); }, false},
        {"IpHeaderCutOff", DropReason::outer_malformed, [](Octets& p) { p.resize(33); }, false},
        {"IpHeaderOnly", DropReason::outer_malformed, [](Octets& p) { p.resize(34); }, false},
        {"VersionWrong", DropReason::outer_malformed, fixed([](Octets& p) { p[14] = 0x65; }),
         false},
        {"HeaderLengthTooShort", DropReason::outer_malformed, [](Octets& p) { p[14] = 0x44; },
         false},
        {"HeaderLongerThanPacket", DropReason::outer_malformed,
         [](Octets& p) {
             p.resize(34);
             p[14] = 0x4f;
         },
         false},
        {"TotalLengthBeyondFrame", DropReason::outer_malformed,
         fixed([](Octets& p) { set16(p, 16, get16(p, 16) + 1); }), false},
        {"TotalLengthBelowHeader", DropReason::outer_malformed,
         fixed([](Octets& p) { set16(p, 16, 19); }), false},
        {"UdpHeaderCutOff", DropReason::outer_malformed, fixed([](Octets& p) { set16(p, 16, 27); }),
         false},
        {"TotalLengthShort", DropReason::outer_udp_length,
         fixed([](Octets& p) { set16(p, 16, get16(p, 16) - 1); })},
        {"HeaderChecksumWrong", DropReason::outer_ip_checksum, [](Octets& p) { p[24] ^= 1; }},
        {"TtlChanged", DropReason::outer_ip_checksum, [](Octets& p) { --p[22]; }},
        {"FirstFragment", DropReason::outer_fragment, fixed([](Octets& p) { p[20] = 0x20; })},
        {"FirstFragmentOfUnknownVni", DropReason::outer_fragment, fixed([](Octets& p) {
             p[20] = 0x20;
             p[46] = 0xff;
         }),
         false},
        {"NotOurMac", DropReason::not_for_us, [](Octets& p) { p[5] ^= 1; }, false},
    };
    for (auto& wrong : wrong_in(34, IpFamily::ipv4))
        cases.push_back(wrong);
    return cases;
}

std::vector<WrongPacket> wrong_ipv6() {
    std::vector<WrongPacket> cases{
        {"IpHeaderCutOff", DropReason::outer_malformed, [](Octets& p) { p.resize(53); }, false},
        {"IpHeaderOnly", DropReason::outer_malformed, [](Octets& p) { p.resize(54); }, false},
        {"VersionWrong", DropReason::outer_malformed, [](Octets& p) { p[14] = 0x45; }, false},
        {"PayloadBeyondFrame", DropReason::outer_malformed,
         [](Octets& p) { set16(p, 18, get16(p, 18) + 1); }, false},
        {"UdpHeaderCutOff", DropReason::outer_malformed, [](Octets& p) { set16(p, 18, 7); }, false},
        {"PayloadShort", DropReason::outer_udp_length,
         [](Octets& p) { set16(p, 18, get16(p, 18) - 1); }},
        {"AddressChanged", DropReason::vtep_unknown, [](Octets& p) { p[30] ^= 1; }, false},
        {"NotOurMac", DropReason::not_for_us, [](Octets& p) { p[5] ^= 1; }, false},
    };
    for (auto& wrong : wrong_in(54, IpFamily::ipv6))
        cases.push_back(wrong);
    return cases;
}

class WrongPacketTest : public OneTenantTest,
                        public ::testing::WithParamInterface<std::pair<IpFamily, WrongPacket>> {};

TEST_P(WrongPacketTest, IsDroppedUnderItsReason) {
    const auto& [family, wrong] = GetParam();
    rebuild(Hypervisor::small_settings(), family);
    put_local(blue, 2, "b");
    put_local(blue, 4, "a", overlay::FdbOrigin::configured);
    const Octets right = make_vxlan(from_vtep(2, vni, family), frame(9, 2));
    Octets packet = right;
    wrong.change(packet);
    // In the midst of good ones: each has its own fate.
    uplink().send(right);
    uplink().send(packet);
    uplink().send(right);
    run();
    EXPECT_EQ(sent(),
              (std::map<std::string, std::vector<Octets>>{{"b", {frame(9, 2), frame(9, 2)}}}));
    EXPECT_EQ(drops(), one(wrong.reason));
    EXPECT_EQ(port_drops(uplink()), one(wrong.reason));
    EXPECT_EQ(tenant_drops(blue), wrong.tenant_known ? one(wrong.reason) : Drops());
}

template<class Cases>
auto with_family(IpFamily family, Cases cases) {
    std::vector<std::pair<IpFamily, WrongPacket>> all;
    for (auto& wrong : cases)
        all.emplace_back(family, wrong);
    return all;
}
const auto case_name = [](const auto& info) { return info.param.second.name; };

INSTANTIATE_TEST_SUITE_P(Ipv4, WrongPacketTest,
                         ::testing::ValuesIn(with_family(IpFamily::ipv4, wrong_ipv4())), case_name);
INSTANTIATE_TEST_SUITE_P(Ipv6, WrongPacketTest,
                         ::testing::ValuesIn(with_family(IpFamily::ipv6, wrong_ipv6())), case_name);

} // namespace
} // namespace sallyport::testing
