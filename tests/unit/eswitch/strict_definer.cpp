// SPDX-License-Identifier: BSD-3-Clause
#include "strict_definer.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <vector>

#include <rte_byteorder.h>

namespace sallyport::eswitch {

namespace {

// Which headers share a word is mlx5's; the order of the words is ours.
enum Word : std::uint16_t {
    l2_destination, ///< Octets 0 to 3.
    l2_type,        ///< Octets 4 and 5 of the destination, EtherType.
    l2_flags,       ///< Octet 0: fragmented; octet 1: kinds of L3, L4 and VLAN; 2 and 3: TCI.
    l2_source,
    l2_source_end,
    l3_header, ///< IHL, traffic class, TTL, protocol.
    l3_fragment,
    l3_length,
    l3_label,
    l3_payload,
    l4_ports,
    l4_flags,
    near_words_of_a_layer,
    integrity_word = 2 * near_words_of_a_layer,

    ipv4_source = 64,
    ipv4_destination,
    ipv6_source,
    ipv6_destination = ipv6_source + 4,
    far_words_of_a_layer = ipv6_destination + 4 - ipv4_source,
    tunnel_flags = ipv4_source + 2 * far_words_of_a_layer,
    tunnel_vni,
    esp_spi,
    esp_sequence,
    port_register,
    meta_register,
    color_register,
    tag_registers,
};

constexpr std::uint8_t kinds = 0b0010;
constexpr std::uint8_t last_two = 0b1100;

template<typename T>
const T* mask_of(const rte_flow_item& item) {
    return static_cast<const T*>(item.mask);
}

} // namespace

struct DefinerUse::Layout {
    DefinerUse& use;
    /// Items behind a tunnel header are about the inner packet.
    bool inner = false;

    std::uint8_t& at(unsigned word) const {
        unsigned layered = word;
        if (inner && word < near_words_of_a_layer) layered += near_words_of_a_layer;
        if (inner && word >= ipv4_source && word < tunnel_flags) layered += far_words_of_a_layer;
        return use.octets_[layered];
    }
    void touch(unsigned word, std::uint8_t octets) const {
        at(word) = static_cast<std::uint8_t>(at(word) | octets);
    }
    /// Every octet that @p mask has a bit in, from octet @p first of the word on.
    void touch(unsigned word, const void* mask, std::size_t octets, unsigned first = 0) const {
        const auto* octet = static_cast<const std::uint8_t*>(mask);
        for (std::size_t i = 0; i < octets; ++i)
            if (octet[i] != 0)
                touch(word + static_cast<unsigned>((first + i) / 4),
                      static_cast<std::uint8_t>(1U << (first + i) % 4));
    }

