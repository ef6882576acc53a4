// SPDX-License-Identifier: BSD-3-Clause
#include "model_helpers.h"

#include "eswitch/modify_field.h"
#include "net/wire.h"

#include <array>

#include <rte_byteorder.h>

namespace sallyport::eswitch {

const void* Items::store(const void* from, std::size_t length) {
    storage_.push_back(std::make_shared<std::vector<std::uint64_t>>(length / 8 + 1));
    std::memcpy(storage_.back()->data(), from, length);
    return storage_.back()->data();
}

void Items::push(rte_flow_item_type type, const void* spec, const void* mask) {
    items_.push_back({.type = type, .spec = spec, .last = nullptr, .mask = mask});
}

const rte_flow_item* Items::whole() {
    specs_ = items_;
    specs_.push_back(
        {.type = RTE_FLOW_ITEM_TYPE_END, .spec = nullptr, .last = nullptr, .mask = nullptr});
    return specs_.data();
}

const rte_flow_item* Items::specs() {
    whole();
    for (rte_flow_item& item : specs_)
        item.mask = nullptr;
    return specs_.data();
}

Items& Items::port(std::uint16_t port) {
    return add<rte_flow_item_ethdev>(RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT, {port}, {UINT16_MAX});
}

Items& Items::tag(std::uint32_t value, std::uint32_t mask, std::uint8_t index) {
    return add<rte_flow_item_tag>(RTE_FLOW_ITEM_TYPE_TAG, {value, index}, {mask, UINT8_MAX});
}

Items& Items::integrity(std::uint32_t level, bool l3, bool ipv4_checksum, bool l4,
                        bool l4_checksum) {
    rte_flow_item_integrity bits{};
    bits.level = level;
    bits.l3_ok = l3 ? 1 : 0;
    bits.ipv4_csum_ok = ipv4_checksum ? 1 : 0;
    bits.l4_ok = l4 ? 1 : 0;
    bits.l4_csum_ok = l4_checksum ? 1 : 0;
    return add(RTE_FLOW_ITEM_TYPE_INTEGRITY, bits, bits);
}

Items& Items::color(rte_color color) {
    rte_flow_item_meter_color spec{color}, mask{};
    std::memset(&mask, 0xff, sizeof mask);
    return add(RTE_FLOW_ITEM_TYPE_METER_COLOR, spec, mask);
}

Items& Items::eth_to(const net::MacAddress& destination) {
    rte_flow_item_eth spec{}, mask{};
    std::memcpy(&spec.hdr.dst_addr, destination.octets.data(), 6);
    std::memset(&mask.hdr.dst_addr, 0xff, 6);
    return add(RTE_FLOW_ITEM_TYPE_ETH, spec, mask);
}

Items& Items::eth_type(std::uint16_t type) {
    rte_flow_item_eth spec{}, mask{};
    spec.hdr.ether_type = rte_cpu_to_be_16(type);
    mask.hdr.ether_type = UINT16_MAX;
    return add(RTE_FLOW_ITEM_TYPE_ETH, spec, mask);
}

Items& Items::eth_has_vlan(bool tagged) {
    rte_flow_item_eth spec{}, mask{};
    spec.has_vlan = tagged ? 1 : 0;
    mask.has_vlan = 1;
    return add(RTE_FLOW_ITEM_TYPE_ETH, spec, mask);
}

Items& Items::vlan(std::uint16_t control, std::uint16_t mask) {
    rte_flow_item_vlan spec{}, masked{};
    spec.hdr.vlan_tci = rte_cpu_to_be_16(control);
    masked.hdr.vlan_tci = rte_cpu_to_be_16(mask);
    return add(RTE_FLOW_ITEM_TYPE_VLAN, spec, masked);
}

Items& Items::ipv4_to(const net::IpAddress& destination, unsigned prefix) {
    rte_flow_item_ipv4 spec{}, mask{};
    std::memcpy(&spec.hdr.dst_addr, destination.octets.data(), 4);
    mask.hdr.dst_addr = rte_cpu_to_be_32(UINT32_MAX << (32 - prefix));
    return add(RTE_FLOW_ITEM_TYPE_IPV4, spec, mask);
}

Items& Items::ipv6_to(const net::IpAddress& destination) {
    rte_flow_item_ipv6 spec{}, mask{};
    std::memcpy(&spec.hdr.dst_addr, destination.octets.data(), 16);
    std::memset(&mask.hdr.dst_addr, 0xff, 16);
    return add(RTE_FLOW_ITEM_TYPE_IPV6, spec, mask);
}

Items& Items::udp_to(std::uint16_t port) {
    rte_flow_item_udp spec{}, mask{};
    spec.hdr.dst_port = rte_cpu_to_be_16(port);
    mask.hdr.dst_port = UINT16_MAX;
    return add(RTE_FLOW_ITEM_TYPE_UDP, spec, mask);
}

Items& Items::tcp_to(std::uint16_t port) {
    rte_flow_item_tcp spec{}, mask{};
    spec.hdr.dst_port = rte_cpu_to_be_16(port);
    mask.hdr.dst_port = UINT16_MAX;
    return add(RTE_FLOW_ITEM_TYPE_TCP, spec, mask);
}

Items& Items::vxlan(std::uint32_t vni) {
    rte_flow_item_vxlan spec{}, mask{};
    spec.flags = mask.flags = 0x08;
    net::store_be24(spec.vni, vni);
    std::memset(mask.vni, 0xff, 3);
    return add(RTE_FLOW_ITEM_TYPE_VXLAN, spec, mask);
}

const void* Actions::store(const void* from, std::size_t length) {
    storage_.push_back(std::make_shared<std::vector<std::uint64_t>>(length / 8 + 1));
    std::memcpy(storage_.back()->data(), from, length);
    return storage_.back()->data();
}

void Actions::push(rte_flow_action_type type, const void* action, const void* mask) {
    actions_.push_back({.type = type, .conf = action});
    masks_.push_back({.type = type, .conf = mask});
}

Actions& Actions::plain(rte_flow_action_type type) {
    push(type, nullptr, nullptr);
    return *this;
}

Actions& Actions::meter(rte_flow_meter_profile* profile) {
    rte_flow_action_meter_mark meter{};
    meter.profile = profile;
    meter.state = 1;
    return add(RTE_FLOW_ACTION_TYPE_METER_MARK, meter, rte_flow_action_meter_mark{});
}

Actions& Actions::set_tag(std::uint32_t value, std::uint32_t offset, std::uint32_t width,
                          std::uint8_t index, bool fixed) {
    FieldChange change{
        .field = RTE_FLOW_FIELD_TAG, .tag_index = index, .offset = offset, .width = width};
    std::memcpy(change.value, &value, sizeof value);
    rte_flow_action_modify_field mask = make_set_mask(RTE_FLOW_FIELD_TAG);
    if (fixed) std::memset(mask.src.value, 0xff, sizeof mask.src.value);
    return add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, make_set(change), mask);
}

