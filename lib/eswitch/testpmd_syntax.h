// SPDX-License-Identifier: BSD-3-Clause
// Items and actions in the words of DPDK 24.11's testpmd ("Testpmd Application User Guide", flow
// rules management).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <rte_flow.h>

namespace sallyport::eswitch {

/// For each item of a pattern, the fields that it masks: bits, in the order of testpmd_syntax.cpp.
using MaskedFields = std::vector<std::uint32_t>;

MaskedFields find_masked_fields(const rte_flow_item* items);

/// Specs and masks, "eth dst spec ... dst mask ... / end".
std::string template_items_text(const rte_flow_item* items);
/// Specs of the fields that the rule's template masks, zero or not.
std::string rule_items_text(const rte_flow_item* items, const MaskedFields& masked);

/// The octets of a RAW_ENCAP as items, without the end; nothing if they are not headers that can be
/// said in items.
std::optional<std::string> header_text(std::span<const std::uint8_t> octets);

/// testpmd's numbers of the meter profiles that actions point to.
using MeterNumbers = std::map<const void*, std::uint32_t>;

std::string actions_text(const rte_flow_action* actions, const MeterNumbers& meters);
/// The masks of an actions template.
std::string action_masks_text(const rte_flow_action* masks);

} // namespace sallyport::eswitch