    void add(const rte_flow_item& item);
    void add_ethernet(const rte_flow_item_eth* mask) const;
    void add_vlan(const rte_flow_item_vlan* mask) const;
    void add_ipv4(const rte_flow_item_ipv4* mask) const;
    void add_ipv6(const rte_flow_item_ipv6* mask) const;
    void add_udp(const rte_flow_item_udp* mask) const;
    void add_tcp(const rte_flow_item_tcp* mask) const;
    void add_vxlan(const rte_flow_item_vxlan* mask);
    void add_esp(const rte_flow_item_esp* mask) const;
    void add_metadata(const rte_flow_item& item) const;
};

void DefinerUse::Layout::add_ethernet(const rte_flow_item_eth* mask) const {
    if (mask == nullptr) return;
    touch(l2_destination, &mask->hdr.dst_addr, 6);
    touch(l2_type, &mask->hdr.ether_type, 2, 2);
    touch(l2_source, &mask->hdr.src_addr, 6);
    if (mask->has_vlan != 0) touch(l2_flags, kinds);
}

void DefinerUse::Layout::add_vlan(const rte_flow_item_vlan* mask) const {
    touch(l2_flags, kinds);
    if (mask == nullptr) return;
    touch(l2_flags, &mask->hdr.vlan_tci, 2, 2);
    touch(l2_type, &mask->hdr.eth_proto, 2, 2);
}

void DefinerUse::Layout::add_ipv4(const rte_flow_item_ipv4* mask) const {
    touch(l2_flags, kinds);
    // mlx5 matches the kind of L3 header instead of the EtherType.
    at(l2_type) = static_cast<std::uint8_t>(at(l2_type) & ~last_two);
    if (mask == nullptr) return;
    const rte_ipv4_hdr& header = mask->hdr;
    if ((header.version_ihl & 0x0f) != 0) touch(l3_header, 0b0001);
    touch(l3_header, &header.type_of_service, 1, 1);
    touch(l3_header, &header.time_to_live, 1, 2);
    touch(l3_header, &header.next_proto_id, 1, 3);
    touch(l3_fragment, &header.packet_id, 2);
    // This one mask is "fragmented or not", a flag; any other is the field.
    if (header.fragment_offset == RTE_BE16(0x3fff))
        touch(l2_flags, 0b0001);
    else
        touch(l3_fragment, &header.fragment_offset, 2, 2);
    touch(l3_length, &header.total_length, 2);
    touch(ipv4_source, &header.src_addr, 4);
    touch(ipv4_destination, &header.dst_addr, 4);
}

void DefinerUse::Layout::add_ipv6(const rte_flow_item_ipv6* mask) const {
    touch(l2_flags, kinds);
    at(l2_type) = static_cast<std::uint8_t>(at(l2_type) & ~last_two);
    if (mask == nullptr) return;
    const std::uint32_t first_word = rte_be_to_cpu_32(mask->hdr.vtc_flow);
    if ((first_word & 0x0ff00000) != 0) touch(l3_header, 0b0010);
    const rte_be32_t label = rte_cpu_to_be_32(first_word & 0x000fffff);
    touch(l3_label, &label, 4);
    touch(l3_header, &mask->hdr.hop_limits, 1, 2);
    touch(l3_header, &mask->hdr.proto, 1, 3);
    touch(l3_payload, &mask->hdr.payload_len, 2, 2);
    if (mask->has_frag_ext != 0) touch(l4_flags, 0b0001);
    touch(ipv6_source, &mask->hdr.src_addr, 16);
    touch(ipv6_destination, &mask->hdr.dst_addr, 16);
}

void DefinerUse::Layout::add_udp(const rte_flow_item_udp* mask) const {
    touch(l2_flags, kinds);
    // mlx5 matches the kind of L4 header instead of the IP protocol.
    at(l3_header) = static_cast<std::uint8_t>(at(l3_header) & 0b0111);
    if (mask == nullptr) return;
    touch(l4_ports, &mask->hdr.src_port, 2);
    touch(l4_ports, &mask->hdr.dst_port, 2, 2);
}

void DefinerUse::Layout::add_tcp(const rte_flow_item_tcp* mask) const {
    add_udp(nullptr);
    if (mask == nullptr) return;
    touch(l4_ports, &mask->hdr.src_port, 2);
    touch(l4_ports, &mask->hdr.dst_port, 2, 2);
    touch(l4_flags, &mask->hdr.tcp_flags, 1, 1);
}

void DefinerUse::Layout::add_vxlan(const rte_flow_item_vxlan* mask) {
    // UDP and its destination port 4789 are implied.
    touch(l2_flags, kinds);
    touch(l4_ports, last_two);
    if (mask != nullptr) {
        touch(tunnel_flags, &mask->hdr.vx_flags, 4);
        touch(tunnel_vni, &mask->hdr.vx_vni, 4);
    }
    inner = true;
}

void DefinerUse::Layout::add_esp(const rte_flow_item_esp* mask) const {
    if (mask == nullptr) return;
    touch(esp_spi, &mask->hdr.spi, 4);
    touch(esp_sequence, &mask->hdr.seq, 4);
}

void DefinerUse::Layout::add_metadata(const rte_flow_item& item) const {
    if (item.type == RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT) touch(port_register, 0b1111);
    if (item.type == RTE_FLOW_ITEM_TYPE_META && item.mask != nullptr)
        touch(meta_register, &mask_of<rte_flow_item_meta>(item)->data, 4);
    if (item.type == RTE_FLOW_ITEM_TYPE_METER_COLOR && item.mask != nullptr)
        touch(color_register, 0b0001);
    if (item.type == RTE_FLOW_ITEM_TYPE_TAG && item.mask != nullptr)
        touch(tag_registers + static_cast<const rte_flow_item_tag*>(item.spec)->index,
              &mask_of<rte_flow_item_tag>(item)->data, 4);
    // All the marks of both layers are in one octet.
    if (item.type == RTE_FLOW_ITEM_TYPE_INTEGRITY) touch(integrity_word, 0b0001);
}

void DefinerUse::Layout::add(const rte_flow_item& item) {
    switch (item.type) {
    case RTE_FLOW_ITEM_TYPE_ETH:
        return add_ethernet(mask_of<rte_flow_item_eth>(item));
    case RTE_FLOW_ITEM_TYPE_VLAN:
        return add_vlan(mask_of<rte_flow_item_vlan>(item));
    case RTE_FLOW_ITEM_TYPE_IPV4:
        return add_ipv4(mask_of<rte_flow_item_ipv4>(item));
    case RTE_FLOW_ITEM_TYPE_IPV6:
        return add_ipv6(mask_of<rte_flow_item_ipv6>(item));
    case RTE_FLOW_ITEM_TYPE_UDP:
        return add_udp(mask_of<rte_flow_item_udp>(item));
    case RTE_FLOW_ITEM_TYPE_TCP:
        return add_tcp(mask_of<rte_flow_item_tcp>(item));
    case RTE_FLOW_ITEM_TYPE_VXLAN:
        return add_vxlan(mask_of<rte_flow_item_vxlan>(item));
    case RTE_FLOW_ITEM_TYPE_ESP:
        return add_esp(mask_of<rte_flow_item_esp>(item));
    default:
        return add_metadata(item);
    }
}

DefinerUse DefinerUse::of(std::span<const rte_flow_item> items) {
    DefinerUse use;
    Layout layout{use};
    for (const rte_flow_item& item : items)
        layout.add(item);
    return use;
}

void DefinerUse::merge(const DefinerUse& other) {
    std::transform(octets_.begin(), octets_.end(), other.octets_.begin(), octets_.begin(),
                   std::bit_or<std::uint8_t>());
}

bool DefinerUse::fits(bool full_width) const {
    constexpr std::size_t words_anywhere = 6, near_words = 3, single_octets = 8;
    const std::size_t far = full_width ? words_anywhere + near_words : words_anywhere;
    const std::size_t total = words_anywhere + near_words;
    const auto* const middle = octets_.begin() + first_far_word;
    const auto far_used = static_cast<std::size_t>(
        std::count_if(middle, octets_.end(), [](std::uint8_t word) { return word != 0; }));
    if (far_used > far) return false;
    std::vector<int> near_used;
    for (const auto* word = octets_.begin(); word != middle; ++word)
        if (*word != 0) near_used.push_back(std::popcount(*word));
    // The words that would cost most as octets get the word selectors.
    std::sort(near_used.begin(), near_used.end(), std::greater<>());
    std::size_t left = 0;
    for (std::size_t i = total - far_used; i < near_used.size(); ++i)
        left += static_cast<std::size_t>(near_used[i]);
    return left <= single_octets;
}

} // namespace sallyport::eswitch