Actions& Actions::set_mac(rte_flow_field_id field, const net::MacAddress& mac, std::uint32_t offset,
                          std::uint32_t width) {
    FieldChange change{.field = field, .offset = offset, .width = width};
    std::memcpy(change.value, mac.octets.data(), mac.octets.size());
    return add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, make_set(change), make_set_mask(field));
}

Actions& Actions::encapsulate(const Octets& header, bool fixed) {
    rte_flow_action_raw_encap action{}, mask{};
    action.data =
        static_cast<std::uint8_t*>(const_cast<void*>(store(header.data(), header.size())));
    action.size = mask.size = header.size();
    if (fixed) mask.data = action.data;
    return add(RTE_FLOW_ACTION_TYPE_RAW_ENCAP, action, mask);
}

Actions& Actions::jump(std::uint32_t group, bool fixed) {
    return add<rte_flow_action_jump>(RTE_FLOW_ACTION_TYPE_JUMP, {group}, {fixed ? UINT32_MAX : 0});
}

Actions& Actions::to_port(std::uint16_t port, bool fixed) {
    return add<rte_flow_action_ethdev>(RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, {port},
                                       {fixed ? std::uint16_t{UINT16_MAX} : std::uint16_t{0}});
}

Actions& Actions::to_cpu() {
    return add<rte_flow_action_ethdev>(RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR, {UINT16_MAX},
                                       {UINT16_MAX});
}

