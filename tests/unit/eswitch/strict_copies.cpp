// SPDX-License-Identifier: BSD-3-Clause
#include "strict_copies.h"

#include <cstring>

namespace sallyport::eswitch {

std::size_t item_size(rte_flow_item_type type) {
    switch (type) {
    case RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT:
        return sizeof(rte_flow_item_ethdev);
    case RTE_FLOW_ITEM_TYPE_TAG:
        return sizeof(rte_flow_item_tag);
    case RTE_FLOW_ITEM_TYPE_METER_COLOR:
        return sizeof(rte_flow_item_meter_color);
    case RTE_FLOW_ITEM_TYPE_META:
        return sizeof(rte_flow_item_meta);
    case RTE_FLOW_ITEM_TYPE_INTEGRITY:
        return sizeof(rte_flow_item_integrity);
    case RTE_FLOW_ITEM_TYPE_ETH:
        return sizeof(rte_flow_item_eth);
    case RTE_FLOW_ITEM_TYPE_VLAN:
        return sizeof(rte_flow_item_vlan);
    case RTE_FLOW_ITEM_TYPE_IPV4:
        return sizeof(rte_flow_item_ipv4);
    case RTE_FLOW_ITEM_TYPE_IPV6:
        return sizeof(rte_flow_item_ipv6);
    case RTE_FLOW_ITEM_TYPE_UDP:
        return sizeof(rte_flow_item_udp);
    case RTE_FLOW_ITEM_TYPE_TCP:
        return sizeof(rte_flow_item_tcp);
    case RTE_FLOW_ITEM_TYPE_VXLAN:
        return sizeof(rte_flow_item_vxlan);
    case RTE_FLOW_ITEM_TYPE_ESP:
        return sizeof(rte_flow_item_esp);
    default:
        return 0;
    }
}

std::size_t action_size(rte_flow_action_type type) {
    switch (type) {
    case RTE_FLOW_ACTION_TYPE_JUMP:
        return sizeof(rte_flow_action_jump);
    case RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT:
    case RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR:
        return sizeof(rte_flow_action_ethdev);
    case RTE_FLOW_ACTION_TYPE_COUNT:
        return sizeof(rte_flow_action_count);
    case RTE_FLOW_ACTION_TYPE_METER_MARK:
        return sizeof(rte_flow_action_meter_mark);
    case RTE_FLOW_ACTION_TYPE_AGE:
        return sizeof(rte_flow_action_age);
    case RTE_FLOW_ACTION_TYPE_RAW_ENCAP:
        return sizeof(rte_flow_action_raw_encap);
    case RTE_FLOW_ACTION_TYPE_RAW_DECAP:
        return sizeof(rte_flow_action_raw_decap);
    case RTE_FLOW_ACTION_TYPE_MODIFY_FIELD:
        return sizeof(rte_flow_action_modify_field);
    case RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN:
        return sizeof(rte_flow_action_of_push_vlan);
    case RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_VID:
        return sizeof(rte_flow_action_of_set_vlan_vid);
    case RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_PCP:
        return sizeof(rte_flow_action_of_set_vlan_pcp);
    default:
        return 0;
    }
}

std::size_t count_items(const rte_flow_item* items) {
    std::size_t count = 0;
    while (items[count].type != RTE_FLOW_ITEM_TYPE_END)
        ++count;
    return count;
}

std::size_t count_actions(const rte_flow_action* actions) {
    std::size_t count = 0;
    while (actions[count].type != RTE_FLOW_ACTION_TYPE_END)
        ++count;
    return count;
}

const void* Storage::keep(const void* source, std::size_t octets) {
    if (source == nullptr || octets == 0) return nullptr;
    std::uint8_t* block = blocks_.emplace_back(new std::uint8_t[octets]).get();
    std::memcpy(block, source, octets);
    return block;
}

OwnedItems::OwnedItems(const rte_flow_item* items) : items_(items, items + count_items(items) + 1) {
    for (rte_flow_item& item : items_) {
        const std::size_t size = item_size(item.type);
        item.spec = storage_.keep(item.spec, size);
        item.last = storage_.keep(item.last, size);
        item.mask = storage_.keep(item.mask, size);
    }
}

OwnedActions::OwnedActions(const rte_flow_action* actions)
    : actions_(actions, actions + count_actions(actions) + 1) {
    for (rte_flow_action& action : actions_) {
        if (action.conf == nullptr) continue;
        if (action.type == RTE_FLOW_ACTION_TYPE_RAW_ENCAP) {
            auto encap = *static_cast<const rte_flow_action_raw_encap*>(action.conf);
            // The API takes it as writable and only reads it.
            encap.data = static_cast<std::uint8_t*>(
                const_cast<void*>(storage_.keep(encap.data, encap.size)));
            encap.preserve = nullptr;
            action.conf = storage_.keep(&encap, sizeof encap);
        } else if (action.type == RTE_FLOW_ACTION_TYPE_RAW_DECAP) {
            auto decap = *static_cast<const rte_flow_action_raw_decap*>(action.conf);
            decap.data = static_cast<std::uint8_t*>(
                const_cast<void*>(storage_.keep(decap.data, decap.size)));
            action.conf = storage_.keep(&decap, sizeof decap);
        } else {
            action.conf = storage_.keep(action.conf, action_size(action.type));
        }
    }
}

} // namespace sallyport::eswitch
