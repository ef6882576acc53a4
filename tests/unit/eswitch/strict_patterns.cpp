// SPDX-License-Identifier: BSD-3-Clause
#include "strict_patterns.h"

#include "strict_copies.h"
#include "strict_definer.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <set>

#include <netinet/in.h>
#include <rte_byteorder.h>

namespace sallyport::eswitch {

namespace {

// mlx5's own arrays end here, the END counted.
constexpr std::size_t most_items = 16;

constexpr const char* other_bits = "mask enables non supported bits";

bool is_zero(const void* octets, std::size_t count) {
    const auto* begin = static_cast<const std::uint8_t*>(octets);
    return std::all_of(begin, begin + count, [](std::uint8_t octet) { return octet == 0; });
}

/// Whether the item's mask has a bit that @p accepted has not.
template<typename T>
bool asks_more(const rte_flow_item& item, const T& accepted) {
    if (item.mask == nullptr) return false;
    const auto* mask = static_cast<const std::uint8_t*>(item.mask);
    const auto* limit = reinterpret_cast<const std::uint8_t*>(&accepted);
    for (std::size_t i = 0; i < sizeof accepted; ++i)
        if ((mask[i] & ~limit[i]) != 0) return true;
    return false;
}

template<typename T>
T zero() {
    T value;
    std::memset(&value, 0, sizeof value);
    return value;
}

template<typename T>
void fill(T& field) {
    std::memset(&field, UINT8_MAX, sizeof field);
}

/// Of one template, item by item.
class PatternCheck {
  public:
    explicit PatternCheck(const StrictOptions& options) : options_(options) {}

    Verdict add(const rte_flow_item& item);

  private:
    struct Layers {
        bool l2 = false;
        bool vlan = false;
        bool l3 = false;
        bool l4 = false;
        bool udp = false;
        bool is_esp_protocol = false;
    };

    Verdict add_header(const rte_flow_item& item);
    Verdict add_tag(const rte_flow_item& item);
    Verdict add_ethernet(const rte_flow_item& item);
    Verdict add_vlan(const rte_flow_item& item);
    Verdict add_l3(const rte_flow_item& item);
    [[nodiscard]] Verdict check_ipv4(const rte_flow_item& item);
    [[nodiscard]] Verdict check_ipv6(const rte_flow_item& item);
    Verdict add_l4(const rte_flow_item& item);
    Verdict add_vxlan(const rte_flow_item& item);
    Verdict add_esp(const rte_flow_item& item);

