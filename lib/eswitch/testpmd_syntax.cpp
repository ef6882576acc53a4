// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/testpmd_syntax.h"

#include "eswitch/model/packet_layers.h"
#include "eswitch/modify_field.h"
#include "net/hex.h"
#include "net/ip_address.h"
#include "net/mac_address.h"
#include "net/overhead.h"
#include "net/wire.h"

#include <array>
#include <cstring>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

namespace sallyport::eswitch {

namespace {

/// As large as any item's structure.
using ItemOctets = std::array<std::uint8_t, 128>;

template<class T>
T load(const void* item, std::size_t offset) {
    return net::load<T>(static_cast<const std::uint8_t*>(item) + offset);
}

template<class T, std::size_t offset>
std::string host_text(const void* item) {
    return std::to_string(load<T>(item, offset));
}

template<std::size_t offset, std::size_t length>
std::string wire_text(const void* item) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < length; ++i)
        value = value << 8 | load<std::uint8_t>(item, offset + i);
    return std::to_string(value);
}

template<std::size_t offset>
std::string mac_text(const void* item) {
    return load<net::MacAddress>(item, offset).to_string();
}

template<net::IpFamily family, std::size_t offset>
std::string address_text(const void* item) {
    net::IpAddress address;
    address.family = family;
    std::memcpy(address.octets.data(), static_cast<const std::uint8_t*>(item) + offset,
                family == net::IpFamily::ipv4 ? 4 : 16);
    return address.to_string();
}

template<class T>
const T& as(const void* item) {
    return *static_cast<const T*>(item);
}

std::string bit_text(bool bit) {
    return bit ? "1" : "0";
}

std::string has_vlan_text(const void* item) {
    return bit_text(as<rte_flow_item_eth>(item).has_vlan != 0);
}
std::string has_more_vlan_text(const void* item) {
    return bit_text(as<rte_flow_item_vlan>(item).has_more_vlan != 0);
}
std::string has_fragment_text(const void* item) {
    return bit_text(as<rte_flow_item_ipv6>(item).has_frag_ext != 0);
}
std::string traffic_class_text(const void* item) {
    return std::to_string(net::load_be16(static_cast<const std::uint8_t*>(item)) >> 4 & 0xff);
}
std::string flow_label_text(const void* item) {
    return std::to_string(net::load_be24(static_cast<const std::uint8_t*>(item) + 1) & 0xfffff);
}
std::string flag_i_text(const void* item) {
    return bit_text((load<std::uint8_t>(item, 0) & 0x08) != 0);
}
std::string color_text(const void* item) {
    static const char* const names[] = {"green", "yellow", "red"};
    const auto color = load<std::uint32_t>(item, offsetof(rte_flow_item_meter_color, color));
    return color < std::size(names) ? names[color] : "all";
}

struct Field {
    const char* name;
    std::string (*text)(const void* item);
};

struct ItemSyntax {
    rte_flow_item_type type;
    const char* name;
    std::vector<Field> fields;
};

constexpr std::size_t protocol_at = offsetof(rte_ipv4_hdr, next_proto_id);
constexpr std::size_t source_at = offsetof(rte_ipv4_hdr, src_addr);
constexpr std::size_t destination_at = offsetof(rte_ipv4_hdr, dst_addr);
constexpr std::size_t source6_at = offsetof(rte_ipv6_hdr, src_addr);
constexpr std::size_t destination6_at = offsetof(rte_ipv6_hdr, dst_addr);

