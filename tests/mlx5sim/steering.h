// SPDX-License-Identifier: BSD-3-Clause
// What the driver programs packet steering with. In the words of the manual: a flow table points
// to an RTC ("rule table context"), which matches by a definer and holds the entries (STEs); each
// entry names up to five STCs, which are its actions; patterns and arguments are what a list of
// header modifications is made of.
#pragma once

#include "meter.h"
#include "objects.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace mlx5sim {

enum class TableType : std::uint8_t {
    nic_receive = 0,
    nic_transmit = 1,
    fdb = 4,
    fdb_receive = 10,
    fdb_transmit = 11
};

struct FlowTable : Indexed<FlowTable> {
    explicit FlowTable(std::uint32_t number) : Indexed("flow table", number) {}
    std::uint8_t type = 0;
    /// 0: the default of the table's type; 1: the table miss_id.
    std::uint8_t miss_action = 0;
    std::uint32_t miss_id = 0;
    /// 0: none. The first is for what comes from the wire, the second for what vports send.
    std::uint32_t rtc_0 = 0, rtc_1 = 0;
};

struct FlowGroup : Object {
    explicit FlowGroup(std::uint32_t number) : Object("flow group", number) {}
};

struct Destination {
    enum class Type : std::uint8_t { vport = 0, table = 1, tir = 2 };
    Type type = Type::vport;
    std::uint32_t id = 0;
    std::optional<std::uint16_t> owner_vhca;
};

/// An entry that the firmware writes itself, into the tables of the default misses.
struct FlowEntry : Object {
    FlowEntry(std::uint32_t number, std::uint32_t in);
    ~FlowEntry() override;
    /// Null: the table has none.
    static const FlowEntry* of_table(std::uint32_t id);
    const std::uint32_t table;
    std::vector<Destination> destinations;
};

/// Which words and octets of a packet make a tag of up to 44 octets, and which of its bits count.
struct Definer : Indexed<Definer> {
    explicit Definer(std::uint32_t number) : Indexed("match definer", number) {}
    std::array<std::uint8_t, 9> dwords{};
    std::array<std::uint8_t, 8> bytes{};
    std::array<std::uint8_t, 44> mask{};
};

/// One action, as MODIFY_GENERAL_OBJECT sets it.
struct Action {
    std::uint8_t type = 0;
    /// The word of the entry where its data stands.
    std::uint8_t offset = 0;
    std::array<std::uint8_t, 16> parameter{};
};

struct Actions : Indexed<Actions> {
    Actions(std::uint32_t number, std::size_t size) : Indexed("STC", number), list(size) {}
    std::vector<Action> list;
};

struct EntryRange : Indexed<EntryRange> {
    explicit EntryRange(std::uint32_t number) : Indexed("STE", number) {}
};

struct Pattern : Indexed<Pattern> {
    explicit Pattern(std::uint32_t number) : Indexed("header modification", number) {}
    /// Each 8 octets, as in the manual's set, add and copy actions.
    std::vector<std::array<std::uint8_t, 8>> actions;
};

/// Data that entries point to by number: the values of modifications, the headers to insert.
struct Arguments : Indexed<Arguments> {
    static constexpr std::size_t unit = 64;
    Arguments(std::uint32_t number, std::size_t size)
        : Indexed("argument", number), data(size * unit) {}
    std::size_t numbers() const { return data.size() / unit; }
    std::vector<std::uint8_t> data;
};

struct Counters : Indexed<Counters> {
    struct Count {
        std::uint64_t packets = 0, octets = 0;
    };
    Counters(std::uint32_t number, std::size_t size)
        : Indexed("flow counter", number), list(size) {}
    std::size_t numbers() const { return list.size(); }
    std::vector<Count> list;
};

/// Meters, two to an object as the manual has it.
struct Meters : Indexed<Meters> {
    Meters(std::uint32_t number, std::size_t size) : Indexed("meter", number), list(2 * size) {}
    std::size_t numbers() const { return list.size() / 2; }
    std::vector<Meter> list;
};

/// One entry of a rule table.
struct Entry {
    std::array<std::uint32_t, 5> actions{};
    /// 64 octets as written: 20 of control, 12 of action data and 32 of tag, or 44 of tag.
    std::array<std::uint8_t, 64> data{};
};

/// Hash of a tag under its mask.
struct TagHash {
    std::size_t operator()(const std::array<std::uint8_t, 44>& tag) const noexcept;
};

struct RuleTable : Indexed<RuleTable> {
    explicit RuleTable(std::uint32_t number) : Indexed("RTC", number) {}
    ~RuleTable() override;
    std::uint8_t type = 0;
    std::uint8_t format_0 = 0;
    std::uint32_t definer = 0;
    std::uint32_t action_base = 0;
    std::uint32_t miss_table = 0;
    std::uint8_t update_mode = 0;
    std::uint8_t access_mode = 0;

    /// Entries by the tag that a packet must give. The mask is the definer's.
    std::unordered_map<std::array<std::uint8_t, 44>, Entry, TagHash> by_tag;
    /// Of tables that are addressed by an index.
    std::unordered_map<std::uint32_t, Entry> by_index;
    /// The number of the range that holds the entries, and where in it the first of them is.
    std::uint32_t entries = 0, first_entry = 0;
    void hold_entries(std::uint32_t range, std::uint32_t first);

    bool is_jumbo() const;
    /// The tag of @p data under the mask: what entries are found by.
    std::array<std::uint8_t, 44> key(std::span<const std::uint8_t, 64> data) const;
};

/// The range of such objects, each with a number of its own, that @p number lies in; null: none.
template<typename Range>
Range* find_range(std::uint32_t number) {
    for (const auto& [first, range] : Range::all())
        if (number >= first && number - first < range->numbers()) return range;
    return nullptr;
}

/// The table whose entries lie in a range, by the range's number; null: none.
RuleTable* table_of_entries(std::uint32_t range);

/// Formats of entries. There are others, for ranges.
constexpr std::uint8_t format_8_words = 4, format_11_words = 5;

/// A request to a rule table: the WQE behind its control segment. False: the table takes it not.
bool write_entry(std::uint32_t rtc, std::span<const std::uint8_t, 48> control,
                 std::span<const std::uint8_t, 64> data);

/// Sets 64 octets of the arguments of number @p id.
bool write_argument(std::uint32_t id, std::span<const std::uint8_t, 64> data);

} // namespace mlx5sim