    const StrictOptions& options_;
    std::set<std::uint8_t> tags_;
    Layers layers_;
    bool in_tunnel_ = false;
};

Verdict check_port(const rte_flow_item& item) {
    const auto* mask = static_cast<const rte_flow_item_ethdev*>(item.mask);
    if (mask == nullptr || mask->port_id == 0)
        return refuse(EINVAL, item, "Port ID item mask must specify ID mask");
    return {};
}

Verdict check_integrity(const rte_flow_item& item) {
    const auto* mask = static_cast<const rte_flow_item_integrity*>(item.mask);
    if (mask != nullptr
        && (mask->packet_ok != 0 || mask->l2_ok != 0 || mask->l2_crc_ok != 0
            || mask->l3_len_ok != 0))
        return refuse(EINVAL, item, "failed to validate pattern template");
    return {};
}

Verdict PatternCheck::add_tag(const rte_flow_item& item) {
    // The register is chosen when the template is made, by the index of its spec.
    const auto* tag = static_cast<const rte_flow_item_tag*>(item.spec);
    if (tag == nullptr) return refuse(EINVAL, item, "Tag spec is NULL");
    constexpr std::uint8_t most_tags = 12;
    if (tag->index >= most_tags) return refuse(EINVAL, item, "Invalid tag index");
    if (std::count(options_.tags.begin(), options_.tags.end(), tag->index) == 0)
        return refuse(EINVAL, item, "Unsupported tag index");
    if (!tags_.insert(tag->index).second) return refuse(EINVAL, item, "Duplicated tag index");
    return {};
}

Verdict PatternCheck::add_ethernet(const rte_flow_item& item) {
    if (layers_.l2) return refuse(ENOTSUP, item, "multiple L2 layers not supported");
    if (layers_.l3) return refuse(EINVAL, item, "L2 layer should not follow L3 layers");
    if (layers_.vlan) return refuse(EINVAL, item, "L2 layer should not follow VLAN");
    layers_.l2 = true;
    auto accepted = zero<rte_flow_item_eth>();
    fill(accepted.hdr);
    accepted.has_vlan = 1;
    if (asks_more(item, accepted)) return refuse(ENOTSUP, item, other_bits);
    return {};
}

Verdict PatternCheck::add_vlan(const rte_flow_item& item) {
    if (layers_.vlan) return refuse(EINVAL, item, "multiple VLAN layers not supported");
    if (layers_.l3 || layers_.l4) return refuse(EINVAL, item, "VLAN cannot follow L3/L4 layer");
    layers_.vlan = true;
    auto accepted = zero<rte_flow_item_vlan>();
    fill(accepted.hdr);
    accepted.has_more_vlan = 1;
    if (asks_more(item, accepted)) return refuse(ENOTSUP, item, other_bits);
    return {};
}

Verdict PatternCheck::add_l3(const rte_flow_item& item) {
    if (layers_.l3) return refuse(ENOTSUP, item, "multiple L3 layers not supported");
    if (layers_.l4) return refuse(EINVAL, item, "L3 cannot follow an L4 layer.");
    layers_.l3 = true;
    return item.type == RTE_FLOW_ITEM_TYPE_IPV4 ? check_ipv4(item) : check_ipv6(item);
}

Verdict PatternCheck::check_ipv4(const rte_flow_item& item) {
    const auto* mask = static_cast<const rte_flow_item_ipv4*>(item.mask);
    if (mask == nullptr) return {};
    if (!options_.ipv4_ihl && (mask->hdr.version_ihl & 0x0f) != 0)
        return refuse(ENOTSUP, item, "IPV4 ihl offload not supported");
    auto accepted = zero<rte_flow_item_ipv4>();
    fill(accepted);
    accepted.hdr.hdr_checksum = 0;
    if (asks_more(item, accepted)) return refuse(ENOTSUP, item, other_bits);
    const auto* spec = static_cast<const rte_flow_item_ipv4*>(item.spec);
    // mlx5 tells fragments from whole packets, but not one fragment from another.
    if (spec != nullptr && (spec->hdr.fragment_offset & mask->hdr.fragment_offset) != 0)
        return refuse(ENOTSUP, item, "specified value not supported");
    layers_.is_esp_protocol = mask->hdr.next_proto_id == UINT8_MAX;
    return {};
}

Verdict PatternCheck::check_ipv6(const rte_flow_item& item) {
    const auto* mask = static_cast<const rte_flow_item_ipv6*>(item.mask);
    if (mask == nullptr) return {};
    auto accepted = zero<rte_flow_item_ipv6>();
    fill(accepted.hdr);
    accepted.has_frag_ext = 1;
    if (asks_more(item, accepted)) return refuse(ENOTSUP, item, other_bits);
    const auto* spec = static_cast<const rte_flow_item_ipv6*>(item.spec);
    static constexpr std::uint8_t extensions[]{IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT,
                                               IPPROTO_AH, IPPROTO_DSTOPTS};
    if (spec != nullptr && mask->hdr.proto == UINT8_MAX
        && std::count(std::begin(extensions), std::end(extensions), spec->hdr.proto) != 0)
        return refuse(EINVAL, item,
                      "IPv6 proto (next header) should not be set as extension header");
    layers_.is_esp_protocol = mask->hdr.proto == UINT8_MAX;
    return {};
}

Verdict PatternCheck::add_l4(const rte_flow_item& item) {
    if (layers_.l4) return refuse(EINVAL, item, "multiple L4 layers not supported");
    layers_.l4 = true;
    if (item.type == RTE_FLOW_ITEM_TYPE_UDP) {
        layers_.udp = true;
        auto accepted = zero<rte_flow_item_udp>();
        accepted.hdr.src_port = accepted.hdr.dst_port = UINT16_MAX;
        if (asks_more(item, accepted)) return refuse(ENOTSUP, item, other_bits);
        return {};
    }
    auto accepted = zero<rte_flow_item_tcp>();
    accepted.hdr.src_port = accepted.hdr.dst_port = UINT16_MAX;
    accepted.hdr.tcp_flags = UINT8_MAX;
    if (asks_more(item, accepted)) return refuse(ENOTSUP, item, other_bits);
    return {};
}

Verdict PatternCheck::add_vxlan(const rte_flow_item& item) {
    if (in_tunnel_) return refuse(ENOTSUP, item, "multiple tunnel layers not supported");
    in_tunnel_ = true;
    layers_ = {};
    return {};
}

Verdict PatternCheck::add_esp(const rte_flow_item& item) {
    // Of ESP in UDP (RFC 3948) too, from 24.11.4 on; it does not look which port that is.
    if (layers_.l4 && !layers_.udp) return refuse(EINVAL, item, "multiple L4 layers not supported");
    layers_.l4 = true;
    // mlx5 takes it and matches every IP packet.
    if (!layers_.is_esp_protocol && !layers_.udp)
        return refuse(EINVAL, item, "ESP does not imply IP protocol 50: mask it");
    return {};
}

Verdict PatternCheck::add_header(const rte_flow_item& item) {
    switch (item.type) {
    case RTE_FLOW_ITEM_TYPE_ETH:
        return add_ethernet(item);
    case RTE_FLOW_ITEM_TYPE_VLAN:
        return add_vlan(item);
    case RTE_FLOW_ITEM_TYPE_IPV4:
    case RTE_FLOW_ITEM_TYPE_IPV6:
        return add_l3(item);
    case RTE_FLOW_ITEM_TYPE_UDP:
    case RTE_FLOW_ITEM_TYPE_TCP:
        return add_l4(item);
    case RTE_FLOW_ITEM_TYPE_VXLAN:
        return add_vxlan(item);
    case RTE_FLOW_ITEM_TYPE_ESP:
        return add_esp(item);
    default:
        // PORT_REPRESENTOR, MARK and PORT_ID, which mlx5 refuses in every release, and what the
        // double does not know.
        return refuse(EINVAL, item, "Unsupported item type");
    }
}

Verdict PatternCheck::add(const rte_flow_item& item) {
    if (item.last != nullptr) return refuse(ENOTSUP, item, "range is not valid");
    switch (item.type) {
    case RTE_FLOW_ITEM_TYPE_VOID:
        return {};
    case RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT:
        return check_port(item);
    case RTE_FLOW_ITEM_TYPE_INTEGRITY:
        return check_integrity(item);
    case RTE_FLOW_ITEM_TYPE_TAG:
        return add_tag(item);
    case RTE_FLOW_ITEM_TYPE_METER_COLOR:
        return {};
    case RTE_FLOW_ITEM_TYPE_META:
        return options_.meta ? Verdict{} : refuse(EINVAL, item, "Unsupported metadata register");
    default:
        return add_header(item);
    }
}

Verdict check_rule_item(const rte_flow_item& made_for, const rte_flow_item& item,
                        const std::function<bool(std::uint16_t)>& known_port) {
    const std::size_t size = item_size(item.type);
    // mlx5 never reads it: the rule would match by the template's, which is another.
    if (item.mask != nullptr
        && (made_for.mask == nullptr || std::memcmp(item.mask, made_for.mask, size) != 0))
        return refuse(EINVAL, item, "the rule's mask is not the template's");
    if (made_for.mask == nullptr || is_zero(made_for.mask, size)) return {};
    if (item.spec == nullptr)
        return refuse(EINVAL, item, "the template masks an item without spec");
    if (item.type == RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT) {
        const auto port = static_cast<const rte_flow_item_ethdev*>(item.spec)->port_id;
        // UINT16_MAX is the E-Switch manager.
        if (port != UINT16_MAX && !known_port(port))
            return refuse(EINVAL, item, "no such represented port");
    }
    if (item.type == RTE_FLOW_ITEM_TYPE_TAG
        && static_cast<const rte_flow_item_tag*>(item.spec)->index
               != static_cast<const rte_flow_item_tag*>(made_for.spec)->index)
        return refuse(EINVAL, item, "the rule's tag index is not the template's");
    return {};
}

} // namespace

Verdict check_pattern_template(const rte_flow_item* items, const StrictOptions& options) {
    const std::size_t count = count_items(items);
    if (count + 1 > most_items) return refuse(EINVAL, "Too many items in a pattern");
    PatternCheck check(options);
    for (const rte_flow_item& item : std::span(items, count))
        if (Verdict verdict = check.add(item)) return verdict;
    if (!DefinerUse::of({items, count}).fits(options.full_width_match))
        return refuse(E2BIG, "failed to validate pattern template");
    return {};
}

Verdict check_rule_pattern(std::span<const rte_flow_item> pattern, const rte_flow_item* items,
                           const std::function<bool(std::uint16_t)>& known_port) {
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        // An END too is of another type.
        if (items[i].type != pattern[i].type)
            return refuse(EINVAL, items[i], "the rule's items are not the template's");
        if (Verdict verdict = check_rule_item(pattern[i], items[i], known_port)) return verdict;
    }
    if (items[pattern.size()].type != RTE_FLOW_ITEM_TYPE_END)
        return refuse(EINVAL, items[pattern.size()], "the rule has more items than the template");
    return {};
}