const std::vector<ItemSyntax>& all_items() {
    using net::IpFamily;
    static const std::vector<ItemSyntax> items{
        {RTE_FLOW_ITEM_TYPE_VOID, "void", {}},
        {RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT,
         "represented_port",
         {{"ethdev_port_id", host_text<std::uint16_t, 0>}}},
        {RTE_FLOW_ITEM_TYPE_TAG,
         "tag",
         {{"data", host_text<std::uint32_t, offsetof(rte_flow_item_tag, data)>}}},
        {RTE_FLOW_ITEM_TYPE_METER_COLOR, "meter", {{"color", color_text}}},
        {RTE_FLOW_ITEM_TYPE_INTEGRITY,
         "integrity",
         {{"level", host_text<std::uint32_t, offsetof(rte_flow_item_integrity, level)>},
          {"value", host_text<std::uint64_t, offsetof(rte_flow_item_integrity, value)>}}},
        {RTE_FLOW_ITEM_TYPE_ETH,
         "eth",
         {{"dst", mac_text<0>},
          {"src", mac_text<6>},
          {"type", wire_text<12, 2>},
          {"has_vlan", has_vlan_text}}},
        {RTE_FLOW_ITEM_TYPE_VLAN,
         "vlan",
         {{"tci", wire_text<0, 2>},
          {"inner_type", wire_text<2, 2>},
          {"has_more_vlan", has_more_vlan_text}}},
        {RTE_FLOW_ITEM_TYPE_IPV4,
         "ipv4",
         {{"version_ihl", wire_text<0, 1>},
          {"tos", wire_text<1, 1>},
          {"length", wire_text<2, 2>},
          {"packet_id", wire_text<4, 2>},
          {"fragment_offset", wire_text<6, 2>},
          {"ttl", wire_text<8, 1>},
          {"proto", wire_text<protocol_at, 1>},
          {"src", address_text<IpFamily::ipv4, source_at>},
          {"dst", address_text<IpFamily::ipv4, destination_at>}}},
        {RTE_FLOW_ITEM_TYPE_IPV6,
         "ipv6",
         {{"tc", traffic_class_text},
          {"flow", flow_label_text},
          {"length", wire_text<4, 2>},
          {"proto", wire_text<6, 1>},
          {"hop", wire_text<7, 1>},
          {"src", address_text<IpFamily::ipv6, source6_at>},
          {"dst", address_text<IpFamily::ipv6, destination6_at>},
          {"has_frag_ext", has_fragment_text}}},
        {RTE_FLOW_ITEM_TYPE_UDP, "udp", {{"src", wire_text<0, 2>}, {"dst", wire_text<2, 2>}}},
        {RTE_FLOW_ITEM_TYPE_TCP,
         "tcp",
         {{"src", wire_text<0, 2>}, {"dst", wire_text<2, 2>}, {"flags", wire_text<13, 1>}}},
        {RTE_FLOW_ITEM_TYPE_VXLAN, "vxlan", {{"vni", wire_text<4, 3>}, {"flag_i", flag_i_text}}},
    };
    return items;
}

/// Of what the model does not know too: a word that testpmd will complain of.
const ItemSyntax& syntax_of(rte_flow_item_type type) {
    static const ItemSyntax unknown{RTE_FLOW_ITEM_TYPE_END, "unknown_item", {}};
    for (const ItemSyntax& item : all_items()) {
        if (item.type == type) return item;
    }
    return unknown;
}

std::uint32_t nonzero_fields(const ItemSyntax& syntax, const void* octets) {
    static const ItemOctets zero{};
    std::uint32_t fields = 0;
    for (std::size_t i = 0; i < syntax.fields.size(); ++i) {
        if (syntax.fields[i].text(octets) != syntax.fields[i].text(zero.data())) fields |= 1U << i;
    }
    return fields;
}

/// " dst spec 02:00:00:00:00:01" for each of @p fields.
std::string fields_text(const ItemSyntax& syntax, std::uint32_t fields, const char* relation,
                        const void* octets) {
    std::string text;
    for (std::size_t i = 0; octets != nullptr && i < syntax.fields.size(); ++i) {
        if ((fields >> i & 1) == 0) continue;
        text += std::string(" ") + syntax.fields[i].name + " " + relation + " "
                + syntax.fields[i].text(octets);
    }
    return text;
}

/// Not a matter of masks: each tag is another register.
std::string tag_index_text(const rte_flow_item& item) {
    if (item.type != RTE_FLOW_ITEM_TYPE_TAG || item.spec == nullptr) return "";
    return " index is " + std::to_string(as<rte_flow_item_tag>(item.spec).index);
}

