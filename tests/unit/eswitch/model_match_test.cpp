// SPDX-License-Identifier: BSD-3-Clause
// What the model's patterns match: each item, and how layers follow each other.
#include "model_helpers.h"
#include "net/wire.h"

namespace sallyport::eswitch {
namespace {

constexpr std::size_t ip_at = 14, udp_at = 34;

class ModelMatchTest : public ModelTest {};

/// A TCP header in place of UDP's, of 20 octets.
Octets tcp_frame(std::uint16_t port) {
    Octets frame = vm_frame();
    frame[ip_at + 9] = IPPROTO_TCP;
    testing::fix_ipv4_checksum(frame);
    net::store_be16(&frame[udp_at + 2], port);
    frame[udp_at + 12] = 5 << 4;
    return frame;
}

Octets with_tag(Octets frame, std::uint16_t type, std::uint16_t control) {
    std::uint8_t tag[4];
    net::store_be16(tag, type);
    net::store_be16(tag + 2, control);
    frame.insert(frame.begin() + 12, tag, tag + 4);
    return frame;
}

TEST_F(ModelMatchTest, ThePortIsWhereThePacketCameIn) {
    EXPECT_TRUE(matches(Items().port(vm), vm_frame(), vm));
    EXPECT_FALSE(matches(Items().port(vm), vm_frame(), other_vm));
}

TEST_F(ModelMatchTest, AnEthernetItemWithoutMaskTakesEverything) {
    for (const Octets& frame :
         {vm_frame(), vm_frame(net::IpFamily::ipv6), Octets(14), vm_frame(net::IpFamily::ipv4, 7)})
        EXPECT_TRUE(matches(Items().eth(), frame));
    EXPECT_FALSE(matches(Items().eth(), Octets(13)));
}

TEST_F(ModelMatchTest, MacAddresses) {
    EXPECT_TRUE(matches(Items().eth_to(testing::mac(2)), vm_frame()));
    EXPECT_FALSE(matches(Items().eth_to(testing::mac(3)), vm_frame()));
}

TEST_F(ModelMatchTest, OnlyMaskedBitsOfASpecCount) {
    rte_flow_item_eth spec{}, mask{};
    std::memset(&spec, 0xff, sizeof spec);
    spec.hdr.dst_addr.addr_bytes[5] = 0xf2;
    mask.hdr.dst_addr.addr_bytes[5] = 0x0f;
    EXPECT_TRUE(matches(Items().add(RTE_FLOW_ITEM_TYPE_ETH, spec, mask), vm_frame()));
    spec.hdr.dst_addr.addr_bytes[5] = 0xf3;
    EXPECT_FALSE(matches(Items().add(RTE_FLOW_ITEM_TYPE_ETH, spec, mask), vm_frame()));
}

TEST_F(ModelMatchTest, TheEtherTypeIsTheOneBehindAllTags) {
    const Octets arp = testing::Octets(vm_frame());
    Octets frame(60);
    net::store_be16(&frame[12], 0x0806);
    EXPECT_TRUE(matches(Items().eth_type(0x0806), frame));
    EXPECT_TRUE(matches(Items().eth_type(0x0806), with_tag(frame, 0x8100, 5)));
    EXPECT_FALSE(matches(Items().eth_type(0x8100), with_tag(frame, 0x8100, 5)));
    EXPECT_FALSE(matches(Items().eth_type(0x0806), arp));
}

TEST_F(ModelMatchTest, HasVlanTellsCustomerTagsFromNone) {
    const Octets customer = with_tag(vm_frame(), 0x8100, 5);
    const Octets service = with_tag(vm_frame(), 0x88a8, 5);
    EXPECT_TRUE(matches(Items().eth_has_vlan(false), vm_frame()));
    EXPECT_FALSE(matches(Items().eth_has_vlan(false), customer));
    EXPECT_FALSE(matches(Items().eth_has_vlan(false), service));
    EXPECT_TRUE(matches(Items().eth_has_vlan(true), customer));
    EXPECT_FALSE(matches(Items().eth_has_vlan(true), service));
}

TEST_F(ModelMatchTest, AVlanItemWantsACustomerTag) {
    EXPECT_TRUE(matches(Items().eth().vlan(5), with_tag(vm_frame(), 0x8100, 0xe005)));
    EXPECT_FALSE(matches(Items().eth().vlan(6), with_tag(vm_frame(), 0x8100, 5)));
    EXPECT_FALSE(matches(Items().eth().vlan(5), with_tag(vm_frame(), 0x88a8, 5)));
    EXPECT_FALSE(matches(Items().eth().vlan(5), vm_frame()));
    EXPECT_FALSE(matches(Items().eth().present(RTE_FLOW_ITEM_TYPE_VLAN), vm_frame()));
}

TEST_F(ModelMatchTest, IpIsFoundBehindUpToTwoTagsThatThePatternDoesNotName) {
    const Octets one = with_tag(vm_frame(), 0x8100, 5);
    const Octets two = with_tag(one, 0x88a8, 6);
    const Octets three = with_tag(two, 0x88a8, 7);
    EXPECT_TRUE(matches(Items().eth().ipv4(), vm_frame()));
    EXPECT_TRUE(matches(Items().eth().ipv4(), one));
    EXPECT_TRUE(matches(Items().eth().ipv4(), two));
    EXPECT_FALSE(matches(Items().eth().ipv4(), three));
    EXPECT_FALSE(matches(Items().eth().ipv6(), one));
}

TEST_F(ModelMatchTest, AnIpItemOverridesTheEtherType) {
    EXPECT_TRUE(matches(Items().eth_type(0x86dd).ipv4(), vm_frame()));
}

TEST_F(ModelMatchTest, AddressesAndPrefixes) {
    EXPECT_TRUE(matches(Items().eth().ipv4_to(ip("10.0.0.2")), vm_frame()));
    EXPECT_FALSE(matches(Items().eth().ipv4_to(ip("10.0.0.3")), vm_frame()));
    EXPECT_TRUE(matches(Items().eth().ipv4_to(ip("10.0.0.99"), 24), vm_frame()));
    const Octets six = vm_frame(net::IpFamily::ipv6);
    EXPECT_TRUE(matches(Items().eth().ipv6_to(ip("fd00::2")), six));
    EXPECT_FALSE(matches(Items().eth().ipv6_to(ip("fd00::3")), six));
}

TEST_F(ModelMatchTest, AMalformedIpHeaderIsStillIp) {
    Octets frame = vm_frame();
    frame[ip_at] = 0x14;
    EXPECT_TRUE(matches(Items().eth().ipv4_to(ip("10.0.0.2")), frame));
    frame.resize(ip_at + 19);
    EXPECT_FALSE(matches(Items().eth().ipv4(), frame));
}

TEST_F(ModelMatchTest, OneMaskOfTheFragmentFieldMeansAFragmentOrNot) {
    rte_flow_item_ipv4 spec{}, mask{};
    mask.hdr.fragment_offset = rte_cpu_to_be_16(0x3fff);
    Octets whole = vm_frame(), first = whole, later = whole;
    whole[ip_at + 6] = 0x40;
    first[ip_at + 6] = 0x20;
    later[ip_at + 7] = 9;
    Items no = Items().eth().add(RTE_FLOW_ITEM_TYPE_IPV4, spec, mask);
    EXPECT_TRUE(matches(no, whole));
    EXPECT_FALSE(matches(no, first));
    EXPECT_FALSE(matches(no, later));
    spec.hdr.fragment_offset = rte_cpu_to_be_16(0x2000);
    Items yes = Items().eth().add(RTE_FLOW_ITEM_TYPE_IPV4, spec, mask);
    EXPECT_FALSE(matches(yes, whole));
    EXPECT_TRUE(matches(yes, first));
    EXPECT_TRUE(matches(yes, later));
}

TEST_F(ModelMatchTest, Ipv6Fragments) {
    rte_flow_item_ipv6 spec{}, mask{};
    mask.has_frag_ext = 1;
    Octets whole = vm_frame(net::IpFamily::ipv6), fragment = whole;
    fragment[ip_at + 6] = IPPROTO_FRAGMENT;
    fragment[54] = IPPROTO_UDP;
    EXPECT_TRUE(matches(Items().eth().add(RTE_FLOW_ITEM_TYPE_IPV6, spec, mask), whole));
    EXPECT_FALSE(matches(Items().eth().add(RTE_FLOW_ITEM_TYPE_IPV6, spec, mask), fragment));
    spec.has_frag_ext = 1;
    EXPECT_TRUE(matches(Items().eth().add(RTE_FLOW_ITEM_TYPE_IPV6, spec, mask), fragment));
}

TEST_F(ModelMatchTest, UdpAndTcp) {
    EXPECT_TRUE(matches(Items().eth().ipv4().udp_to(2000), vm_frame()));
    EXPECT_FALSE(matches(Items().eth().ipv4().udp_to(2001), vm_frame()));
    EXPECT_FALSE(matches(Items().eth().ipv4().udp(), tcp_frame(80)));
    EXPECT_TRUE(matches(Items().eth().ipv4().tcp_to(80), tcp_frame(80)));
    EXPECT_FALSE(matches(Items().eth().ipv4().tcp_to(81), tcp_frame(80)));
    EXPECT_TRUE(matches(Items().eth().ipv6().udp_to(2000), vm_frame(net::IpFamily::ipv6)));
}

TEST_F(ModelMatchTest, ALaterFragmentHasNoPorts) {
    Octets frame = vm_frame();
    frame[ip_at + 7] = 9;
    EXPECT_FALSE(matches(Items().eth().ipv4().udp(), frame));
}

// mlx5 has one field for both: an IP item's protocol is lost when an L4 item follows.
TEST_F(ModelMatchTest, AnL4ItemOverridesTheIpProtocol) {
    rte_flow_item_ipv4 spec{}, mask{};
    spec.hdr.next_proto_id = IPPROTO_TCP;
    mask.hdr.next_proto_id = 0xff;
    EXPECT_FALSE(matches(Items().eth().add(RTE_FLOW_ITEM_TYPE_IPV4, spec, mask), vm_frame()));
    EXPECT_TRUE(matches(Items().eth().add(RTE_FLOW_ITEM_TYPE_IPV4, spec, mask).udp(), vm_frame()));
}

TEST_F(ModelMatchTest, VxlanAndWhatItCarries) {
    for (const net::IpFamily family : {net::IpFamily::ipv4, net::IpFamily::ipv6}) {
        const Octets packet = in_vxlan(vm_frame(), family);
        const auto outer = [&] {
            Items items;
            items.eth();
            return family == net::IpFamily::ipv4 ? items.ipv4().udp() : items.ipv6().udp();
        };
        EXPECT_TRUE(matches(outer().vxlan(100), packet, uplink));
        EXPECT_FALSE(matches(outer().vxlan(101), packet, uplink));
        EXPECT_TRUE(matches(outer().vxlan(100).eth_to(testing::mac(2)), packet, uplink));
        EXPECT_FALSE(matches(outer().vxlan(100).eth_to(testing::mac(0x80)), packet, uplink));
        EXPECT_TRUE(
            matches(outer().vxlan(100).eth().ipv4_to(ip("10.0.0.2")).udp_to(2000), packet, uplink));
        EXPECT_FALSE(matches(outer().vxlan(100).eth().ipv6(), packet, uplink));
        EXPECT_TRUE(matches(outer().vxlan(100).eth().vlan(7),
                            in_vxlan(vm_frame(net::IpFamily::ipv4, 7), family), uplink));
    }
}

TEST_F(ModelMatchTest, WithoutAPortVxlanIsAt4789) {
    Octets packet = in_vxlan(vm_frame());
    net::store_be16(&packet[udp_at + 2], 8472);
    EXPECT_FALSE(matches(Items().eth().ipv4().udp().vxlan(100), packet, uplink));
    // What the NIC does not parse as VXLAN is none, whatever the pattern says.
    EXPECT_FALSE(matches(Items().eth().ipv4().udp_to(8472).vxlan(100), packet, uplink));
}

TEST_F(ModelMatchTest, AnotherVxlanPortMustBeNamed) {
    Octets packet = in_vxlan(vm_frame());
    net::store_be16(&packet[udp_at + 2], 8472);
    ModelTest alone({.vxlan_ports = {4789, 8472}});
    alone.add(Items().eth().ipv4().udp().vxlan(100), Actions().to_cpu());
    EXPECT_EQ(alone.model.run(uplink, packet).steps.at(0).rule, nullptr);
    alone.add(group(0, 1), Items().eth().ipv4().udp_to(8472).vxlan(100), Actions().drop());
    EXPECT_EQ(alone.model.run(uplink, packet).fate, ModelVerdict::Fate::drop);
}

TEST_F(ModelMatchTest, TagsAreZeroAtFirst) {
    EXPECT_TRUE(matches(Items().tag(0).eth(), vm_frame()));
    EXPECT_FALSE(matches(Items().tag(1).eth(), vm_frame()));
    EXPECT_TRUE(matches(Items().tag(0xf0, 0x0f, 11).eth(), vm_frame()));
}

TEST_F(ModelMatchTest, IntegrityOfEitherPart) {
    const Octets packet = in_vxlan(vm_frame());
    const auto pattern = [](std::uint32_t level) {
        return Items().eth().ipv4().udp().vxlan(100).eth().ipv4().integrity(level, true, true, true,
                                                                            true);
    };
    EXPECT_TRUE(matches(pattern(0), packet, uplink));
    EXPECT_TRUE(matches(pattern(2), packet, uplink));
    Octets inner = packet;
    inner[50 + ip_at + 10] ^= 1;
    EXPECT_TRUE(matches(pattern(0), inner, uplink));
    EXPECT_FALSE(matches(pattern(2), inner, uplink));
    Octets outer = packet;
    outer[ip_at + 10] ^= 1;
    EXPECT_FALSE(matches(pattern(0), outer, uplink));
    EXPECT_TRUE(matches(pattern(2), outer, uplink));
}

// mlx5's bit "L4 is right" goes together with the one for the checksum.
TEST_F(ModelMatchTest, L4BeingRightIncludesItsChecksum) {
    Octets frame = vm_frame();
    net::store_be16(&frame[udp_at + 6], 0x1234);
    const Items right = Items().eth().integrity(0, false, false, true, false);
    EXPECT_FALSE(matches(right, frame));
    EXPECT_TRUE(matches(right, vm_frame()));
    // "L4 is wrong" means both are.
    rte_flow_item_integrity wrong{}, mask{};
    mask.l4_ok = 1;
    EXPECT_FALSE(matches(Items().eth().add(RTE_FLOW_ITEM_TYPE_INTEGRITY, wrong, mask), frame));
    frame[udp_at + 5] ^= 1;
    EXPECT_TRUE(matches(Items().eth().add(RTE_FLOW_ITEM_TYPE_INTEGRITY, wrong, mask), frame));
}

TEST_F(ModelMatchTest, AMarkedMeterColor) {
    rte_mtr_meter_profile limit{};
    limit.alg = RTE_MTR_SRTCM_RFC2697;
    limit.srtcm_rfc2697.cir = 1;
    limit.srtcm_rfc2697.cbs = vm_frame().size();
    auto* const profile = model.add_meter_profile(proxy, 7, limit, error);
    ASSERT_NE(profile, nullptr);
    add(group(0), Items().eth(), Actions().meter(profile).jump(1));
    add(group(1), Items().color(RTE_COLOR_RED), Actions().drop());
    EXPECT_EQ(model.run(vm, vm_frame()).fate, ModelVerdict::Fate::cpu);
    Octets longer = vm_frame();
    longer.push_back(0);
    EXPECT_EQ(model.run(vm, longer).fate, ModelVerdict::Fate::drop);
}

TEST_F(ModelMatchTest, AMeterProfileIsOfItsNumberAndUsedWhileItIsThere) {
    rte_mtr_meter_profile limit{};
    limit.alg = RTE_MTR_TRTCM_RFC2698;
    EXPECT_EQ(model.add_meter_profile(proxy, 7, limit, error), nullptr);
    limit.alg = RTE_MTR_SRTCM_RFC2697;
    auto* const profile = model.add_meter_profile(proxy, 7, limit, error);
    ASSERT_NE(profile, nullptr);
    EXPECT_EQ(model.add_meter_profile(proxy, 7, limit, error), nullptr);
    EXPECT_EQ(model.remove_meter_profile(proxy, 7, error), 0);
    EXPECT_EQ(model.remove_meter_profile(proxy, 7, error), -ENOENT);
    Items items = Items().eth();
    Actions actions = Actions().meter(profile).jump(1);
    rte_flow_template_table* const table = add_table(group(0), items, actions);
    EXPECT_EQ(model.create(proxy, 0, false, table, items.specs(), 0, actions.actions(), 0, nullptr,
                           error),
              nullptr);
    EXPECT_STREQ(error.message, "METER_MARK names no profile");
}

TEST_F(ModelMatchTest, VoidItemsKeepTheirPlaces) {
    EXPECT_TRUE(matches(Items().present(RTE_FLOW_ITEM_TYPE_VOID).port(vm).eth(), vm_frame()));
}

TEST_F(ModelMatchTest, WhatNobodyKnowsIsRefusedWithAWord) {
    EXPECT_EQ(pattern_complaint(Items().eth().present(RTE_FLOW_ITEM_TYPE_GENEVE)),
              "the model knows no item of type "
                  + std::to_string(static_cast<int>(RTE_FLOW_ITEM_TYPE_GENEVE)));
    EXPECT_EQ(pattern_complaint(Items().present(RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT)),
              "REPRESENTED_PORT needs a mask");
    EXPECT_EQ(pattern_complaint(Items().ipv4().eth()), "items are not in the order of the layers");
    EXPECT_EQ(pattern_complaint(Items().eth().ipv4().udp().vxlan(1).eth().ipv4().udp().vxlan(2)),
              "a tunnel in a tunnel cannot be matched");
    EXPECT_EQ(pattern_complaint(Items().tag(0, 1, 12)), "no such TAG register");
    Items many;
    for (unsigned i = 0; i < 17; ++i)
        many.present(RTE_FLOW_ITEM_TYPE_VOID);
    EXPECT_EQ(pattern_complaint(many), "more than 16 items");
}

} // namespace
} // namespace sallyport::eswitch
