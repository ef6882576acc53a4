// SPDX-License-Identifier: BSD-3-Clause
// What would be asked of a NIC, as the commands that testpmd takes for it.
#pragma once

#include "eswitch/flow_api.h"

#include <cstdint>
#include <memory>
#include <ostream>

namespace sallyport::eswitch {

/// Answers like a NIC that accepts everything and through which nothing flows. The commands are
/// those of DPDK 24.11's testpmd, one to a line. What they cannot say (octets of
/// a RAW_ENCAP that are not those of VXLAN) a comment says in front of them.
///
/// Not safe for concurrent use.
class TestpmdPrinter final : public FlowApi {
  public:
    /// @param out must outlive the object
    /// @param proxy transfer proxy of all ports
    explicit TestpmdPrinter(std::ostream& out, std::uint16_t proxy = 0);
    ~TestpmdPrinter() override;

    // FlowApi
    int pick_transfer_proxy(std::uint16_t port, std::uint16_t& proxy,
                            rte_flow_error& error) override;
    int configure(std::uint16_t port, const rte_flow_port_attr& attributes, std::uint16_t queues,
                  std::uint32_t queue_size, rte_flow_error& error) override;
    rte_flow_pattern_template* create_pattern_template(std::uint16_t port,
                                                       const rte_flow_item* items,
                                                       rte_flow_error& error) override;
    int destroy_pattern_template(std::uint16_t port, rte_flow_pattern_template* pattern,
                                 rte_flow_error& error) override;
    rte_flow_actions_template* create_actions_template(std::uint16_t port,
                                                       const rte_flow_action* actions,
                                                       const rte_flow_action* masks,
                                                       rte_flow_error& error) override;
    int destroy_actions_template(std::uint16_t port, rte_flow_actions_template* actions,
                                 rte_flow_error& error) override;
    rte_flow_template_table* create_table(std::uint16_t port, const TableAttributes& attributes,
                                          std::span<rte_flow_pattern_template* const> patterns,
                                          std::span<rte_flow_actions_template* const> actions,
                                          rte_flow_error& error) override;
    int destroy_table(std::uint16_t port, rte_flow_template_table* table,
                      rte_flow_error& error) override;
    rte_flow_meter_profile* add_meter_profile(std::uint16_t port, std::uint32_t id,
                                              const rte_mtr_meter_profile& profile,
                                              rte_flow_error& error) override;
    int remove_meter_profile(std::uint16_t port, std::uint32_t id, rte_flow_error& error) override;
    rte_flow* create(std::uint16_t port, std::uint32_t queue, bool postpone,
                     rte_flow_template_table* table, const rte_flow_item* items,
                     std::uint8_t pattern, const rte_flow_action* actions,
                     std::uint8_t actions_template, void* user_data,
                     rte_flow_error& error) override;
    int destroy(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
                void* user_data, rte_flow_error& error) override;
    int update(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
               const rte_flow_action* actions, std::uint8_t actions_template, void* user_data,
               rte_flow_error& error) override;
    int push(std::uint16_t port, std::uint32_t queue, rte_flow_error& error) override;
    int pull(std::uint16_t port, std::uint32_t queue, std::span<rte_flow_op_result> results,
             rte_flow_error& error) override;
    int query_count(std::uint16_t port, rte_flow* rule, rte_flow_query_count& count,
                    rte_flow_error& error) override;
    /// testpmd can ask (`flow hash`), but what a card would answer nobody here knows: -ENOTSUP.
    int calculate_encap_hash(std::uint16_t port, const rte_flow_item* items,
                             std::array<std::uint8_t, 2>& hash, rte_flow_error& error) override;
    [[nodiscard]] bool can_update() const override { return true; }

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

} // namespace sallyport::eswitch
