// SPDX-License-Identifier: BSD-3-Clause
// The seam between the hardware path and a driver: rte_flow's template and asynchronous calls, one
// to one, so that tests, the model and the printer of testpmd commands can stand where a NIC does.
// What differs between DPDK releases is in our own types; everything else is rte_flow's.
// DPDK Programmer's Guide, "Flow API", sections on templates and asynchronous operations.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include <rte_flow.h>
#include <rte_mtr.h>

namespace sallyport::eswitch {

/// Where the packets of a table come from: the table's specialisation (DPDK 23.03 and later), a
/// promise to the driver that halves its memory, and no match. One group, one origin.
enum class Origin : std::uint8_t { any, wire, vport };

/// rte_flow_template_table_attr for a transfer table with rules inserted by pattern.
struct TableAttributes {
    std::uint32_t group = 0;
    /// Lower wins, within the group.
    std::uint32_t priority = 0;
    /// Rules it must hold.
    std::uint32_t rules = 0;
    Origin origin = Origin::any;
};

/// The functions return what rte_flow's return: null or negative on failure, with @p error filled
/// in (its message may be null). Items and actions end with an END; they, templates given by span
/// and attributes are only read during the call. Templates must outlive the tables made of them,
/// tables their rules. Table and template calls may sleep; asynchronous calls of one queue belong
/// to one thread.
class FlowApi {
  public:
    virtual ~FlowApi() = default;

    /// The port by which all transfer objects of @p port's E-Switch are made.
    virtual int pick_transfer_proxy(std::uint16_t port, std::uint16_t& proxy,
                                    rte_flow_error& error) = 0;
    /// Before the port is started. @param queue_size operations in flight on each queue
    virtual int configure(std::uint16_t port, const rte_flow_port_attr& attributes,
                          std::uint16_t queues, std::uint32_t queue_size,
                          rte_flow_error& error) = 0;

    virtual rte_flow_pattern_template* create_pattern_template(std::uint16_t port,
                                                               const rte_flow_item* items,
                                                               rte_flow_error& error) = 0;
    virtual int destroy_pattern_template(std::uint16_t port, rte_flow_pattern_template* pattern,
                                         rte_flow_error& error) = 0;
    virtual rte_flow_actions_template* create_actions_template(std::uint16_t port,
                                                               const rte_flow_action* actions,
                                                               const rte_flow_action* masks,
                                                               rte_flow_error& error) = 0;
    virtual int destroy_actions_template(std::uint16_t port, rte_flow_actions_template* actions,
                                         rte_flow_error& error) = 0;
    virtual rte_flow_template_table*
    create_table(std::uint16_t port, const TableAttributes& attributes,
                 std::span<rte_flow_pattern_template* const> patterns,
                 std::span<rte_flow_actions_template* const> actions, rte_flow_error& error) = 0;
    virtual int destroy_table(std::uint16_t port, rte_flow_template_table* table,
                              rte_flow_error& error) = 0;

    /// rte_mtr_meter_profile_add() and _get(). Null on failure.
    /// @param id the port's meter profiles differ in it; the caller gives it
    /// @return for the METER_MARK actions of rules, until the profile is removed
    virtual rte_flow_meter_profile* add_meter_profile(std::uint16_t port, std::uint32_t id,
                                                      const rte_mtr_meter_profile& profile,
                                                      rte_flow_error& error) = 0;
    /// After the rules that use it: the driver does not look.
    virtual int remove_meter_profile(std::uint16_t port, std::uint32_t id,
                                     rte_flow_error& error) = 0;

    /// -EBUSY: the queue is full until pull() has made room.
    /// @param postpone the operation may wait for push() or a later one without it
    /// @param user_data comes back with the operation's result
    virtual rte_flow* create(std::uint16_t port, std::uint32_t queue, bool postpone,
                             rte_flow_template_table* table, const rte_flow_item* items,
                             std::uint8_t pattern, const rte_flow_action* actions,
                             std::uint8_t actions_template, void* user_data,
                             rte_flow_error& error) = 0;
    virtual int destroy(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
                        void* user_data, rte_flow_error& error) = 0;
    /// The rule's actions become these, atomically where the driver can. DPDK 23.07 and later;
    /// -ENOTSUP before.
    virtual int update(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
                       const rte_flow_action* actions, std::uint8_t actions_template,
                       void* user_data, rte_flow_error& error) = 0;
    virtual int push(std::uint16_t port, std::uint32_t queue, rte_flow_error& error) = 0;
    /// @return number of results, which may be less than there are
    virtual int pull(std::uint16_t port, std::uint32_t queue, std::span<rte_flow_op_result> results,
                     rte_flow_error& error) = 0;

    /// Packets and octets of the rule's COUNT action; up to half a second old.
    virtual int query_count(std::uint16_t port, rte_flow* rule, rte_flow_query_count& count,
                            rte_flow_error& error) = 0;

    /// What the NIC writes into the UDP source port (RTE_FLOW_ENCAP_HASH_FIELD_SRC_PORT) of a
    /// packet of these specs when it encapsulates it. Any thread, workers too: with mlx5 it takes
    /// no lock. DPDK 24.03 and later; -ENOTSUP before.
    /// @param hash network byte order; unspecified on failure
    virtual int calculate_encap_hash(std::uint16_t port, const rte_flow_item* items,
                                     std::array<std::uint8_t, 2>& hash, rte_flow_error& error) = 0;

    /// Whether update() works in this release.
    [[nodiscard]] virtual bool can_update() const = 0;
};

/// "message (errno text)" of a failed call.
/// @param code the call's negative result, or 0 to take rte_errno
std::string describe(const rte_flow_error& error, int code);

} // namespace sallyport::eswitch
