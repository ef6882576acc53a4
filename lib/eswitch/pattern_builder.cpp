// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/pattern_builder.h"

#include "net/overhead.h"
#include "net/wire.h"

#include <algorithm>
#include <cstring>

#include <rte_byteorder.h>
#include <rte_ip.h>

namespace sallyport::eswitch {

namespace {

constexpr std::uint8_t all_ones = 0xff;
/// CE and ECT(1), the two marks that decapsulation must write into the inner header, are those
/// with this bit (RFC 6040 section 4.2).
constexpr std::uint8_t ecn_low_bit = 0x01;
constexpr std::uint8_t ihl_mask = 0x0f;
/// Offset and "more fragments"; mlx5 takes just this mask, as "a fragment or not".
constexpr std::uint16_t fragment_mask = 0x3fff;
constexpr std::uint8_t ihl_without_options = 5;

rte_be32_t traffic_class_bits(std::uint8_t traffic_class) {
    return rte_cpu_to_be_32(std::uint32_t{traffic_class} << RTE_IPV6_HDR_TC_SHIFT);
}

} // namespace

PatternBuilder::Item& PatternBuilder::add(rte_flow_item_type type) {
    Item& item = storage_[count_];
    std::memset(&item, 0, sizeof item);
    items_[count_++] = {.type = type, .spec = &item.spec, .last = nullptr, .mask = &item.mask};
    return item;
}

void PatternBuilder::add_presence(rte_flow_item_type type) {
    items_[count_++] = {.type = type, .spec = nullptr, .last = nullptr, .mask = nullptr};
}

void PatternBuilder::represented_port(std::uint16_t port) {
    Item& item = add(RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT);
    item.spec.port.port_id = port;
    item.mask.port.port_id = UINT16_MAX;
}

void PatternBuilder::tag(std::uint32_t value, std::uint32_t mask) {
    Item& item = add(RTE_FLOW_ITEM_TYPE_TAG);
    item.spec.tag.data = value;
    item.mask.tag.data = mask;
    item.mask.tag.index = all_ones;
}

void PatternBuilder::meter_color(rte_color color) {
    Item& item = add(RTE_FLOW_ITEM_TYPE_METER_COLOR);
    item.spec.color.color = color;
    // As rte_flow's own mask has it: all bits of the three colours.
    item.mask.color.color = RTE_COLORS;
}

void PatternBuilder::integrity(Layer layer, net::IpFamily family, bool l4) {
    Item& item = add(RTE_FLOW_ITEM_TYPE_INTEGRITY);
    // mlx5 reads the level from the mask: 0 is the outermost header, anything else the inner one.
    item.spec.integrity.level = item.mask.integrity.level = layer == Layer::inner ? 2 : 0;
    item.spec.integrity.l3_ok = item.mask.integrity.l3_ok = 1;
    if (layer == Layer::outer && family == net::IpFamily::ipv4)
        item.spec.integrity.ipv4_csum_ok = item.mask.integrity.ipv4_csum_ok = 1;
    if (!l4) return;
    item.spec.integrity.l4_ok = item.mask.integrity.l4_ok = 1;
    item.spec.integrity.l4_csum_ok = item.mask.integrity.l4_csum_ok = 1;
}

void PatternBuilder::ethernet() {
    add_presence(RTE_FLOW_ITEM_TYPE_ETH);
}

void PatternBuilder::untagged() {
    add(RTE_FLOW_ITEM_TYPE_ETH).mask.ethernet.has_vlan = 1;
}

void PatternBuilder::untagged_to(const net::MacAddress& destination) {
    to(destination);
    storage_[count_ - 1].mask.ethernet.has_vlan = 1;
}

void PatternBuilder::from(const net::MacAddress& source) {
    Item& item = add(RTE_FLOW_ITEM_TYPE_ETH);
    std::memcpy(&item.spec.ethernet.hdr.src_addr, source.octets.data(), source.octets.size());
    std::memset(&item.mask.ethernet.hdr.src_addr, all_ones, source.octets.size());
}

void PatternBuilder::to(const net::MacAddress& destination) {
    Item& item = add(RTE_FLOW_ITEM_TYPE_ETH);
    std::memcpy(&item.spec.ethernet.hdr.dst_addr, destination.octets.data(),
                destination.octets.size());
    std::memset(&item.mask.ethernet.hdr.dst_addr, all_ones, destination.octets.size());
}

PatternBuilder::Item& PatternBuilder::add_ip(net::IpFamily family) {
    return add(family == net::IpFamily::ipv4 ? RTE_FLOW_ITEM_TYPE_IPV4 : RTE_FLOW_ITEM_TYPE_IPV6);
}

void PatternBuilder::ip(net::IpFamily family) {
    add_presence(family == net::IpFamily::ipv4 ? RTE_FLOW_ITEM_TYPE_IPV4 : RTE_FLOW_ITEM_TYPE_IPV6);
}

void PatternBuilder::ip_to_vtep(const net::IpAddress& destination) {
    Item& item = add_ip(destination.family);
    if (destination.is_ipv4()) {
        std::memcpy(&item.spec.ipv4.hdr.dst_addr, destination.octets.data(), 4);
        item.mask.ipv4.hdr.dst_addr = UINT32_MAX;
        item.spec.ipv4.hdr.version_ihl = ihl_without_options;
        item.mask.ipv4.hdr.version_ihl = ihl_mask;
        item.mask.ipv4.hdr.type_of_service = ecn_low_bit;
        item.mask.ipv4.hdr.fragment_offset = rte_cpu_to_be_16(fragment_mask);
        return;
    }
    std::memcpy(&item.spec.ipv6.hdr.dst_addr, destination.octets.data(), 16);
    std::memset(&item.mask.ipv6.hdr.dst_addr, all_ones, 16);
    item.spec.ipv6.hdr.proto = IPPROTO_UDP;
    item.mask.ipv6.hdr.proto = all_ones;
    item.mask.ipv6.hdr.vtc_flow = traffic_class_bits(ecn_low_bit);
}

void PatternBuilder::ip_from(const net::IpAddress& source) {
    Item& item = add_ip(source.family);
    if (source.is_ipv4()) {
        std::memcpy(&item.spec.ipv4.hdr.src_addr, source.octets.data(), 4);
        item.mask.ipv4.hdr.src_addr = UINT32_MAX;
    } else {
        std::memcpy(&item.spec.ipv6.hdr.src_addr, source.octets.data(), 16);
        std::memset(&item.mask.ipv6.hdr.src_addr, all_ones, 16);
    }
}

void PatternBuilder::ip_length(net::IpFamily family, std::uint16_t length, std::uint16_t mask,
                               std::uint8_t traffic_class) {
    Item& item = add_ip(family);
    if (family == net::IpFamily::ipv4) {
        item.spec.ipv4.hdr.total_length = rte_cpu_to_be_16(length);
        item.mask.ipv4.hdr.total_length = rte_cpu_to_be_16(mask);
        item.mask.ipv4.hdr.type_of_service = traffic_class;
    } else {
        item.spec.ipv6.hdr.payload_len = rte_cpu_to_be_16(length);
        item.mask.ipv6.hdr.payload_len = rte_cpu_to_be_16(mask);
        item.mask.ipv6.hdr.vtc_flow = traffic_class_bits(traffic_class);
    }
}

void PatternBuilder::udp() {
    add_presence(RTE_FLOW_ITEM_TYPE_UDP);
}

void PatternBuilder::udp_to(std::uint16_t port) {
    Item& item = add(RTE_FLOW_ITEM_TYPE_UDP);
    item.spec.udp.hdr.dst_port = rte_cpu_to_be_16(port);
    item.mask.udp.hdr.dst_port = UINT16_MAX;
}

void PatternBuilder::vxlan() {
    add_presence(RTE_FLOW_ITEM_TYPE_VXLAN);
}

void PatternBuilder::vxlan(std::uint32_t vni) {
    Item& item = add(RTE_FLOW_ITEM_TYPE_VXLAN);
    item.spec.vxlan.flags = item.mask.vxlan.flags = net::vxlan_flag_i;
    net::store_be24(item.spec.vxlan.vni, vni);
    std::fill_n(item.mask.vxlan.vni, sizeof item.mask.vxlan.vni, all_ones);
}

void PatternBuilder::finish() {
    items_[count_] = {
        .type = RTE_FLOW_ITEM_TYPE_END, .spec = nullptr, .last = nullptr, .mask = nullptr};
}

const rte_flow_item* PatternBuilder::for_template() {
    finish();
    return items_.data();
}

const rte_flow_item* PatternBuilder::for_rule() {
    finish();
    for (std::size_t i = 0; i < count_; ++i)
        items_[i].mask = nullptr;
    return items_.data();
}

} // namespace sallyport::eswitch
