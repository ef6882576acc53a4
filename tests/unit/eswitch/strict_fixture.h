// SPDX-License-Identifier: BSD-3-Clause
// What the tests of the strict double share: an E-Switch of two wire ports and two vports, and
// short words for patterns and actions.
#pragma once

#include "accepting_flow_api.h"
#include "eswitch/modify_field.h"
#include "strict_flow_api.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
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

class StrictTest : public ::testing::Test {
  protected:
    static constexpr std::uint16_t proxy = 0, other_wire = 1, vm = 2, other_vm = 3;
    static constexpr std::uint16_t stranger = 9;
    static constexpr std::uint32_t queue = 0, queue_size = 4;

    StrictTest() { rebuild({}); }
    /// The ports are declared and nothing more.
    void rebuild(StrictOptions options);
    rte_flow_port_attr attributes{};
    int configure(std::uint16_t port, std::uint16_t queues = 2, std::uint32_t size = queue_size);
    /// All ports configured and started.
    void bring_up();

    AcceptingFlowApi& wrapped() { return wrapped_; }
    StrictFlowApi& api() { return *api_; }
    /// Of the last call that failed.
    [[nodiscard]] std::string message() const {
        return error.message == nullptr ? "" : error.message;
    }
    rte_flow_error error{};

    rte_flow_pattern_template* make(const TestPattern& pattern);
    rte_flow_actions_template* make(const TestActions& actions);
    rte_flow_template_table* make_table(const TableAttributes& table, const TestPattern& pattern,
                                        const TestActions& actions);
    /// "" if it is taken, otherwise the message.
    std::string refused(const TestPattern& pattern);
    std::string refused(const TestActions& actions);
    std::string refused(const TableAttributes& table, const TestPattern& pattern,
                        const TestActions& actions);

    rte_flow* create(rte_flow_template_table* table, const TestPattern& pattern,
                     const TestActions& actions, bool postpone = false,
                     std::uintptr_t user_data = 0);
    int destroy(rte_flow* rule, bool postpone = false, std::uintptr_t user_data = 0);
    int update(rte_flow* rule, const TestActions& actions, std::uint8_t actions_template = 0);
    int push() { return api().push(proxy, queue, error); }
    /// Results of one call.
    std::vector<rte_flow_op_result> pull(std::size_t most = 64);
    /// Pulls until nothing is outstanding. @return results that were errors
    std::size_t drain();
    /// Created and pulled.
    rte_flow* install(rte_flow_template_table* table, const TestPattern& pattern,
                      const TestActions& actions);

  private:
    AcceptingFlowApi wrapped_;
    std::unique_ptr<StrictFlowApi> api_;
};

/// With everything up, and a table of two rules that match the tag and drop or jump.
class StrictRuleTest : public StrictTest {
  protected:
    StrictRuleTest() { rebuild_up({}); }
    void rebuild_up(const StrictOptions& options, std::uint32_t rules = 2);

    TestPattern tagged{};
    TestActions dropping{};
    rte_flow_template_table* table = nullptr;
};

} // namespace sallyport::eswitch
