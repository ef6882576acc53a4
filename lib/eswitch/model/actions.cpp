// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/model/actions.h"

#include "eswitch/model/reformat.h"
#include "net/wire.h"

#include <algorithm>
#include <cstring>

namespace sallyport::eswitch {

namespace {

/// mlx5's limits.
constexpr std::size_t most_actions = 16;
constexpr std::size_t longest_header = 132;
constexpr std::uint16_t cpu_port = UINT16_MAX;

/// The order in which mlx5 takes them, and carries them out; 0: not known to the model.
int rank(rte_flow_action_type type) {
    switch (type) {
    case RTE_FLOW_ACTION_TYPE_VXLAN_DECAP:
        return 1;
    case RTE_FLOW_ACTION_TYPE_COUNT:
        return 2;
    case RTE_FLOW_ACTION_TYPE_METER_MARK:
        return 3;
    case RTE_FLOW_ACTION_TYPE_MODIFY_FIELD:
        return 4;
    case RTE_FLOW_ACTION_TYPE_RAW_ENCAP:
        return 5;
    case RTE_FLOW_ACTION_TYPE_JUMP:
    case RTE_FLOW_ACTION_TYPE_DROP:
    case RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT:
    case RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR:
        return 6;
    default:
        return 0;
    }
}
constexpr int modify_rank = 4;
constexpr int last_rank = 6;

template<class T>
const T* as(const rte_flow_action& action) {
    return static_cast<const T*>(action.conf);
}

template<class T>
std::vector<std::uint8_t> octets_of(const T& value) {
    std::vector<std::uint8_t> octets(sizeof value);
    std::memcpy(octets.data(), &value, sizeof value);
    return octets;
}

const char* compile_jump(TemplateAction& compiled, const rte_flow_action& action,
                         const rte_flow_action& mask) {
    compiled.length = sizeof(rte_flow_action_jump::group);
    const auto* fixed = as<rte_flow_action_jump>(mask);
    if (fixed == nullptr || fixed->group == 0) return nullptr;
    if (action.conf == nullptr) return "JUMP is masked and says no group";
    compiled.fixed = octets_of(as<rte_flow_action_jump>(action)->group);
    return nullptr;
}

const char* compile_port(TemplateAction& compiled, const rte_flow_action& action,
                         const rte_flow_action& mask) {
    compiled.length = sizeof(rte_flow_action_ethdev::port_id);
    const auto* fixed = as<rte_flow_action_ethdev>(mask);
    if (fixed == nullptr || fixed->port_id == 0) return nullptr;
    if (action.conf == nullptr) return "REPRESENTED_PORT is masked and says no port";
    compiled.fixed = octets_of(as<rte_flow_action_ethdev>(action)->port_id);
    return nullptr;
}

const char* compile_cpu(const rte_flow_action& action, const rte_flow_action& mask) {
    if (action.conf == nullptr || as<rte_flow_action_ethdev>(action)->port_id != cpu_port
        || mask.conf == nullptr || as<rte_flow_action_ethdev>(mask)->port_id != cpu_port)
        return "PORT_REPRESENTOR takes no port but 0xffff, masked";
    return nullptr;
}

const char* compile_meter(TemplateAction& compiled, const rte_flow_action& action,
                          const rte_flow_action& mask) {
    compiled.length = sizeof(rte_flow_action_meter_mark::profile);
    const auto* fixed = as<rte_flow_action_meter_mark>(mask);
    if (fixed == nullptr || fixed->profile == nullptr) return nullptr;
    if (action.conf == nullptr) return "METER_MARK is masked and has no profile";
    compiled.fixed = octets_of(as<rte_flow_action_meter_mark>(action)->profile);
    return nullptr;
}

const char* compile_encap(TemplateAction& compiled, const rte_flow_action& action,
                          const rte_flow_action& mask) {
    const auto* header = as<rte_flow_action_raw_encap>(action);
    const auto* fixed = as<rte_flow_action_raw_encap>(mask);
    if (header == nullptr || fixed == nullptr || fixed->size == 0)
        return "the size of RAW_ENCAP must be masked";
    if (header->size == 0 || header->size > longest_header)
        return "RAW_ENCAP is empty, or longer than 132 octets";
    compiled.length = header->size;
    if (fixed->data == nullptr) return nullptr;
    if (header->data == nullptr) return "RAW_ENCAP is masked and has no octets";
    compiled.fixed.assign(header->data, header->data + header->size);
    return nullptr;
}

bool settable(const FieldChange& change) {
    switch (change.field) {
    case RTE_FLOW_FIELD_TAG:
        return change.tag_index < tag_registers && change.width > 0 && change.width <= 32
               && change.offset <= 32 - change.width;
    case RTE_FLOW_FIELD_MAC_SRC:
    case RTE_FLOW_FIELD_MAC_DST:
        return change.width > 0 && change.width <= 48 && change.offset <= 48 - change.width;
    default:
        return false;
    }
}

const char* compile_modify(TemplateAction& compiled, const rte_flow_action& action,
                           const rte_flow_action& mask) {
    const auto* set = as<rte_flow_action_modify_field>(action);
    const auto* fixed = as<rte_flow_action_modify_field>(mask);
    if (set == nullptr || fixed == nullptr) return "MODIFY_FIELD needs a mask";
    if (set->operation != RTE_FLOW_MODIFY_SET || set->src.field != RTE_FLOW_FIELD_VALUE)
        return "the model knows MODIFY_FIELD with SET of a value only";
    if (fixed->operation != set->operation || fixed->dst.field != set->dst.field
        || fixed->src.field != set->src.field || fixed->dst.offset != UINT32_MAX
        || fixed->width != UINT32_MAX)
        return "the mask of MODIFY_FIELD must repeat the fields, and have offset and width of ones";
    compiled.change = read_set(*set);
    if (!settable(compiled.change)) return "MODIFY_FIELD of a field or width the model has not";
    compiled.length = sizeof compiled.change.value;
    const auto& value = fixed->src.value;
    if (std::any_of(std::begin(value), std::end(value), [](std::uint8_t v) { return v != 0; }))
        compiled.fixed = octets_of(compiled.change.value);
    return nullptr;
}

/// @return a complaint
const char* compile_one(TemplateAction& compiled, const rte_flow_action& action,
                        const rte_flow_action& mask) {
    switch (action.type) {
    case RTE_FLOW_ACTION_TYPE_JUMP:
        return compile_jump(compiled, action, mask);
    case RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT:
        return compile_port(compiled, action, mask);
    case RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR:
        return compile_cpu(action, mask);
    case RTE_FLOW_ACTION_TYPE_METER_MARK:
        return compile_meter(compiled, action, mask);
    case RTE_FLOW_ACTION_TYPE_RAW_ENCAP:
        return compile_encap(compiled, action, mask);
    case RTE_FLOW_ACTION_TYPE_MODIFY_FIELD:
        return compile_modify(compiled, action, mask);
    default:
        return nullptr;
    }
}

/// What the rule itself says; null if it says nothing.
const void* rule_argument(const TemplateAction& action, const rte_flow_action& given,
                          std::string& complaint) {
    if (given.conf == nullptr) return nullptr;
    switch (action.type) {
    case RTE_FLOW_ACTION_TYPE_JUMP:
        return &as<rte_flow_action_jump>(given)->group;
    case RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT:
        return &as<rte_flow_action_ethdev>(given)->port_id;
    case RTE_FLOW_ACTION_TYPE_MODIFY_FIELD:
        return as<rte_flow_action_modify_field>(given)->src.value;
    case RTE_FLOW_ACTION_TYPE_METER_MARK:
        return &as<rte_flow_action_meter_mark>(given)->profile;
    default: {
        const auto* header = as<rte_flow_action_raw_encap>(given);
        if (header->size == action.length) return header->data;
        complaint = "RAW_ENCAP is not as long as in the template";
        return nullptr;
    }
    }
}

rte_color color_of(const ModelPacket& packet, const MeterProfile* profile) {
    return packet.octets().size() > profile->srtcm_rfc2697.cbs ? RTE_COLOR_RED : RTE_COLOR_GREEN;
}

/// @param argument of the action, if it has one
void carry_out(const TemplateAction& action, const std::uint8_t* argument, ModelPacket& packet,
               Destination& destination) {
    switch (action.type) {
    case RTE_FLOW_ACTION_TYPE_METER_MARK:
        packet.color = color_of(packet, net::load<const MeterProfile*>(argument));
        return;
    case RTE_FLOW_ACTION_TYPE_MODIFY_FIELD:
        set_field(packet, action.change, argument);
        return;
    case RTE_FLOW_ACTION_TYPE_RAW_ENCAP:
        encapsulate(packet, {argument, action.length});
        return;
    case RTE_FLOW_ACTION_TYPE_JUMP:
        destination = {Destination::Kind::group, net::load<std::uint32_t>(argument)};
        return;
    case RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT:
        destination = {Destination::Kind::port, net::load<std::uint16_t>(argument)};
        return;
    case RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR:
        destination = {Destination::Kind::cpu, cpu_port};
        return;
    default:
        return;
    }
}

/// Calls @p visit with each action and its argument until it returns false.
template<class Visitor>
void visit_actions(const ActionsTemplate& actions_template, std::span<const std::uint8_t> arguments,
                   Visitor&& visit) {
    const std::uint8_t* own = arguments.data();
    for (const TemplateAction& action : actions_template.actions) {
        const bool is_fixed = !action.fixed.empty();
        if (!visit(action, is_fixed ? action.fixed.data() : own)) return;
        if (!is_fixed) own += action.length;
    }
}

} // namespace

std::optional<ActionsTemplate> compile_actions(const rte_flow_action* actions,
                                               const rte_flow_action* masks,
                                               std::string& complaint) {
    ActionsTemplate compiled;
    int before = 0;
    for (std::size_t i = 0; actions[i].type != RTE_FLOW_ACTION_TYPE_END; ++i) {
        const rte_flow_action_type type = actions[i].type;
        const char* why = masks[i].type != type ? "a mask is of another type than its action"
                          : i == most_actions   ? "more than 16 actions"
                                                : nullptr;
        TemplateAction& action = compiled.actions.emplace_back();
        action.type = type;
        if (why == nullptr && type != RTE_FLOW_ACTION_TYPE_VOID) {
            const int now = rank(type);
            if (now == 0)
                why = "the model knows no such action";
            else if (now < before || (now == before && now != modify_rank))
                why = "actions are not in the order in which mlx5 carries them out";
            else
                why = compile_one(action, actions[i], masks[i]);
            before = now;
        }
        if (why != nullptr) {
            complaint = std::string(why) + " (action " + std::to_string(i) + ", type "
                        + std::to_string(type) + ")";
            return std::nullopt;
        }
        compiled.counts |= type == RTE_FLOW_ACTION_TYPE_COUNT;
    }
    if (before == last_rank) return compiled;
    complaint = "the actions do not say where packets go";
    return std::nullopt;
}

bool read_arguments(const ActionsTemplate& actions_template, const rte_flow_action* actions,
                    std::vector<std::uint8_t>& arguments, std::string& complaint) {
    arguments.clear();
    std::size_t i = 0;
    for (const TemplateAction& action : actions_template.actions) {
        const rte_flow_action& given = actions[i++];
        if (given.type != action.type) {
            complaint = "action " + std::to_string(i - 1) + " is not of the template's type";
            return false;
        }
        if (action.length == 0 || !action.fixed.empty()) continue;
        complaint = "action " + std::to_string(i - 1) + " says nothing, and nor does its template";
        const void* const argument = rule_argument(action, given, complaint);
        if (argument == nullptr) return false;
        const auto* octets = static_cast<const std::uint8_t*>(argument);
        arguments.insert(arguments.end(), octets, octets + action.length);
    }
    if (actions[i].type == RTE_FLOW_ACTION_TYPE_END) return true;
    complaint = "the rule has more actions than its template";
    return false;
}

Destination find_destination(const ActionsTemplate& actions_template,
                             std::span<const std::uint8_t> arguments) {
    Destination destination;
    const ParserSettings settings;
    ModelPacket none(0, {}, settings);
    visit_actions(actions_template, arguments, [&](const TemplateAction& action, const auto* own) {
        if (rank(action.type) == last_rank) carry_out(action, own, none, destination);
        return true;
    });
    return destination;
}

std::vector<const MeterProfile*> find_meters(const ActionsTemplate& actions_template,
                                             std::span<const std::uint8_t> arguments) {
    std::vector<const MeterProfile*> meters;
    visit_actions(actions_template, arguments, [&](const TemplateAction& action, const auto* own) {
        if (action.type == RTE_FLOW_ACTION_TYPE_METER_MARK)
            meters.push_back(net::load<const MeterProfile*>(own));
        return true;
    });
    return meters;
}

Destination apply(const ActionsTemplate& actions_template, std::span<const std::uint8_t> arguments,
                  ModelPacket& packet) {
    Destination destination;
    visit_actions(actions_template, arguments, [&](const TemplateAction& action, const auto* own) {
        if (action.type == RTE_FLOW_ACTION_TYPE_VXLAN_DECAP && !strip_vxlan(packet)) {
            destination = {};
            return false;
        }
        carry_out(action, own, packet, destination);
        return true;
    });
    return destination;
}

} // namespace sallyport::eswitch
