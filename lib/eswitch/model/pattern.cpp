// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/model/pattern.h"

#include "net/wire.h"

#include <algorithm>
#include <cstring>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>

namespace sallyport::eswitch {

namespace {

/// mlx5's limit.
constexpr std::size_t most_items = 16;
/// mlx5 knows this mask, and only this, as "a fragment or not".
constexpr std::uint16_t any_fragment = 0x3fff;

/// Places of the layers in a frame.
enum Place : int { ethernet_place = 1, vlan_place, layer3_place, layer4_place, vxlan_place };

class Compiler {
  public:
    explicit Compiler(std::string& complaint) : complaint_(complaint) {}

    bool add(const rte_flow_item& item);
    Pattern finish() { return std::move(pattern_); }

  private:
    bool refuse(std::string why) {
        complaint_ = std::move(why);
        return false;
    }
    LayerDemand& demand() { return inner_ ? pattern_.inner : pattern_.outer; }
    bool enter(Place place);

    KeyField& put(KeySource source, std::uint16_t offset, std::vector<std::uint8_t> mask);
    void remove(KeySource source);
    void put_header(KeySource source, const std::uint8_t* mask, std::size_t length);
    void put_ether_type(std::uint16_t offset, const std::uint8_t* mask);
    void put_vlan_qualifier(KeySource source);

    bool add_port(const void* mask);
    bool add_tag(const rte_flow_item& item);
    bool add_integrity(const void* mask);
    bool add_color(const void* mask);
    bool add_ethernet(const void* mask);
    bool add_vlan(const void* mask);
    bool add_ipv4(const void* mask);
    bool add_ipv6(const void* mask);
    bool add_layer4(Layer4 type);
    bool add_udp(const void* mask);
    bool add_tcp(const void* mask);
    bool add_vxlan(const void* mask);

