// SPDX-License-Identifier: BSD-3-Clause
// What the strict double hands out instead of the wrapped API's handles. None is freed before the
// double itself, so that a handle used after its end is told from a new one.
#pragma once

#include "strict_actions.h"
#include "strict_copies.h"
#include "strict_definer.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rte_flow.h>

namespace sallyport::eswitch {

struct StrictPattern {
    OwnedItems items;
    DefinerUse use;
    rte_flow_pattern_template* wrapped = nullptr;
    std::size_t tables = 0;
    bool dead = false;
};

struct StrictActions {
    ActionsTemplateContent content;
    /// Of the tables that are made of it.
    Verdict at_table = {};
    /// Null where no table can be made of it.
    rte_flow_actions_template* wrapped = nullptr;
    std::size_t tables = 0;
    bool dead = false;
};

struct StrictTable {
    TableAttributes attributes;
    std::vector<StrictPattern*> patterns = {};
    std::vector<StrictActions*> actions = {};
    rte_flow_template_table* wrapped = nullptr;
    /// Rules whose handles are not yet destroyed.
    std::size_t handles = 0;
    /// Of them, those that are or may come to be in the table.
    std::size_t rules = 0;
    /// Wrapped rules whose destruction failed: no handle leads to them any more.
    std::vector<rte_flow*> stranded = {};
    bool dead = false;
};

struct StrictRule {
    enum class State : std::uint8_t { creating, created, updating, failed, destroying, dead };

    State state = State::creating;
    StrictTable* table = nullptr;
    std::uint8_t pattern = 0;
    std::uint8_t actions = 0;
    /// What it matches.
    std::string key = {};
    /// Null unless it is in the table.
    rte_flow* wrapped = nullptr;
    /// Its packets are the wire's, by its table or by its pattern.
    bool from_wire = false;
    /// It is one of those that the table was made for.
    bool has_room = true;
    StrictShare share = {};
    /// Of its METER_MARK, if it has one.
    const rte_flow_meter_profile* meter = nullptr;
};

struct StrictMeterProfile {
    std::uint32_t id = 0;
    /// The wrapped API's, which actions carry as it is.
    rte_flow_meter_profile* handle = nullptr;
    bool dead = false;
};

/// Objects by the pointers that the application knows them by.
template<typename Object, typename Handle>
class StrictHandles {
  public:
    Handle* add(Object object) {
        auto owned = std::make_unique<Object>(std::move(object));
        auto* handle = reinterpret_cast<Handle*>(owned.get());
        objects_.emplace(handle, std::move(owned));
        return handle;
    }
    /// Null for a pointer that was never handed out.
    [[nodiscard]] Object* find(const Handle* handle) const {
        const auto found = objects_.find(handle);
        return found == objects_.end() ? nullptr : found->second.get();
    }
    template<typename Function>
    void each(Function function) const {
        for (const auto& [handle, object] : objects_)
            function(*object);
    }
    template<typename Predicate>
    [[nodiscard]] std::size_t count(Predicate predicate) const {
        std::size_t count = 0;
        each([&](const Object& object) { count += predicate(object) ? 1 : 0; });
        return count;
    }

  private:
    std::unordered_map<const Handle*, std::unique_ptr<Object>> objects_;
};

} // namespace sallyport::eswitch
