// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/actions_builder.h"

#include "eswitch/modify_field.h"

#include <cstring>

namespace sallyport::eswitch {

namespace {

constexpr std::uint32_t tag_bits = 32;
constexpr std::uint32_t mac_bits = 48;

} // namespace

void ActionsBuilder::add(rte_flow_action_type type, Configuration*& action, Configuration*& mask) {
    action = &action_configurations_[count_];
    mask = &mask_configurations_[count_];
    std::memset(action, 0, sizeof *action);
    std::memset(mask, 0, sizeof *mask);
    actions_[count_] = {.type = type, .conf = action};
    masks_[count_] = {.type = type, .conf = mask};
    ++count_;
}

void ActionsBuilder::add_plain(rte_flow_action_type type) {
    actions_[count_] = masks_[count_] = {.type = type, .conf = nullptr};
    ++count_;
}

void ActionsBuilder::decapsulate() {
    add_plain(RTE_FLOW_ACTION_TYPE_VXLAN_DECAP);
}

void ActionsBuilder::count() {
    Configuration* action = nullptr;
    Configuration* mask = nullptr;
    add(RTE_FLOW_ACTION_TYPE_COUNT, action, mask);
}

void ActionsBuilder::meter(rte_flow_meter_profile* profile) {
    Configuration* action = nullptr;
    Configuration* mask = nullptr;
    add(RTE_FLOW_ACTION_TYPE_METER_MARK, action, mask);
    action->meter.profile = profile;
    action->meter.state = 1;
}

void ActionsBuilder::set_tag(std::uint32_t value) {
    Configuration* action = nullptr;
    Configuration* mask = nullptr;
    add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, action, mask);
    FieldChange change{.field = RTE_FLOW_FIELD_TAG, .width = tag_bits};
    std::memcpy(change.value, &value, sizeof value);
    action->modify = make_set(change);
    mask->modify = make_set_mask(RTE_FLOW_FIELD_TAG);
}

void ActionsBuilder::set_tag_bit(unsigned bit) {
    Configuration* action = nullptr;
    Configuration* mask = nullptr;
    add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, action, mask);
    FieldChange change{.field = RTE_FLOW_FIELD_TAG, .offset = bit, .width = 1};
    // Taken from the same bits of the value as of the register.
    const std::uint32_t value = 1U << bit;
    std::memcpy(change.value, &value, sizeof value);
    action->modify = make_set(change);
    mask->modify = make_set_mask(RTE_FLOW_FIELD_TAG);
    std::memset(mask->modify.src.value, UINT8_MAX, sizeof mask->modify.src.value);
}

void ActionsBuilder::set_mac(rte_flow_field_id field, const net::MacAddress& mac) {
    Configuration* action = nullptr;
    Configuration* mask = nullptr;
    add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, action, mask);
    FieldChange change{.field = field, .width = mac_bits};
    std::memcpy(change.value, mac.octets.data(), mac.octets.size());
    action->modify = make_set(change);
    mask->modify = make_set_mask(field);
}

void ActionsBuilder::set_source(const net::MacAddress& mac) {
    set_mac(RTE_FLOW_FIELD_MAC_SRC, mac);
}

void ActionsBuilder::set_destination(const net::MacAddress& mac) {
    set_mac(RTE_FLOW_FIELD_MAC_DST, mac);
}

void ActionsBuilder::encapsulate(const EncapHeader& header, std::uint16_t length) {
    Configuration* action = nullptr;
    Configuration* mask = nullptr;
    add(RTE_FLOW_ACTION_TYPE_RAW_ENCAP, action, mask);
    // The size is fixed by the template, the octets are each rule's own.
    action->encap.data = const_cast<std::uint8_t*>(header.data());
    action->encap.size = mask->encap.size = length;
}

void ActionsBuilder::jump(std::uint32_t group) {
    Configuration* action = nullptr;
    Configuration* mask = nullptr;
    add(RTE_FLOW_ACTION_TYPE_JUMP, action, mask);
    action->jump.group = group;
    mask->jump.group = UINT32_MAX;
}

void ActionsBuilder::to_port(std::uint16_t port) {
    Configuration* action = nullptr;
    Configuration* mask = nullptr;
    add(RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, action, mask);
    action->port.port_id = port;
}

void ActionsBuilder::to_cpu() {
    Configuration* action = nullptr;
    Configuration* mask = nullptr;
    add(RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR, action, mask);
    action->port.port_id = mask->port.port_id = UINT16_MAX;
}

void ActionsBuilder::drop() {
    add_plain(RTE_FLOW_ACTION_TYPE_DROP);
}

const rte_flow_action* ActionsBuilder::actions() {
    actions_[count_] = {.type = RTE_FLOW_ACTION_TYPE_END, .conf = nullptr};
    return actions_.data();
}

const rte_flow_action* ActionsBuilder::masks() {
    masks_[count_] = {.type = RTE_FLOW_ACTION_TYPE_END, .conf = nullptr};
    return masks_.data();
}

} // namespace sallyport::eswitch
