// SPDX-License-Identifier: BSD-3-Clause
// An E-Switch in software: takes the very templates and rules that a NIC would get, and walks
// packets through them. Slow, exact, and the same on every machine.
#pragma once

#include "eswitch/flow_api.h"
#include "eswitch/model/packet_layers.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <rte_meter.h>

namespace sallyport::eswitch {

/// One rule met on the way, or one group in which no rule matched.
struct ModelStep {
    std::uint32_t group = 0;
    /// Null: missed.
    const rte_flow* rule = nullptr;
    /// The user data of the rule's create().
    void* user_data = nullptr;
    /// TAG register 0 when the packet left the group.
    std::uint32_t tag = 0;
};

/// What became of a packet.
struct ModelVerdict {
    enum class Fate : std::uint8_t { port, cpu, drop };

    Fate fate = Fate::cpu;
    /// DPDK port id of the represented port that it leaves by (Fate::port).
    std::uint16_t port = 0;
    /// As it leaves, or as the CPU gets it.
    std::vector<std::uint8_t> packet;
    std::vector<ModelStep> steps;
};

/// Differs from a NIC in what nobody could see: it has no time of its own, so every operation is
/// done when it is called, postponed or not, and its result waits in the queue at once. What the
/// NIC fills in after RAW_ENCAP is filled in here: IP and UDP lengths, the IPv4 header checksum,
/// and for IP the UDP source port, by a hash of the model's own (encap_hash.h).
///
/// Without time, the bucket of a meter is always full: a packet is red if it is longer than the
/// burst, else green.
///
/// Stricter than a NIC's driver is with rules: items and actions that are not those of their
/// templates are refused. Laxer with tables: a pattern may be of any width, counters do not run
/// out, and wire to wire is forwarded.
///
/// Not safe for concurrent use.
class ModelFlowApi final : public FlowApi {
  public:
    enum class PortKind : std::uint8_t { wire, vport };

    explicit ModelFlowApi(ParserSettings settings = {});
    ~ModelFlowApi() override;

    /// Ports of the one E-Switch; the first wire port is the transfer proxy of all.
    void add_port(std::uint16_t port, PortKind kind);

    /// Walks a packet that comes in from a port's own side: the wire, or the VM. What goes round in
    /// circles is dropped after the 64th group, what came by no port of the E-Switch before the
    /// first, and what VXLAN_DECAP finds no VXLAN in there.
    /// @param packet whole Ethernet frame without FCS
    [[nodiscard]] ModelVerdict run(std::uint16_t port, std::span<const std::uint8_t> packet);

    /// Rules that are in the tables now, all groups.
    [[nodiscard]] std::size_t rules() const;

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
    /// Counts from the rule's create() or update(), whichever was last: either takes a counter.
    int query_count(std::uint16_t port, rte_flow* rule, rte_flow_query_count& count,
                    rte_flow_error& error) override;
    int calculate_encap_hash(std::uint16_t port, const rte_flow_item* items,
                             std::array<std::uint8_t, 2>& hash, rte_flow_error& error) override;
    [[nodiscard]] bool can_update() const override { return true; }

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

} // namespace sallyport::eswitch
