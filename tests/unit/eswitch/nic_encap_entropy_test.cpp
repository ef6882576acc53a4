// SPDX-License-Identifier: BSD-3-Clause
// What the NIC is asked for a frame's UDP source port, and what becomes of its answer.
#include "eswitch/dpdk_flow_api.h"
#include "eswitch/nic_encap_entropy.h"
#include "model_helpers.h"
#include "net/wire.h"
#include "strict_fixture.h"
#include "support/forwarding_flow_api.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <rte_version.h>

namespace sallyport::eswitch {
namespace {

using testing::InnerFrame;
using testing::make_frame;

std::string between(const rte_flow_item& item, std::size_t source, std::size_t destination,
                    std::size_t length) {
    const auto* const spec = static_cast<const std::uint8_t*>(item.spec);
    const auto hex = [&](std::size_t offset) {
        constexpr const char* digits = "0123456789abcdef";
        std::string text;
        for (std::size_t i = offset; i < offset + length; ++i) {
            text += digits[spec[i] >> 4];
            text += digits[spec[i] & 0xf];
        }
        return text;
    };
    return hex(source) + ">" + hex(destination);
}

/// The fields that mlx5 reads, octets as they lie in memory.
std::string text_of(const rte_flow_item& item) {
    if (item.mask != nullptr || item.last != nullptr) return "masked";
    if (item.spec == nullptr) return "without spec";
    switch (item.type) {
    case RTE_FLOW_ITEM_TYPE_IPV4:
        return "ipv4 "
               + between(item, offsetof(rte_ipv4_hdr, src_addr), offsetof(rte_ipv4_hdr, dst_addr),
                         4)
               + " "
               + std::to_string(
                   static_cast<const rte_flow_item_ipv4*>(item.spec)->hdr.next_proto_id);
    case RTE_FLOW_ITEM_TYPE_IPV6:
        return "ipv6 "
               + between(item, offsetof(rte_ipv6_hdr, src_addr), offsetof(rte_ipv6_hdr, dst_addr),
                         16)
               + " " + std::to_string(static_cast<const rte_flow_item_ipv6*>(item.spec)->hdr.proto);
    case RTE_FLOW_ITEM_TYPE_UDP:
        return "udp "
               + between(item, offsetof(rte_udp_hdr, src_port), offsetof(rte_udp_hdr, dst_port), 2);
    case RTE_FLOW_ITEM_TYPE_TCP:
        return "tcp "
               + between(item, offsetof(rte_tcp_hdr, src_port), offsetof(rte_tcp_hdr, dst_port), 2);
    case RTE_FLOW_ITEM_TYPE_ICMP:
        return "icmp";
    case RTE_FLOW_ITEM_TYPE_ICMP6:
        return "icmp6";
    default:
        return "another item";
    }
}

/// A NIC that says one port for everything, or fails.
class OneAnswer final : public testing::ForwardingFlowApi {
  public:
    using ForwardingFlowApi::ForwardingFlowApi;

    int code = 0;
    std::array<std::uint8_t, 2> answer{0xd1, 0xe2};
    /// The last pattern.
    std::string asked;

    int calculate_encap_hash(std::uint16_t port, const rte_flow_item* items,
                             std::array<std::uint8_t, 2>& hash, rte_flow_error& error) override {
        asked = "port " + std::to_string(port);
        for (; items->type != RTE_FLOW_ITEM_TYPE_END; ++items)
            asked += " / " + text_of(*items);
        hash = answer;
        error.message = "error while calculating encap hash";
        return code;
    }
};

class NicEncapEntropyTest : public ::testing::Test {
  protected:
    static constexpr std::uint16_t proxy = 3;

    /// What is asked for a frame without tags.
    std::string asked_for(const Octets& frame) {
        const auto entropy = NicEncapEntropy::create(nic, proxy);
        EXPECT_TRUE(entropy);
        const net::Frame parsed = net::parse_frame(frame.data(), frame.size(), frame.size());
        EXPECT_EQ(parsed.fault, net::FrameFault::none);
        nic.asked.clear();
        port = entropy->source_port(frame.data() + 14, frame.size() - 14, parsed.l3);
        return nic.asked;
    }
    static Octets udp(net::IpFamily family) {
        InnerFrame inner{.destination = testing::mac(2), .source = testing::mac(1)};
        inner.source_port = 0x1122;
        inner.destination_port = 0x3344;
        if (family == net::IpFamily::ipv6) {
            inner.source_ip = ip("2001:db8::1:2");
            inner.destination_ip = ip("fd00::3:4");
        }
        return make_frame(inner);
    }
    static Octets ipv4(std::uint8_t protocol) {
        Octets frame = udp(net::IpFamily::ipv4);
        frame[23] = protocol;
        testing::fix_ipv4_checksum(frame);
        return frame;
    }
    static Octets ipv6(std::uint8_t protocol) {
        Octets frame = udp(net::IpFamily::ipv6);
        frame[20] = protocol;
        return frame;
    }

