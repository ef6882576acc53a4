// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/model/model_tables.h"

#include <algorithm>
#include <utility>

namespace sallyport::eswitch {

ModelTable::ModelTable(const TableAttributes& attributes, std::vector<Pattern*> patterns,
                       std::vector<ActionsTemplate*> actions)
    : attributes_(attributes), patterns_(std::move(patterns)), actions_(std::move(actions)),
      indexes_(patterns_.size()) {
    for (Pattern* pattern : patterns_)
        ++pattern->users;
    for (ActionsTemplate* actions_template : actions_)
        ++actions_template->users;
}

ModelTable::~ModelTable() {
    for (Pattern* pattern : patterns_)
        --pattern->users;
    for (ActionsTemplate* actions_template : actions_)
        --actions_template->users;
}

const Pattern* ModelTable::pattern(std::uint8_t index) const {
    return index < patterns_.size() ? patterns_[index] : nullptr;
}

const ActionsTemplate* ModelTable::actions(std::uint8_t index) const {
    return index < actions_.size() ? actions_[index] : nullptr;
}

ModelRule& ModelTable::insert(std::uint8_t pattern, const std::string& key, ModelRule rule) {
    const auto self = rules_.insert(rules_.end(), std::move(rule));
    const auto [entry, is_new] = indexes_[pattern].try_emplace(key, nullptr);
    self->table = this;
    self->self = self;
    self->pattern = pattern;
    self->key = &entry->first;
    self->older = entry->second;
    if (!is_new) self->older->newer = &*self;
    entry->second = &*self;
    return *self;
}

void ModelTable::erase(ModelRule& rule) {
    if (rule.older != nullptr) rule.older->newer = rule.newer;
    if (rule.newer != nullptr) {
        rule.newer->older = rule.older;
    } else {
        Index& index = indexes_[rule.pattern];
        const auto entry = index.find(*rule.key);
        if (rule.older != nullptr)
            entry->second = rule.older;
        else
            index.erase(entry);
    }
    rules_.erase(rule.self);
}

ModelRule* ModelTable::find(ModelPacket& packet) {
    ModelRule* newest = nullptr;
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
        if (indexes_[i].empty() || !extract_key(*patterns_[i], packet, scratch_)) continue;
        const auto entry = indexes_[i].find(std::string_view(scratch_));
        if (entry == indexes_[i].end()) continue;
        if (newest == nullptr || entry->second->number > newest->number) newest = entry->second;
    }
    return newest;
}

ModelTable& ModelTables::add(std::unique_ptr<ModelTable> table) {
    Group& group = groups_[table->attributes().group];
    const auto place = std::upper_bound(group.begin(), group.end(), table->attributes().priority,
                                        [](std::uint32_t priority, const auto& other) {
                                            return priority < other->attributes().priority;
                                        });
    return **group.insert(place, std::move(table));
}

void ModelTables::remove(const ModelTable& table) {
    const auto group = groups_.find(table.attributes().group);
    std::erase_if(group->second, [&](const auto& other) { return other.get() == &table; });
    if (group->second.empty()) groups_.erase(group);
}

std::size_t ModelTables::rules() const {
    std::size_t rules = 0;
    for (const auto& [number, group] : groups_) {
        for (const auto& table : group)
            rules += table->size();
    }
    return rules;
}

bool ModelTables::agrees(std::uint32_t group, Origin origin) const {
    const auto found = groups_.find(group);
    return found == groups_.end() || found->second.front()->attributes().origin == origin;
}

ModelRule* ModelTables::find(std::uint32_t group, Origin origin, ModelPacket& packet) const {
    const auto found = groups_.find(group);
    if (found == groups_.end()) return nullptr;
    for (const auto& table : found->second) {
        const Origin of_table = table->attributes().origin;
        if (of_table != Origin::any && of_table != origin) continue;
        if (ModelRule* const rule = table->find(packet)) return rule;
    }
    return nullptr;
}

} // namespace sallyport::eswitch
