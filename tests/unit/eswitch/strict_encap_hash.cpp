// SPDX-License-Identifier: BSD-3-Clause
// rte_flow_calc_encap_hash() as flow_hw_calc_encap_hash() answers it: of what it reads it checks
// nothing, and what it does not read it passes over without a word.
#include "strict_flow_api.h"

namespace sallyport::eswitch {

namespace {

bool reads(rte_flow_item_type type) {
    switch (type) {
    case RTE_FLOW_ITEM_TYPE_IPV4:
    case RTE_FLOW_ITEM_TYPE_IPV6:
    case RTE_FLOW_ITEM_TYPE_UDP:
    case RTE_FLOW_ITEM_TYPE_TCP:
    case RTE_FLOW_ITEM_TYPE_ICMP:
    case RTE_FLOW_ITEM_TYPE_ICMP6:
        return true;
    default:
        return false;
    }
}

/// What goes wrong without an errno; null: nothing.
const char* fault_of(const rte_flow_item& item) {
    if (!reads(item.type)) return "an encap hash of an item that mlx5 does not read";
    if (item.spec == nullptr) return "an encap hash of an item without spec, where mlx5 crashes";
    if (item.mask != nullptr || item.last != nullptr)
        return "an encap hash of an item with a mask or a range, which mlx5 does not look at";
    return nullptr;
}

} // namespace

int StrictFlowApi::calculate_encap_hash(std::uint16_t port, const rte_flow_item* items,
                                        std::array<std::uint8_t, 2>& hash, rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    if (!ports_.is_known(port)) return report(*refuse(ENODEV, "no such port"), error);
    if (Verdict verdict = draw_refusal(Operation::calculate_encap_hash))
        return report(*verdict, error);
    const char* fault = ports_.configuration(port) == nullptr
                            ? "an encap hash before the port is configured, where mlx5 crashes"
                            : nullptr;
    for (const rte_flow_item* item = items; item->type != RTE_FLOW_ITEM_TYPE_END; ++item)
        if (fault == nullptr) fault = fault_of(*item);
    if (fault != nullptr) {
        violate(fault);
        return report(*refuse(EINVAL, fault), error);
    }
    if (!options_.knows_encap_hash)
        return report(*refuse(ENOTSUP, "error while calculating encap hash"), error);
    const int result = wrapped_.calculate_encap_hash(port, items, hash, error);
    if (result != 0) violate_refused("calculate an encap hash", error);
    return result;
}

} // namespace sallyport::eswitch
