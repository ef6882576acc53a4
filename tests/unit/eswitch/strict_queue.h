// SPDX-License-Identifier: BSD-3-Clause
// A flow queue: what was asked, what the hardware has got, what is done and not yet told.
#pragma once

#include "strict_copies.h"
#include "strict_objects.h"
#include "strict_options.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <thread>
#include <vector>

#include <rte_flow.h>

namespace sallyport::eswitch {

struct StrictOperation {
    enum class Kind : std::uint8_t { create, update, destroy };

    Kind kind = Kind::create;
    StrictRule* rule = nullptr;
    void* user_data = nullptr;
    OwnedItems items = {};
    OwnedActions actions = {};
    std::uint8_t actions_template = 0;
    /// Meant to complete with RTE_FLOW_OP_ERROR.
    bool fails = false;
    /// Of an update: the new actions', which replace the old ones'.
    StrictShare share = {};
    const rte_flow_meter_profile* meter = nullptr;
    rte_flow_op_status status = RTE_FLOW_OP_SUCCESS;
};

class StrictQueue {
  public:
    using Schedule = StrictOptions::Completion;
    using Apply = std::function<void(StrictOperation&)>;

    StrictQueue(std::size_t size, Schedule schedule, std::uint64_t seed)
        : size_(size), schedule_(schedule), random_(seed) {}

    /// Operations whose results have not been pulled.
    [[nodiscard]] std::size_t outstanding() const {
        return postponed_.size() + posted_.size() + done_.size();
    }
    [[nodiscard]] bool is_full() const { return outstanding() >= size_; }

    void add(StrictOperation operation, bool postpone, const Apply& apply);
    void push(const Apply& apply);
    /// @param settle called for each result that is told
    std::size_t pull(std::span<rte_flow_op_result> results, const Apply& apply,
                     const Apply& settle);

    void kill() { is_dead_ = true; }
    [[nodiscard]] bool is_dead() const { return is_dead_; }

    /// The first caller's queue it is. @return whether the calling thread is that one
    bool belongs_to_caller();
    void forget_owner() { owner_.reset(); }

  private:
    void advance(const Apply& apply);

    std::size_t size_;
    Schedule schedule_;
    std::mt19937_64 random_;
    bool is_dead_ = false;
    std::optional<std::thread::id> owner_;
    std::vector<StrictOperation> postponed_;
    std::vector<StrictOperation> posted_;
    std::vector<StrictOperation> done_;
};

} // namespace sallyport::eswitch
