// SPDX-License-Identifier: BSD-3-Clause
// The strict double's queues: rules come, change and go.
#include "strict_flow_api.h"
#include "strict_patterns.h"

#include <array>
#include <utility>

namespace sallyport::eswitch {

namespace {

/// Room for those results of the wrapped API that nobody waits for.
constexpr unsigned most_pulls = 1000;

constexpr const char* no_create = "fail to create rte flow";
constexpr const char* no_update = "fail to update rte flow";
constexpr const char* no_destroy = "fail to destroy rte flow";

} // namespace

Verdict StrictFlowApi::take_queue(std::uint16_t port, std::uint32_t queue, StrictQueue*& taken) {
    if (Verdict verdict = ports_.check_proxy(port, "transfer rules are for the proxy port only"))
        return verdict;
    if (!ports_.is_proxy_started()) return refuse(EINVAL, "Port is not started");
    if (queue >= queues_.size()) return refuse(EINVAL, "Incorrect flow queue");
    taken = &queues_[queue];
    if (!taken->belongs_to_caller())
        violate("queue " + std::to_string(queue) + " was used from two threads");
    if (taken->is_dead()) return refuse(EIO, "flow queue is in error state");
    return {};
}

Verdict StrictFlowApi::take_room(std::uint16_t port, std::uint32_t queue, StrictQueue*& taken) {
    if (Verdict verdict = take_queue(port, queue, taken)) return verdict;
    if (taken->is_full()) return refuse(EBUSY, "No room in queue");
    return {};
}

Verdict StrictFlowApi::take_rule(rte_flow* handle, StrictRule*& taken) {
    taken = rules_.find(handle);
    // A rule on its way out belongs to the driver again.
    if (taken == nullptr || taken->state == StrictRule::State::dead
        || taken->state == StrictRule::State::destroying) {
        violate("a rule's handle was used after its end");
        return refuse(EINVAL, "no such rule");
    }
    return {};
}

Verdict StrictFlowApi::check_rule(const StrictTable& table, const rte_flow_item* items,
                                  std::uint8_t pattern, const rte_flow_action* actions,
                                  std::uint8_t actions_template) {
    if (pattern >= table.patterns.size()) return refuse(EINVAL, "Invalid pattern template index");
    if (actions_template >= table.actions.size())
        return refuse(EINVAL, "Invalid actions template index");
    const auto template_items = table.patterns[pattern]->items.items();
    const ActionsSurroundings around = surroundings();
    if (Verdict verdict = check_rule_pattern(template_items, items, around.known_port))
        return verdict;
    return check_rule_actions(table.actions[actions_template]->content, actions,
                              is_from_wire(table, pattern, items), around);
}

bool StrictFlowApi::is_from_wire(const StrictTable& table, std::uint8_t pattern,
                                 const rte_flow_item* items) const {
    if (table.attributes.origin == Origin::wire) return true;
    for (std::size_t i = 0; i < table.patterns[pattern]->items.items().size(); ++i)
        if (items[i].type == RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT)
            return ports_.is_wire(static_cast<const rte_flow_item_ethdev*>(items[i].spec)->port_id);
    return false;
}

Verdict StrictFlowApi::check_update(const StrictRule& rule, const rte_flow_action* actions,
                                    std::uint8_t actions_template) {
    const StrictTable& table = *rule.table;
    if (actions_template >= table.actions.size())
        return refuse(EINVAL, "Invalid actions template index");
    return check_rule_actions(table.actions[actions_template]->content, actions, rule.from_wire,
                              surroundings());
}

Verdict StrictFlowApi::take_resources(const ActionsTemplateContent& needed) {
    const StrictPorts::Configuration& configuration = *ports_.configuration(*ports_.proxy());
    // mlx5 tells no shortage from a bug: its errno is EINVAL in the end.
    if (needed.needs.counter
        && counters_taken_ + counters_resting_ >= configuration.attributes.nb_counters)
        return refuse(EINVAL, no_create);
    if (needed.needs.aging && aging_taken_ >= configuration.attributes.nb_aging_objects)
        return refuse(EINVAL, no_create);
    if (needed.needs.meter && meters_taken_ >= configuration.attributes.nb_meters)
        return refuse(ENOMEM, "failed to allocate aso meter entry");
    counters_taken_ += needed.needs.counter ? 1 : 0;
    aging_taken_ += needed.needs.aging ? 1 : 0;
    meters_taken_ += needed.needs.meter ? 1 : 0;
    return {};
}

void StrictFlowApi::release_resources(StrictShare& share) {
    if (std::exchange(share.counter, false)) {
        --counters_taken_;
        if (options_.counters_wait_for_service) ++counters_resting_;
    }
    if (std::exchange(share.aging, false)) --aging_taken_;
    if (std::exchange(share.meter, false)) --meters_taken_;
}

bool StrictFlowApi::take_place(StrictRule& rule, bool& fails_later) {
    StrictTable& table = *rule.table;
    rule.has_room = table.rules < table.attributes.rules;
    if (!rule.has_room && options_.full_table_fails_at_once) return false;
    if (!rule.has_room) fails_later = true;
    table.rules += rule.has_room ? 1 : 0;
    ++table.handles;
    return true;
}

rte_flow* StrictFlowApi::create(std::uint16_t port, std::uint32_t queue, bool postpone,
                                rte_flow_template_table* table, const rte_flow_item* items,
                                std::uint8_t pattern, const rte_flow_action* actions,
                                std::uint8_t actions_template, void* user_data,
                                rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    StrictQueue* taken = nullptr;
    if (Verdict verdict = take_room(port, queue, taken)) return report_null(*verdict, error);
    bool fails_later = false;
    if (Verdict verdict = draw_refusal(Operation::create, fails_later))
        return report_null(*verdict, error);
    StrictTable* found = tables_.find(table);
    if (found == nullptr || found->dead) {
        violate("made a rule in a table that does not exist");
        return report_null(*refuse(EINVAL, "no such table"), error);
    }
    if (Verdict verdict = check_rule(*found, items, pattern, actions, actions_template)) {
        violate(std::string("a rule that mlx5 would get wrong: ") + verdict->message);
        return report_null(*verdict, error);
    }
    const StrictPattern& made_for = *found->patterns[pattern];
    const ActionsTemplateContent& content = found->actions[actions_template]->content;
    StrictRule rule{.table = found, .pattern = pattern, .actions = actions_template};
    rule.key = key_of(made_for.items.items(), items);
    rule.from_wire = is_from_wire(*found, pattern, items);
    if (Verdict verdict = take_resources(content)) return report_null(*verdict, error);
    rule.share = content.needs;
    rule.meter = meter_of(content, actions);
    if (!take_place(rule, fails_later)) {
        release_resources(rule.share);
        return report_null(*refuse(ENOMEM, no_create), error);
    }
    rte_flow* handle = rules_.add(std::move(rule));
    taken->add({.kind = StrictOperation::Kind::create,
                .rule = rules_.find(handle),
                .user_data = user_data,
                .items = OwnedItems(items),
                .actions = OwnedActions(actions),
                .actions_template = actions_template,
                .fails = fails_later},
               postpone, applier(queue));
    return handle;
}

int StrictFlowApi::destroy(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
                           void* user_data, rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    StrictQueue* taken = nullptr;
    if (Verdict verdict = take_room(port, queue, taken)) return report(*verdict, error);
    bool fails_later = false;
    if (Verdict verdict = draw_refusal(Operation::destroy, fails_later))
        return report(*verdict, error);
    StrictRule* found = nullptr;
    if (Verdict verdict = take_rule(rule, found)) return report(*verdict, error);
    if (found->state == StrictRule::State::creating || found->state == StrictRule::State::updating)
        return report(*refuse(EBUSY, no_destroy), error);
    found->state = StrictRule::State::destroying;
    taken->add({.kind = StrictOperation::Kind::destroy,
                .rule = found,
                .user_data = user_data,
                .fails = fails_later},
               postpone, applier(queue));
    return 0;
}

int StrictFlowApi::update(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
                          const rte_flow_action* actions, std::uint8_t actions_template,
                          void* user_data, rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    if (!options_.can_update) return report(*refuse(ENOTSUP, no_update), error);
    StrictQueue* taken = nullptr;
    if (Verdict verdict = take_room(port, queue, taken)) return report(*verdict, error);
    bool fails_later = false;
    if (Verdict verdict = draw_refusal(Operation::update, fails_later))
        return report(*verdict, error);
    StrictRule* found = nullptr;
    if (Verdict verdict = take_rule(rule, found)) return report(*verdict, error);
    if (found->state != StrictRule::State::created) return report(*refuse(EBUSY, no_update), error);
    if (Verdict verdict = check_update(*found, actions, actions_template)) {
        violate(std::string("an update that mlx5 would get wrong: ") + verdict->message);
        return report(*verdict, error);
    }
    // The new actions have a counter of their own; the old one's count is lost with it.
    const ActionsTemplateContent& content = found->table->actions[actions_template]->content;
    if (Verdict verdict = take_resources(content)) return report(*verdict, error);
    found->state = StrictRule::State::updating;
    taken->add({.kind = StrictOperation::Kind::update,
                .rule = found,
                .user_data = user_data,
                .actions = OwnedActions(actions),
                .actions_template = actions_template,
                .fails = fails_later,
                .share = content.needs,
                .meter = meter_of(content, actions)},
               postpone, applier(queue));
    return 0;
}

int StrictFlowApi::push(std::uint16_t port, std::uint32_t queue, rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    StrictQueue* taken = nullptr;
    if (Verdict verdict = take_queue(port, queue, taken)) return report(*verdict, error);
    if (Verdict verdict = draw_refusal(Operation::push)) return report(*verdict, error);
    taken->push(applier(queue));
    return 0;
}

int StrictFlowApi::pull(std::uint16_t port, std::uint32_t queue,
                        std::span<rte_flow_op_result> results, rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    StrictQueue* taken = nullptr;
    if (Verdict verdict = take_queue(port, queue, taken)) return report(*verdict, error);
    if (Verdict verdict = draw_refusal(Operation::pull)) return report(*verdict, error);
    return static_cast<int>(taken->pull(results, applier(queue), settler()));
}

int StrictFlowApi::query_count(std::uint16_t port, rte_flow* rule, rte_flow_query_count& count,
                               rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    if (Verdict verdict = draw_refusal(Operation::query_count)) return report(*verdict, error);
    StrictRule* found = nullptr;
    if (Verdict verdict = take_rule(rule, found)) return report(*verdict, error);
    if (!found->share.counter) return report(*refuse(EINVAL, "counters are not available"), error);
    // The rule is not in the table, or not yet.
    if (found->wrapped == nullptr) {
        count = {};
        return 0;
    }
    return wrapped_.query_count(port, found->wrapped, count, error);
}

StrictQueue::Apply StrictFlowApi::applier(std::uint32_t queue) {
    return [this, queue](StrictOperation& operation) { apply(queue, operation); };
}

StrictQueue::Apply StrictFlowApi::settler() {
    return [this](StrictOperation& operation) { settle(operation); };
}

void StrictFlowApi::apply(std::uint32_t queue, StrictOperation& operation) {
    bool done = !operation.fails;
    switch (operation.kind) {
    case StrictOperation::Kind::create:
        done = done && apply_create(queue, operation);
        break;
    case StrictOperation::Kind::update:
        done = done && apply_update(queue, operation);
        break;
    case StrictOperation::Kind::destroy:
        done = done && apply_destroy(queue, *operation.rule);
        break;
    }
    operation.status = done ? RTE_FLOW_OP_SUCCESS : RTE_FLOW_OP_ERROR;
}

bool StrictFlowApi::apply_create(std::uint32_t queue, StrictOperation& operation) {
    StrictRule& rule = *operation.rule;
    rte_flow_error error{};
    rule.wrapped = wrapped_.create(*ports_.proxy(), queue, false, rule.table->wrapped,
                                   operation.items.data(), rule.pattern, operation.actions.data(),
                                   rule.actions, operation.user_data, error);
    if (rule.wrapped == nullptr) {
        violate_refused("create a rule", error);
        return false;
    }
    if (finish_wrapped(queue, "create a rule")) return true;
    rule.wrapped = nullptr;
    return false;
}

bool StrictFlowApi::apply_update(std::uint32_t queue, StrictOperation& operation) {
    rte_flow_error error{};
    if (wrapped_.update(*ports_.proxy(), queue, false, operation.rule->wrapped,
                        operation.actions.data(), operation.actions_template, operation.user_data,
                        error)
        != 0) {
        violate_refused("update a rule", error);
        return false;
    }
    return finish_wrapped(queue, "update a rule");
}

bool StrictFlowApi::apply_destroy(std::uint32_t queue, StrictRule& rule) {
    // A rule that never came to be has only its handle to lose.
    if (rule.wrapped == nullptr) return true;
    rte_flow_error error{};
    if (wrapped_.destroy(*ports_.proxy(), queue, false, rule.wrapped, nullptr, error) != 0) {
        violate_refused("destroy a rule", error);
        return false;
    }
    rule.wrapped = nullptr;
    return finish_wrapped(queue, "destroy a rule");
}

bool StrictFlowApi::finish_wrapped(std::uint32_t queue, const char* what) {
    std::array<rte_flow_op_result, 1> results{};
    rte_flow_error error{};
    for (unsigned i = 0; i < most_pulls; ++i) {
        const int pulled = wrapped_.pull(*ports_.proxy(), queue, results, error);
        if (pulled == 0) continue;
        if (pulled > 0 && results[0].status == RTE_FLOW_OP_SUCCESS) return true;
        break;
    }
    violate_refused(what, error);
    return false;
}

void StrictFlowApi::settle(StrictOperation& operation) {
    StrictRule& rule = *operation.rule;
    const bool done = operation.status == RTE_FLOW_OP_SUCCESS;
    switch (operation.kind) {
    case StrictOperation::Kind::create:
        rule.state = done ? StrictRule::State::created : StrictRule::State::failed;
        break;
    case StrictOperation::Kind::update:
        release_resources(rule.share);
        rule.share = operation.share;
        rule.meter = operation.meter;
        rule.actions = operation.actions_template;
        rule.state = done ? StrictRule::State::created : StrictRule::State::failed;
        break;
    case StrictOperation::Kind::destroy:
        // mlx5 frees the handle whatever the result, and a rule that stayed stays for good.
        if (rule.wrapped != nullptr)
            rule.table->stranded.push_back(std::exchange(rule.wrapped, nullptr));
        bury(rule);
        break;
    }
}

void StrictFlowApi::bury(StrictRule& rule) {
    rule.state = StrictRule::State::dead;
    release_resources(rule.share);
    rule.meter = nullptr;
    --rule.table->handles;
    if (rule.has_room) --rule.table->rules;
    rule.key.clear();
    rule.key.shrink_to_fit();
}

void StrictFlowApi::flush() {
    rules_.each([this](StrictRule& rule) {
        if (rule.state == StrictRule::State::dead) return;
        apply_destroy(0, rule);
        bury(rule);
    });
    counters_taken_ = counters_resting_ = aging_taken_ = meters_taken_ = 0;
    // Starting again is a new beginning for queues that died, too.
    const StrictPorts::Configuration* configuration = ports_.configuration(*ports_.proxy());
    if (configuration == nullptr) return;
    for (std::size_t i = 0; i < queues_.size(); ++i)
        queues_[i] = StrictQueue(configuration->queue_size, options_.completion, options_.seed + i);
}

} // namespace sallyport::eswitch
