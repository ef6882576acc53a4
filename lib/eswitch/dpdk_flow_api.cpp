// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/dpdk_flow_api.h"

#include <array>
#include <cerrno>
#include <vector>

#include <rte_errno.h>
#include <rte_mtr.h>
#include <rte_version.h>

namespace sallyport::eswitch {

namespace {

rte_flow_template_table_attr to_rte_flow(const TableAttributes& attributes) {
    rte_flow_template_table_attr table{};
    table.flow_attr.group = attributes.group;
    table.flow_attr.priority = attributes.priority;
    table.flow_attr.transfer = 1;
    table.nb_flows = attributes.rules;
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
    if (attributes.origin == Origin::wire)
        table.specialize = RTE_FLOW_TABLE_SPECIALIZE_TRANSFER_WIRE_ORIG;
    else if (attributes.origin == Origin::vport)
        table.specialize = RTE_FLOW_TABLE_SPECIALIZE_TRANSFER_VPORT_ORIG;
#endif
    return table;
}

rte_flow_op_attr operation(bool postpone) {
    rte_flow_op_attr attributes{};
    attributes.postpone = postpone ? 1 : 0;
    return attributes;
}

int to_flow_error(int code, const rte_mtr_error& from, rte_flow_error& error) {
    if (code == 0) return 0;
    error = {.type = RTE_FLOW_ERROR_TYPE_UNSPECIFIED, .cause = from.cause, .message = from.message};
    rte_errno = -code;
    return code;
}

int check_counters(std::uint16_t port, std::uint32_t wanted, rte_flow_error& error) {
    rte_flow_port_info info{};
    rte_flow_queue_info queue{};
    if (const int code = rte_flow_info_get(port, &info, &queue, &error); code != 0) return code;
    if (wanted <= info.max_nb_counters) return 0;
    return rte_flow_error_set(&error, ENOSPC, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, nullptr,
                              "the NIC has fewer counters");
}

class DpdkFlowApi final : public FlowApi {
  public:
    int pick_transfer_proxy(std::uint16_t port, std::uint16_t& proxy,
                            rte_flow_error& error) override {
        return rte_flow_pick_transfer_proxy(port, &proxy, &error);
    }

    int configure(std::uint16_t port, const rte_flow_port_attr& attributes, std::uint16_t queues,
                  std::uint32_t queue_size, rte_flow_error& error) override {
        // Told so by configure(), mlx5 would fall over the rest when the port is closed.
        if (const int code = check_counters(port, attributes.nb_counters, error); code != 0)
            return code;
        const rte_flow_queue_attr queue{.size = queue_size};
        const std::vector<const rte_flow_queue_attr*> all(queues, &queue);
        return rte_flow_configure(port, &attributes, queues,
                                  const_cast<const rte_flow_queue_attr**>(all.data()), &error);
    }

    rte_flow_pattern_template* create_pattern_template(std::uint16_t port,
                                                       const rte_flow_item* items,
                                                       rte_flow_error& error) override {
        rte_flow_pattern_template_attr attributes{};
        attributes.transfer = 1;
        return rte_flow_pattern_template_create(port, &attributes, items, &error);
    }
    int destroy_pattern_template(std::uint16_t port, rte_flow_pattern_template* pattern,
                                 rte_flow_error& error) override {
        return rte_flow_pattern_template_destroy(port, pattern, &error);
    }

    rte_flow_actions_template* create_actions_template(std::uint16_t port,
                                                       const rte_flow_action* actions,
                                                       const rte_flow_action* masks,
                                                       rte_flow_error& error) override {
        rte_flow_actions_template_attr attributes{};
        attributes.transfer = 1;
        return rte_flow_actions_template_create(port, &attributes, actions, masks, &error);
    }
    int destroy_actions_template(std::uint16_t port, rte_flow_actions_template* actions,
                                 rte_flow_error& error) override {
        return rte_flow_actions_template_destroy(port, actions, &error);
    }

    rte_flow_template_table* create_table(std::uint16_t port, const TableAttributes& attributes,
                                          std::span<rte_flow_pattern_template* const> patterns,
                                          std::span<rte_flow_actions_template* const> actions,
                                          rte_flow_error& error) override {
        const rte_flow_template_table_attr table = to_rte_flow(attributes);
        std::vector<rte_flow_pattern_template*> pattern_list(patterns.begin(), patterns.end());
        std::vector<rte_flow_actions_template*> actions_list(actions.begin(), actions.end());
        return rte_flow_template_table_create(
            port, &table, pattern_list.data(), static_cast<std::uint8_t>(pattern_list.size()),
            actions_list.data(), static_cast<std::uint8_t>(actions_list.size()), &error);
    }
    int destroy_table(std::uint16_t port, rte_flow_template_table* table,
                      rte_flow_error& error) override {
        return rte_flow_template_table_destroy(port, table, &error);
    }

