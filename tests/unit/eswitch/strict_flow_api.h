// SPDX-License-Identifier: BSD-3-Clause
// A FlowApi that takes no more than mlx5 does (DPDK 24.11, ConnectX-6 Dx, transfer templates), and
// is as late, forgetful and unhelpful about it. What it takes it hands on to another one, at the
// moment the operation is done.
//
// Of what mlx5 takes, it refuses what the hardware path does not use: see strict_patterns.cpp and
// strict_actions.cpp. Beyond what mlx5 refuses, it refuses what mlx5 would take and do wrong.
#pragma once

#include "eswitch/flow_api.h"
#include "strict_faults.h"
#include "strict_objects.h"
#include "strict_options.h"
#include "strict_ports.h"
#include "strict_queue.h"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace sallyport::eswitch {

/// Safe for concurrent use, so that queues can have threads of their own; what each queue's calls
/// may not do is told by violations().
class StrictFlowApi final : public FlowApi {
  public:
    /// @param wrapped must outlive the object
    explicit StrictFlowApi(FlowApi& wrapped, StrictOptions options = {});

    // The E-Switch's ports, whose ethdev calls the tests make themselves.
    /// The first wire port becomes the transfer proxy.
    void add_port(std::uint16_t port, StrictPortKind kind);
    /// What rte_eth_dev_start() and rte_eth_dev_stop() return. Stopping the proxy flushes the rules
    /// without a result; their handles are dead, templates and tables stay.
    int start_port(std::uint16_t port);
    int stop_port(std::uint16_t port);

    // Bad days.
    /// @param spared calls that still go well before
    void fail_next(Operation operation, std::size_t count, Failure failure = {},
                   std::size_t spared = 0);
    void fail_at_random(Operation operation, double rate, Failure failure = {});
    /// All calls of the queue fail with -EIO from now on.
    void kill_queue(std::uint32_t queue);
    /// The driver's service thread (every 500 ms): counters freed before can be used again.
    void service_cycle();
    /// Queues may be used from other threads than before.
    void forget_threads();

    // What the application did.
    /// What it must never do and no errno tells it: a dead handle used, a queue used from two
    /// threads, a rule that is not its template's (mlx5 would install something else). Also what
    /// the wrapped API refused of it.
    [[nodiscard]] std::vector<std::string> violations() const;
    /// Legal and worth a look: jumps to group 0.
    [[nodiscard]] std::vector<std::string> notes() const;
    /// Templates, tables, rules and meter profiles that have not been destroyed.
    [[nodiscard]] std::size_t leaks() const;
    /// Rules in the tables now.
    [[nodiscard]] std::size_t live_rules() const;
    /// Rules whose create or update failed and whose handles have not been destroyed.
    [[nodiscard]] std::size_t failed_handles() const;
    /// Rules whose destruction failed: in their tables, and out of reach.
    [[nodiscard]] std::size_t stranded_rules() const;
    /// Keys of a table under which more than one rule is live. mlx5 does not mind.
    [[nodiscard]] std::size_t live_duplicates() const;
    /// The wrapped API's handle of a rule; null unless it is in the table.
    [[nodiscard]] const rte_flow* behind(const rte_flow* rule) const;
    /// Operations of a queue that have no result yet, or one not pulled.
    [[nodiscard]] std::size_t outstanding(std::uint32_t queue) const;

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
    int calculate_encap_hash(std::uint16_t port, const rte_flow_item* items,
                             std::array<std::uint8_t, 2>& hash, rte_flow_error& error) override;
    [[nodiscard]] bool can_update() const override { return options_.can_update; }

  private:
    // All of these with the mutex held.
    [[nodiscard]] ActionsSurroundings surroundings() const;
    void violate(std::string what);
    void violate_refused(const char* what, const rte_flow_error& error);
    /// An ordered or accidental failure of the call itself.
    Verdict draw_refusal(Operation operation);
    Verdict draw_refusal(Operation operation, bool& fails_later);

    Verdict resolve(std::span<rte_flow_pattern_template* const> patterns,
                    std::span<rte_flow_actions_template* const> actions, StrictTable& table);
    Verdict check_table(const TableAttributes& attributes) const;
    [[nodiscard]] Verdict check_templates(const StrictTable& table) const;

    /// Null: there is none of that number.
    StrictMeterProfile* find_meter(std::uint32_t id);

    /// Which queue, if this caller may use it now.
    Verdict take_queue(std::uint16_t port, std::uint32_t queue, StrictQueue*& taken);
    /// Likewise, with room for one more operation.
    Verdict take_room(std::uint16_t port, std::uint32_t queue, StrictQueue*& taken);
    Verdict take_rule(rte_flow* handle, StrictRule*& taken);
    Verdict check_rule(const StrictTable& table, const rte_flow_item* items, std::uint8_t pattern,
                       const rte_flow_action* actions, std::uint8_t actions_template);
    [[nodiscard]] bool is_from_wire(const StrictTable& table, std::uint8_t pattern,
                                    const rte_flow_item* items) const;
    Verdict check_update(const StrictRule& rule, const rte_flow_action* actions,
                         std::uint8_t actions_template);
    /// @p needed are one rule's.
    Verdict take_resources(const ActionsTemplateContent& needed);
    void release_resources(StrictShare& share);
    bool take_place(StrictRule& rule, bool& fails_later);

    StrictQueue::Apply applier(std::uint32_t queue);
    StrictQueue::Apply settler();
    void apply(std::uint32_t queue, StrictOperation& operation);
    bool apply_create(std::uint32_t queue, StrictOperation& operation);
    bool apply_update(std::uint32_t queue, StrictOperation& operation);
    bool apply_destroy(std::uint32_t queue, StrictRule& rule);
    /// Waits for the wrapped API's result. @return whether it is a success
    bool finish_wrapped(std::uint32_t queue, const char* what);
    void settle(StrictOperation& operation);
    void bury(StrictRule& rule);
    void flush();

    FlowApi& wrapped_;
    const StrictOptions options_;
    mutable std::mutex mutex_;
    StrictPorts ports_;
    StrictFaults faults_;
    std::vector<StrictQueue> queues_;
    StrictHandles<StrictPattern, rte_flow_pattern_template> patterns_;
    StrictHandles<StrictActions, rte_flow_actions_template> actions_;
    StrictHandles<StrictTable, rte_flow_template_table> tables_;
    StrictHandles<StrictRule, rte_flow> rules_;
    std::vector<StrictMeterProfile> meter_profiles_;
    std::size_t counters_taken_ = 0;
    /// Freed since the service thread's last cycle.
    std::size_t counters_resting_ = 0;
    std::size_t aging_taken_ = 0;
    std::size_t meters_taken_ = 0;
    std::vector<std::string> violations_;
    std::vector<std::string> notes_;
};

} // namespace sallyport::eswitch
