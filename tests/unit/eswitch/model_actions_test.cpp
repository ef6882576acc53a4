// SPDX-License-Identifier: BSD-3-Clause
// What the model's actions make of packets, and whose word counts: the template's or the rule's.
#include "eswitch/model/encap_hash.h"
#include "model_helpers.h"
#include "net/wire.h"

namespace sallyport::eswitch {
namespace {

class ModelActionsTest : public ModelTest {
  public:
    ModelVerdict run(Actions actions, const Octets& packet, std::uint16_t from = vm) {
        add(Items().eth(), std::move(actions));
        return model.run(from, packet);
    }
};

/// The headers in front of the inner frame, with what the NIC fills in left empty.
Octets encap_header(net::IpFamily family) {
    Octets packet = in_vxlan(vm_frame(), family);
    const bool ipv4 = family == net::IpFamily::ipv4;
    const std::size_t length = ipv4 ? 50 : 70;
    packet.resize(length);
    if (ipv4) {
        net::store_be16(&packet[16], 0);
        net::store_be16(&packet[24], 0);
    } else {
        net::store_be16(&packet[18], 0);
    }
    net::store_be16(&packet[length - 12], 0);
    return packet;
}

/// The VM's frame as it leaves: in_vxlan() from the port that its flow has.
Octets encapsulated(net::IpFamily family = net::IpFamily::ipv4) {
    Octets packet = in_vxlan(vm_frame(), family);
    const auto flow = encap_flow(vm_frame(), parse_layers(vm_frame(), {}).outer);
    net::store_be16(&packet[family == net::IpFamily::ipv4 ? 34 : 54], encap_source_port(*flow));
    return packet;
}

TEST_F(ModelActionsTest, FourWaysToEnd) {
    EXPECT_EQ(run(Actions().drop(), vm_frame()).fate, ModelVerdict::Fate::drop);
    EXPECT_EQ(ModelActionsTest().run(Actions().to_cpu(), vm_frame()).fate, ModelVerdict::Fate::cpu);
    const ModelVerdict verdict = ModelActionsTest().run(Actions().to_port(other_vm), vm_frame());
    EXPECT_EQ(verdict.fate, ModelVerdict::Fate::port);
    EXPECT_EQ(verdict.port, other_vm);
    EXPECT_EQ(verdict.packet, vm_frame());
}

TEST_F(ModelActionsTest, TagsAreSetInTheirBitsOnly) {
    add(group(0), Items().eth(), Actions().set_tag(0xaaaaaaaa).set_tag(0x00055000, 12, 8).jump(1));
    add(group(1), Items().tag(0xaaa55aaa), Actions().drop());
    const ModelVerdict verdict = model.run(vm, vm_frame());
    EXPECT_EQ(verdict.fate, ModelVerdict::Fate::drop);
    EXPECT_EQ(verdict.steps.at(0).tag, 0xaaa55aaaU);
}

TEST_F(ModelActionsTest, EachTagRegisterIsItsOwn) {
    add(group(0), Items().eth(), Actions().set_tag(5, 0, 32, 1).set_tag(6, 0, 32, 11).jump(1));
    add(group(1), Items().tag(0).tag(5, UINT32_MAX, 1).tag(6, UINT32_MAX, 11), Actions().drop());
    EXPECT_EQ(model.run(vm, vm_frame()).fate, ModelVerdict::Fate::drop);
}

TEST_F(ModelActionsTest, MacAddresses) {
    Octets expected = vm_frame();
    expected[5] = 9;
    expected[11] = 8;
    EXPECT_EQ(run(Actions()
                      .set_mac(RTE_FLOW_FIELD_MAC_DST, testing::mac(9))
                      .set_mac(RTE_FLOW_FIELD_MAC_SRC, testing::mac(8))
                      .to_port(other_vm),
                  vm_frame())
                  .packet,
              expected);
}

TEST_F(ModelActionsTest, PartOfAMacAddressCountsFromItsEnd) {
    net::MacAddress mac;
    mac.octets = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66};
    Octets expected = vm_frame();
    expected[4] = 0x55;
    expected[3] = static_cast<std::uint8_t>((expected[3] & 0xf0) | 0x04);
    EXPECT_EQ(
        run(Actions().set_mac(RTE_FLOW_FIELD_MAC_DST, mac, 8, 12).to_port(other_vm), vm_frame())
            .packet,
        expected);
}

TEST_F(ModelActionsTest, EncapsulationFillsInWhatTheNicDoes) {
    for (const net::IpFamily family : {net::IpFamily::ipv4, net::IpFamily::ipv6}) {
        ModelActionsTest alone;
        EXPECT_EQ(alone.run(Actions().encapsulate(encap_header(family)).to_port(uplink), vm_frame())
                      .packet,
                  encapsulated(family));
    }
}

TEST_F(ModelActionsTest, WhatTheNicFillsInIsNotTakenFromTheRule) {
    Octets header = encap_header(net::IpFamily::ipv4);
    for (const std::size_t at : {16U, 24U, 34U, 38U})
        net::store_be16(&header[at], 0x1234);
    EXPECT_EQ(run(Actions().encapsulate(header).to_port(uplink), vm_frame()).packet,
              encapsulated());
}

TEST_F(ModelActionsTest, HeadersAreParsedAnewAfterEncapsulation) {
    add(group(0), Items().eth_to(testing::mac(2)),
        Actions().encapsulate(encap_header(net::IpFamily::ipv6)).jump(1));
    add(group(1),
        Items().eth_to(testing::mac(0x80)).ipv6().udp().vxlan(100).eth_to(testing::mac(2)),
        Actions().set_mac(RTE_FLOW_FIELD_MAC_DST, testing::mac(0x90)).to_port(uplink));
    const ModelVerdict verdict = model.run(vm, vm_frame());
    ASSERT_EQ(verdict.fate, ModelVerdict::Fate::port);
    Octets expected = encapsulated(net::IpFamily::ipv6);
    expected[5] = 0x90;
    EXPECT_EQ(verdict.packet, expected);
}

TEST_F(ModelActionsTest, DecapsulationLeavesTheInnerFrame) {
    for (const net::IpFamily family : {net::IpFamily::ipv4, net::IpFamily::ipv6}) {
        ModelActionsTest alone;
        alone.add(
            group(0), Items().eth(),
            Actions().decapsulate().set_mac(RTE_FLOW_FIELD_MAC_SRC, testing::mac(0x77)).jump(1));
        alone.add(group(1), Items().eth_to(testing::mac(2)).ipv4().udp_to(2000),
                  Actions().to_port(vm));
        const ModelVerdict verdict = alone.model.run(uplink, in_vxlan(vm_frame(), family));
        EXPECT_EQ(verdict.fate, ModelVerdict::Fate::port);
        Octets expected = vm_frame();
        expected[11] = 0x77;
        EXPECT_EQ(verdict.packet, expected);
    }
}

TEST_F(ModelActionsTest, WhatIsNotVxlanIsDroppedByDecapsulation) {
    const ModelVerdict verdict = run(Actions().decapsulate().to_port(vm), vm_frame(), uplink);
    EXPECT_EQ(verdict.fate, ModelVerdict::Fate::drop);
}

TEST_F(ModelActionsTest, CountsAreOfTheRuleAndOfThePacketAsItCame) {
    rte_flow* const rule =
        add(Items().eth(),
            Actions().count().encapsulate(encap_header(net::IpFamily::ipv4)).to_port(uplink));
    (void)model.run(vm, vm_frame());
    (void)model.run(vm, vm_frame(net::IpFamily::ipv6));
    rte_flow_query_count count{};
    count.reset = 1;
    ASSERT_EQ(model.query_count(proxy, rule, count, error), 0);
    EXPECT_TRUE(count.hits_set != 0 && count.bytes_set != 0);
    EXPECT_EQ(count.hits, 2U);
    EXPECT_EQ(count.bytes, vm_frame().size() + vm_frame(net::IpFamily::ipv6).size());
    ASSERT_EQ(model.query_count(proxy, rule, count, error), 0);
    EXPECT_EQ(count.hits, 0U);
    rte_flow* const without = add(group(1), Items().eth(), Actions().drop());
    EXPECT_EQ(model.query_count(proxy, without, count, error), -EINVAL);
}

TEST_F(ModelActionsTest, WhatTheTemplateFixesTheRuleDoesNotChange) {
    Octets header = encap_header(net::IpFamily::ipv4);
    Items items = Items().eth();
    Actions fixed =
        Actions().set_tag(1, 0, 32, 0, true).encapsulate(header, true).to_port(uplink, true);
    rte_flow_template_table* const table = add_table(group(0), items, fixed);
    header[5] = 0x55;
    Actions other = Actions().set_tag(2).encapsulate(header).to_port(vm);
    add_rule(table, items, other);
    const ModelVerdict verdict = model.run(vm, vm_frame());
    EXPECT_EQ(verdict.steps.at(0).tag, 1U);
    EXPECT_EQ(verdict.port, uplink);
    EXPECT_EQ(verdict.packet, encapsulated());
}

TEST_F(ModelActionsTest, WhatTheTemplateLeavesOpenIsTheRules) {
    Octets header = encap_header(net::IpFamily::ipv4);
    Items items = Items().eth();
    Actions open = Actions().set_tag(1).encapsulate(header).to_port(uplink);
    rte_flow_template_table* const table = add_table(group(0), items, open);
    header[5] = 0x55;
    Actions own = Actions().set_tag(2).encapsulate(header).to_port(vm);
    add_rule(table, items, own);
    const ModelVerdict verdict = model.run(vm, vm_frame());
    EXPECT_EQ(verdict.steps.at(0).tag, 2U);
    EXPECT_EQ(verdict.port, vm);
    EXPECT_EQ(verdict.packet.at(5), 0x55);
}

TEST_F(ModelActionsTest, FixedAndOpenActionsMix) {
    Items items = Items().eth();
    Actions both = Actions()
                       .set_tag(1, 0, 16, 0, true)
                       .set_mac(RTE_FLOW_FIELD_MAC_DST, testing::mac(1))
                       .set_tag(0x20000, 16, 16, 0, true)
                       .to_port(uplink);
    Actions own = Actions()
                      .set_tag(9, 0, 16)
                      .set_mac(RTE_FLOW_FIELD_MAC_DST, testing::mac(7))
                      .set_tag(0x90000, 16, 16)
                      .to_port(other_vm);
    add_rule(add_table(group(0), items, both), items, own);
    const ModelVerdict verdict = model.run(vm, vm_frame());
    EXPECT_EQ(verdict.steps.at(0).tag, 0x20001U);
    EXPECT_EQ(verdict.port, other_vm);
    EXPECT_EQ(verdict.packet.at(5), 7);
}

TEST_F(ModelActionsTest, AJumpIsFixedOrOpenToo) {
    Items items = Items().eth();
    Actions fixed = Actions().jump(7, true), open = Actions().jump(7), rule = Actions().jump(8);
    add_rule(add_table(group(0), items, fixed), items, rule);
    add_rule(add_table(group(7), items, open), items, rule);
    const ModelVerdict verdict = model.run(vm, vm_frame());
    ASSERT_EQ(verdict.steps.size(), 3U);
    EXPECT_EQ(verdict.steps[1].group, 7U);
    EXPECT_EQ(verdict.steps[2].group, 8U);
    EXPECT_EQ(verdict.steps[2].rule, nullptr);
}

TEST_F(ModelActionsTest, WhatMlx5WouldRefuseIsRefused) {
    const auto has = [](const std::string& complaint, const char* words) {
        return complaint.find(words) != std::string::npos;
    };
    EXPECT_TRUE(has(actions_complaint(Actions().drop().count()), "order"));
    EXPECT_TRUE(has(actions_complaint(Actions().drop().drop()), "order"));
    EXPECT_TRUE(has(actions_complaint(Actions().encapsulate(Octets(50)).set_tag(1).to_port(uplink)),
                    "order"));
    EXPECT_TRUE(has(actions_complaint(Actions().count()), "do not say where"));
    EXPECT_TRUE(has(actions_complaint(Actions().encapsulate(Octets(133)).drop()), "132"));
    EXPECT_TRUE(has(actions_complaint(Actions().plain(RTE_FLOW_ACTION_TYPE_RSS)), "no such"));
    EXPECT_TRUE(
        has(actions_complaint(Actions().plain(RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR)), "0xffff"));
    EXPECT_TRUE(has(actions_complaint(Actions().set_tag(1, 30, 3).drop()), "width"));
    Actions no_size;
    no_size.encapsulate(Octets(50)).drop().actions();
    std::vector<rte_flow_action> masks(no_size.masks(), no_size.masks() + 3);
    masks[0].conf = nullptr;
    EXPECT_EQ(model.create_actions_template(proxy, no_size.actions(), masks.data(), error),
              nullptr);
    EXPECT_TRUE(has(error.message, "size of RAW_ENCAP"));
}

} // namespace
} // namespace sallyport::eswitch
