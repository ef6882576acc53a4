// SPDX-License-Identifier: BSD-3-Clause
// Pattern templates that the strict double takes and refuses.
#include "strict_fixture.h"

#include <cerrno>
#include <cstring>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_errno.h>

namespace sallyport::eswitch {
namespace {

constexpr const char* other_bits = "mask enables non supported bits";
constexpr const char* too_wide = "failed to validate pattern template";

template<typename T>
T zero() {
    T value;
    std::memset(&value, 0, sizeof value);
    return value;
}

class StrictPatternsTest : public StrictTest {
  protected:
    StrictPatternsTest() { bring_up(); }
    void rebuild_up(const StrictOptions& options) {
        rebuild(options);
        bring_up();
    }
};

TEST_F(StrictPatternsTest, ATunnelFromTheWireIsTaken) {
    TestPattern pattern;
    pattern.port(proxy).ethernet().ipv4_to(0xc0000201).udp().vxlan(7).ethernet().ipv4_to(1).udp();
    EXPECT_EQ(refused(pattern), "");
    EXPECT_EQ(refused(TestPattern().ethernet()), "");
    EXPECT_EQ(refused(TestPattern().add(RTE_FLOW_ITEM_TYPE_VOID).tag(1, 2)), "");
}

TEST_F(StrictPatternsTest, ItemsThatTheEswitchHasNotAreRefused) {
    for (const rte_flow_item_type type :
         {RTE_FLOW_ITEM_TYPE_PORT_REPRESENTOR, RTE_FLOW_ITEM_TYPE_MARK, RTE_FLOW_ITEM_TYPE_PORT_ID,
          RTE_FLOW_ITEM_TYPE_RAW, RTE_FLOW_ITEM_TYPE_ANY}) {
        EXPECT_EQ(refused(TestPattern().add(type)), "Unsupported item type") << type;
        EXPECT_EQ(rte_errno, EINVAL);
        EXPECT_EQ(error.type, RTE_FLOW_ERROR_TYPE_ITEM);
    }
}

TEST_F(StrictPatternsTest, SixteenItemsWithTheEnd) {
    TestPattern pattern;
    for (unsigned i = 0; i < 15; ++i)
        pattern.add(RTE_FLOW_ITEM_TYPE_VOID);
    EXPECT_EQ(refused(pattern), "");
    EXPECT_EQ(refused(pattern.add(RTE_FLOW_ITEM_TYPE_VOID)), "Too many items in a pattern");
}

TEST_F(StrictPatternsTest, RangesAreRefused) {
    const rte_flow_item_tag tag{.data = 1, .index = 0};
    const rte_flow_item items[]{
        {.type = RTE_FLOW_ITEM_TYPE_TAG, .spec = &tag, .last = &tag, .mask = &tag}, {}};
    EXPECT_EQ(api().create_pattern_template(proxy, items, error), nullptr);
    EXPECT_EQ(rte_errno, ENOTSUP);
}

TEST_F(StrictPatternsTest, ARepresentedPortNeedsAMask) {
    constexpr const char* expected = "Port ID item mask must specify ID mask";
    EXPECT_EQ(refused(TestPattern().add(RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT)), expected);
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT,
                                             rte_flow_item_ethdev{})),
              expected);
}

TEST_F(StrictPatternsTest, ATagNeedsASpecWithAUsableIndex) {
    rte_flow_item_tag mask{};
    mask.data = UINT32_MAX;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_TAG, mask)), "Tag spec is NULL");
    EXPECT_EQ(refused(TestPattern().tag(1, 12)), "Invalid tag index");
    EXPECT_EQ(refused(TestPattern().tag(1, 3)), "Unsupported tag index");
    EXPECT_EQ(refused(TestPattern().tag(1, 0).tag(2, 0)), "Duplicated tag index");
    EXPECT_EQ(refused(TestPattern().tag(1, 0).tag(2, 1)), "");
    rebuild_up({.tags = {3}});
    EXPECT_EQ(refused(TestPattern().tag(1, 3)), "");
    EXPECT_EQ(refused(TestPattern().tag(1, 0)), "Unsupported tag index");
}

TEST_F(StrictPatternsTest, MetaIsThereWithTheFourthKindOfMetadataOnly) {
    EXPECT_EQ(refused(TestPattern().add(RTE_FLOW_ITEM_TYPE_META)), "Unsupported metadata register");
    rebuild_up({.meta = true});
    EXPECT_EQ(refused(TestPattern().add(RTE_FLOW_ITEM_TYPE_META)), "");
}

