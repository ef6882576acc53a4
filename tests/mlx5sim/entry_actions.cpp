// SPDX-License-Identifier: BSD-3-Clause
#include "entry_actions.h"

#include "fields.h"
#include "modification.h"
#include "reformat.h"
#include "report.h"
#include "topology.h"

#include <algorithm>

namespace mlx5sim {

namespace {

/// Types of actions.
enum ActionType : std::uint8_t {
    nop = 0x00,
    copy = 0x05,
    set_field = 0x06,
    add = 0x07,
    remove_words = 0x08,
    header_remove = 0x09,
    header_insert = 0x0b,
    tag = 0x0c,
    modify_list = 0x0e,
    aso = 0x12,
    counter = 0x14,
    add_field = 0x1b,
    jump_to_entries = 0x80,
    jump_to_tir = 0x81,
    jump_to_table = 0x82,
    drop = 0x83,
    allow = 0x84,
    jump_to_vport = 0x85,
    jump_to_uplink = 0x86
};

/// Parameters of actions.
constexpr Field id{0x00, 32}, second_id{0x20, 32}, tir_number{0x08, 24}, table_number{0x08, 24},
    owner{0x00, 16}, vport{0x10, 16}, remove_start{0x0a, 6}, remove_end{0x12, 6},
    words_start{0x0a, 6}, words_offset{0x11, 7}, words_count{0x1a, 6}, insert_encap{0x04, 1},
    insert_inline{0x05, 1}, insert_esp{0x06, 1}, insert_anchor{0x0a, 6}, insert_offset{0x11, 7},
    insert_size{0x19, 7}, insert_argument{0x20, 32}, aso_register{0x20, 4}, aso_type{0x24, 4};
constexpr std::uint8_t aso_meter = 2;

/// What of an entry's data belongs to which of its five actions, in words.
constexpr std::size_t counter_word = 0, hit_word = 4, single_word = 5, double_word = 6,
                      last_word = 7;
enum Place : std::size_t { place_counter, place_hit, place_single, place_double, place_last };
/// Where the data of an action in this place begins: its STC says so too.
constexpr std::array<std::uint8_t, 5> first_word{counter_word, hit_word, single_word, double_word,
                                                 last_word};

void check_place(const Action& action, Place place) {
    if (action.offset != first_word[place])
        refuse("the action 0x%x with its data in word %u of an entry is not simulated", action.type,
               action.offset);
}

std::span<const std::uint8_t> arguments_at(std::uint32_t base, std::uint32_t offset,
                                           std::size_t size) {
    const Arguments* const found = Arguments::find(base);
    const std::size_t at = std::size_t{offset} * Arguments::unit;
    if (found == nullptr || at + size > found->data.size())
        refuse("there are no arguments %u+%u", base, offset);
    return std::span(found->data).subspan(at, size);
}

class Execution {
  public:
    Execution(const RuleTable& table, const Entry& entry, Packet& packet)
        : table_(table), entry_(entry), packet_(packet),
          actions_(Actions::find(table.action_base)) {
        if (actions_ == nullptr) refuse("RTC %u: there is no STC %u", table.id, table.action_base);
    }

    Next run() {
        count(action_at(place_counter));
        if (!table_.is_jumbo())
            for (const Place place : {place_single, place_double, place_last})
                if (place <= last_place()) change(action_at(place), place);
        Next next = onward(action_at(place_hit));
        next.changed = changed_;
        return next;
    }

  private:
    // The first word's upper bits tell how many actions there are beside the destination.
    std::size_t last_place() const { return entry_.actions[place_counter] >> 29; }

    const Action& action_at(Place place) const {
        const std::uint32_t number = entry_.actions[place] & 0x1fffffff;
        if (number >= actions_->list.size())
            refuse("RTC %u: %u is beyond the actions of STC %u", table_.id, number, actions_->id);
        return actions_->list[number];
    }

    std::uint32_t word(std::size_t index) const { return load32(entry_.data.data() + 4 * index); }

    void count(const Action& action);
    void change(const Action& action, Place place);
    Next onward(const Action& action) const;

    void change_list(const Action& action);
    void insert(const Action& action);
    void remove(const Action& action);
    void cut_words(const Action& action);
    void police(const Action& action);
    void modify_one(std::span<const std::uint8_t, 8> action, std::uint32_t data);

