// SPDX-License-Identifier: BSD-3-Clause
#include "test_rules.h"

#include <cstring>

#include <rte_byteorder.h>

namespace sallyport::eswitch {

TestPattern& TestPattern::append(rte_flow_item_type type, const void* spec, const void* mask) {
    items_.back() = {.type = type, .spec = spec, .last = nullptr, .mask = mask};
    items_.push_back({});
    return *this;
}

TestPattern& TestPattern::port(std::uint16_t port) {
    rte_flow_item_ethdev spec{}, mask{};
    spec.port_id = port;
    mask.port_id = UINT16_MAX;
    return add(RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT, spec, mask);
}

TestPattern& TestPattern::tag(std::uint32_t value, std::uint8_t index) {
    rte_flow_item_tag spec{}, mask{};
    spec.data = value;
    spec.index = index;
    mask.data = UINT32_MAX;
    mask.index = UINT8_MAX;
    return add(RTE_FLOW_ITEM_TYPE_TAG, spec, mask);
}

TestPattern& TestPattern::ipv4_to(std::uint32_t address) {
    rte_flow_item_ipv4 spec{}, mask{};
    spec.hdr.dst_addr = rte_cpu_to_be_32(address);
    mask.hdr.dst_addr = UINT32_MAX;
    return add(RTE_FLOW_ITEM_TYPE_IPV4, spec, mask);
}

TestPattern& TestPattern::ipv6(std::size_t source_octets, std::size_t destination_octets) {
    rte_flow_item_ipv6 mask{};
    std::memset(&mask.hdr.src_addr, UINT8_MAX, source_octets);
    std::memset(&mask.hdr.dst_addr, UINT8_MAX, destination_octets);
    return add_mask(RTE_FLOW_ITEM_TYPE_IPV6, mask);
}

TestPattern& TestPattern::vxlan(std::uint32_t vni) {
    rte_flow_item_vxlan spec{}, mask{};
    spec.hdr.vx_vni = rte_cpu_to_be_32(vni << 8);
    mask.hdr.vx_vni = rte_cpu_to_be_32(0xffffff00);
    return add(RTE_FLOW_ITEM_TYPE_VXLAN, spec, mask);
}

std::vector<rte_flow_item> TestPattern::rule() const {
    std::vector<rte_flow_item> items = items_;
    for (rte_flow_item& item : items)
        item.mask = nullptr;
    return items;
}

TestActions& TestActions::append(rte_flow_action_type type, const void* conf, const void* mask) {
    actions_.back() = {.type = type, .conf = conf};
    actions_.push_back({});
    masks_.back() = {.type = type, .conf = mask};
    masks_.push_back({});
    return *this;
}

TestActions& TestActions::count() {
    return add(RTE_FLOW_ACTION_TYPE_COUNT, rte_flow_action_count{}, rte_flow_action_count{});
}

TestActions& TestActions::age() {
    rte_flow_action_age conf{};
    conf.timeout = 10;
    return add(RTE_FLOW_ACTION_TYPE_AGE, conf, rte_flow_action_age{});
}

TestActions& TestActions::set_tag(std::uint32_t value, std::uint8_t index) {
    FieldChange change{.field = RTE_FLOW_FIELD_TAG, .tag_index = index, .width = 32};
    std::memcpy(change.value, &value, sizeof value);
    return add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, make_set(change),
               make_set_mask(RTE_FLOW_FIELD_TAG));
}

TestActions& TestActions::encap(std::size_t octets) {
    rte_flow_action_raw_encap conf{}, mask{};
    conf.data = octets_.data();
    conf.size = mask.size = octets;
    return add(RTE_FLOW_ACTION_TYPE_RAW_ENCAP, conf, mask);
}

TestActions& TestActions::jump(std::uint32_t group) {
    rte_flow_action_jump conf{}, mask{};
    conf.group = group;
    mask.group = UINT32_MAX;
    return add(RTE_FLOW_ACTION_TYPE_JUMP, conf, mask);
}

TestActions& TestActions::to_port(std::uint16_t port) {
    rte_flow_action_ethdev conf{};
    conf.port_id = port;
    return add(RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, conf, rte_flow_action_ethdev{});
}

TestActions& TestActions::to_fixed_port(std::uint16_t port) {
    rte_flow_action_ethdev conf{}, mask{};
    conf.port_id = port;
    mask.port_id = UINT16_MAX;
    return add(RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, conf, mask);
}

TestActions& TestActions::to_cpu(std::uint16_t port) {
    rte_flow_action_ethdev conf{};
    conf.port_id = port;
    return add(RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR, conf, conf);
}

ModifyPair modify_tag() {
    return {make_set(FieldChange{.field = RTE_FLOW_FIELD_TAG, .width = 32}),
            make_set_mask(RTE_FLOW_FIELD_TAG)};
}

} // namespace sallyport::eswitch
