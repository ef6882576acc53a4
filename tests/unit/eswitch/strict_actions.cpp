// SPDX-License-Identifier: BSD-3-Clause
#include "strict_actions.h"

#include "strict_modify.h"

#include <span>

namespace sallyport::eswitch {

namespace {

// mlx5's own arrays end here, the END counted.
constexpr std::size_t most_actions = 16;
constexpr std::size_t longest_encap = 132;
/// Ethernet and IPv4 headers: up to here a raw header stands for L3 without L2.
constexpr std::size_t longest_l2_only = 34;

/// The hardware's order of execution, which the driver takes no other for.
enum class Step : std::uint8_t {
    none,
    decap,
    pop_vlan,
    count,
    meter,
    push_vlan,
    modify,
    encap,
    fate,
};

Step step_of(rte_flow_action_type type) {
    switch (type) {
    case RTE_FLOW_ACTION_TYPE_VXLAN_DECAP:
    case RTE_FLOW_ACTION_TYPE_RAW_DECAP:
        return Step::decap;
    case RTE_FLOW_ACTION_TYPE_OF_POP_VLAN:
        return Step::pop_vlan;
    case RTE_FLOW_ACTION_TYPE_COUNT:
    case RTE_FLOW_ACTION_TYPE_AGE:
        return Step::count;
    case RTE_FLOW_ACTION_TYPE_METER_MARK:
        return Step::meter;
    case RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN:
        return Step::push_vlan;
    case RTE_FLOW_ACTION_TYPE_MODIFY_FIELD:
    case RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_VID:
        return Step::modify;
    case RTE_FLOW_ACTION_TYPE_RAW_ENCAP:
        return Step::encap;
    case RTE_FLOW_ACTION_TYPE_JUMP:
    case RTE_FLOW_ACTION_TYPE_DROP:
    case RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT:
    case RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR:
        return Step::fate;
    default:
        return Step::none;
    }
}

template<typename T>
const T* conf_of(const rte_flow_action& action) {
    return static_cast<const T*>(action.conf);
}

/// Of one template, action by action.
class ActionsCheck {
  public:
    ActionsCheck(std::span<const rte_flow_action> actions, std::span<const rte_flow_action> masks,
                 const ActionsSurroundings& surroundings)
        : actions_(actions), masks_(masks), surroundings_(surroundings) {}

    Verdict run();

  private:
    [[nodiscard]] const rte_flow_action& action() const { return actions_[index_]; }
    [[nodiscard]] const rte_flow_action& mask() const { return masks_[index_]; }
    /// The END after the last.
    [[nodiscard]] const rte_flow_action& next() const { return actions_.data()[index_ + 1]; }

    Verdict add();
    Verdict add_step(Step step);
    Verdict add_count();
    Verdict add_age();
    Verdict add_decap();
    Verdict add_raw_decap();
    Verdict add_raw_encap();
    Verdict add_push_vlan();
    [[nodiscard]] Verdict check_meter() const;
    [[nodiscard]] Verdict check_jump() const;
    [[nodiscard]] Verdict check_port() const;
    [[nodiscard]] Verdict check_cpu() const;
    [[nodiscard]] Verdict check_raw_encap(const rte_flow_action& action,
                                          const rte_flow_action& mask) const;
    [[nodiscard]] static bool sets_vlan(const rte_flow_action& mask);

