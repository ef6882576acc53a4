// SPDX-License-Identifier: BSD-3-Clause
// What mlx5 (DPDK 24.11, template API, FDB) takes as a pattern template, and as a rule's pattern.
#pragma once

#include "strict_options.h"
#include "strict_refusal.h"

#include <functional>
#include <span>
#include <string>

#include <rte_flow.h>

namespace sallyport::eswitch {

/// @param items with their END
Verdict check_pattern_template(const rte_flow_item* items, const StrictOptions& options);

/// @param known_port whether the E-Switch has such a port
Verdict check_rule_pattern(std::span<const rte_flow_item> pattern, const rte_flow_item* items,
                           const std::function<bool(std::uint16_t)>& known_port);

bool has_item(std::span<const rte_flow_item> pattern, rte_flow_item_type type);

/// Whether two templates have the same items, and match the same bits of them.
bool same_masks(std::span<const rte_flow_item> one, std::span<const rte_flow_item> other);

/// What a rule matches, as octets: equal for rules that match the same.
std::string key_of(std::span<const rte_flow_item> pattern, const rte_flow_item* items);

} // namespace sallyport::eswitch
