// SPDX-License-Identifier: BSD-3-Clause
// Deep copies of patterns and actions, for the caller's are gone when an operation completes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <rte_flow.h>

namespace sallyport::eswitch {

/// Octets of the item's structure; 0 if it has none or the double does not know it.
std::size_t item_size(rte_flow_item_type type);
/// Likewise of the action's configuration.
std::size_t action_size(rte_flow_action_type type);

/// Number of items before the END.
std::size_t count_items(const rte_flow_item* items);
std::size_t count_actions(const rte_flow_action* actions);

/// Octets that live as long as the object, aligned for any structure.
class Storage {
  public:
    /// @return null if @p source is null
    const void* keep(const void* source, std::size_t octets);

  private:
    std::vector<std::unique_ptr<std::uint8_t[]>> blocks_;
};

/// A pattern with its END.
class OwnedItems {
  public:
    OwnedItems() = default;
    explicit OwnedItems(const rte_flow_item* items);

    [[nodiscard]] const rte_flow_item* data() const { return items_.data(); }
    /// Without the END.
    [[nodiscard]] std::span<const rte_flow_item> items() const {
        return {items_.data(), items_.empty() ? 0 : items_.size() - 1};
    }

  private:
    std::vector<rte_flow_item> items_;
    Storage storage_;
};

/// A list of actions with its END.
class OwnedActions {
  public:
    OwnedActions() = default;
    explicit OwnedActions(const rte_flow_action* actions);

    [[nodiscard]] const rte_flow_action* data() const { return actions_.data(); }
    /// Without the END.
    [[nodiscard]] std::span<const rte_flow_action> actions() const {
        return {actions_.data(), actions_.empty() ? 0 : actions_.size() - 1};
    }

  private:
    std::vector<rte_flow_action> actions_;
    Storage storage_;
};

} // namespace sallyport::eswitch