TEST_F(StrictPatternsTest, OneEthernetInFrontOfVlanAndIp) {
    EXPECT_EQ(refused(TestPattern().ethernet().ethernet()), "multiple L2 layers not supported");
    EXPECT_EQ(refused(TestPattern().add(RTE_FLOW_ITEM_TYPE_IPV4).ethernet()),
              "L2 layer should not follow L3 layers");
    EXPECT_EQ(refused(TestPattern().add(RTE_FLOW_ITEM_TYPE_VLAN).ethernet()),
              "L2 layer should not follow VLAN");
    auto mask = zero<rte_flow_item_eth>();
    mask.has_vlan = 1;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_ETH, mask)), "");
    mask.reserved = 1;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_ETH, mask)), other_bits);
}

TEST_F(StrictPatternsTest, OneVlanInFrontOfIp) {
    TestPattern two;
    two.add(RTE_FLOW_ITEM_TYPE_VLAN).add(RTE_FLOW_ITEM_TYPE_VLAN);
    EXPECT_EQ(refused(two), "multiple VLAN layers not supported");
    TestPattern behind;
    behind.add(RTE_FLOW_ITEM_TYPE_IPV6).add(RTE_FLOW_ITEM_TYPE_VLAN);
    EXPECT_EQ(refused(behind), "VLAN cannot follow L3/L4 layer");
    auto mask = zero<rte_flow_item_vlan>();
    mask.has_more_vlan = 1;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_VLAN, mask)), "");
    mask.reserved = 1;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_VLAN, mask)), other_bits);
}

TEST_F(StrictPatternsTest, OneIpInFrontOfL4) {
    EXPECT_EQ(refused(TestPattern().ipv4_to(1).add(RTE_FLOW_ITEM_TYPE_IPV6)),
              "multiple L3 layers not supported");
    EXPECT_EQ(refused(TestPattern().udp().ipv4_to(1)), "L3 cannot follow an L4 layer.");
}

TEST_F(StrictPatternsTest, TheIpv4ChecksumIsNoField) {
    auto mask = zero<rte_flow_item_ipv4>();
    std::memset(&mask.hdr.time_to_live, UINT8_MAX, 1);
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_IPV4, mask)), "");
    mask.hdr.hdr_checksum = 1;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_IPV4, mask)), other_bits);
    EXPECT_EQ(rte_errno, ENOTSUP);
}

TEST_F(StrictPatternsTest, TheIpv4HeaderLengthTakesANicThatReadsIt) {
    auto mask = zero<rte_flow_item_ipv4>();
    mask.hdr.version_ihl = 0x0f;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_IPV4, mask)), "");
    rebuild_up({.ipv4_ihl = false});
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_IPV4, mask)),
              "IPV4 ihl offload not supported");
}

TEST_F(StrictPatternsTest, FragmentsAreToldFromWholePacketsOnly) {
    auto spec = zero<rte_flow_item_ipv4>(), mask = zero<rte_flow_item_ipv4>();
    mask.hdr.fragment_offset = rte_cpu_to_be_16(0x3fff);
    EXPECT_EQ(refused(TestPattern().add(RTE_FLOW_ITEM_TYPE_IPV4, spec, mask)), "");
    spec.hdr.fragment_offset = rte_cpu_to_be_16(0x2000);
    EXPECT_EQ(refused(TestPattern().add(RTE_FLOW_ITEM_TYPE_IPV4, spec, mask)),
              "specified value not supported");
}

TEST_F(StrictPatternsTest, Ipv6ExtensionHeadersAreNoFields) {
    auto spec = zero<rte_flow_item_ipv6>(), mask = zero<rte_flow_item_ipv6>();
    mask.has_frag_ext = 1;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_IPV6, mask)), "");
    mask.has_esp_ext = 1;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_IPV6, mask)), other_bits);
    mask = zero<rte_flow_item_ipv6>();
    mask.hdr.proto = UINT8_MAX;
    spec.hdr.proto = IPPROTO_FRAGMENT;
    EXPECT_EQ(refused(TestPattern().add(RTE_FLOW_ITEM_TYPE_IPV6, spec, mask)),
              "IPv6 proto (next header) should not be set as extension header");
    spec.hdr.proto = IPPROTO_UDP;
    EXPECT_EQ(refused(TestPattern().add(RTE_FLOW_ITEM_TYPE_IPV6, spec, mask)), "");
}

TEST_F(StrictPatternsTest, OfUdpThePortsOnly) {
    auto mask = zero<rte_flow_item_udp>();
    mask.hdr.src_port = mask.hdr.dst_port = UINT16_MAX;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_UDP, mask)), "");
    mask.hdr.dgram_len = 1;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_UDP, mask)), other_bits);
    mask.hdr.dgram_len = 0;
    mask.hdr.dgram_cksum = 1;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_UDP, mask)), other_bits);
    EXPECT_EQ(refused(TestPattern().udp().udp()), "multiple L4 layers not supported");
}