    std::span<const rte_flow_action> actions_;
    std::span<const rte_flow_action> masks_;
    const ActionsSurroundings& surroundings_;
    std::size_t index_ = 0;
    Step last_ = Step::none;
    unsigned same_step_ = 0;
    bool reformats_ = false;
    bool counts_ = false;
    bool shares_counter_ = false;
    bool ages_ = false;
};

Verdict ActionsCheck::add_step(Step step) {
    if (step < last_) {
        // mlx5 has words of its own for this one.
        if (step == Step::decap && last_ == Step::modify)
            return refuse(EINVAL, action(), "can't have decap action after modify action");
        return refuse_at_table(action(), "Invalid action_type sequence");
    }
    same_step_ = step == last_ ? same_step_ + 1 : 1;
    last_ = step;
    const bool is_vlan = step == Step::pop_vlan || step == Step::push_vlan;
    const bool is_single = step == Step::meter || step == Step::fate;
    if ((is_vlan && same_step_ > 2) || (is_single && same_step_ > 1))
        return refuse_at_table(action(), "Invalid action_type sequence");
    return {};
}

Verdict ActionsCheck::add_count() {
    if (surroundings_.counters == 0)
        return refuse(EINVAL, action(), "counters pool not initialized");
    if (counts_) return refuse(EINVAL, action(), "duplicate count actions set");
    counts_ = true;
    const auto* shared = conf_of<rte_flow_action_count>(mask());
    shares_counter_ = shared != nullptr && shared->id != 0;
    if (shares_counter_ && ages_)
        return refuse(EINVAL, mask(),
                      "AGE and COUNT action shared by mask combination is not supported");
    return {};
}

Verdict ActionsCheck::add_age() {
    if (surroundings_.aging_objects == 0)
        return refuse(EINVAL, action(), "aging pool not initialized");
    if (ages_) return refuse(EINVAL, action(), "duplicate AGE actions set");
    ages_ = true;
    if (shares_counter_)
        return refuse(EINVAL, action(), "AGE and fixed COUNT combination is not supported");
    const auto* masked = conf_of<rte_flow_action_age>(mask());
    if (masked != nullptr && masked->timeout != 0 && action().conf == nullptr)
        return refuse(EINVAL, action(), "age timeout was not provided");
    return {};
}

Verdict ActionsCheck::add_decap() {
    if (reformats_) return refuse(ENOTSUP, action(), "can only have a single decap action");
    reformats_ = true;
    return {};
}

/// L3 tunnels are a RAW_DECAP with a RAW_ENCAP right behind it, one of the two of the L2 header
/// alone.
Verdict ActionsCheck::add_raw_decap() {
    if (next().type != RTE_FLOW_ACTION_TYPE_RAW_ENCAP) {
        if (Verdict verdict = add_step(Step::decap)) return verdict;
        return add_decap();
    }
    if (masks_[index_ + 1].type != RTE_FLOW_ACTION_TYPE_RAW_ENCAP)
        return refuse(EINVAL, masks_[index_ + 1], "invalid mask type");
    if (Verdict verdict = check_raw_encap(next(), masks_[index_ + 1])) return verdict;
    const auto* decap =
        mask().conf == nullptr ? nullptr : conf_of<rte_flow_action_raw_decap>(action());
    const std::size_t taken = decap == nullptr ? 0 : decap->size;
    const std::size_t given = conf_of<rte_flow_action_raw_encap>(next())->size;
    if (taken <= longest_l2_only && given <= longest_l2_only)
        return refuse(ENOTSUP, action(),
                      "unsupported too small raw decap and too small raw encap combination");
    if (taken > longest_l2_only && given > longest_l2_only)
        return refuse(ENOTSUP, action(), "one reformat per rule");
    const Step step = given > longest_l2_only ? Step::encap : Step::decap;
    if (Verdict verdict = add_step(step)) return verdict;
    ++index_;
    return add_decap();
}

Verdict ActionsCheck::check_raw_encap(const rte_flow_action& action,
                                      const rte_flow_action& mask) const {
    const auto* masked = conf_of<rte_flow_action_raw_encap>(mask);
    const auto* given = conf_of<rte_flow_action_raw_encap>(action);
    if (masked == nullptr || masked->size == 0)
        return refuse(EINVAL, mask, "raw_encap: size must be masked");
    if (given == nullptr || given->size == 0)
        return refuse(EINVAL, action, "raw_encap: invalid action configuration");
    if (masked->data != nullptr && given->data == nullptr)
        return refuse(EINVAL, action, "raw_encap: masked data is missing");
    if (given->size > longest_encap)
        return refuse(EINVAL, action, "raw_encap: header is longer than the device takes");
    return {};
}

Verdict ActionsCheck::add_raw_encap() {
    if (Verdict verdict = check_raw_encap(action(), mask())) return verdict;
    if (conf_of<rte_flow_action_raw_encap>(action())->size <= longest_l2_only)
        return refuse(ENOTSUP, action(), "small raw encap size");
    if (same_step_ > 1) return refuse(EINVAL, action(), "more than one encap action");
    if (reformats_) return refuse(EINVAL, action(), "one reformat per rule");
    reformats_ = true;
    return {};
}

bool ActionsCheck::sets_vlan(const rte_flow_action& mask) {
    if (mask.conf == nullptr) return false;
    switch (mask.type) {
    case RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN:
        return conf_of<rte_flow_action_of_push_vlan>(mask)->ethertype != 0;
    case RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_VID:
        return conf_of<rte_flow_action_of_set_vlan_vid>(mask)->vlan_vid != 0;
    default:
        return conf_of<rte_flow_action_of_set_vlan_pcp>(mask)->vlan_pcp != 0;
    }
}

/// PUSH_VLAN, SET_VLAN_VID and perhaps SET_VLAN_PCP are one action, masked alike.
Verdict ActionsCheck::add_push_vlan() {
    const rte_flow_action& push = action();
    const bool fixed = sets_vlan(mask());
    if (next().type != RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_VID)
        return refuse(EINVAL, push, "OF_PUSH_VLAN: invalid actions order");
    ++index_;
    if (mask().type != action().type)
        return refuse(EINVAL, push, "OF_PUSH_VLAN: invalid actions order");
    if (sets_vlan(mask()) != fixed)
        return refuse(EINVAL, push, "OF_SET_VLAN_VID: mask does not match OF_PUSH_VLAN");
    if (next().type != RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_PCP) return {};
    ++index_;
    if (mask().type != action().type)
        return refuse(EINVAL, push, "OF_SET_VLAN_PCP: missing mask configuration");
    if (sets_vlan(mask()) != fixed)
        return refuse(EINVAL, push, "OF_SET_VLAN_PCP: mask does not match OF_PUSH_VLAN");
    return {};
}

bool is_meter_fixed(const rte_flow_action& mask) {
    const auto* masked = conf_of<rte_flow_action_meter_mark>(mask);
    return masked != nullptr && masked->profile != nullptr;
}

Verdict ActionsCheck::check_meter() const {
    if (surroundings_.meters == 0)
        return refuse(EINVAL, action(), "meter_mark pool not initialized");
    // mlx5 would give all rules one meter between them, made with the template.
    if (is_meter_fixed(mask()))
        return refuse(ENOTSUP, mask(), "a meter shared by all rules is not what this is for");
    return {};
}

Verdict ActionsCheck::check_jump() const {
    const auto* masked = conf_of<rte_flow_action_jump>(mask());
    if (masked == nullptr || masked->group == 0) return {};
    const auto* jump = conf_of<rte_flow_action_jump>(action());
    if (jump == nullptr) return refuse(EINVAL, action(), "Invalid jump action configuration");
    // mlx5 adds one to the application's groups only once the proxy has been started.
    if (jump->group == 0 && !surroundings_.groups_translated)
        return refuse(EINVAL, action(), "Unsupported action - jump to root table");
    if (jump->group == UINT32_MAX) return refuse(EINVAL, action(), "group index not supported");
    return {};
}

Verdict ActionsCheck::check_port() const {
    const auto* masked = conf_of<rte_flow_action_ethdev>(mask());
    if (masked == nullptr || masked->port_id == 0) return {};
    const auto* port = conf_of<rte_flow_action_ethdev>(action());
    if (port == nullptr) return refuse(EINVAL, action(), "port index was not provided");
    if (!surroundings_.known_port(port->port_id))
        return refuse(EINVAL, action(), "port index is invalid");
    return {};
}

Verdict ActionsCheck::check_cpu() const {
    const auto* masked = conf_of<rte_flow_action_ethdev>(mask());
    const auto* port = conf_of<rte_flow_action_ethdev>(action());
    if (masked == nullptr || masked->port_id != UINT16_MAX || port == nullptr
        || port->port_id != UINT16_MAX)
        return refuse(EINVAL, action(), "only eswitch manager port 0xffff is supported");
    return {};
}

Verdict ActionsCheck::add() {
    const rte_flow_action_type type = action().type;
    if (mask().type != type)
        return refuse(ENOTSUP, action(), "mask type does not match action type");
    if (type == RTE_FLOW_ACTION_TYPE_VOID) return {};
    // QUEUE and RSS with transfer, and what mlx5 takes as MODIFY_FIELD only (SET_TAG, SET_MAC_DST,
    // DEC_TTL); also CONNTRACK, VXLAN_ENCAP and INDIRECT, which mlx5 takes and the
    // double does not play.
    if (step_of(type) == Step::none)
        return refuse(ENOTSUP, action(), "action not supported in template API");
    if (type == RTE_FLOW_ACTION_TYPE_RAW_DECAP) return add_raw_decap();
    if (Verdict verdict = add_step(step_of(type))) return verdict;
    switch (type) {
    case RTE_FLOW_ACTION_TYPE_VXLAN_DECAP:
        return add_decap();
    case RTE_FLOW_ACTION_TYPE_COUNT:
        return add_count();
    case RTE_FLOW_ACTION_TYPE_AGE:
        return add_age();
    case RTE_FLOW_ACTION_TYPE_METER_MARK:
        return check_meter();
    case RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN:
        return add_push_vlan();
    case RTE_FLOW_ACTION_TYPE_MODIFY_FIELD:
        return check_modify_template(action(), mask(), surroundings_.options);
    case RTE_FLOW_ACTION_TYPE_RAW_ENCAP:
        return add_raw_encap();
    case RTE_FLOW_ACTION_TYPE_JUMP:
        return check_jump();
    case RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT:
        return check_port();
    case RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR:
        return check_cpu();
    default:
        return {};
    }
}

Verdict ActionsCheck::run() {
    Verdict at_table;
    for (; index_ < actions_.size(); ++index_) {
        const Verdict verdict = add();
        if (verdict && !verdict->at_table) return verdict;
        if (!at_table) at_table = verdict;
    }
    if (at_table) return at_table;
    if (last_ != Step::fate)
        return refuse(EINVAL, "no fate action: the packet would have nowhere to go");
    return {};
}

bool is_port_fixed(const rte_flow_action& mask) {
    const auto* masked = conf_of<rte_flow_action_ethdev>(mask);
    return masked != nullptr && masked->port_id != 0;
}

Verdict check_rule_encap(const rte_flow_action& made_for, const rte_flow_action& mask,
                         const rte_flow_action& action) {
    if (conf_of<rte_flow_action_raw_encap>(mask)->data != nullptr) return {};
    const auto* given = conf_of<rte_flow_action_raw_encap>(action);
    if (given == nullptr || given->data == nullptr)
        return refuse(EINVAL, action, "raw_encap: the rule's own header is missing");
    if (given->size != conf_of<rte_flow_action_raw_encap>(made_for)->size)
        return refuse(EINVAL, action, "raw_encap: header is not as long as the template's");
    return {};
}

Verdict check_rule_port(const rte_flow_action& made_for, const rte_flow_action& mask,
                        const rte_flow_action& action, bool from_wire,
                        const ActionsSurroundings& surroundings) {
    const auto* port = conf_of<rte_flow_action_ethdev>(is_port_fixed(mask) ? made_for : action);
    if (port == nullptr) return refuse(EINVAL, action, "port index was not provided");
    if (!surroundings.known_port(port->port_id))
        return refuse(EINVAL, action, "port index is invalid");
    if (from_wire && surroundings.is_wire(port->port_id))
        return refuse(ENOTSUP, action, "wire to wire is not supported");
    return {};
}

Verdict check_rule_meter(const rte_flow_action& action, const ActionsSurroundings& surroundings) {
    const auto* meter = conf_of<rte_flow_action_meter_mark>(action);
    if (meter == nullptr || meter->profile == nullptr)
        return refuse(EINVAL, action, "meter_mark: the rule's own profile is missing");
    if (!surroundings.known_meter(meter->profile))
        return refuse(EINVAL, action, "meter_mark: no such profile");
    if (meter->state == 0) return refuse(EINVAL, action, "meter_mark: the meter is disabled");
    return {};
}

Verdict check_rule_action(const rte_flow_action& made_for, const rte_flow_action& mask,
                          const rte_flow_action& action, bool from_wire,
                          const ActionsSurroundings& surroundings) {
    switch (action.type) {
    case RTE_FLOW_ACTION_TYPE_MODIFY_FIELD:
        return check_modify_rule(made_for, mask, action);
    case RTE_FLOW_ACTION_TYPE_RAW_ENCAP:
        return check_rule_encap(made_for, mask, action);
    case RTE_FLOW_ACTION_TYPE_METER_MARK:
        return check_rule_meter(action, surroundings);
    case RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT:
        return check_rule_port(made_for, mask, action, from_wire, surroundings);
    case RTE_FLOW_ACTION_TYPE_JUMP: {
        const auto* masked = conf_of<rte_flow_action_jump>(mask);
        if ((masked == nullptr || masked->group == 0) && action.conf == nullptr)
            return refuse(EINVAL, action, "jump group is the rule's own and missing");
        return {};
    }
    case RTE_FLOW_ACTION_TYPE_AGE:
    case RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN:
    case RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_VID:
    case RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_PCP:
        if (mask.conf == nullptr && action.conf == nullptr)
            return refuse(EINVAL, action, "configuration is the rule's own and missing");
        return {};
    default:
        return {};
    }
}

} // namespace

Verdict check_actions_template(const rte_flow_action* actions, const rte_flow_action* masks,
                               const ActionsSurroundings& surroundings) {
    const std::size_t count = count_actions(actions);
    if (count + 1 > most_actions)
        return refuse(EINVAL, "Number of HW actions exceeded maximum allowed in template");
    // A list of masks that ends early is of another type there.
    return ActionsCheck({actions, count}, {masks, count}, surroundings).run();
}

ActionsTemplateContent::ActionsTemplateContent(const rte_flow_action* template_actions,
                                               const rte_flow_action* template_masks)
    : actions(template_actions), masks(template_masks) {
    for (std::size_t i = 0; i < actions.actions().size(); ++i) {
        const rte_flow_action& action = actions.actions()[i];
        const rte_flow_action& mask = masks.actions()[i];
        if (action.type == RTE_FLOW_ACTION_TYPE_RAW_ENCAP
            && conf_of<rte_flow_action_raw_encap>(action)->size > longest_l2_only)
            encapsulates = true;
        if (step_of(action.type) == Step::decap) decapsulates = true;
        if (action.type == RTE_FLOW_ACTION_TYPE_AGE) needs.aging = needs.counter = true;
        if (action.type == RTE_FLOW_ACTION_TYPE_METER_MARK) needs.meter = true;
        if (action.type == RTE_FLOW_ACTION_TYPE_COUNT) {
            const auto* masked = conf_of<rte_flow_action_count>(mask);
            if (masked == nullptr || masked->id == 0) needs.counter = true;
        }
        if (action.type == RTE_FLOW_ACTION_TYPE_JUMP) {
            const auto* masked = conf_of<rte_flow_action_jump>(mask);
            if (masked != nullptr && masked->group != 0)
                jump = conf_of<rte_flow_action_jump>(action)->group;
        }
    }
    // Of a pair that encapsulates, the RAW_DECAP takes the Ethernet header only.
    if (encapsulates) decapsulates = false;
}

const rte_flow_meter_profile* meter_of(const ActionsTemplateContent& content,
                                       const rte_flow_action* actions) {
    for (std::size_t i = 0; i < content.actions.actions().size(); ++i)
        if (actions[i].type == RTE_FLOW_ACTION_TYPE_METER_MARK)
            return conf_of<rte_flow_action_meter_mark>(actions[i])->profile;
    return nullptr;
}

Verdict check_direction(const ActionsTemplateContent& content, Origin origin,
                        const ActionsSurroundings& surroundings) {
    if (content.decapsulates && origin == Origin::vport)
        return refuse(ENOTSUP, "decapsulation is for packets from the wire only");
    if (content.encapsulates && origin == Origin::wire)
        return refuse(ENOTSUP, "encapsulation is for packets from vports only");
    for (std::size_t i = 0; i < content.actions.actions().size(); ++i) {
        const rte_flow_action& action = content.actions.actions()[i];
        if (action.type == RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT && origin == Origin::wire
            && is_port_fixed(content.masks.actions()[i])
            && surroundings.is_wire(conf_of<rte_flow_action_ethdev>(action)->port_id))
            return refuse(ENOTSUP, "wire to wire is not supported");
    }
    return {};
}

Verdict check_rule_actions(const ActionsTemplateContent& content, const rte_flow_action* actions,
                           bool from_wire, const ActionsSurroundings& surroundings) {
    const auto made_for = content.actions.actions();
    for (std::size_t i = 0; i < made_for.size(); ++i) {
        // An END too is of another type.
        if (actions[i].type != made_for[i].type)
            return refuse(EINVAL, actions[i], "the rule's actions are not the template's");
        if (Verdict verdict = check_rule_action(made_for[i], content.masks.actions()[i], actions[i],
                                                from_wire, surroundings))
            return verdict;
    }
    if (actions[made_for.size()].type != RTE_FLOW_ACTION_TYPE_END)
        return refuse(EINVAL, actions[made_for.size()],
                      "the rule has more actions than the template");
    return {};
}

} // namespace sallyport::eswitch
