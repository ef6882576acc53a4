// SPDX-License-Identifier: BSD-3-Clause
// Patterns and actions in a line each, and a model with two uplinks and two VMs.
#pragma once

#include "eswitch/model/model_flow_api.h"
#include "support/frames.h"

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::eswitch {

using testing::Octets;

/// Items with spec and mask. Every call adds one.
class Items {
  public:
    template<class T>
    Items& add(rte_flow_item_type type, const T& spec, const T& mask) {
        push(type, store(&spec, sizeof spec), store(&mask, sizeof mask));
        return *this;
    }
    /// The layer is there, that is all.
    Items& present(rte_flow_item_type type) {
        push(type, nullptr, nullptr);
        return *this;
    }

    Items& port(std::uint16_t port);
    Items& tag(std::uint32_t value, std::uint32_t mask = UINT32_MAX, std::uint8_t index = 0);
    Items& integrity(std::uint32_t level, bool l3, bool ipv4_checksum, bool l4, bool l4_checksum);
    Items& color(rte_color color);
    Items& eth() { return present(RTE_FLOW_ITEM_TYPE_ETH); }
    Items& eth_to(const net::MacAddress& destination);
    Items& eth_type(std::uint16_t type);
    Items& eth_has_vlan(bool tagged);
    Items& vlan(std::uint16_t control, std::uint16_t mask = 0x0fff);
    Items& ipv4() { return present(RTE_FLOW_ITEM_TYPE_IPV4); }
    Items& ipv4_to(const net::IpAddress& destination, unsigned prefix = 32);
    Items& ipv6() { return present(RTE_FLOW_ITEM_TYPE_IPV6); }
    Items& ipv6_to(const net::IpAddress& destination);
    Items& udp() { return present(RTE_FLOW_ITEM_TYPE_UDP); }
    Items& udp_to(std::uint16_t port);
    Items& tcp_to(std::uint16_t port);
    Items& vxlan(std::uint32_t vni);

    /// As a template takes them.
    const rte_flow_item* whole();
    /// As a rule takes them.
    const rte_flow_item* specs();

  private:
    const void* store(const void* from, std::size_t length);
    void push(rte_flow_item_type type, const void* spec, const void* mask);

    // Shared, so that a copy's items point to what lives. Aligned for every item.
    std::vector<std::shared_ptr<std::vector<std::uint64_t>>> storage_;
    std::vector<rte_flow_item> items_;
    std::vector<rte_flow_item> specs_;
};

/// Actions with their masks. Every call adds one; what is fixed is the template's for all rules.
class Actions {
  public:
    Actions& plain(rte_flow_action_type type);
    Actions& decapsulate() { return plain(RTE_FLOW_ACTION_TYPE_VXLAN_DECAP); }
    Actions& count() { return plain(RTE_FLOW_ACTION_TYPE_COUNT); }
    Actions& meter(rte_flow_meter_profile* profile);
    Actions& drop() { return plain(RTE_FLOW_ACTION_TYPE_DROP); }
    Actions& set_tag(std::uint32_t value, std::uint32_t offset = 0, std::uint32_t width = 32,
                     std::uint8_t index = 0, bool fixed = false);
    Actions& set_mac(rte_flow_field_id field, const net::MacAddress& mac, std::uint32_t offset = 0,
                     std::uint32_t width = 48);
    Actions& encapsulate(const Octets& header, bool fixed = false);
    Actions& jump(std::uint32_t group, bool fixed = false);
    Actions& to_port(std::uint16_t port, bool fixed = false);
    Actions& to_cpu();

    const rte_flow_action* actions();
    const rte_flow_action* masks();

  private:
    template<class T>
    Actions& add(rte_flow_action_type type, const T& action, const T& mask) {
        push(type, store(&action, sizeof action), store(&mask, sizeof mask));
        return *this;
    }
    const void* store(const void* from, std::size_t length);
    void push(rte_flow_action_type type, const void* action, const void* mask);

    std::vector<std::shared_ptr<std::vector<std::uint64_t>>> storage_;
    std::vector<rte_flow_action> actions_;
    std::vector<rte_flow_action> masks_;
};

class ModelTest : public ::testing::Test {
  public:
    static constexpr std::uint16_t proxy = 0, uplink = 1, vm = 2, other_vm = 3;
    static constexpr std::uint32_t queue_size = 8;

    explicit ModelTest(const ParserSettings& settings = {});
    /// So that a test can have further models by itself.
    void TestBody() override {}

    /// A table of one template each. Expects success.
    rte_flow_template_table* add_table(const TableAttributes& attributes, Items& items,
                                       Actions& actions);
    /// Expects success, and takes the result off the queue.
    rte_flow* add_rule(rte_flow_template_table* table, Items& items, Actions& actions,
                       void* user_data = nullptr);
    /// A table with one rule.
    rte_flow* add(const TableAttributes& attributes, Items items, Actions actions);
    /// In group 0.
    rte_flow* add(Items items, Actions actions) {
        return add(group(0), std::move(items), std::move(actions));
    }

    static TableAttributes group(std::uint32_t number, std::uint32_t priority = 0,
                                 Origin origin = Origin::any) {
        return {.group = number, .priority = priority, .rules = 8, .origin = origin};
    }
    /// Results waiting; at most queue_size.
    std::size_t pull_all();
    std::string pattern_complaint(Items items);
    std::string actions_complaint(Actions actions);

    /// Whether a pattern matches, in a model of its own.
    static bool matches(Items items, const Octets& packet, std::uint16_t from = vm);

    rte_flow_error error{};
    ModelFlowApi model;
};

net::IpAddress ip(const char* text);
/// A frame between two VMs: UDP over IPv4, or over IPv6.
Octets vm_frame(net::IpFamily family = net::IpFamily::ipv4, std::uint16_t vlan = 0);
/// @p inner in VXLAN, between VTEPs.
Octets in_vxlan(const Octets& inner, net::IpFamily family = net::IpFamily::ipv4,
                std::uint32_t vni = 100);

} // namespace sallyport::eswitch