    const RuleTable& table_;
    const Entry& entry_;
    Packet& packet_;
    const Actions* actions_;
    bool changed_ = false;
};

void Execution::count(const Action& action) {
    if (action.type == nop) return;
    if (action.type != counter)
        refuse("the action 0x%x in a counter's place is not simulated", action.type);
    check_place(action, place_counter);
    const std::uint32_t bulk = get32(action.parameter.data(), id);
    const std::uint32_t offset = word(counter_word);
    Counters* const counters = Counters::find(bulk);
    if (counters == nullptr || offset >= counters->list.size())
        refuse("there is no flow counter %u+%u", bulk, offset);
    ++counters->list[offset].packets;
    counters->list[offset].octets += packet_.size();
}

void Execution::modify_one(std::span<const std::uint8_t, 8> action, std::uint32_t data) {
    if (modify(packet_, action, data)) packet_.parse();
}

void Execution::change(const Action& action, Place place) {
    if (action.type == nop) return;
    check_place(action, place);
    changed_ = true;
    switch (action.type) {
    case tag:
        packet_.flow_tag = word(single_word);
        return;
    case copy:
    case set_field:
    case add:
    case add_field:
        return modify_one(std::span(action.parameter).first<8>(),
                          word(place == place_single ? single_word : last_word));
    case modify_list:
        return change_list(action);
    case header_insert:
        return insert(action);
    case header_remove:
        return remove(action);
    case remove_words:
        return cut_words(action);
    case aso:
        return police(action);
    default:
        refuse("the action 0x%x of a rule is not simulated", action.type);
    }
}

void Execution::change_list(const Action& action) {
    const std::uint32_t number = get32(action.parameter.data(), id);
    const Pattern* const pattern = Pattern::find(number);
    if (pattern == nullptr) refuse("there is no header modification %u", number);
    const auto values = arguments_at(get32(action.parameter.data(), second_id), word(last_word),
                                     8 * pattern->actions.size());
    bool changed = false;
    for (std::size_t i = 0; i < pattern->actions.size(); ++i)
        changed |= modify(packet_, pattern->actions[i], load32(values.data() + 8 * i + 4));
    if (changed) packet_.parse();
}

void Execution::insert(const Action& action) {
    const std::uint8_t* const parameter = action.parameter.data();
    if (get(parameter, insert_esp) != 0) refuse("the insertion of ESP is not simulated");
    const std::size_t size = std::size_t{2} * get32(parameter, insert_size);
    std::array<std::uint8_t, 4> in_entry{};
    store32(in_entry.data(), word(last_word));
    const std::span<const std::uint8_t> header =
        get(parameter, insert_inline) != 0
            ? std::span<const std::uint8_t>(in_entry).first(size)
            : arguments_at(get32(parameter, insert_argument), word(last_word), size);
    const auto at =
        place_of(packet_, Anchor{static_cast<std::uint8_t>(get(parameter, insert_anchor))});
    if (!at) return;
    const std::size_t offset = *at + std::size_t{2} * get32(parameter, insert_offset);
    if (get(parameter, insert_encap) != 0) {
        if (offset != 0) refuse("an encapsulation behind the packet's start is not simulated");
        return encapsulate(packet_, header);
    }
    packet_.insert(offset, header);
    packet_.parse();
}

void Execution::remove(const Action& action) {
    const std::uint8_t* const parameter = action.parameter.data();
    const auto place = [&](Field field) {
        return place_of(packet_, Anchor{static_cast<std::uint8_t>(get(parameter, field))});
    };
    const auto start = place(remove_start), end = place(remove_end);
    if (!start || !end || *start >= *end) return;
    packet_.remove(*start, *end - *start);
    packet_.parse();
}

void Execution::cut_words(const Action& action) {
    const std::uint8_t* const parameter = action.parameter.data();
    const auto start =
        place_of(packet_, Anchor{static_cast<std::uint8_t>(get(parameter, words_start))});
    if (!start) return;
    packet_.remove(*start + std::size_t{2} * get32(parameter, words_offset),
                   std::size_t{2} * get32(parameter, words_count));
    packet_.parse();
}

// The colour stands in the register's last octet.
void Execution::police(const Action& action) {
    const std::uint8_t* const parameter = action.parameter.data();
    const auto type = static_cast<unsigned>(get(parameter, aso_type));
    if (type != aso_meter) refuse("the ASO action %u is not simulated", type);
    const std::uint32_t number = get32(parameter, id);
    Meters* const meters = Meters::find(number);
    const std::size_t which = std::size_t{2} * word(double_word) + (word(last_word) & 1);
    if (meters == nullptr || which >= meters->list.size())
        refuse("there is no meter %u+%zu", number, which);
    const Colour colour = meters->list[which].take(packet_.size(), Meter::Clock::now());
    std::uint32_t& value = packet_.c[get(parameter, aso_register)];
    value = (value & ~0xffU) | static_cast<std::uint8_t>(colour);
}

Next to_entries(const Action& action, std::uint32_t address) {
    const std::uint32_t range = get32(action.parameter.data(), id);
    const RuleTable* const table = table_of_entries(range);
    if (table == nullptr) refuse("no RTC has the entries of STE %u", range);
    const std::uint32_t index = (address >> 6) - table->first_entry;
    const auto found = table->by_index.find(index);
    if (found == table->by_index.end()) refuse("RTC %u has no entry %u", table->id, index);
    Next next;
    next.kind = Next::Kind::entry;
    next.table = table;
    next.entry = &found->second;
    return next;
}

Next Execution::onward(const Action& action) const {
    const std::uint8_t* const parameter = action.parameter.data();
    Next next;
    switch (action.type) {
    case jump_to_entries:
        return to_entries(action, word(hit_word));
    case jump_to_table:
        next.kind = Next::Kind::table;
        next.flow_table = get32(parameter, table_number);
        return next;
    case jump_to_tir:
        next.verdict = {Verdict::Kind::tir, 0, 0, get32(parameter, tir_number)};
        return next;
    case drop:
        next.verdict.kind = Verdict::Kind::drop;
        return next;
    case allow:
        next.verdict.kind = Verdict::Kind::allow;
        return next;
    case jump_to_vport:
        next.verdict = {Verdict::Kind::vport, static_cast<std::uint16_t>(get(parameter, owner)),
                        static_cast<std::uint16_t>(get(parameter, vport)), 0};
        return next;
    case jump_to_uplink:
        next.verdict = {Verdict::Kind::vport, static_cast<std::uint16_t>(get(parameter, owner)),
                        uplink_vport, 0};
        return next;
    default:
        refuse("the destination 0x%x of a rule is not simulated", action.type);
    }
}

} // namespace

Next carry_out(const RuleTable& table, const Entry& entry, Packet& packet) {
    return Execution(table, entry, packet).run();
}

} // namespace mlx5sim
