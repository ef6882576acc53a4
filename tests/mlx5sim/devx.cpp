// SPDX-License-Identifier: BSD-3-Clause
#include "devx.h"

#include "caps.h"
#include "faults.h"
#include "fields.h"
#include "match_fields.h"
#include "queue_commands.h"
#include "report.h"
#include "steering.h"
#include "topology.h"

#include <algorithm>
#include <cerrno>
#include <string>

namespace mlx5sim {

namespace {

enum Opcode : std::uint16_t {
    query_hca_cap = 0x100,
    create_mkey = 0x200,
    create_cq = 0x400,
    query_nic_vport_context = 0x754,
    alloc_q_counter = 0x771,
    query_q_counter = 0x773,
    alloc_pd = 0x800,
    alloc_transport_domain = 0x816,
    create_tir = 0x900,
    modify_tir = 0x901,
    create_sq = 0x904,
    modify_sq = 0x905,
    create_rq = 0x908,
    modify_rq = 0x909,
    create_tis = 0x912,
    create_rqt = 0x916,
    modify_rqt = 0x917,
    create_flow_table = 0x930,
    create_flow_group = 0x933,
    set_flow_table_entry = 0x936,
    alloc_flow_counter = 0x939,
    query_flow_counter = 0x93b,
    modify_flow_table = 0x93c,
    create_general_object = 0xa00,
    modify_general_object = 0xa01,
    query_general_object = 0xa02,
};

enum ObjectType : std::uint16_t {
    type_definer = 0x18,
    type_argument = 0x23,
    type_meter = 0x24,
    type_stc = 0x40,
    type_rtc = 0x41,
    type_ste = 0x42,
    type_pattern = 0x43,
};

const char* opcode_name(std::uint16_t opcode) {
    switch (opcode) {
    case query_hca_cap:
        return "QUERY_HCA_CAP";
    case create_mkey:
        return "CREATE_MKEY";
    case create_cq:
        return "CREATE_CQ";
    case query_nic_vport_context:
        return "QUERY_NIC_VPORT_CONTEXT";
    case alloc_q_counter:
        return "ALLOC_Q_COUNTER";
    case query_q_counter:
        return "QUERY_Q_COUNTER";
    case alloc_pd:
        return "ALLOC_PD";
    case alloc_transport_domain:
        return "ALLOC_TRANSPORT_DOMAIN";
    case create_tir:
        return "CREATE_TIR";
    case modify_tir:
        return "MODIFY_TIR";
    case create_sq:
        return "CREATE_SQ";
    case modify_sq:
        return "MODIFY_SQ";
    case create_rq:
        return "CREATE_RQ";
    case modify_rq:
        return "MODIFY_RQ";
    case create_tis:
        return "CREATE_TIS";
    case create_rqt:
        return "CREATE_RQT";
    case modify_rqt:
        return "MODIFY_RQT";
    case create_flow_table:
        return "CREATE_FLOW_TABLE";
    case create_flow_group:
        return "CREATE_FLOW_GROUP";
    case set_flow_table_entry:
        return "SET_FLOW_TABLE_ENTRY";
    case alloc_flow_counter:
        return "ALLOC_FLOW_COUNTER";
    case query_flow_counter:
        return "QUERY_FLOW_COUNTER";
    case modify_flow_table:
        return "MODIFY_FLOW_TABLE";
    case create_general_object:
        return "CREATE_GENERAL_OBJECT";
    case modify_general_object:
        return "MODIFY_GENERAL_OBJECT";
    case query_general_object:
        return "QUERY_GENERAL_OBJECT";
    default:
        return nullptr;
    }
}

const char* object_type_name(std::uint16_t type) {
    switch (type) {
    case type_definer:
        return "DEFINER";
    case type_argument:
        return "MODIFY_ARGUMENT";
    case type_meter:
        return "FLOW_METER_ASO";
    case type_stc:
        return "STC";
    case type_rtc:
        return "RTC";
    case type_ste:
        return "STE";
    case type_pattern:
        return "MODIFY_HEADER_PATTERN";
    default:
        return nullptr;
    }
}

std::string named(const char* name, std::uint16_t number) {
    if (name != nullptr) return name;
    char text[8];
    std::snprintf(text, sizeof text, "0x%x", number);
    return text;
}

/// What has no meaning for us but that it is there.
struct Plain : Object {
    using Object::Object;
};

std::uint32_t next_number() {
    static Numbers numbers(1);
    return numbers.take();
}

template<typename Kind, typename... Arguments>
std::unique_ptr<Object> plain(const char* kind) {
    return std::make_unique<Plain>(kind, next_number());
}

// ---- steering

std::unique_ptr<Object> make_flow_table(const std::uint8_t* in) {
    auto table = std::make_unique<FlowTable>(next_number());
    table->type = static_cast<std::uint8_t>(get(in, flow_table::type));
    return table;
}

std::unique_ptr<Object> make_flow_entry(const Command& command) {
    const std::uint8_t* const in = command.input.data();
    constexpr std::uint64_t forward = 1U << 2;
    if (const auto action = get(in, flow_entry::action); action != forward)
        refuse("SET_FLOW_TABLE_ENTRY: the actions 0x%x are not simulated",
               static_cast<unsigned>(action));
    auto entry = std::make_unique<FlowEntry>(next_number(), get32(in, flow_entry::table_id));
    const unsigned size = get(in, flow_entry::extended) != 0 ? 128 : 64;
    for (unsigned i = 0; i < get32(in, flow_entry::destinations); ++i) {
        const unsigned at = flow_entry::first_destination + i * size;
        Destination& destination = entry->destinations.emplace_back();
        destination.type = Destination::Type{
            static_cast<std::uint8_t>(get(in, flow_entry::destination_type.in(at)))};
        destination.id = get32(in, flow_entry::destination_id.in(at));
        if (get(in, flow_entry::owner_valid.in(at)) != 0)
            destination.owner_vhca =
                static_cast<std::uint16_t>(get(in, flow_entry::owner_vhca.in(at)));
    }
    return entry;
}

std::unique_ptr<Object> make_rule_table(const std::uint8_t* in) {
    static Numbers numbers(0x100);
    auto table = std::make_unique<RuleTable>(numbers.take());
    table->type = static_cast<std::uint8_t>(get(in, rtc::table_type));
    table->format_0 = static_cast<std::uint8_t>(get(in, rtc::ste_format_0));
    if (table->format_0 != format_8_words && table->format_0 != format_11_words)
        refuse("CREATE_GENERAL_OBJECT RTC: the format %u of entries is not simulated",
               table->format_0);
    table->definer = get32(in, rtc::definer_0);
    table->action_base = get32(in, rtc::stc_base);
    table->miss_table = get32(in, rtc::miss_table);
    table->update_mode = static_cast<std::uint8_t>(get(in, rtc::update_index_mode));
    table->access_mode = static_cast<std::uint8_t>(get(in, rtc::access_index_mode));
    table->hold_entries(get32(in, rtc::ste_base), get32(in, rtc::ste_offset));
    if (const Definer* const definer = Definer::find(table->definer))
        MatchFields::check(*definer, table->is_jumbo());
    return table;
}

// The driver keeps a definer's id in 8 bits.
std::uint32_t free_definer_number() {
    for (std::uint32_t number = 1; number < 256; ++number)
        if (Definer::find(number) == nullptr) return number;
    refuse("more than 255 match definers are alive");
}

std::unique_ptr<Object> make_definer(const std::uint8_t* in) {
    auto definer = std::make_unique<Definer>(free_definer_number());
    // Word n of each group of four stands in the place 3 - n.
    for (unsigned i = 0; i < 8; ++i) {
        const unsigned place = i / 4 * 4 + (3 - i % 4);
        definer->dwords[i] = *octets_at(in, definer::dword_selectors + 8 * place);
        definer->bytes[i] = *octets_at(in, definer::byte_selectors + 8 * place);
    }
    definer->dwords[8] = *octets_at(in, definer::dword_selectors + 8 * 11);
    std::copy_n(octets_at(in, definer::mask), definer->mask.size(), definer->mask.begin());
    return definer;
}

std::unique_ptr<Object> make_pattern(const std::uint8_t* in) {
    auto pattern = std::make_unique<Pattern>(next_number());
    pattern->actions.resize(get32(in, pattern::length));
    for (std::size_t i = 0; i < pattern->actions.size(); ++i)
        std::copy_n(octets_at(in, pattern::data) + 8 * i, 8, pattern->actions[i].begin());
    return pattern;
}

template<typename Range>
std::unique_ptr<Object> make_range(const std::uint8_t* in) {
    static Numbers numbers(1);
    const std::uint32_t size = 1U << get(in, general_object::log_range);
    return std::make_unique<Range>(numbers.take(size), size);
}

std::unique_ptr<Object> make_entry_range(const std::uint8_t* in) {
    static Numbers numbers(1);
    return std::make_unique<EntryRange>(numbers.take(1U << get(in, general_object::log_range)));
}

// The driver names the n-th group of four by the first one's number divided by four.
std::unique_ptr<Object> make_counters(const std::uint8_t* in) {
    static Numbers numbers(4);
    constexpr std::uint32_t unit = 128;
    const auto log_bulk = get32(in, flow_counter::log_bulk);
    const auto bulk = get32(in, flow_counter::bulk);
    const std::uint32_t size = log_bulk != 0 ? 1U << log_bulk : bulk != 0 ? bulk * unit : 4;
    return std::make_unique<Counters>(numbers.take(std::max(size, 4U)), size);
}

std::unique_ptr<Object> make_general_object(const Command& command) {
    const std::uint8_t* const in = command.input.data();
    switch (get(in, general_object::type)) {
    case type_definer:
        return make_definer(in);
    case type_argument:
        return make_range<Arguments>(in);
    case type_meter:
        return make_range<Meters>(in);
    case type_stc:
        return make_range<Actions>(in);
    case type_rtc:
        return make_rule_table(in);
    case type_ste:
        return make_entry_range(in);
    case type_pattern:
        return make_pattern(in);
    default:
        refuse("%s is not simulated", command.name().c_str());
    }
}

std::unique_ptr<Object> make(const Command& command) {
    const std::uint8_t* const in = command.input.data();
    switch (command.opcode()) {
    case create_mkey:
        return plain<Plain>("memory key");
    case create_cq:
        return make_completion_queue(in);
    case alloc_q_counter:
        return make_queue_counter();
    case alloc_pd:
        return plain<Plain>("protection domain");
    case alloc_transport_domain:
        return plain<Plain>("transport domain");
    case create_tir:
        return make_tir(in);
    case create_sq:
        return make_send_queue(in);
    case create_rq:
        return make_receive_queue(in);
    case create_tis:
        return plain<Plain>("TIS");
    case create_rqt:
        return make_queue_table(in);
    case create_flow_table:
        return make_flow_table(in);
    case create_flow_group:
        return std::make_unique<FlowGroup>(next_number());
    case set_flow_table_entry:
        return make_flow_entry(command);
    case alloc_flow_counter:
        return make_counters(in);
    case create_general_object:
        return make_general_object(command);
    default:
        refuse("%s is not simulated", command.name().c_str());
    }
}

void set_action(Actions& actions, const Command& command) {
    const std::uint8_t* const in = command.input.data();
    const std::uint32_t offset = get32(in, general_object::offset);
    if (offset >= actions.list.size())
        refuse("%s: %u is beyond the %zu of STC %u", command.name().c_str(), offset,
               actions.list.size(), actions.id);
    Action& action = actions.list[offset];
    action.type = static_cast<std::uint8_t>(get(in, stc::action_type));
    action.offset = static_cast<std::uint8_t>(get(in, stc::action_offset));
    std::copy_n(octets_at(in, stc::parameter), action.parameter.size(), action.parameter.begin());
    trace("STC %u+%u: action 0x%x", actions.id, offset, action.type);
}

void connect_flow_table(FlowTable& table, const std::uint8_t* in) {
    constexpr std::uint32_t miss = 1U << 0, rules = 1U << 1;
    const auto select = get32(in, flow_table::modify_select);
    if ((select & miss) != 0) {
        table.miss_action = static_cast<std::uint8_t>(get(in, flow_table::miss_action));
        table.miss_id = get32(in, flow_table::miss_id);
    }
    if ((select & rules) != 0) {
        table.rtc_0 = get32(in, flow_table::rtc_0);
        table.rtc_1 = get32(in, flow_table::rtc_1);
    }
    trace("flow table %u of type %u: select 0x%x, RTC %u and %u, miss %u -> %u", table.id,
          table.type, select, table.rtc_0, table.rtc_1, table.miss_action, table.miss_id);
}

} // namespace

std::uint16_t Command::opcode() const {
    return static_cast<std::uint16_t>(get(input.data(), command::opcode));
}

std::string Command::name() const {
    std::string text = named(opcode_name(opcode()), opcode());
    if (opcode() >= create_general_object && opcode() <= query_general_object) {
        const auto type = static_cast<std::uint16_t>(get(input.data(), general_object::type));
        text += " " + named(object_type_name(type), type);
    }
    return text;
}

namespace {

bool refuse_command(const Command& command, std::uint8_t status) {
    constexpr std::uint32_t syndrome = 0x6d6c78;
    trace("%s: refused", command.name().c_str());
    set(command.output.data(), command::status, status);
    set(command.output.data(), command::syndrome, syndrome);
    errno = EREMOTEIO;
    return true;
}

} // namespace

bool Command::asks_in_vain() const {
    constexpr std::uint8_t bad_parameter = 0x03;
    return opcode() == query_hca_cap
           && !has_capabilities(static_cast<unsigned>(get(input.data(), command::op_mod)) >> 1)
           && refuse_command(*this, bad_parameter);
}

// What firmware says that has run out of something; the kernel alone answers for one that is gone.
int Command::refusal() const {
    constexpr std::uint8_t no_resources = 0x0f;
    if (faults().removed) return errno = EIO;
    if (draw_refusal(name()) && refuse_command(*this, no_resources)) return EREMOTEIO;
    return 0;
}

bool is_command(const std::string& name) {
    for (unsigned opcode = query_hca_cap; opcode < create_general_object; ++opcode)
        if (const char* const known = opcode_name(opcode); known != nullptr && name == known)
            return true;
    for (unsigned opcode = create_general_object; opcode <= query_general_object; ++opcode)
        for (unsigned type = type_definer; type <= type_pattern; ++type)
            if (const char* const known = object_type_name(type);
                known != nullptr && name == std::string(opcode_name(opcode)) + " " + known)
                return true;
    return false;
}

std::unique_ptr<Object> create_object(const Command& command) {
    if (command.refusal() != 0) return nullptr;
    auto object = make(command);
    set(command.output.data(), command::created_id, object->id);
    trace("%s: %s %u", command.name().c_str(), object->kind(), object->id);
    return object;
}

int modify_object(Object& object, const Command& command) {
    if (const int refusal = command.refusal(); refusal != 0) return refusal;
    trace("%s: %s %u", command.name().c_str(), object.kind(), object.id);
    const std::uint8_t* const in = command.input.data();
    switch (command.opcode()) {
    case modify_sq:
        modify_send_queue(object, in);
        return 0;
    case modify_rq:
        modify_receive_queue(object, in);
        return 0;
    case modify_flow_table:
        connect_flow_table(static_cast<FlowTable&>(object), in);
        return 0;
    case modify_tir:
        modify_tir_object(object, in);
        return 0;
    case modify_rqt:
        modify_queue_table(object, in);
        return 0;
    case modify_general_object:
        if (get(in, general_object::type) == type_stc) {
            set_action(static_cast<Actions&>(object), command);
            return 0;
        }
        [[fallthrough]];
    default:
        refuse("%s is not simulated", command.name().c_str());
    }
}

int query_object(Object& object, const Command& command) {
    if (const int refusal = command.refusal(); refusal != 0) return refusal;
    trace("%s: %s %u", command.name().c_str(), object.kind(), object.id);
    switch (command.opcode()) {
    case query_q_counter:
        query_queue_counter(object, command.input.data(), command.output.data());
        return 0;
    default:
        refuse("%s is not simulated", command.name().c_str());
    }
}

int general_command(const Command& command) {
    if (const int refusal = command.refusal(); refusal != 0) return refusal;
    trace("%s", command.name().c_str());
    switch (command.opcode()) {
    case query_hca_cap:
        answer_capabilities(static_cast<std::uint16_t>(get(command.input.data(), command::op_mod)),
                            command.output);
        return 0;
    case query_nic_vport_context:
        set(command.output.data(), vport_context::system_image_guid, topology()->switch_id);
        return 0;
    default:
        refuse("%s is not simulated", command.name().c_str());
    }
}

} // namespace mlx5sim
