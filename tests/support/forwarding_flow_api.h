// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "eswitch/flow_api.h"

#include <span>

namespace sallyport::testing {

/// Hands everything on; to be derived from by those that do something with a part of it.
class ForwardingFlowApi : public eswitch::FlowApi {
  public:
    /// @param next must outlive the object
    explicit ForwardingFlowApi(eswitch::FlowApi& next) : next_(next) {}

    int pick_transfer_proxy(std::uint16_t port, std::uint16_t& proxy,
                            rte_flow_error& error) override {
        return next_.pick_transfer_proxy(port, proxy, error);
    }
    int configure(std::uint16_t port, const rte_flow_port_attr& attributes, std::uint16_t queues,
                  std::uint32_t queue_size, rte_flow_error& error) override {
        return next_.configure(port, attributes, queues, queue_size, error);
    }
    rte_flow_pattern_template* create_pattern_template(std::uint16_t port,
                                                       const rte_flow_item* items,
                                                       rte_flow_error& error) override {
        return next_.create_pattern_template(port, items, error);
    }
    int destroy_pattern_template(std::uint16_t port, rte_flow_pattern_template* pattern,
                                 rte_flow_error& error) override {
        return next_.destroy_pattern_template(port, pattern, error);
    }
    rte_flow_actions_template* create_actions_template(std::uint16_t port,
                                                       const rte_flow_action* actions,
                                                       const rte_flow_action* masks,
                                                       rte_flow_error& error) override {
        return next_.create_actions_template(port, actions, masks, error);
    }
    int destroy_actions_template(std::uint16_t port, rte_flow_actions_template* actions,
                                 rte_flow_error& error) override {
        return next_.destroy_actions_template(port, actions, error);
    }
    rte_flow_template_table* create_table(std::uint16_t port,
                                          const eswitch::TableAttributes& attributes,
                                          std::span<rte_flow_pattern_template* const> patterns,
                                          std::span<rte_flow_actions_template* const> actions,
                                          rte_flow_error& error) override {
        return next_.create_table(port, attributes, patterns, actions, error);
    }
    int destroy_table(std::uint16_t port, rte_flow_template_table* table,
                      rte_flow_error& error) override {
        return next_.destroy_table(port, table, error);
    }
    rte_flow_meter_profile* add_meter_profile(std::uint16_t port, std::uint32_t id,
                                              const rte_mtr_meter_profile& profile,
                                              rte_flow_error& error) override {
        return next_.add_meter_profile(port, id, profile, error);
    }
    int remove_meter_profile(std::uint16_t port, std::uint32_t id, rte_flow_error& error) override {
        return next_.remove_meter_profile(port, id, error);
    }
    rte_flow* create(std::uint16_t port, std::uint32_t queue, bool postpone,
                     rte_flow_template_table* table, const rte_flow_item* items,
                     std::uint8_t pattern, const rte_flow_action* actions,
                     std::uint8_t actions_template, void* user_data,
                     rte_flow_error& error) override {
        return next_.create(port, queue, postpone, table, items, pattern, actions, actions_template,
                            user_data, error);
    }
    int destroy(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
                void* user_data, rte_flow_error& error) override {
        return next_.destroy(port, queue, postpone, rule, user_data, error);
    }
    int update(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
               const rte_flow_action* actions, std::uint8_t actions_template, void* user_data,
               rte_flow_error& error) override {
        return next_.update(port, queue, postpone, rule, actions, actions_template, user_data,
                            error);
    }
    int push(std::uint16_t port, std::uint32_t queue, rte_flow_error& error) override {
        return next_.push(port, queue, error);
    }
    int pull(std::uint16_t port, std::uint32_t queue, std::span<rte_flow_op_result> results,
             rte_flow_error& error) override {
        return next_.pull(port, queue, results, error);
    }
    int query_count(std::uint16_t port, rte_flow* rule, rte_flow_query_count& count,
                    rte_flow_error& error) override {
        return next_.query_count(port, rule, count, error);
    }
    int calculate_encap_hash(std::uint16_t port, const rte_flow_item* items,
                             std::array<std::uint8_t, 2>& hash, rte_flow_error& error) override {
        return next_.calculate_encap_hash(port, items, hash, error);
    }
    [[nodiscard]] bool can_update() const override { return next_.can_update(); }

  private:
    eswitch::FlowApi& next_;
};

} // namespace sallyport::testing
