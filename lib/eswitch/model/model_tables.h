// SPDX-License-Identifier: BSD-3-Clause
// The model's tables: rules found by their keys, however many there are.
#pragma once

#include "eswitch/flow_api.h"
#include "eswitch/model/actions.h"
#include "eswitch/model/pattern.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sallyport::eswitch {

class ModelTable;

struct ModelRule {
    ModelTable* table = nullptr;
    const ActionsTemplate* actions = nullptr;
    /// What the actions template leaves to the rule.
    std::vector<std::uint8_t> arguments;
    void* user_data = nullptr;
    std::uint64_t packets = 0;
    std::uint64_t octets = 0;
    /// Grows with every rule made.
    std::uint64_t number = 0;
    std::uint8_t pattern = 0;
    const std::string* key = nullptr;
    /// Others of the same pattern and key.
    ModelRule* older = nullptr;
    ModelRule* newer = nullptr;
    std::list<ModelRule>::iterator self;
};

class ModelTable {
  public:
    ModelTable(const TableAttributes& attributes, std::vector<Pattern*> patterns,
               std::vector<ActionsTemplate*> actions);
    ~ModelTable();
    ModelTable(const ModelTable&) = delete;
    ModelTable& operator=(const ModelTable&) = delete;

    [[nodiscard]] const TableAttributes& attributes() const { return attributes_; }
    [[nodiscard]] std::size_t size() const { return rules_.size(); }
    [[nodiscard]] bool full() const { return rules_.size() >= attributes_.rules; }
    /// Null: the table has no such template.
    [[nodiscard]] const Pattern* pattern(std::uint8_t index) const;
    [[nodiscard]] const ActionsTemplate* actions(std::uint8_t index) const;

    /// @param pattern one of the table's
    ModelRule& insert(std::uint8_t pattern, const std::string& key, ModelRule rule);
    void erase(ModelRule& rule);
    /// The newest of those that match; null: none.
    ModelRule* find(ModelPacket& packet);

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view key) const {
            return std::hash<std::string_view>()(key);
        }
    };
    /// The newest rule of each key.
    using Index = std::unordered_map<std::string, ModelRule*, Hash, std::equal_to<>>;

    TableAttributes attributes_;
    std::vector<Pattern*> patterns_;
    std::vector<ActionsTemplate*> actions_;
    /// As many as patterns.
    std::vector<Index> indexes_;
    std::list<ModelRule> rules_;
    /// The key of the packet at hand.
    std::string scratch_;
};

/// All tables, by group.
class ModelTables {
  public:
    ModelTable& add(std::unique_ptr<ModelTable> table);
    void remove(const ModelTable& table);
    [[nodiscard]] std::size_t rules() const;
    /// All tables of the group are of @p origin, or there are none.
    [[nodiscard]] bool agrees(std::uint32_t group, Origin origin) const;
    /// The rule that a packet hits in a group; null: none.
    /// @param origin wire or vport
    ModelRule* find(std::uint32_t group, Origin origin, ModelPacket& packet) const;

  private:
    /// In the order in which they are tried.
    using Group = std::vector<std::unique_ptr<ModelTable>>;
    std::map<std::uint32_t, Group> groups_;
};

} // namespace sallyport::eswitch
