// SPDX-License-Identifier: BSD-3-Clause
#include "steering.h"

#include "faults.h"
#include "fields.h"
#include "report.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace mlx5sim {

namespace {

/// What a request asks of an entry.
constexpr std::uint8_t activate = 0, deactivate = 1;
constexpr std::uint8_t by_hash = 0;
/// Where the tag begins in an entry: behind control alone, or behind three words of actions too.
constexpr std::size_t jumbo_tag_at = 20, tag_at = 32;

/// By the range that holds their entries.
std::unordered_map<std::uint32_t, RuleTable*>& tables_by_range() {
    static auto* const instance = new std::unordered_map<std::uint32_t, RuleTable*>;
    return *instance;
}

std::unordered_map<std::uint32_t, const FlowEntry*>& entries_by_table() {
    static auto* const instance = new std::unordered_map<std::uint32_t, const FlowEntry*>;
    return *instance;
}

} // namespace

FlowEntry::FlowEntry(std::uint32_t number, std::uint32_t in)
    : Object("flow table entry", number), table(in) {
    if (!entries_by_table().emplace(table, this).second)
        refuse("SET_FLOW_TABLE_ENTRY: a second entry of flow table %u is not simulated", table);
}

FlowEntry::~FlowEntry() {
    entries_by_table().erase(table);
}

const FlowEntry* FlowEntry::of_table(std::uint32_t id) {
    const auto found = entries_by_table().find(id);
    return found == entries_by_table().end() ? nullptr : found->second;
}

void RuleTable::hold_entries(std::uint32_t range, std::uint32_t first) {
    entries = range;
    first_entry = first;
    tables_by_range()[range] = this;
}

RuleTable::~RuleTable() {
    const auto found = tables_by_range().find(entries);
    if (found != tables_by_range().end() && found->second == this) tables_by_range().erase(found);
}

RuleTable* table_of_entries(std::uint32_t range) {
    const auto found = tables_by_range().find(range);
    return found == tables_by_range().end() ? nullptr : found->second;
}

std::size_t TagHash::operator()(const std::array<std::uint8_t, 44>& tag) const noexcept {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(tag.data()), tag.size()});
}

bool RuleTable::is_jumbo() const {
    return format_0 == format_11_words;
}

// The mask is laid out as an entry of 11 words, whose first three are action data where the tag is
// of 8.
std::array<std::uint8_t, 44> RuleTable::key(std::span<const std::uint8_t, 64> data) const {
    std::array<std::uint8_t, 44> tag{};
    const Definer* const found = Definer::find(definer);
    if (found == nullptr) return tag;
    for (std::size_t i = is_jumbo() ? 0 : tag_at - jumbo_tag_at; i < tag.size(); ++i)
        tag[i] = data[jumbo_tag_at + i] & found->mask[i];
    return tag;
}

bool write_entry(std::uint32_t rtc, std::span<const std::uint8_t, 48> control,
                 std::span<const std::uint8_t, 64> data) {
    RuleTable* const table = RuleTable::find(rtc);
    if (table == nullptr) refuse("TBL_ACCESS: there is no RTC %u", rtc);
    const std::uint8_t operation = control[0] >> 4;
    const std::uint32_t index = load32(control.data()) & 0x0fffffff;
    Entry entry;
    for (std::size_t i = 0; i < entry.actions.size(); ++i)
        entry.actions[i] = load32(control.data() + 4 + 4 * i);
    std::copy(data.begin(), data.end(), entry.data.begin());
    trace("RTC %u: operation %u, index %u, actions %x %x %x %x %x", rtc, operation, index,
          entry.actions[0], entry.actions[1], entry.actions[2], entry.actions[3], entry.actions[4]);
    if (operation != activate && operation != deactivate)
        refuse("TBL_ACCESS: the operation %u on an entry is not simulated", operation);
    // What is addressed by an index has its place, and the driver does not look whether it got it.
    if (operation == activate && table->update_mode == by_hash && faults().entries.draw())
        return false;
    if (table->update_mode == by_hash) {
        const auto key = table->key(data);
        if (operation == activate)
            table->by_tag[key] = entry;
        else
            table->by_tag.erase(key);
    } else {
        if (operation == activate)
            table->by_index[index] = entry;
        else
            table->by_index.erase(index);
    }
    return true;
}

bool write_argument(std::uint32_t id, std::span<const std::uint8_t, 64> data) {
    Arguments* const arguments = find_range<Arguments>(id);
    if (arguments == nullptr) refuse("TBL_ACCESS: there is no argument %u", id);
    const std::size_t at = std::size_t{id - arguments->id} * Arguments::unit;
    std::copy(data.begin(), data.end(), arguments->data.begin() + static_cast<std::ptrdiff_t>(at));
    return true;
}

} // namespace mlx5sim