    std::string& complaint_;
    Pattern pattern_;
    bool inner_ = false;
    bool udp_port_masked_ = false;
    int place_ = 0;
};

bool Compiler::enter(Place place) {
    if (place <= place_) return refuse("items are not in the order of the layers");
    place_ = place;
    demand().present = true;
    return true;
}

KeyField& Compiler::put(KeySource source, std::uint16_t offset, std::vector<std::uint8_t> mask) {
    KeyField field;
    field.source = source;
    field.inner = inner_;
    field.item = static_cast<std::uint8_t>(pattern_.items.size());
    field.offset = offset;
    field.mask = std::move(mask);
    return pattern_.fields.emplace_back(std::move(field));
}

void Compiler::remove(KeySource source) {
    std::erase_if(pattern_.fields, [&](const KeyField& field) {
        return field.source == source && field.inner == inner_;
    });
}

/// Masked octets only, from the first to the last.
void Compiler::put_header(KeySource source, const std::uint8_t* mask, std::size_t length) {
    const auto is_set = [](std::uint8_t octet) { return octet != 0; };
    const std::uint8_t* const first = std::find_if(mask, mask + length, is_set);
    if (first == mask + length) return;
    const std::uint8_t* last = mask + length - 1;
    while (*last == 0)
        --last;
    put(source, static_cast<std::uint16_t>(first - mask), {first, last + 1});
}

/// One field for whichever item names it last: it is the type behind all tags.
void Compiler::put_ether_type(std::uint16_t offset, const std::uint8_t* mask) {
    if (mask[0] == 0 && mask[1] == 0) return;
    remove(KeySource::ether_type);
    put(KeySource::ether_type, offset, {mask[0], mask[1]});
}

void Compiler::put_vlan_qualifier(KeySource source) {
    remove(KeySource::vlan_qualifier);
    remove(KeySource::customer_tag);
    put(source, 0, {0xff});
}

bool Compiler::add_port(const void* mask) {
    if (mask == nullptr || static_cast<const rte_flow_item_ethdev*>(mask)->port_id == 0)
        return refuse("REPRESENTED_PORT needs a mask");
    remove(KeySource::port);
    put(KeySource::port, 0, {0xff, 0xff});
    return true;
}

bool Compiler::add_tag(const rte_flow_item& item) {
    if (item.spec == nullptr) return refuse("TAG needs a spec in the template for its index");
    const std::uint8_t index = static_cast<const rte_flow_item_tag*>(item.spec)->index;
    if (index >= tag_registers) return refuse("no such TAG register");
    if (item.mask == nullptr) return true;
    std::vector<std::uint8_t> mask(sizeof(std::uint32_t));
    std::memcpy(mask.data(), &static_cast<const rte_flow_item_tag*>(item.mask)->data, mask.size());
    put(KeySource::tag, 0, std::move(mask)).tag_index = index;
    return true;
}

bool Compiler::add_integrity(const void* mask) {
    if (mask == nullptr) return true;
    const auto& bits = *static_cast<const rte_flow_item_integrity*>(mask);
    if (bits.packet_ok != 0 || bits.l2_ok != 0 || bits.l2_crc_ok != 0 || bits.l3_len_ok != 0)
        return refuse("INTEGRITY is of l3_ok, ipv4_csum_ok, l4_ok and l4_csum_ok only");
    const auto octet = static_cast<std::uint8_t>(
        bits.l3_ok | bits.ipv4_csum_ok << 1 | bits.l4_ok << 2
        | static_cast<std::uint8_t>(bits.l4_ok != 0 || bits.l4_csum_ok != 0) << 3);
    if (octet == 0) return true;
    put(KeySource::integrity, 0, {octet}).inner = bits.level > 0;
    return true;
}

bool Compiler::add_color(const void* mask) {
    if (mask == nullptr) return true;
    put(KeySource::color, 0, std::vector<std::uint8_t>(sizeof(rte_color), 0xff));
    return true;
}

bool Compiler::add_ethernet(const void* mask) {
    if (!enter(ethernet_place)) return false;
    if (mask == nullptr) return true;
    const auto& item = *static_cast<const rte_flow_item_eth*>(mask);
    if (item.reserved != 0) return refuse("reserved bits of ETH are masked");
    const auto* octets = static_cast<const std::uint8_t*>(mask);
    put_header(KeySource::ethernet, octets, offsetof(rte_ether_hdr, ether_type));
    put_ether_type(offsetof(rte_ether_hdr, ether_type),
                   octets + offsetof(rte_ether_hdr, ether_type));
    if (item.has_vlan != 0) put_vlan_qualifier(KeySource::vlan_qualifier);
    return true;
}

bool Compiler::add_vlan(const void* mask) {
    if (!enter(vlan_place)) return false;
    put_vlan_qualifier(KeySource::customer_tag);
    if (mask == nullptr) return true;
    const auto& item = *static_cast<const rte_flow_item_vlan*>(mask);
    if (item.reserved != 0) return refuse("reserved bits of VLAN are masked");
    const auto* octets = static_cast<const std::uint8_t*>(mask);
    put_header(KeySource::vlan, octets, offsetof(rte_vlan_hdr, eth_proto));
    put_ether_type(offsetof(rte_vlan_hdr, eth_proto), octets + offsetof(rte_vlan_hdr, eth_proto));
    if (item.has_more_vlan != 0) put_vlan_qualifier(KeySource::vlan_qualifier);
    return true;
}

bool Compiler::add_ipv4(const void* mask) {
    if (!enter(layer3_place)) return false;
    demand().layer3 = Layer3::ipv4;
    // mlx5 gives the ethertype up for the L3 type.
    remove(KeySource::ether_type);
    if (mask == nullptr) return true;
    std::uint8_t octets[sizeof(rte_ipv4_hdr)];
    std::memcpy(octets, mask, sizeof octets);
    if (net::load<std::uint16_t>(octets + offsetof(rte_ipv4_hdr, hdr_checksum)) != 0)
        return refuse("the IPv4 header checksum cannot be matched");
    // The version is the L3 type again.
    octets[0] &= 0x0f;
    std::uint8_t* const fragment = octets + offsetof(rte_ipv4_hdr, fragment_offset);
    if (net::load_be16(fragment) == any_fragment) {
        put(KeySource::fragmented, 0, {0xff});
        net::store_be16(fragment, 0);
    }
    put_header(KeySource::layer3, octets, sizeof octets);
    return true;
}

bool Compiler::add_ipv6(const void* mask) {
    if (!enter(layer3_place)) return false;
    demand().layer3 = Layer3::ipv6;
    remove(KeySource::ether_type);
    if (mask == nullptr) return true;
    const auto& item = *static_cast<const rte_flow_item_ipv6*>(mask);
    if (item.has_hop_ext != 0 || item.has_route_ext != 0 || item.has_auth_ext != 0
        || item.has_esp_ext != 0 || item.has_dest_ext != 0 || item.has_mobil_ext != 0
        || item.has_hip_ext != 0 || item.has_shim6_ext != 0)
        return refuse("of IPv6's extension headers only has_frag_ext can be matched");
    if (item.has_frag_ext != 0) put(KeySource::fragmented, 0, {0xff});
    std::uint8_t octets[sizeof(rte_ipv6_hdr)];
    std::memcpy(octets, mask, sizeof octets);
    octets[0] &= 0x0f;
    put_header(KeySource::layer3, octets, sizeof octets);
    return true;
}

/// mlx5 has one field for IP's protocol and the L4 type: the item of L4 takes it over, and what
/// the IP item said of the protocol is lost.
bool Compiler::add_layer4(Layer4 type) {
    if (!enter(layer4_place)) return false;
    demand().layer4 = type;
    const std::size_t protocol = demand().layer3 == Layer3::ipv4
                                     ? offsetof(rte_ipv4_hdr, next_proto_id)
                                     : offsetof(rte_ipv6_hdr, proto);
    for (KeyField& field : pattern_.fields) {
        if (field.source == KeySource::layer3 && field.inner == inner_ && field.offset <= protocol
            && protocol - field.offset < field.mask.size())
            field.mask[protocol - field.offset] = 0;
    }
    return true;
}

bool Compiler::add_udp(const void* mask) {
    if (!add_layer4(Layer4::udp)) return false;
    if (mask == nullptr) return true;
    const auto& header = static_cast<const rte_flow_item_udp*>(mask)->hdr;
    if (header.dgram_len != 0 || header.dgram_cksum != 0)
        return refuse("UDP length and checksum cannot be matched");
    put_header(KeySource::layer4, static_cast<const std::uint8_t*>(mask), sizeof header);
    if (!inner_) udp_port_masked_ = header.dst_port != 0;
    return true;
}

bool Compiler::add_tcp(const void* mask) {
    if (!add_layer4(Layer4::tcp)) return false;
    if (mask == nullptr) return true;
    const auto& header = static_cast<const rte_flow_item_tcp*>(mask)->hdr;
    if (header.sent_seq != 0 || header.recv_ack != 0 || header.data_off != 0 || header.rx_win != 0
        || header.cksum != 0 || header.tcp_urp != 0)
        return refuse("of TCP only ports and flags can be matched");
    put_header(KeySource::layer4, static_cast<const std::uint8_t*>(mask), sizeof header);
    return true;
}

bool Compiler::add_vxlan(const void* mask) {
    if (inner_) return refuse("a tunnel in a tunnel cannot be matched");
    if (pattern_.outer.layer4 == Layer4::tcp) return refuse("VXLAN is not in TCP");
    if (!enter(vxlan_place)) return false;
    pattern_.outer.vxlan = true;
    pattern_.outer.layer4 = Layer4::udp;
    pattern_.outer.vxlan_port = !udp_port_masked_;
    if (mask != nullptr)
        put_header(KeySource::vxlan, static_cast<const std::uint8_t*>(mask), sizeof(rte_vxlan_hdr));
    inner_ = true;
    place_ = 0;
    return true;
}

bool Compiler::add(const rte_flow_item& item) {
    const auto add_one = [&] {
        switch (item.type) {
        case RTE_FLOW_ITEM_TYPE_VOID:
            return true;
        case RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT:
            return add_port(item.mask);
        case RTE_FLOW_ITEM_TYPE_TAG:
            return add_tag(item);
        case RTE_FLOW_ITEM_TYPE_INTEGRITY:
            return add_integrity(item.mask);
        case RTE_FLOW_ITEM_TYPE_METER_COLOR:
            return add_color(item.mask);
        case RTE_FLOW_ITEM_TYPE_ETH:
            return add_ethernet(item.mask);
        case RTE_FLOW_ITEM_TYPE_VLAN:
            return add_vlan(item.mask);
        case RTE_FLOW_ITEM_TYPE_IPV4:
            return add_ipv4(item.mask);
        case RTE_FLOW_ITEM_TYPE_IPV6:
            return add_ipv6(item.mask);
        case RTE_FLOW_ITEM_TYPE_UDP:
            return add_udp(item.mask);
        case RTE_FLOW_ITEM_TYPE_TCP:
            return add_tcp(item.mask);
        case RTE_FLOW_ITEM_TYPE_VXLAN:
            return add_vxlan(item.mask);
        default:
            return refuse("the model knows no item of type " + std::to_string(item.type));
        }
    };
    if (item.last != nullptr) return refuse("the model knows no ranges");
    if (pattern_.items.size() == most_items) return refuse("more than 16 items");
    if (!add_one()) return false;
    pattern_.items.push_back(item.type);
    return true;
}

} // namespace

std::optional<Pattern> compile_pattern(const rte_flow_item* items, std::string& complaint) {
    Compiler compiler(complaint);
    for (; items->type != RTE_FLOW_ITEM_TYPE_END; ++items) {
        if (!compiler.add(*items)) return std::nullopt;
    }
    return compiler.finish();
}

} // namespace sallyport::eswitch