TEST_F(StrictPatternsTest, OfTcpThePortsAndFlagsOnly) {
    auto mask = zero<rte_flow_item_tcp>();
    mask.hdr.dst_port = UINT16_MAX;
    mask.hdr.tcp_flags = 0x17;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_TCP, mask)), "");
    mask.hdr.sent_seq = 1;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_TCP, mask)), other_bits);
}

TEST_F(StrictPatternsTest, NoTunnelInATunnel) {
    EXPECT_EQ(refused(TestPattern().vxlan(1).ethernet().vxlan(2)),
              "multiple tunnel layers not supported");
    EXPECT_EQ(rte_errno, ENOTSUP);
}

TEST_F(StrictPatternsTest, EspIsInIpOrInUdp) {
    auto ip_mask = zero<rte_flow_item_ipv4>();
    ip_mask.hdr.next_proto_id = UINT8_MAX;
    auto mask = zero<rte_flow_item_esp>();
    mask.hdr.spi = UINT32_MAX;
    const auto over_ip = [&](const rte_flow_item_esp& esp_mask) {
        return refused(TestPattern()
                           .add_mask(RTE_FLOW_ITEM_TYPE_IPV4, ip_mask)
                           .add_mask(RTE_FLOW_ITEM_TYPE_ESP, esp_mask));
    };
    EXPECT_EQ(over_ip(mask), "");
    mask.hdr.seq = 1;
    EXPECT_EQ(over_ip(mask), "");
    mask.hdr.seq = 0;
    EXPECT_EQ(refused(TestPattern().ipv4_to(1).add_mask(RTE_FLOW_ITEM_TYPE_ESP, mask)),
              "ESP does not imply IP protocol 50: mask it");
    EXPECT_EQ(refused(TestPattern().ipv4_to(1).udp().add_mask(RTE_FLOW_ITEM_TYPE_ESP, mask)), "");
    EXPECT_EQ(refused(TestPattern()
                          .ipv4_to(1)
                          .add(RTE_FLOW_ITEM_TYPE_TCP)
                          .add_mask(RTE_FLOW_ITEM_TYPE_ESP, mask)),
              "multiple L4 layers not supported");
}

TEST_F(StrictPatternsTest, IntegrityOfL3AndL4Only) {
    auto good = zero<rte_flow_item_integrity>();
    good.l3_ok = good.ipv4_csum_ok = good.l4_ok = good.l4_csum_ok = 1;
    EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_INTEGRITY, good)), "");
    std::array<rte_flow_item_integrity, 4> bad{good, good, good, good};
    bad[0].packet_ok = 1;
    bad[1].l2_ok = 1;
    bad[2].l2_crc_ok = 1;
    bad[3].l3_len_ok = 1;
    for (const rte_flow_item_integrity& mask : bad)
        EXPECT_EQ(refused(TestPattern().add_mask(RTE_FLOW_ITEM_TYPE_INTEGRITY, mask)), too_wide);
}

TEST_F(StrictPatternsTest, SixWordsOfAddressesTunnelAndTags) {
    // 4 + 2 words, and the kinds of layers, which are no words.
    EXPECT_EQ(refused(TestPattern().ethernet().ipv6(0, 16).udp().vxlan(7).tag(1)), "");
    EXPECT_EQ(refused(TestPattern().port(vm).ethernet().ipv6(0, 16).udp().vxlan(7).tag(1)),
              too_wide);
    EXPECT_EQ(rte_errno, E2BIG);
    // Both IPv6 addresses are 8.
    EXPECT_EQ(refused(TestPattern().ipv6(16, 16)), too_wide);
    EXPECT_EQ(refused(TestPattern().ipv6(8, 16)), "");
    rebuild_up({.full_width_match = true});
    EXPECT_EQ(refused(TestPattern().ipv6(16, 16).tag(1)), "");
    EXPECT_EQ(refused(TestPattern().ipv6(16, 16).tag(1).tag(1, 1)), too_wide);
}