const rte_flow_action* Actions::actions() {
    if (actions_.empty() || actions_.back().type != RTE_FLOW_ACTION_TYPE_END)
        plain(RTE_FLOW_ACTION_TYPE_END);
    return actions_.data();
}

const rte_flow_action* Actions::masks() {
    actions();
    return masks_.data();
}

ModelTest::ModelTest(const ParserSettings& settings) : model(settings) {
    using Kind = ModelFlowApi::PortKind;
    model.add_port(proxy, Kind::wire);
    model.add_port(uplink, Kind::wire);
    model.add_port(vm, Kind::vport);
    model.add_port(other_vm, Kind::vport);
    EXPECT_EQ(model.configure(proxy, {}, 2, queue_size, error), 0);
}

rte_flow_template_table* ModelTest::add_table(const TableAttributes& attributes, Items& items,
                                              Actions& actions) {
    rte_flow_pattern_template* const pattern =
        model.create_pattern_template(proxy, items.whole(), error);
    EXPECT_NE(pattern, nullptr) << error.message;
    rte_flow_actions_template* const action =
        model.create_actions_template(proxy, actions.actions(), actions.masks(), error);
    EXPECT_NE(action, nullptr) << error.message;
    if (pattern == nullptr || action == nullptr) return nullptr;
    const std::array patterns{pattern};
    const std::array all_actions{action};
    rte_flow_template_table* const table =
        model.create_table(proxy, attributes, patterns, all_actions, error);
    EXPECT_NE(table, nullptr) << error.message;
    return table;
}

rte_flow* ModelTest::add_rule(rte_flow_template_table* table, Items& items, Actions& actions,
                              void* user_data) {
    if (table == nullptr) return nullptr;
    rte_flow* const rule = model.create(proxy, 0, false, table, items.specs(), 0, actions.actions(),
                                        0, user_data, error);
    EXPECT_NE(rule, nullptr) << error.message;
    EXPECT_EQ(pull_all(), 1U);
    return rule;
}

rte_flow* ModelTest::add(const TableAttributes& attributes, Items items, Actions actions) {
    return add_rule(add_table(attributes, items, actions), items, actions);
}

std::size_t ModelTest::pull_all() {
    std::array<rte_flow_op_result, queue_size> results{};
    return static_cast<std::size_t>(model.pull(proxy, 0, results, error));
}

std::string ModelTest::pattern_complaint(Items items) {
    return model.create_pattern_template(proxy, items.whole(), error) == nullptr ? error.message
                                                                                 : "";
}

std::string ModelTest::actions_complaint(Actions actions) {
    return model.create_actions_template(proxy, actions.actions(), actions.masks(), error)
                   == nullptr
               ? error.message
               : "";
}

bool ModelTest::matches(Items items, const Octets& packet, std::uint16_t from) {
    ModelTest alone;
    alone.add(std::move(items), Actions().drop());
    return alone.model.run(from, packet).fate == ModelVerdict::Fate::drop;
}

net::IpAddress ip(const char* text) {
    return *net::IpAddress::parse(text);
}

Octets vm_frame(net::IpFamily family, std::uint16_t vlan) {
    testing::InnerFrame inner{.destination = testing::mac(2), .source = testing::mac(1)};
    inner.vlan = vlan;
    if (family == net::IpFamily::ipv6) {
        inner.source_ip = ip("fd00::1");
        inner.destination_ip = ip("fd00::2");
    }
    return testing::make_frame(inner);
}

Octets in_vxlan(const Octets& inner, net::IpFamily family, std::uint32_t vni) {
    const bool ipv4 = family == net::IpFamily::ipv4;
    testing::OuterFrame outer;
    outer.destination = testing::mac(0x80);
    outer.source = testing::mac(0x81);
    outer.source_ip = ip(ipv4 ? "192.0.2.1" : "2001:db8::1");
    outer.destination_ip = ip(ipv4 ? "192.0.2.2" : "2001:db8::2");
    outer.vni = vni;
    return testing::make_vxlan(outer, inner);
}

} // namespace sallyport::eswitch