    const std::string ipv4_item = "port 3 / ipv4 0a000001>0a000002 ";
    const std::string ipv6_item =
        "port 3 / ipv6 20010db8000000000000000000010002>fd000000000000000000000000030004 ";
    AcceptingFlowApi accepting;
    OneAnswer nic{accepting};
    /// The last answer.
    std::uint16_t port = 0;
};

TEST_F(NicEncapEntropyTest, AddressesProtocolAndPortsAsTheyLieInThePacket) {
    EXPECT_EQ(asked_for(ipv4(IPPROTO_UDP)), ipv4_item + "17 / udp 1122>3344");
    EXPECT_EQ(asked_for(ipv4(IPPROTO_TCP)), ipv4_item + "6 / tcp 1122>3344");
    EXPECT_EQ(asked_for(ipv6(IPPROTO_UDP)), ipv6_item + "17 / udp 1122>3344");
    EXPECT_EQ(asked_for(ipv6(IPPROTO_TCP)), ipv6_item + "6 / tcp 1122>3344");
}

TEST_F(NicEncapEntropyTest, TheAnswerIsInNetworkByteOrder) {
    asked_for(ipv4(IPPROTO_UDP));
    EXPECT_EQ(port, 0xd1e2);
}

// Where mlx5 takes the protocol from the item of layer 4 alone (before 24.11.4).
TEST_F(NicEncapEntropyTest, IcmpHasAnItemWithoutPorts) {
    EXPECT_EQ(asked_for(ipv4(IPPROTO_ICMP)), ipv4_item + "1 / icmp");
    EXPECT_EQ(asked_for(ipv6(IPPROTO_ICMPV6)), ipv6_item + "58 / icmp6");
}

TEST_F(NicEncapEntropyTest, OtherProtocolsHaveNoPorts) {
    EXPECT_EQ(asked_for(ipv4(IPPROTO_SCTP)), ipv4_item + "132");
    EXPECT_EQ(asked_for(ipv6(IPPROTO_SCTP)), ipv6_item + "132");
    // Extension headers.
    EXPECT_EQ(asked_for(ipv6(IPPROTO_FRAGMENT)), ipv6_item + "44");
    EXPECT_EQ(asked_for(ipv6(IPPROTO_HOPOPTS)), ipv6_item + "0");
}

TEST_F(NicEncapEntropyTest, FragmentsHaveNoPorts) {
    for (const unsigned fragment : {0x2000U, 0x2002U, 0x0004U}) {
        Octets frame = ipv4(IPPROTO_UDP);
        net::store_be16(&frame[20], static_cast<std::uint16_t>(fragment));
        testing::fix_ipv4_checksum(frame);
        EXPECT_EQ(asked_for(frame), ipv4_item + "17") << fragment;
    }
    Octets whole = ipv4(IPPROTO_UDP);
    net::store_be16(&whole[20], RTE_IPV4_HDR_DF_FLAG);
    testing::fix_ipv4_checksum(whole);
    EXPECT_EQ(asked_for(whole), ipv4_item + "17 / udp 1122>3344");
}

TEST_F(NicEncapEntropyTest, PortsAreFoundBehindIpv4Options) {
    Octets frame = ipv4(IPPROTO_UDP);
    frame.insert(frame.begin() + 34, {1, 1, 1, 0});
    frame[14] = 0x46;
    frame[17] = static_cast<std::uint8_t>(frame[17] + 4);
    testing::fix_ipv4_checksum(frame);
    EXPECT_EQ(asked_for(frame), ipv4_item + "17 / udp 1122>3344");
}

TEST_F(NicEncapEntropyTest, ALayer4HeaderThatIsCutOffHasNoPorts) {
    for (const std::uint8_t protocol : {IPPROTO_UDP, IPPROTO_TCP}) {
        Octets frame = ipv4(protocol);
        const std::size_t whole = protocol == IPPROTO_UDP ? 8 : 20;
        frame.resize(34 + whole - 1);
        frame[17] = static_cast<std::uint8_t>(20 + whole - 1);
        testing::fix_ipv4_checksum(frame);
        EXPECT_EQ(asked_for(frame), ipv4_item + std::to_string(protocol));
        frame = ipv6(protocol);
        frame.resize(54 + whole - 1);
        frame[19] = static_cast<std::uint8_t>(whole - 1);
        EXPECT_EQ(asked_for(frame), ipv6_item + std::to_string(protocol));
    }
}

TEST_F(NicEncapEntropyTest, ACallThatFailsSaysNothing) {
    const auto entropy = NicEncapEntropy::create(nic, proxy);
    ASSERT_TRUE(entropy);
    nic.code = -EIO;
    const Octets frame = ipv4(IPPROTO_UDP);
    EXPECT_EQ(entropy->source_port(frame.data() + 14, frame.size() - 14, net::L3::ipv4), 0);
}

TEST_F(NicEncapEntropyTest, ANicThatCannotBeAskedSaysSoAtOnce) {
    nic.code = -ENOTSUP;
    const auto entropy = NicEncapEntropy::create(nic, proxy);
    ASSERT_FALSE(entropy);
    EXPECT_EQ(entropy.error().message(),
              "error while calculating encap hash (Operation not supported)");
    EXPECT_TRUE(nic.asked.starts_with("port 3 / ipv4 ")) << nic.asked;
}

// caps->roce is 0, and so are both ends of the range.
TEST_F(NicEncapEntropyTest, WithoutRoceMlx5SaysZero) {
    nic.answer = {0, 0};
    const auto entropy = NicEncapEntropy::create(nic, proxy);
    ASSERT_FALSE(entropy);
    EXPECT_NE(entropy.error().message().find("RoCE is off"), std::string::npos);
}

TEST(DpdkEncapHashTest, APortThatIsNotThereIsNoAnswer) {
    const auto flow = make_dpdk_flow_api();
    const auto entropy = NicEncapEntropy::create(*flow, RTE_MAX_ETHPORTS - 1);
    ASSERT_FALSE(entropy);
#if RTE_VERSION < RTE_VERSION_NUM(24, 3, 0, 0)
    EXPECT_EQ(entropy.error().message(),
              "the NIC can be asked from DPDK 24.03 on (Operation not supported)");
#endif
}

class StrictEncapHashTest : public StrictTest {
  protected:
    int ask(const std::vector<rte_flow_item>& items, std::uint16_t port = proxy) {
        error = {};
        return api().calculate_encap_hash(port, items.data(), hash, error);
    }
    static rte_flow_item item(rte_flow_item_type type, const void* spec) {
        return {.type = type, .spec = spec, .last = nullptr, .mask = nullptr};
    }

