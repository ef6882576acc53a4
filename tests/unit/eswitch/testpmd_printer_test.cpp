// SPDX-License-Identifier: BSD-3-Clause
// The commands, word for word. That testpmd takes them was tried by hand with DPDK 24.11's.
#include "eswitch/testpmd_printer.h"
#include "model_helpers.h"

#include <array>
#include <sstream>

namespace sallyport::eswitch {
namespace {

class TestpmdPrinterTest : public ::testing::Test {
  protected:
    /// What was written since the last call.
    std::string said() {
        std::string text = out.str();
        out.str("");
        return text;
    }
    rte_flow_pattern_template* pattern(Items items) {
        return printer.create_pattern_template(0, items.whole(), error);
    }
    rte_flow_actions_template* actions(Actions actions) {
        return printer.create_actions_template(0, actions.actions(), actions.masks(), error);
    }
    /// Of one template each.
    rte_flow_template_table* table(const Items& items, const Actions& own) {
        return printer.create_table(0, {.group = 1, .priority = 2, .rules = 64},
                                    std::array{pattern(items)}, std::array{actions(own)}, error);
    }
    rte_flow* rule(rte_flow_template_table* table, Items items, Actions own) {
        return printer.create(0, 0, false, table, items.specs(), 0, own.actions(), 0, nullptr,
                              error);
    }

