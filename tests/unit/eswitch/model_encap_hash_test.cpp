// SPDX-License-Identifier: BSD-3-Clause
// The UDP source port that the model's E-Switch writes, and its answer to who asks for it.
#include "model_helpers.h"
#include "net/wire.h"

#include <array>
#include <set>

#include <netinet/in.h>
#include <rte_ip.h>

namespace sallyport::eswitch {
namespace {

class ModelEncapHashTest : public ModelTest {
  protected:
    static constexpr std::uint16_t rules_port = 50000;

    ModelEncapHashTest() {
        Octets header = in_vxlan({});
        add(Items().eth(), Actions().encapsulate(header).to_port(uplink));
    }
    std::uint16_t written(const Octets& frame) {
        return net::load_be16(&model.run(vm, frame).packet[34]);
    }
    int ask(Items items, std::uint16_t port = proxy) {
        return model.calculate_encap_hash(port, items.specs(), hash, error);
    }
    std::uint16_t answer(Items items) {
        EXPECT_EQ(ask(std::move(items)), 0) << error.message;
        return net::load_be16(hash.data());
    }
    static Octets changed(Octets frame, std::size_t at) {
        frame[at] ^= 0x40;
        return frame;
    }
    static Items ipv4(std::uint8_t protocol) {
        rte_flow_item_ipv4 item{};
        item.hdr.src_addr = rte_cpu_to_be_32(RTE_IPV4(10, 0, 0, 1));
        item.hdr.dst_addr = rte_cpu_to_be_32(RTE_IPV4(10, 0, 0, 2));
        item.hdr.next_proto_id = protocol;
        return Items().add(RTE_FLOW_ITEM_TYPE_IPV4, item, item);
    }
    template<class Item>
    static Item with_ports(std::uint16_t source, std::uint16_t destination) {
        Item item{};
        item.hdr.src_port = rte_cpu_to_be_16(source);
        item.hdr.dst_port = rte_cpu_to_be_16(destination);
        return item;
    }

    std::array<std::uint8_t, 2> hash{};
};

TEST_F(ModelEncapHashTest, EveryFieldOfTheFlowCountsAndNoOther) {
    for (const net::IpFamily family : {net::IpFamily::ipv4, net::IpFamily::ipv6}) {
        const Octets frame = vm_frame(family);
        const bool is_ipv4 = family == net::IpFamily::ipv4;
        const std::uint16_t port = written(frame);
        EXPECT_GE(port, 0xc000);
        const std::set<std::size_t> counted =
            is_ipv4 ? std::set<std::size_t>{23, 26, 29, 30, 33, 34, 35, 36, 37}
                    : std::set<std::size_t>{20, 22, 37, 38, 53, 54, 55, 56, 57};
        for (const std::size_t at : counted)
            EXPECT_NE(written(changed(frame, at)), port) << at;
        // MACs, DSCP, TTL; behind the ports; the payload.
        for (const std::size_t at :
             {std::size_t{5}, std::size_t{11}, std::size_t{15}, std::size_t{is_ipv4 ? 22U : 21U},
              std::size_t{is_ipv4 ? 39U : 59U}, frame.size() - 1})
            EXPECT_EQ(written(changed(frame, at)), port) << at;
    }
}

TEST_F(ModelEncapHashTest, WhoAsksHearsWhatIsWritten) {
    const Octets udp = vm_frame();
    EXPECT_EQ(answer(ipv4(IPPROTO_UDP)
                         .add(RTE_FLOW_ITEM_TYPE_UDP, with_ports<rte_flow_item_udp>(1000, 2000),
                              rte_flow_item_udp{})),
              written(udp));
    Octets tcp = udp;
    tcp[23] = IPPROTO_TCP;
    EXPECT_EQ(answer(ipv4(IPPROTO_TCP)
                         .add(RTE_FLOW_ITEM_TYPE_TCP, with_ports<rte_flow_item_tcp>(1000, 2000),
                              rte_flow_item_tcp{})),
              written(tcp));
    Octets icmp = udp;
    icmp[23] = IPPROTO_ICMP;
    EXPECT_EQ(answer(ipv4(IPPROTO_ICMP)), written(icmp));
    EXPECT_EQ(
        answer(ipv4(0).add(RTE_FLOW_ITEM_TYPE_ICMP, rte_flow_item_icmp{}, rte_flow_item_icmp{})),
        written(icmp));
    for (const unsigned fragment : {0x2000U, 0x0004U}) {
        Octets part = udp;
        net::store_be16(&part[20], static_cast<std::uint16_t>(fragment));
        EXPECT_EQ(answer(ipv4(IPPROTO_UDP)), written(part));
    }
}

TEST_F(ModelEncapHashTest, WhatIsNoIpKeepsTheRulesPort) {
    Octets frame = vm_frame();
    net::store_be16(&frame[12], 0x0806);
    EXPECT_EQ(written(frame), rules_port);
}

TEST_F(ModelEncapHashTest, ThereMustBeAnIpHeaderToHash) {
    EXPECT_EQ(ask(Items().add(RTE_FLOW_ITEM_TYPE_UDP, rte_flow_item_udp{}, rte_flow_item_udp{})),
              -EINVAL);
    EXPECT_STREQ(error.message, "no IP in the pattern");
    EXPECT_EQ(ask(Items().ipv4()), -EINVAL);
    EXPECT_EQ(ask(ipv4(IPPROTO_UDP).tag(1)), -EINVAL);
    EXPECT_EQ(ask(ipv4(IPPROTO_UDP), vm), -EINVAL) << "not the proxy";
}

} // namespace
} // namespace sallyport::eswitch