bool has_item(std::span<const rte_flow_item> pattern, rte_flow_item_type type) {
    return std::any_of(pattern.begin(), pattern.end(),
                       [type](const rte_flow_item& item) { return item.type == type; });
}

namespace {

// Behind the index of a TAG there is padding, of any value.
std::size_t matched_size(rte_flow_item_type type) {
    return type == RTE_FLOW_ITEM_TYPE_TAG ? offsetof(rte_flow_item_tag, index) + 1
                                          : item_size(type);
}

bool same_mask(const rte_flow_item& one, const rte_flow_item& other) {
    if (one.type != other.type || (one.mask == nullptr) != (other.mask == nullptr)) return false;
    return one.mask == nullptr || std::memcmp(one.mask, other.mask, matched_size(one.type)) == 0;
}

} // namespace

bool same_masks(std::span<const rte_flow_item> one, std::span<const rte_flow_item> other) {
    return std::equal(one.begin(), one.end(), other.begin(), other.end(), same_mask);
}

std::string key_of(std::span<const rte_flow_item> pattern, const rte_flow_item* items) {
    std::string key;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const std::size_t size = matched_size(pattern[i].type);
        const auto* mask = static_cast<const std::uint8_t*>(pattern[i].mask);
        const auto* spec = static_cast<const std::uint8_t*>(items[i].spec);
        for (std::size_t octet = 0; mask != nullptr && octet < size; ++octet)
            key.push_back(static_cast<char>(spec == nullptr ? 0 : spec[octet] & mask[octet]));
    }
    return key;
}

} // namespace sallyport::eswitch