TEST_F(StrictPatternsTest, NineWordsAndEightOctetsOfAllElse) {
    auto ethernet = zero<rte_flow_item_eth>();
    std::memset(&ethernet.hdr, UINT8_MAX, sizeof ethernet.hdr);
    auto ip = zero<rte_flow_item_ipv6>();
    std::memset(&ip.hdr.dst_addr, UINT8_MAX, 16);
    ip.hdr.vtc_flow = UINT32_MAX;
    ip.hdr.payload_len = UINT16_MAX;
    auto udp = zero<rte_flow_item_udp>();
    udp.hdr.dst_port = UINT16_MAX;
    const auto pattern = [&] {
        TestPattern made;
        made.tag(1).add_mask(RTE_FLOW_ITEM_TYPE_ETH, ethernet);
        made.add_mask(RTE_FLOW_ITEM_TYPE_IPV6, ip).add_mask(RTE_FLOW_ITEM_TYPE_UDP, udp);
        return made;
    };
    // Tag and address are 5 words. The 4 left are for those with most octets: MACs (4 and 4),
    // label (3), an end of a MAC (2). In octets: the other end, length and port (2 each), traffic
    // class and the kinds of layers (1 each).
    EXPECT_EQ(refused(pattern()), "");
    // UDP is matched as a kind of L4, which costs nothing more.
    ip.hdr.proto = UINT8_MAX;
    EXPECT_EQ(refused(pattern()), "");
    ip.hdr.hop_limits = UINT8_MAX;
    EXPECT_EQ(refused(pattern()), too_wide);
}

TEST_F(StrictPatternsTest, VxlanImpliesItsPort) {
    auto ethernet = zero<rte_flow_item_eth>();
    std::memset(&ethernet.hdr, UINT8_MAX, sizeof ethernet.hdr);
    auto ip = zero<rte_flow_item_ipv6>();
    std::memset(&ip.hdr.dst_addr, UINT8_MAX, 16);
    ip.hdr.vtc_flow = UINT32_MAX;
    ip.hdr.payload_len = UINT16_MAX;
    ip.hdr.hop_limits = UINT8_MAX;
    TestPattern pattern;
    pattern.tag(1).add_mask(RTE_FLOW_ITEM_TYPE_ETH, ethernet);
    pattern.add_mask(RTE_FLOW_ITEM_TYPE_IPV6, ip);
    EXPECT_EQ(refused(pattern), "");
    EXPECT_EQ(refused(pattern.add(RTE_FLOW_ITEM_TYPE_VXLAN)), too_wide);
}

TEST_F(StrictPatternsTest, InnerHeadersHaveWordsOfTheirOwn) {
    auto both = zero<rte_flow_item_ipv4>();
    both.hdr.src_addr = both.hdr.dst_addr = UINT32_MAX;
    TestPattern pattern;
    pattern.tag(1).add_mask(RTE_FLOW_ITEM_TYPE_IPV4, both).udp().vxlan(1);
    EXPECT_EQ(refused(pattern.ethernet().add_mask(RTE_FLOW_ITEM_TYPE_IPV4, both)), "");
    TestPattern wider;
    wider.tag(1).tag(1, 1).add_mask(RTE_FLOW_ITEM_TYPE_IPV4, both).udp().vxlan(1);
    EXPECT_EQ(refused(wider.ethernet().add_mask(RTE_FLOW_ITEM_TYPE_IPV4, both)), too_wide);
}

TEST_F(StrictPatternsTest, AllPatternsOfATableShareOneKey) {
    const std::array patterns{make(TestPattern().ethernet().ipv6(0, 16).tag(1)),
                              make(TestPattern().ethernet().ipv6(16, 0).tag(1))};
    TestActions drop;
    const std::array sets{make(drop.drop())};
    ASSERT_NE(patterns[0], nullptr);
    ASSERT_NE(patterns[1], nullptr);
    const TableAttributes attributes{.group = 1, .rules = 1};
    EXPECT_EQ(api().create_table(proxy, attributes, patterns, sets, error), nullptr);
    EXPECT_EQ(rte_errno, E2BIG);
    EXPECT_NE(api().create_table(proxy, attributes, std::span(patterns).first(1), sets, error),
              nullptr);
}

// As seen with the driver of DPDK 24.11.4: it would have the firmware generate each rule.
TEST_F(StrictPatternsTest, PatternsOfATableHaveOneMask) {
    const std::array patterns{make(TestPattern().tag(1).ethernet()), make(TestPattern().tag(1))};
    TestActions drop;
    const std::array sets{make(drop.drop())};
    const TableAttributes attributes{.group = 1, .rules = 1};
    EXPECT_EQ(api().create_table(proxy, attributes, patterns, sets, error), nullptr);
    EXPECT_EQ(rte_errno, ENOTSUP);
    EXPECT_NE(api().create_table(proxy, attributes, std::span(patterns).first(1), sets, error),
              nullptr);
}

} // namespace
} // namespace sallyport::eswitch
