// SPDX-License-Identifier: BSD-3-Clause
// A NIC that takes everything at once and does nothing: what is left to measure is ours.
#pragma once

#include "eswitch/flow_api.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace sallyport::testing {

class PromptFlowApi final : public eswitch::FlowApi {
  public:
    int pick_transfer_proxy(std::uint16_t port, std::uint16_t& proxy, rte_flow_error&) override {
        proxy = port;
        return 0;
    }
    int configure(std::uint16_t, const rte_flow_port_attr&, std::uint16_t, std::uint32_t,
                  rte_flow_error&) override {
        return 0;
    }
    rte_flow_pattern_template* create_pattern_template(std::uint16_t, const rte_flow_item*,
                                                       rte_flow_error&) override {
        return handle<rte_flow_pattern_template>();
    }
    int destroy_pattern_template(std::uint16_t, rte_flow_pattern_template*,
                                 rte_flow_error&) override {
        return 0;
    }
    rte_flow_actions_template* create_actions_template(std::uint16_t, const rte_flow_action*,
                                                       const rte_flow_action*,
                                                       rte_flow_error&) override {
        return handle<rte_flow_actions_template>();
    }
    int destroy_actions_template(std::uint16_t, rte_flow_actions_template*,
                                 rte_flow_error&) override {
        return 0;
    }
    rte_flow_template_table* create_table(std::uint16_t, const eswitch::TableAttributes&,
                                          std::span<rte_flow_pattern_template* const>,
                                          std::span<rte_flow_actions_template* const>,
                                          rte_flow_error&) override {
        return handle<rte_flow_template_table>();
    }
    int destroy_table(std::uint16_t, rte_flow_template_table*, rte_flow_error&) override {
        return 0;
    }
    rte_flow_meter_profile* add_meter_profile(std::uint16_t, std::uint32_t,
                                              const rte_mtr_meter_profile&,
                                              rte_flow_error&) override {
        return handle<rte_flow_meter_profile>();
    }
    int remove_meter_profile(std::uint16_t, std::uint32_t, rte_flow_error&) override { return 0; }
    rte_flow* create(std::uint16_t, std::uint32_t, bool, rte_flow_template_table*,
                     const rte_flow_item*, std::uint8_t, const rte_flow_action*, std::uint8_t,
                     void* user_data, rte_flow_error&) override {
        results_.push_back({.status = RTE_FLOW_OP_SUCCESS, .user_data = user_data});
        return handle<rte_flow>();
    }
    int destroy(std::uint16_t, std::uint32_t, bool, rte_flow*, void* user_data,
                rte_flow_error&) override {
        results_.push_back({.status = RTE_FLOW_OP_SUCCESS, .user_data = user_data});
        return 0;
    }
    int update(std::uint16_t, std::uint32_t, bool, rte_flow*, const rte_flow_action*, std::uint8_t,
               void* user_data, rte_flow_error&) override {
        results_.push_back({.status = RTE_FLOW_OP_SUCCESS, .user_data = user_data});
        return 0;
    }
    int push(std::uint16_t, std::uint32_t, rte_flow_error&) override { return 0; }
    int pull(std::uint16_t, std::uint32_t, std::span<rte_flow_op_result> results,
             rte_flow_error&) override {
        const std::size_t count = std::min(results.size(), results_.size());
        std::copy_n(results_.end() - static_cast<long>(count), count, results.begin());
        results_.resize(results_.size() - count);
        return static_cast<int>(count);
    }
    int query_count(std::uint16_t, rte_flow*, rte_flow_query_count&, rte_flow_error&) override {
        return 0;
    }
    int calculate_encap_hash(std::uint16_t, const rte_flow_item*, std::array<std::uint8_t, 2>&,
                             rte_flow_error&) override {
        return -ENOTSUP;
    }
    [[nodiscard]] bool can_update() const override { return true; }

  private:
    /// Never looked into.
    template<class Object>
    Object* handle() {
        return reinterpret_cast<Object*>(++handles_);
    }

    std::uintptr_t handles_ = 0;
    std::vector<rte_flow_op_result> results_;
};

} // namespace sallyport::testing
