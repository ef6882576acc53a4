// SPDX-License-Identifier: BSD-3-Clause
// Short words for patterns and actions.
#pragma once

#include "eswitch/modify_field.h"
#include "strict_copies.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include <rte_flow.h>

namespace sallyport::eswitch {

/// Items with specs and masks; they live as long as the object.
class TestPattern {
  public:
    /// The layer is there, whatever its fields.
    TestPattern& add(rte_flow_item_type type) { return append(type, nullptr, nullptr); }
    template<typename T>
    TestPattern& add(rte_flow_item_type type, const T& spec, const T& mask) {
        return append(type, storage_.keep(&spec, sizeof spec), storage_.keep(&mask, sizeof mask));
    }
    /// As a template often is: without values.
    template<typename T>
    TestPattern& add_mask(rte_flow_item_type type, const T& mask) {
        return append(type, nullptr, storage_.keep(&mask, sizeof mask));
    }

    TestPattern& port(std::uint16_t port);
    TestPattern& tag(std::uint32_t value, std::uint8_t index = 0);
    TestPattern& ethernet() { return add(RTE_FLOW_ITEM_TYPE_ETH); }
    TestPattern& ipv4_to(std::uint32_t address);
    /// All of both addresses where the length is 16.
    TestPattern& ipv6(std::size_t source_octets, std::size_t destination_octets);
    TestPattern& udp() { return add(RTE_FLOW_ITEM_TYPE_UDP); }
    TestPattern& vxlan(std::uint32_t vni);

    /// With the END.
    [[nodiscard]] const rte_flow_item* items() const { return items_.data(); }
    /// Specs only.
    [[nodiscard]] std::vector<rte_flow_item> rule() const;

  private:
    TestPattern& append(rte_flow_item_type type, const void* spec, const void* mask);

    std::vector<rte_flow_item> items_{rte_flow_item{}};
    Storage storage_;
};

/// Actions with masks; they live as long as the object.
class TestActions {
  public:
    /// @param mask null: of the action's own type, without configuration
    TestActions& add(rte_flow_action_type type) { return append(type, nullptr, nullptr); }
    template<typename T>
    TestActions& add(rte_flow_action_type type, const T& conf, const T& mask) {
        return append(type, storage_.keep(&conf, sizeof conf), storage_.keep(&mask, sizeof mask));
    }

    TestActions& decap() { return add(RTE_FLOW_ACTION_TYPE_VXLAN_DECAP); }
    TestActions& count();
    TestActions& age();
    /// The value is each rule's own.
    TestActions& set_tag(std::uint32_t value, std::uint8_t index = 0);
    /// The size is the template's, the octets are each rule's own.
    TestActions& encap(std::size_t octets);
    TestActions& jump(std::uint32_t group);
    /// Each rule's own.
    TestActions& to_port(std::uint16_t port);
    /// The template's.
    TestActions& to_fixed_port(std::uint16_t port);
    TestActions& to_cpu(std::uint16_t port = UINT16_MAX);
    TestActions& drop() { return add(RTE_FLOW_ACTION_TYPE_DROP); }

    /// With the END.
    [[nodiscard]] const rte_flow_action* actions() const { return actions_.data(); }
    [[nodiscard]] const rte_flow_action* masks() const { return masks_.data(); }
    /// Of the last action added; to spoil it.
    rte_flow_action& last_action() { return actions_[actions_.size() - 2]; }
    rte_flow_action& last_mask() { return masks_[masks_.size() - 2]; }

  private:
    TestActions& append(rte_flow_action_type type, const void* conf, const void* mask);

    std::vector<rte_flow_action> actions_{rte_flow_action{}};
    std::vector<rte_flow_action> masks_{rte_flow_action{}};
    Storage storage_;
    std::vector<std::uint8_t> octets_ = std::vector<std::uint8_t>(256, 0x5a);
};

/// A MODIFY_FIELD that is right, to be spoiled.
struct ModifyPair {
    rte_flow_action_modify_field action;
    rte_flow_action_modify_field mask;
};
ModifyPair modify_tag();

} // namespace sallyport::eswitch