    const rte_flow_item_ipv4 ipv4{};
    const rte_flow_item_udp udp{};
    const rte_flow_item end{};
    const rte_flow_item ipv4_item = item(RTE_FLOW_ITEM_TYPE_IPV4, &ipv4);
    std::array<std::uint8_t, 2> hash{};
};

TEST_F(StrictEncapHashTest, WhatMlx5ReadsIsAnswered) {
    bring_up();
    EXPECT_EQ(ask({ipv4_item, item(RTE_FLOW_ITEM_TYPE_UDP, &udp), end}), 0);
    EXPECT_EQ(hash, (std::array<std::uint8_t, 2>{0xc0, 0x07}));
    EXPECT_EQ(ask({ipv4_item, end}, stranger), -ENODEV);
    api().fail_next(Operation::calculate_encap_hash, 1);
    EXPECT_EQ(ask({ipv4_item, end}), -ENOMEM);
    EXPECT_EQ(api().violations(), std::vector<std::string>());
}

TEST_F(StrictEncapHashTest, AnotherTypeOfHashIsNotSupported) {
    rebuild({.knows_encap_hash = false});
    bring_up();
    EXPECT_EQ(ask({ipv4_item, end}), -ENOTSUP);
    EXPECT_EQ(message(), "error while calculating encap hash");
}

TEST_F(StrictEncapHashTest, WhatMlx5WouldTakeAndDoWrongIsAViolation) {
    EXPECT_EQ(ask({ipv4_item, end}), -EINVAL) << "before the port is configured";
    bring_up();
    rte_flow_item masked = ipv4_item;
    masked.mask = &ipv4;
    EXPECT_EQ(ask({masked, end}), -EINVAL);
    EXPECT_EQ(ask({item(RTE_FLOW_ITEM_TYPE_IPV4, nullptr), end}), -EINVAL);
    EXPECT_EQ(ask({ipv4_item, item(RTE_FLOW_ITEM_TYPE_SCTP, &udp), end}), -EINVAL);
    EXPECT_EQ(api().violations().size(), 4U);
}

TEST_F(StrictEncapHashTest, TheNicIsAskedAsMlx5Wants) {
    bring_up();
    const auto entropy = NicEncapEntropy::create(api(), proxy);
    ASSERT_TRUE(entropy) << entropy.error().message();
    constexpr std::array<std::uint8_t, 6> protocols{IPPROTO_UDP,    IPPROTO_TCP,  IPPROTO_ICMP,
                                                    IPPROTO_ICMPV6, IPPROTO_SCTP, IPPROTO_FRAGMENT};
    for (const net::IpFamily family : {net::IpFamily::ipv4, net::IpFamily::ipv6})
        for (const std::uint8_t protocol : protocols) {
            const bool ipv4_frame = family == net::IpFamily::ipv4;
            Octets frame = vm_frame(family);
            frame[ipv4_frame ? 23 : 20] = protocol;
            const net::L3 kind = ipv4_frame ? net::L3::ipv4 : net::L3::ipv6;
            EXPECT_EQ(entropy->source_port(&frame[14], frame.size() - 14, kind), 0xc007);
        }
    EXPECT_EQ(api().violations(), std::vector<std::string>());
}

} // namespace
} // namespace sallyport::eswitch