    std::ostringstream out;
    rte_flow_error error{};
    TestpmdPrinter printer{out};
};

TEST_F(TestpmdPrinterTest, SettingUp) {
    rte_flow_port_attr attributes{};
    attributes.nb_counters = 1000;
    attributes.nb_meters = 4;
    std::uint16_t proxy = 99;
    EXPECT_EQ(printer.pick_transfer_proxy(3, proxy, error), 0);
    EXPECT_EQ(proxy, 0);
    EXPECT_EQ(printer.configure(0, attributes, 2, 256, error), 0);
    EXPECT_EQ(said(), "show port 3 flow transfer proxy\n"
                      "flow configure 0 queues_number 2 queues_size 256 counters_number 1000 "
                      "meters_number 4\n");
}

TEST_F(TestpmdPrinterTest, PatternTemplates) {
    pattern(Items().port(3).eth());
    EXPECT_EQ(said(), "flow pattern_template 0 create transfer pattern_template_id 0 template "
                      "represented_port ethdev_port_id spec 3 ethdev_port_id mask 65535 / eth / "
                      "end\n");
    pattern(Items()
                .tag(5, 0xff, 2)
                .integrity(2, true, false, false, false)
                .color(RTE_COLOR_RED)
                .eth_to(testing::mac(1))
                .vlan(7)
                .ipv4_to(ip("10.0.0.2"), 24)
                .udp_to(4789)
                .vxlan(100)
                .eth_has_vlan(false)
                .ipv6_to(ip("fd00::2"))
                .tcp_to(80));
    EXPECT_EQ(said(), "flow pattern_template 0 create transfer pattern_template_id 1 template "
                      "tag index is 2 data spec 5 data mask 255 / "
                      "integrity level spec 2 value spec 4 level mask 2 value mask 4 / "
                      "meter color spec red color mask all / "
                      "eth dst spec 02:00:00:00:10:01 dst mask ff:ff:ff:ff:ff:ff / "
                      "vlan tci spec 7 tci mask 4095 / "
                      "ipv4 dst spec 10.0.0.2 dst mask 255.255.255.0 / "
                      "udp dst spec 4789 dst mask 65535 / "
                      "vxlan vni spec 100 flag_i spec 1 vni mask 16777215 flag_i mask 1 / "
                      "eth has_vlan spec 0 has_vlan mask 1 / "
                      "ipv6 dst spec fd00::2 dst mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff / "
                      "tcp dst spec 80 dst mask 65535 / end\n");
}

TEST_F(TestpmdPrinterTest, HeaderFieldsOfIp) {
    rte_flow_item_ipv6 spec{}, mask{};
    mask.hdr.vtc_flow = rte_cpu_to_be_32(1U << 20);
    mask.hdr.payload_len = rte_cpu_to_be_16(0xff00);
    mask.has_frag_ext = 1;
    pattern(Items().add(RTE_FLOW_ITEM_TYPE_IPV6, spec, mask));
    EXPECT_EQ(said(), "flow pattern_template 0 create transfer pattern_template_id 0 template "
                      "ipv6 tc spec 0 length spec 0 has_frag_ext spec 0 tc mask 1 length mask "
                      "65280 has_frag_ext mask 1 / end\n");
    rte_flow_item_ipv4 spec4{}, mask4{};
    spec4.hdr.version_ihl = 5;
    mask4.hdr.version_ihl = 15;
    mask4.hdr.fragment_offset = rte_cpu_to_be_16(0x3fff);
    pattern(Items().add(RTE_FLOW_ITEM_TYPE_IPV4, spec4, mask4));
    EXPECT_EQ(said(), "flow pattern_template 0 create transfer pattern_template_id 1 template "
                      "ipv4 version_ihl spec 5 fragment_offset spec 0 version_ihl mask 15 "
                      "fragment_offset mask 16383 / end\n");
}

TEST_F(TestpmdPrinterTest, MeterProfiles) {
    rte_mtr_meter_profile profile{};
    profile.alg = RTE_MTR_SRTCM_RFC2697;
    profile.srtcm_rfc2697 = {.cir = 125000, .cbs = 65536, .ebs = 0};
    auto* const made = printer.add_meter_profile(0, 3, profile, error);
    EXPECT_EQ(said(), "add port meter profile srtcm_rfc2697 0 3 125000 65536 0 0\n");
    actions(Actions().meter(made).drop());
    EXPECT_EQ(said(), "flow actions_template 0 create transfer actions_template_id 0 template "
                      "meter_mark mtr_profile 3 mtr_state 1 / drop / end mask meter_mark / drop / "
                      "end\n");
    EXPECT_EQ(printer.remove_meter_profile(0, 3, error), 0);
    EXPECT_EQ(said(), "del port meter profile 0 3\n");
    EXPECT_EQ(printer.remove_meter_profile(0, 3, error), -EINVAL);
    profile.alg = RTE_MTR_TRTCM_RFC4115;
    EXPECT_EQ(printer.add_meter_profile(0, 4, profile, error), nullptr);
}

TEST_F(TestpmdPrinterTest, ActionsTemplates) {
    actions(Actions().count().jump(3, true));
    EXPECT_EQ(said(),
              "flow actions_template 0 create transfer actions_template_id 0 template count / jump "
              "group 3 / end mask count / jump group 4294967295 / end\n");
    actions(Actions().decapsulate().meter(nullptr).set_tag(7, 4, 8, 1).to_port(2));
    EXPECT_EQ(said(),
              "flow actions_template 0 create transfer actions_template_id 1 template vxlan_decap "
              "/ meter_mark / modify_field op set dst_type tag dst_tag_index 1 dst_offset 4 "
              "src_type value src_value 0x07000000000000000000000000000000 width 8 / "
              "represented_port ethdev_port_id 2 / end mask vxlan_decap / meter_mark / "
              "modify_field op set dst_type tag dst_level 255 dst_tag_index 255 dst_offset "
              "4294967295 src_type value src_value 0x00000000000000000000000000000000 width "
              "4294967295 / represented_port ethdev_port_id 0 / end\n");
    actions(Actions().set_mac(RTE_FLOW_FIELD_MAC_DST, testing::mac(9)).to_cpu());
    EXPECT_EQ(said(),
              "flow actions_template 0 create transfer actions_template_id 2 template modify_field "
              "op set dst_type mac_dst dst_offset 0 src_type value src_value "
              "0x02000000100900000000000000000000 width 48 / port_representor port_id 65535 / end "
              "mask modify_field op set dst_type mac_dst dst_level 255 dst_tag_index 255 "
              "dst_offset 4294967295 src_type value src_value 0x00000000000000000000000000000000 "
              "width 4294967295 / port_representor port_id 65535 / end\n");
}

TEST_F(TestpmdPrinterTest, HeadersToPutInFrontAreSaidBefore) {
    Octets header = in_vxlan(vm_frame());
    header.resize(50);
    actions(Actions().encapsulate(header).drop());
    const std::string set =
        "set raw_encap 0 eth dst is 02:00:00:00:10:80 src is 02:00:00:00:10:81 type is 2048 / "
        "ipv4 version_ihl is 69 ";
    const std::string text = said();
    EXPECT_EQ(text.substr(0, set.size()), set);
    EXPECT_NE(text.find(" ttl is 64 proto is 17 src is 192.0.2.1 dst is 192.0.2.2 / udp src is "
                        "50000 dst is 4789 / vxlan vni is 100 / end_set\n"
                        "flow actions_template 0 create transfer actions_template_id 0 template "
                        "raw_encap index 0 / drop / end mask raw_encap size 50 / drop / end\n"),
              std::string::npos)
        << text;
    actions(Actions().encapsulate(header, true).drop());
    EXPECT_NE(said().find("mask raw_encap index 0 / drop"), std::string::npos);
    actions(Actions().encapsulate(Octets(50)).drop());
    EXPECT_EQ(said(), "# raw_encap: of octets that are no VXLAN header\n"
                      "flow actions_template 0 create transfer actions_template_id 2 template "
                      "raw_encap size 50 / drop / end mask raw_encap size 50 / drop / end\n");
}

TEST_F(TestpmdPrinterTest, TablesAndTheirOrigins) {
    const std::array patterns{pattern(Items().eth()), pattern(Items().eth().ipv4())};
    const std::array templates{actions(Actions().drop()), actions(Actions().to_cpu())};
    said();
    for (const Origin origin : {Origin::any, Origin::wire, Origin::vport})
        EXPECT_NE(printer.create_table(0,
                                       {.group = 4, .priority = 1, .rules = 1024, .origin = origin},
                                       patterns, templates, error),
                  nullptr);
    EXPECT_EQ(said(), "flow template_table 0 create table_id 0 group 4 priority 1 transfer "
                      "rules_number 1024 pattern_template 0 pattern_template 1 actions_template 0 "
                      "actions_template 1\n"
                      "flow template_table 0 create table_id 1 group 4 priority 1 transfer "
                      "wire_orig rules_number 1024 pattern_template 0 pattern_template 1 "
                      "actions_template 0 actions_template 1\n"
                      "flow template_table 0 create table_id 2 group 4 priority 1 transfer "
                      "vport_orig rules_number 1024 pattern_template 0 pattern_template 1 "
                      "actions_template 0 actions_template 1\n");
}

// A rule says the fields that its template masks, zeros too: a NIC reads them.
TEST_F(TestpmdPrinterTest, Rules) {
    rte_flow_template_table* const made =
        table(Items().tag(0, 0xff).eth_has_vlan(false).ipv4(), Actions().jump(1));
    said();
    ASSERT_NE(rule(made, Items().tag(0, 0xff).eth_has_vlan(false).ipv4(), Actions().jump(5)),
              nullptr);
    EXPECT_EQ(said(), "flow queue 0 create 0 template_table 0 pattern_template 0 actions_template "
                      "0 postpone no pattern tag index is 0 data spec 0 / eth has_vlan spec 0 / "
                      "ipv4 / end actions jump group 5 / end\n");
    Items items = Items().tag(1, 0xff).eth_has_vlan(true).ipv4();
    Actions own = Actions().jump(6);
    ASSERT_NE(printer.create(0, 1, true, made, items.specs(), 0, own.actions(), 0, nullptr, error),
              nullptr);
    EXPECT_EQ(said(), "flow queue 0 create 1 template_table 0 pattern_template 0 actions_template "
                      "0 postpone yes pattern tag index is 0 data spec 1 / eth has_vlan spec 1 / "
                      "ipv4 / end actions jump group 6 / end\n");
}

TEST_F(TestpmdPrinterTest, ChangesGoByTheNumbersThatTestpmdGives) {
    Items items = Items().eth();
    Actions own = Actions().jump(1);
    rte_flow_template_table* const made = table(items, own);
    rte_flow* const first = rule(made, items, own);
    rte_flow* const second = rule(made, items, own);
    said();
    EXPECT_EQ(printer.update(0, 0, false, second, own.actions(), 0, nullptr, error), 0);
    EXPECT_EQ(printer.destroy(0, 0, true, second, nullptr, error), 0);
    EXPECT_EQ(said(), "flow queue 0 update 0 rule 1 actions_template 0 postpone no pattern end "
                      "actions jump group 1 / end\n"
                      "flow queue 0 destroy 0 postpone yes rule 1\n");
    // One more than the last that is there.
    rte_flow* const third = rule(made, items, own);
    EXPECT_EQ(printer.destroy(0, 0, false, first, nullptr, error), 0);
    said();
    EXPECT_EQ(printer.destroy(0, 0, false, third, nullptr, error), 0);
    EXPECT_EQ(said(), "flow queue 0 destroy 0 postpone no rule 1\n");
    EXPECT_EQ(printer.destroy(0, 0, false, third, nullptr, error), -EINVAL);
}

TEST_F(TestpmdPrinterTest, QueuesAndCounters) {
    Items items = Items().eth();
    Actions own = Actions().count().jump(1);
    rte_flow_template_table* const made = table(items, own);
    int mark = 0;
    rte_flow* const counted =
        printer.create(0, 1, true, made, items.specs(), 0, own.actions(), 0, &mark, error);
    said();
    EXPECT_EQ(printer.push(0, 1, error), 0);
    std::array<rte_flow_op_result, 4> results{};
    EXPECT_EQ(printer.pull(0, 1, results, error), 1);
    EXPECT_EQ(results[0].status, RTE_FLOW_OP_SUCCESS);
    EXPECT_EQ(results[0].user_data, &mark);
    EXPECT_EQ(printer.pull(0, 1, results, error), 0);
    rte_flow_query_count count{};
    EXPECT_EQ(printer.query_count(0, counted, count, error), 0);
    EXPECT_EQ(said(), "flow push 0 queue 1\nflow pull 0 queue 1\nflow pull 0 queue 1\n"
                      "flow query 0 0 count\n");
}

TEST_F(TestpmdPrinterTest, WhatIsDestroyedIsGone) {
    rte_flow_template_table* const made = printer.create_table(
        0, {}, std::array{pattern(Items().eth())}, std::array{actions(Actions().drop())}, error);
    rte_flow_pattern_template* const by = pattern(Items().eth());
    rte_flow_actions_template* const what = actions(Actions().drop());
    said();
    EXPECT_EQ(printer.destroy_table(0, made, error), 0);
    EXPECT_EQ(printer.destroy_pattern_template(0, by, error), 0);
    EXPECT_EQ(printer.destroy_actions_template(0, what, error), 0);
    EXPECT_EQ(said(), "flow template_table 0 destroy table 0\n"
                      "flow pattern_template 0 destroy pattern_template 1\n"
                      "flow actions_template 0 destroy actions_template 1\n");
    EXPECT_EQ(printer.destroy_table(0, made, error), -EINVAL);
}

} // namespace
} // namespace sallyport::eswitch