    rte_flow_meter_profile* add_meter_profile(std::uint16_t port, std::uint32_t id,
                                              const rte_mtr_meter_profile& profile,
                                              rte_flow_error& error) override {
        rte_mtr_error meter_error{};
        rte_mtr_meter_profile copy = profile;
        const int code = rte_mtr_meter_profile_add(port, id, &copy, &meter_error);
        if (to_flow_error(code, meter_error, error) != 0) return nullptr;
        auto* const added = rte_mtr_meter_profile_get(port, id, &meter_error);
        if (added == nullptr) to_flow_error(-rte_errno, meter_error, error);
        return added;
    }
    int remove_meter_profile(std::uint16_t port, std::uint32_t id, rte_flow_error& error) override {
        rte_mtr_error meter_error{};
        const int code = rte_mtr_meter_profile_delete(port, id, &meter_error);
        return to_flow_error(code, meter_error, error);
    }

    rte_flow* create(std::uint16_t port, std::uint32_t queue, bool postpone,
                     rte_flow_template_table* table, const rte_flow_item* items,
                     std::uint8_t pattern, const rte_flow_action* actions,
                     std::uint8_t actions_template, void* user_data,
                     rte_flow_error& error) override {
        const rte_flow_op_attr attributes = operation(postpone);
        return rte_flow_async_create(port, queue, &attributes, table, items, pattern, actions,
                                     actions_template, user_data, &error);
    }

    int destroy(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
                void* user_data, rte_flow_error& error) override {
        const rte_flow_op_attr attributes = operation(postpone);
        return rte_flow_async_destroy(port, queue, &attributes, rule, user_data, &error);
    }

#if RTE_VERSION >= RTE_VERSION_NUM(23, 7, 0, 0)
    int update(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
               const rte_flow_action* actions, std::uint8_t actions_template, void* user_data,
               rte_flow_error& error) override {
        const rte_flow_op_attr attributes = operation(postpone);
        return rte_flow_async_actions_update(port, queue, &attributes, rule, actions,
                                             actions_template, user_data, &error);
    }
    [[nodiscard]] bool can_update() const override {
        return true;
    }
#else
    int update(std::uint16_t, std::uint32_t, bool, rte_flow*, const rte_flow_action*, std::uint8_t,
               void*, rte_flow_error&) override {
        return -ENOTSUP;
    }
    [[nodiscard]] bool can_update() const override {
        return false;
    }
#endif

    int push(std::uint16_t port, std::uint32_t queue, rte_flow_error& error) override {
        return rte_flow_push(port, queue, &error);
    }
    int pull(std::uint16_t port, std::uint32_t queue, std::span<rte_flow_op_result> results,
             rte_flow_error& error) override {
        return rte_flow_pull(port, queue, results.data(),
                             static_cast<std::uint16_t>(results.size()), &error);
    }

    int query_count(std::uint16_t port, rte_flow* rule, rte_flow_query_count& count,
                    rte_flow_error& error) override {
        const std::array<rte_flow_action, 2> actions{
            {{.type = RTE_FLOW_ACTION_TYPE_COUNT, .conf = nullptr},
             {.type = RTE_FLOW_ACTION_TYPE_END, .conf = nullptr}}};
        return rte_flow_query(port, rule, actions.data(), &count, &error);
    }

#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
    int calculate_encap_hash(std::uint16_t port, const rte_flow_item* items,
                             std::array<std::uint8_t, 2>& hash, rte_flow_error& error) override {
        return rte_flow_calc_encap_hash(port, items, RTE_FLOW_ENCAP_HASH_FIELD_SRC_PORT,
                                        static_cast<std::uint8_t>(hash.size()), hash.data(),
                                        &error);
    }
#else
    int calculate_encap_hash(std::uint16_t, const rte_flow_item*, std::array<std::uint8_t, 2>&,
                             rte_flow_error& error) override {
        error.message = "the NIC can be asked from DPDK 24.03 on";
        return -ENOTSUP;
    }
#endif
};

} // namespace

std::unique_ptr<FlowApi> make_dpdk_flow_api() {
    return std::make_unique<DpdkFlowApi>();
}

} // namespace sallyport::eswitch