template<class T>
const T* conf(const rte_flow_action& action) {
    return static_cast<const T*>(action.conf);
}

std::string hex_text(std::span<const std::uint8_t> octets) {
    std::string text = "0x";
    net::append_hex(text, octets);
    return text;
}

std::string field_name(rte_flow_field_id field) {
    switch (field) {
    case RTE_FLOW_FIELD_TAG:
        return "tag";
    case RTE_FLOW_FIELD_META:
        return "meta";
    case RTE_FLOW_FIELD_MAC_DST:
        return "mac_dst";
    case RTE_FLOW_FIELD_MAC_SRC:
        return "mac_src";
    default:
        return "unknown_field_" + std::to_string(field);
    }
}

std::string modify_text(const rte_flow_action& action, bool is_mask) {
    if (action.conf == nullptr) return "modify_field";
    const FieldChange change = read_set(*conf<rte_flow_action_modify_field>(action));
    std::string text = "modify_field op set dst_type " + field_name(change.field);
    // Of the mask every release takes ones for these, only their widths differ.
    if (is_mask)
        text += " dst_level 255 dst_tag_index 255";
    else if (change.field == RTE_FLOW_FIELD_TAG)
        text += " dst_tag_index " + std::to_string(change.tag_index);
    return text + " dst_offset " + std::to_string(change.offset) + " src_type value src_value "
           + hex_text(change.value) + " width " + std::to_string(change.width);
}

/// Octets come from testpmd's buffer 0. Of a mask it only matters whether there are any.
std::string encap_text(const rte_flow_action& action, bool is_mask) {
    const auto* header = conf<rte_flow_action_raw_encap>(action);
    if (header == nullptr) return "raw_encap";
    const bool in_buffer = header->data != nullptr
                           && (is_mask || header_text({header->data, header->size}).has_value());
    return in_buffer ? "raw_encap index 0" : "raw_encap size " + std::to_string(header->size);
}

/// The mask has no profile: it is each rule's own.
std::string meter_text(const rte_flow_action& action, const MeterNumbers& meters) {
    const auto* meter = conf<rte_flow_action_meter_mark>(action);
    const auto found = meters.find(meter == nullptr ? nullptr : meter->profile);
    if (found == meters.end()) return "meter_mark";
    return "meter_mark mtr_profile " + std::to_string(found->second) + " mtr_state "
           + std::to_string(meter->state);
}

std::string action_text(const rte_flow_action& action, bool is_mask, const MeterNumbers& meters) {
    const bool says = action.conf != nullptr;
    switch (action.type) {
    case RTE_FLOW_ACTION_TYPE_VOID:
        return "void";
    case RTE_FLOW_ACTION_TYPE_DROP:
        return "drop";
    case RTE_FLOW_ACTION_TYPE_COUNT:
        return "count";
    case RTE_FLOW_ACTION_TYPE_METER_MARK:
        return meter_text(action, meters);
    case RTE_FLOW_ACTION_TYPE_VXLAN_DECAP:
        return "vxlan_decap";
    case RTE_FLOW_ACTION_TYPE_JUMP:
        return says ? "jump group " + std::to_string(conf<rte_flow_action_jump>(action)->group)
                    : "jump";
    case RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT:
        return says ? "represented_port ethdev_port_id "
                          + std::to_string(conf<rte_flow_action_ethdev>(action)->port_id)
                    : "represented_port";
    case RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR:
        return says ? "port_representor port_id "
                          + std::to_string(conf<rte_flow_action_ethdev>(action)->port_id)
                    : "port_representor";
    case RTE_FLOW_ACTION_TYPE_MODIFY_FIELD:
        return modify_text(action, is_mask);
    case RTE_FLOW_ACTION_TYPE_RAW_ENCAP:
        return encap_text(action, is_mask);
    default:
        return "unknown_action_" + std::to_string(action.type);
    }
}

