// SPDX-License-Identifier: BSD-3-Clause
// Pattern templates, made into what the model needs to look rules up: which layers a packet must
// have, and which of its octets make the key.
#pragma once

#include "eswitch/model/model_packet.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <rte_flow.h>

namespace sallyport::eswitch {

/// What a field of the key is taken from. The last five are octets of a header.
enum class KeySource : std::uint8_t {
    port,
    tag,
    color,
    integrity,
    vlan_qualifier,
    /// The same, with the one value that a VLAN item implies.
    customer_tag,
    ether_type,
    fragmented,
    ethernet,
    vlan,
    layer3,
    layer4,
    vxlan,
};

struct KeyField {
    KeySource source{};
    bool inner = false;
    /// Of KeySource::tag.
    std::uint8_t tag_index = 0;
    /// Place of its item in the pattern.
    std::uint8_t item = 0;
    /// In the item's spec, and in the header.
    std::uint16_t offset = 0;
    /// As many octets as the field takes in the key.
    std::vector<std::uint8_t> mask;
};

/// Layers that one frame of a packet must have.
struct LayerDemand {
    bool present = false;
    bool vxlan = false;
    /// No UDP port is masked, so it is the one of RFC 7348.
    bool vxlan_port = false;
    Layer3 layer3 = Layer3::other;
    Layer4 layer4 = Layer4::other;
};

struct Pattern {
    std::vector<rte_flow_item_type> items;
    LayerDemand outer;
    LayerDemand inner;
    std::vector<KeyField> fields;
    /// Tables that were made of it and are still there.
    std::size_t users = 0;
};

/// @return nothing, with @p complaint set, for what mlx5 or the model does not take
std::optional<Pattern> compile_pattern(const rte_flow_item* items, std::string& complaint);

/// The key of a rule.
/// @return false, with @p complaint set: the items are not the template's
bool make_key(const Pattern& pattern, const rte_flow_item* items, std::string& key,
              std::string& complaint);

/// The key of a packet.
/// @return false: it lacks a layer, and no rule of this pattern can match
bool extract_key(const Pattern& pattern, ModelPacket& packet, std::string& key);

} // namespace sallyport::eswitch
