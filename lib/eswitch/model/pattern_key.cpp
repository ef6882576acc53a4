// SPDX-License-Identifier: BSD-3-Clause
// Keys: of rules from their items, and of packets from their octets. What one function writes for
// a source, the other must write alike.
#include "eswitch/model/pattern.h"
#include "net/wire.h"

#include <rte_ether.h>
#include <rte_vxlan.h>

namespace sallyport::eswitch {

namespace {

template<class T>
const T& as(const void* spec) {
    return *static_cast<const T*>(spec);
}

template<class T>
void append(std::string& key, T value) {
    key.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_masked(std::string& key, const std::uint8_t* octets,
                   const std::vector<std::uint8_t>& mask) {
    for (std::size_t i = 0; i < mask.size(); ++i)
        key.push_back(static_cast<char>(octets[i] & mask[i]));
}

/// What mlx5 makes of has_vlan and has_more_vlan is no more than this.
VlanQualifier spec_qualifier(rte_flow_item_type type, const void* spec) {
    if (type == RTE_FLOW_ITEM_TYPE_ETH)
        return as<rte_flow_item_eth>(spec).has_vlan != 0 ? VlanQualifier::customer
                                                         : VlanQualifier::none;
    return as<rte_flow_item_vlan>(spec).has_more_vlan != 0 ? VlanQualifier::service
                                                           : VlanQualifier::customer;
}

bool spec_fragmented(rte_flow_item_type type, const void* spec) {
    if (type == RTE_FLOW_ITEM_TYPE_IPV4)
        return as<rte_flow_item_ipv4>(spec).hdr.fragment_offset != 0;
    return as<rte_flow_item_ipv6>(spec).has_frag_ext != 0;
}

/// mlx5: "L4 is right" is two bits, its lengths and its checksum.
std::uint8_t integrity_bits(bool l3, bool ipv4_checksum, bool l4, bool l4_checksum) {
    return static_cast<std::uint8_t>(l3 | ipv4_checksum << 1 | l4 << 2 | (l4 || l4_checksum) << 3);
}

std::uint8_t spec_integrity(const void* spec) {
    const auto& item = as<rte_flow_item_integrity>(spec);
    return integrity_bits(item.l3_ok != 0, item.ipv4_csum_ok != 0, item.l4_ok != 0,
                          item.l4_csum_ok != 0);
}

std::uint8_t packet_integrity(const Integrity& found) {
    return static_cast<std::uint8_t>(found.l3 | found.ipv4_checksum << 1 | found.l4 << 2
                                     | found.l4_checksum << 3);
}

void append_spec(std::string& key, const KeyField& field, rte_flow_item_type type,
                 const void* spec) {
    switch (field.source) {
    case KeySource::port:
        append(key, as<rte_flow_item_ethdev>(spec).port_id);
        return;
    case KeySource::tag:
        append(key, as<rte_flow_item_tag>(spec).data & net::load<std::uint32_t>(&field.mask[0]));
        return;
    case KeySource::color:
        append(key, as<rte_flow_item_meter_color>(spec).color);
        return;
    case KeySource::integrity:
        append(key, static_cast<std::uint8_t>(spec_integrity(spec) & field.mask[0]));
        return;
    case KeySource::vlan_qualifier:
        append(key, spec_qualifier(type, spec));
        return;
    case KeySource::fragmented:
        append(key, static_cast<std::uint8_t>(spec_fragmented(type, spec)));
        return;
    default:
        append_masked(key, static_cast<const std::uint8_t*>(spec) + field.offset, field.mask);
    }
}

bool lacks(const LayerDemand& demand, const Headers& headers,
           std::span<const std::uint8_t> octets) {
    if (demand.present && !headers.present) return true;
    if (demand.layer3 != Layer3::other && demand.layer3 != headers.layer3) return true;
    if (demand.layer4 != Layer4::other && demand.layer4 != headers.layer4) return true;
    if (demand.vxlan && !headers.has_vxlan) return true;
    return demand.vxlan_port
           && net::load_be16(&octets[headers.l4 + offsetof(rte_udp_hdr, dst_port)])
                  != RTE_VXLAN_DEFAULT_PORT;
}

/// @return the offset of the header that the field is of; the packet has it, as the pattern demands
std::size_t header_offset(KeySource source, const Headers& headers) {
    switch (source) {
    case KeySource::vlan:
        return headers.tag;
    case KeySource::layer3:
        return headers.l3;
    case KeySource::layer4:
        return headers.l4;
    case KeySource::vxlan:
        return headers.vxlan;
    default:
        return headers.ethernet;
    }
}

void append_found(std::string& key, const KeyField& field, ModelPacket& packet) {
    const Headers& headers = packet.headers(field.inner);
    switch (field.source) {
    case KeySource::port:
        append(key, packet.port());
        return;
    case KeySource::tag:
        append(key, packet.tags[field.tag_index] & net::load<std::uint32_t>(&field.mask[0]));
        return;
    case KeySource::color:
        append(key, packet.color);
        return;
    case KeySource::integrity:
        append(key, static_cast<std::uint8_t>(packet_integrity(packet.integrity(field.inner))
                                              & field.mask[0]));
        return;
    case KeySource::vlan_qualifier:
    case KeySource::customer_tag:
        append(key, headers.vlan);
        return;
    case KeySource::fragmented:
        append(key, static_cast<std::uint8_t>(headers.fragment));
        return;
    case KeySource::ether_type:
        append(key, static_cast<std::uint8_t>(headers.ether_type >> 8 & field.mask[0]));
        append(key, static_cast<std::uint8_t>(headers.ether_type & field.mask[1]));
        return;
    default:
        break;
    }
    // Of a tag that is not there, octets of Ethernet: the key has the missing tag in it as well.
    append_masked(key, &packet.octets()[header_offset(field.source, headers) + field.offset],
                  field.mask);
}

} // namespace

bool make_key(const Pattern& pattern, const rte_flow_item* items, std::string& key,
              std::string& complaint) {
    key.clear();
    for (std::size_t i = 0; i < pattern.items.size(); ++i) {
        if (items[i].type == pattern.items[i]) continue;
        complaint = "item " + std::to_string(i) + " of the rule is not of the template's type";
        return false;
    }
    if (items[pattern.items.size()].type != RTE_FLOW_ITEM_TYPE_END) {
        complaint = "the rule has more items than its template";
        return false;
    }
    for (const KeyField& field : pattern.fields) {
        const rte_flow_item& item = items[field.item];
        if (field.source == KeySource::customer_tag) {
            append(key, VlanQualifier::customer);
            continue;
        }
        if (item.spec == nullptr) {
            complaint = "item " + std::to_string(field.item) + " of the rule has no spec";
            return false;
        }
        append_spec(key, field, item.type, item.spec);
    }
    return true;
}

bool extract_key(const Pattern& pattern, ModelPacket& packet, std::string& key) {
    key.clear();
    if (lacks(pattern.outer, packet.layers().outer, packet.octets())
        || lacks(pattern.inner, packet.layers().inner, packet.octets()))
        return false;
    for (const KeyField& field : pattern.fields)
        append_found(key, field, packet);
    return true;
}

} // namespace sallyport::eswitch
