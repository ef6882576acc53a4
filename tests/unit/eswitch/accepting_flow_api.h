// SPDX-License-Identifier: BSD-3-Clause
// A FlowApi that takes everything and does nothing: what stands behind the strict double when its
// refusals are all that matters.
#pragma once

#include "eswitch/flow_api.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <span>
#include <vector>

namespace sallyport::eswitch {

class AcceptingFlowApi final : public FlowApi {
  public:
    /// Rules created and not destroyed.
    [[nodiscard]] std::size_t rules() const { return rules_.size(); }
    /// User data of the rules that were created, updated and destroyed, in order.
    std::vector<void*> created;
    std::vector<void*> updated;
    std::size_t destroyed = 0;
    /// The next asynchronous operation ends with an error.
    bool fail_next = false;

    int pick_transfer_proxy(std::uint16_t port, std::uint16_t& proxy,
                            rte_flow_error& /*error*/) override {
        proxy = port;
        return 0;
    }
    int configure(std::uint16_t /*port*/, const rte_flow_port_attr& /*attributes*/,
                  std::uint16_t /*queues*/, std::uint32_t /*queue_size*/,
                  rte_flow_error& /*error*/) override {
        return 0;
    }
    rte_flow_pattern_template* create_pattern_template(std::uint16_t /*port*/,
                                                       const rte_flow_item* /*items*/,
                                                       rte_flow_error& /*error*/) override {
        return handle<rte_flow_pattern_template>();
    }
    int destroy_pattern_template(std::uint16_t /*port*/, rte_flow_pattern_template* /*pattern*/,
                                 rte_flow_error& /*error*/) override {
        return 0;
    }
    rte_flow_actions_template* create_actions_template(std::uint16_t /*port*/,
                                                       const rte_flow_action* /*actions*/,
                                                       const rte_flow_action* /*masks*/,
                                                       rte_flow_error& /*error*/) override {
        return handle<rte_flow_actions_template>();
    }
    int destroy_actions_template(std::uint16_t /*port*/, rte_flow_actions_template* /*actions*/,
                                 rte_flow_error& /*error*/) override {
        return 0;
    }
    rte_flow_template_table* create_table(std::uint16_t /*port*/,
                                          const TableAttributes& /*attributes*/,
                                          std::span<rte_flow_pattern_template* const> /*patterns*/,
                                          std::span<rte_flow_actions_template* const> /*actions*/,
                                          rte_flow_error& /*error*/) override {
        return handle<rte_flow_template_table>();
    }
    int destroy_table(std::uint16_t /*port*/, rte_flow_template_table* /*table*/,
                      rte_flow_error& /*error*/) override {
        return 0;
    }
    rte_flow_meter_profile* add_meter_profile(std::uint16_t /*port*/, std::uint32_t /*id*/,
                                              const rte_mtr_meter_profile& /*profile*/,
                                              rte_flow_error& /*error*/) override {
        return handle<rte_flow_meter_profile>();
    }
    int remove_meter_profile(std::uint16_t /*port*/, std::uint32_t /*id*/,
                             rte_flow_error& /*error*/) override {
        return 0;
    }
    rte_flow* create(std::uint16_t /*port*/, std::uint32_t /*queue*/, bool /*postpone*/,
                     rte_flow_template_table* /*table*/, const rte_flow_item* /*items*/,
                     std::uint8_t /*pattern*/, const rte_flow_action* /*actions*/,
                     std::uint8_t /*actions_template*/, void* user_data,
                     rte_flow_error& /*error*/) override {
        auto* rule = handle<rte_flow>();
        rules_.insert(rule);
        created.push_back(user_data);
        finish(user_data);
        return rule;
    }
    int destroy(std::uint16_t /*port*/, std::uint32_t /*queue*/, bool /*postpone*/, rte_flow* rule,
                void* user_data, rte_flow_error& /*error*/) override {
        rules_.erase(rule);
        ++destroyed;
        finish(user_data);
        return 0;
    }
    int update(std::uint16_t /*port*/, std::uint32_t /*queue*/, bool /*postpone*/,
               rte_flow* /*rule*/, const rte_flow_action* /*actions*/,
               std::uint8_t /*actions_template*/, void* user_data,
               rte_flow_error& /*error*/) override {
        updated.push_back(user_data);
        finish(user_data);
        return 0;
    }
    int push(std::uint16_t /*port*/, std::uint32_t /*queue*/, rte_flow_error& /*error*/) override {
        return 0;
    }
    int pull(std::uint16_t /*port*/, std::uint32_t /*queue*/, std::span<rte_flow_op_result> results,
             rte_flow_error& /*error*/) override {
        const std::size_t count = std::min(results.size(), results_.size());
        for (std::size_t i = 0; i < count; ++i) {
            results[i] = results_.front();
            results_.pop_front();
        }
        return static_cast<int>(count);
    }
    int query_count(std::uint16_t /*port*/, rte_flow* /*rule*/, rte_flow_query_count& count,
                    rte_flow_error& /*error*/) override {
        count = {};
        count.hits_set = 1;
        count.hits = 7;
        return 0;
    }
    int calculate_encap_hash(std::uint16_t /*port*/, const rte_flow_item* /*items*/,
                             std::array<std::uint8_t, 2>& hash,
                             rte_flow_error& /*error*/) override {
        hash = {0xc0, 0x07};
        return 0;
    }
    [[nodiscard]] bool can_update() const override { return true; }

  private:
    template<typename Handle>
    Handle* handle() {
        return reinterpret_cast<Handle*>(&handles_.emplace_back());
    }
    void finish(void* user_data) {
        rte_flow_op_result result{};
        result.status = fail_next ? RTE_FLOW_OP_ERROR : RTE_FLOW_OP_SUCCESS;
        result.user_data = user_data;
        fail_next = false;
        results_.push_back(result);
    }

    /// Octets whose addresses are the handles.
    std::deque<char> handles_;
    std::deque<rte_flow_op_result> results_;
    std::set<rte_flow*> rules_;
};

} // namespace sallyport::eswitch