std::string list_text(const rte_flow_action* actions, bool is_mask, const MeterNumbers& meters) {
    std::string text;
    for (; actions->type != RTE_FLOW_ACTION_TYPE_END; ++actions)
        text += action_text(*actions, is_mask, meters) + " / ";
    return text + "end";
}

/// One header of a RAW_ENCAP. What it leaves at zero needs no word.
std::string one_header_text(rte_flow_item_type type, std::span<const std::uint8_t> octets) {
    ItemOctets item{};
    std::memcpy(item.data(), octets.data(), octets.size());
    const ItemSyntax& syntax = syntax_of(type);
    return syntax.name + fields_text(syntax, nonzero_fields(syntax, item.data()), "is", &item);
}

} // namespace

MaskedFields find_masked_fields(const rte_flow_item* items) {
    MaskedFields masked;
    for (; items->type != RTE_FLOW_ITEM_TYPE_END; ++items)
        masked.push_back(
            items->mask == nullptr ? 0 : nonzero_fields(syntax_of(items->type), items->mask));
    return masked;
}

std::string template_items_text(const rte_flow_item* items) {
    const MaskedFields masked = find_masked_fields(items);
    std::string text;
    for (std::size_t i = 0; i < masked.size(); ++i) {
        const ItemSyntax& syntax = syntax_of(items[i].type);
        text += syntax.name + tag_index_text(items[i])
                + fields_text(syntax, masked[i], "spec", items[i].spec)
                + fields_text(syntax, masked[i], "mask", items[i].mask) + " / ";
    }
    return text + "end";
}

std::string rule_items_text(const rte_flow_item* items, const MaskedFields& masked) {
    std::string text;
    for (std::size_t i = 0; i < masked.size() && items[i].type != RTE_FLOW_ITEM_TYPE_END; ++i) {
        const ItemSyntax& syntax = syntax_of(items[i].type);
        text += syntax.name + tag_index_text(items[i])
                + fields_text(syntax, masked[i], "spec", items[i].spec) + " / ";
    }
    return text + "end";
}

std::optional<std::string> header_text(std::span<const std::uint8_t> octets) {
    const Headers headers = parse_layers(octets, {}).outer;
    if (!headers.has_vxlan || headers.vxlan + net::vxlan_header_length != octets.size()
        || octets[headers.vxlan] != 0x08)
        return std::nullopt;
    const bool ipv4 = headers.layer3 == Layer3::ipv4;
    const std::size_t ip_length = headers.l4 - headers.l3;
    if (ip_length != (ipv4 ? sizeof(rte_ipv4_hdr) : sizeof(rte_ipv6_hdr))) return std::nullopt;
    std::string text =
        one_header_text(RTE_FLOW_ITEM_TYPE_ETH, octets.first(net::ethernet_header_length)) + " / ";
    for (std::size_t tag = net::ethernet_header_length; tag < headers.l3;
         tag += net::vlan_tag_length)
        text += one_header_text(RTE_FLOW_ITEM_TYPE_VLAN, octets.subspan(tag, net::vlan_tag_length))
                + " / ";
    // testpmd writes the I flag by itself.
    std::array<std::uint8_t, net::vxlan_header_length> vxlan;
    std::memcpy(vxlan.data(), &octets[headers.vxlan], vxlan.size());
    vxlan[0] = 0;
    return text
           + one_header_text(ipv4 ? RTE_FLOW_ITEM_TYPE_IPV4 : RTE_FLOW_ITEM_TYPE_IPV6,
                             octets.subspan(headers.l3, ip_length))
           + " / "
           + one_header_text(RTE_FLOW_ITEM_TYPE_UDP,
                             octets.subspan(headers.l4, net::udp_header_length))
           + " / " + one_header_text(RTE_FLOW_ITEM_TYPE_VXLAN, vxlan);
}

std::string actions_text(const rte_flow_action* actions, const MeterNumbers& meters) {
    return list_text(actions, false, meters);
}

std::string action_masks_text(const rte_flow_action* masks) {
    return list_text(masks, true, {});
}

} // namespace sallyport::eswitch
