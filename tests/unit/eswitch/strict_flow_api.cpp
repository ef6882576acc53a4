// SPDX-License-Identifier: BSD-3-Clause
// The calls of the control plane; those of the queues are in strict_rules.cpp.
#include "strict_flow_api.h"

#include "strict_patterns.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace sallyport::eswitch {

namespace {

constexpr std::size_t most_templates = 32;

} // namespace

StrictFlowApi::StrictFlowApi(FlowApi& wrapped, StrictOptions options)
    : wrapped_(wrapped), options_(std::move(options)), faults_(options_.seed) {}

void StrictFlowApi::add_port(std::uint16_t port, StrictPortKind kind) {
    const std::lock_guard lock(mutex_);
    ports_.add(port, kind);
}

int StrictFlowApi::start_port(std::uint16_t port) {
    const std::lock_guard lock(mutex_);
    rte_flow_error ignored{};
    if (Verdict verdict = ports_.start(port, options_.configure_every_port))
        return report(*verdict, ignored);
    return 0;
}

int StrictFlowApi::stop_port(std::uint16_t port) {
    const std::lock_guard lock(mutex_);
    rte_flow_error ignored{};
    if (Verdict verdict = ports_.stop(port)) return report(*verdict, ignored);
    if (ports_.proxy() == port) flush();
    return 0;
}

void StrictFlowApi::fail_next(Operation operation, std::size_t count, Failure failure,
                              std::size_t spared) {
    const std::lock_guard lock(mutex_);
    faults_.fail_next(operation, count, std::move(failure), spared);
}

void StrictFlowApi::fail_at_random(Operation operation, double rate, Failure failure) {
    const std::lock_guard lock(mutex_);
    faults_.fail_at_random(operation, rate, std::move(failure));
}

void StrictFlowApi::kill_queue(std::uint32_t queue) {
    const std::lock_guard lock(mutex_);
    queues_.at(queue).kill();
}

void StrictFlowApi::service_cycle() {
    const std::lock_guard lock(mutex_);
    counters_resting_ = 0;
}

void StrictFlowApi::forget_threads() {
    const std::lock_guard lock(mutex_);
    for (StrictQueue& queue : queues_)
        queue.forget_owner();
}

std::vector<std::string> StrictFlowApi::violations() const {
    const std::lock_guard lock(mutex_);
    return violations_;
}

std::vector<std::string> StrictFlowApi::notes() const {
    const std::lock_guard lock(mutex_);
    return notes_;
}

std::size_t StrictFlowApi::leaks() const {
    const std::lock_guard lock(mutex_);
    const auto is_alive = [](const auto& object) { return !object.dead; };
    return patterns_.count(is_alive) + actions_.count(is_alive) + tables_.count(is_alive)
           + rules_.count(
               [](const StrictRule& rule) { return rule.state != StrictRule::State::dead; })
           + static_cast<std::size_t>(
               std::count_if(meter_profiles_.begin(), meter_profiles_.end(), is_alive));
}

std::size_t StrictFlowApi::live_rules() const {
    const std::lock_guard lock(mutex_);
    return rules_.count([](const StrictRule& rule) { return rule.wrapped != nullptr; });
}

std::size_t StrictFlowApi::failed_handles() const {
    const std::lock_guard lock(mutex_);
    return rules_.count(
        [](const StrictRule& rule) { return rule.state == StrictRule::State::failed; });
}

std::size_t StrictFlowApi::stranded_rules() const {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    tables_.each([&count](const StrictTable& table) { count += table.stranded.size(); });
    return count;
}

std::size_t StrictFlowApi::live_duplicates() const {
    const std::lock_guard lock(mutex_);
    std::map<std::tuple<const StrictTable*, std::uint8_t, std::string>, std::size_t> keys;
    rules_.each([&keys](const StrictRule& rule) {
        if (rule.wrapped != nullptr) ++keys[{rule.table, rule.pattern, rule.key}];
    });
    return static_cast<std::size_t>(std::count_if(
        keys.begin(), keys.end(), [](const auto& entry) { return entry.second > 1; }));
}

const rte_flow* StrictFlowApi::behind(const rte_flow* rule) const {
    const std::lock_guard lock(mutex_);
    const StrictRule* const found = rules_.find(rule);
    return found == nullptr ? nullptr : found->wrapped;
}

std::size_t StrictFlowApi::outstanding(std::uint32_t queue) const {
    const std::lock_guard lock(mutex_);
    return queues_.at(queue).outstanding();
}

ActionsSurroundings StrictFlowApi::surroundings() const {
    const StrictPorts::Configuration* configuration =
        ports_.proxy() ? ports_.configuration(*ports_.proxy()) : nullptr;
    return {.options = options_,
            .counters = configuration == nullptr ? 0 : configuration->attributes.nb_counters,
            .aging_objects =
                configuration == nullptr ? 0 : configuration->attributes.nb_aging_objects,
            .meters = configuration == nullptr ? 0 : configuration->attributes.nb_meters,
            .groups_translated = ports_.is_proxy_started(),
            .known_port = [this](std::uint16_t port) { return ports_.is_known(port); },
            .is_wire = [this](std::uint16_t port) { return ports_.is_wire(port); },
            .known_meter =
                [this](const rte_flow_meter_profile* handle) {
                    return std::any_of(meter_profiles_.begin(), meter_profiles_.end(),
                                       [handle](const StrictMeterProfile& profile) {
                                           return profile.handle == handle && !profile.dead;
                                       });
                }};
}

void StrictFlowApi::violate(std::string what) {
    violations_.push_back(std::move(what));
}

void StrictFlowApi::violate_refused(const char* what, const rte_flow_error& error) {
    violate(std::string("the wrapped API refused to ") + what + ": "
            + (error.message == nullptr ? "no message" : error.message));
}

Verdict StrictFlowApi::draw_refusal(Operation operation) {
    bool ignored = false;
    return draw_refusal(operation, ignored);
}

Verdict StrictFlowApi::draw_refusal(Operation operation, bool& fails_later) {
    const auto injected = faults_.draw(operation);
    if (!injected) return {};
    if (injected->when == Failure::When::call) return refuse(injected->code, injected->message);
    fails_later = true;
    return {};
}

int StrictFlowApi::pick_transfer_proxy(std::uint16_t port, std::uint16_t& proxy,
                                       rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    if (!ports_.is_known(port) || !ports_.proxy())
        return report(*refuse(ENODEV, "unable to find a transfer proxy"), error);
    proxy = *ports_.proxy();
    return 0;
}

int StrictFlowApi::configure(std::uint16_t port, const rte_flow_port_attr& attributes,
                             std::uint16_t queues, std::uint32_t queue_size,
                             rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    if (Verdict verdict = draw_refusal(Operation::configure)) return report(*verdict, error);
    bool repeated = false;
    if (Verdict verdict = ports_.configure(port, {attributes, queues, queue_size}, repeated))
        return report(*verdict, error);
    if (repeated) return 0;
    const int result = wrapped_.configure(port, attributes, queues, queue_size, error);
    if (result != 0) {
        ports_.unconfigure(port);
        violate_refused("configure a port", error);
        return result;
    }
    if (ports_.proxy() == port) {
        queues_.clear();
        for (std::uint16_t i = 0; i < queues; ++i)
            queues_.emplace_back(queue_size, options_.completion, options_.seed + i);
    }
    return 0;
}

rte_flow_pattern_template* StrictFlowApi::create_pattern_template(std::uint16_t port,
                                                                  const rte_flow_item* items,
                                                                  rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    if (Verdict verdict =
            ports_.check_proxy(port, "transfer attribute cannot be used with port representors"))
        return report_null(*verdict, error);
    if (Verdict verdict = draw_refusal(Operation::create_pattern_template))
        return report_null(*verdict, error);
    if (Verdict verdict = check_pattern_template(items, options_))
        return report_null(*verdict, error);
    StrictPattern pattern{.items = OwnedItems(items), .use = {}};
    pattern.use = DefinerUse::of(pattern.items.items());
    pattern.wrapped = wrapped_.create_pattern_template(port, items, error);
    if (pattern.wrapped == nullptr) {
        violate_refused("create a pattern template", error);
        return nullptr;
    }
    return patterns_.add(std::move(pattern));
}

int StrictFlowApi::destroy_pattern_template(std::uint16_t port, rte_flow_pattern_template* pattern,
                                            rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    if (Verdict verdict = draw_refusal(Operation::destroy_pattern_template))
        return report(*verdict, error);
    StrictPattern* found = patterns_.find(pattern);
    if (found == nullptr || found->dead) {
        violate("destroyed a pattern template that does not exist");
        return report(*refuse(EINVAL, "no such item template"), error);
    }
    if (found->tables != 0) return report(*refuse(EBUSY, "item template is in use"), error);
    found->dead = true;
    return wrapped_.destroy_pattern_template(port, found->wrapped, error);
}

rte_flow_actions_template* StrictFlowApi::create_actions_template(std::uint16_t port,
                                                                  const rte_flow_action* actions,
                                                                  const rte_flow_action* masks,
                                                                  rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    if (Verdict verdict = ports_.check_proxy(port, "transfer actions are only valid to proxy port"))
        return report_null(*verdict, error);
    if (Verdict verdict = draw_refusal(Operation::create_actions_template))
        return report_null(*verdict, error);
    Verdict verdict = check_actions_template(actions, masks, surroundings());
    if (verdict && !verdict->at_table) return report_null(*verdict, error);
    StrictActions made{.content = ActionsTemplateContent(actions, masks), .at_table = verdict};
    // The action is the caller's, and may be gone when a table is made.
    if (made.at_table) made.at_table->cause = nullptr;
    if (made.at_table) return actions_.add(std::move(made));
    made.wrapped = wrapped_.create_actions_template(port, actions, masks, error);
    if (made.wrapped == nullptr) {
        violate_refused("create an actions template", error);
        return nullptr;
    }
    if (made.content.jump == 0U)
        notes_.emplace_back("an actions template jumps to group 0: legal, not the root table");
    return actions_.add(std::move(made));
}

int StrictFlowApi::destroy_actions_template(std::uint16_t port, rte_flow_actions_template* actions,
                                            rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    if (Verdict verdict = draw_refusal(Operation::destroy_actions_template))
        return report(*verdict, error);
    StrictActions* found = actions_.find(actions);
    if (found == nullptr || found->dead) {
        violate("destroyed an actions template that does not exist");
        return report(*refuse(EINVAL, "no such action template"), error);
    }
    if (found->tables != 0) return report(*refuse(EBUSY, "action template is in use"), error);
    found->dead = true;
    if (found->wrapped == nullptr) return 0;
    return wrapped_.destroy_actions_template(port, found->wrapped, error);
}

Verdict StrictFlowApi::resolve(std::span<rte_flow_pattern_template* const> patterns,
                               std::span<rte_flow_actions_template* const> actions,
                               StrictTable& table) {
    if (patterns.empty() || actions.empty() || patterns.size() > most_templates
        || actions.size() > most_templates)
        return refuse(EINVAL, "wrong number of templates");
    for (rte_flow_pattern_template* handle : patterns)
        table.patterns.push_back(patterns_.find(handle));
    for (rte_flow_actions_template* handle : actions)
        table.actions.push_back(actions_.find(handle));
    const auto is_gone = [](const auto* found) { return found == nullptr || found->dead; };
    if (std::any_of(table.patterns.begin(), table.patterns.end(), is_gone)
        || std::any_of(table.actions.begin(), table.actions.end(), is_gone)) {
        violate("made a table of templates that do not exist");
        return refuse(EINVAL, "no such template");
    }
    return {};
}

Verdict StrictFlowApi::check_table(const TableAttributes& attributes) const {
    // mlx5 adds one to the application's groups only once the proxy has been started: before, it
    // would take group 0 for the root table without a word.
    if (!ports_.is_proxy_started())
        return refuse(EINVAL, "table before the start of the proxy: groups are not translated");
    if (attributes.rules == 0) return refuse(EINVAL, "table without rules");
    if (attributes.group == UINT32_MAX) return refuse(EINVAL, "group index not supported");
    // From 25.03 on mlx5 refuses it.
    const std::size_t others = tables_.count([&attributes](const StrictTable& table) {
        return !table.dead && table.attributes.group == attributes.group
               && table.attributes.origin != attributes.origin;
    });
    if (others != 0) return refuse(EINVAL, "tables of one group must have the same origin");
    return {};
}

Verdict StrictFlowApi::check_templates(const StrictTable& table) const {
    DefinerUse use;
    for (const StrictPattern* pattern : table.patterns) {
        use.merge(pattern->use);
        // What the CPU sends on a representor passes through group 0 first: a rule for any port
        // would take it.
        if (table.attributes.group == 0
            && !has_item(pattern->items.items(), RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT))
            return refuse(EINVAL, "patterns of group 0 must match REPRESENTED_PORT");
    }
    if (!use.fits(options_.full_width_match))
        return refuse(E2BIG, "no match definer holds all pattern templates of the table");
    const auto differs = [&](const StrictPattern* pattern) {
        return !same_masks(pattern->items.items(), table.patterns.front()->items.items());
    };
    if (!options_.generated_rules
        && std::any_of(table.patterns.begin(), table.patterns.end(), differs))
        return refuse(ENOTSUP, "pattern templates of one table must have the same masks");
    for (const StrictActions* actions : table.actions) {
        if (actions->at_table) return actions->at_table;
        if (Verdict verdict =
                check_direction(actions->content, table.attributes.origin, surroundings()))
            return verdict;
    }
    return {};
}

rte_flow_template_table*
StrictFlowApi::create_table(std::uint16_t port, const TableAttributes& attributes,
                            std::span<rte_flow_pattern_template* const> patterns,
                            std::span<rte_flow_actions_template* const> actions,
                            rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    if (Verdict verdict = ports_.check_proxy(port, "transfer tables are for the proxy port only"))
        return report_null(*verdict, error);
    if (Verdict verdict = draw_refusal(Operation::create_table))
        return report_null(*verdict, error);
    StrictTable table{.attributes = attributes};
    if (Verdict verdict = check_table(attributes)) return report_null(*verdict, error);
    if (Verdict verdict = resolve(patterns, actions, table)) return report_null(*verdict, error);
    if (Verdict verdict = check_templates(table)) return report_null(*verdict, error);
    std::vector<rte_flow_pattern_template*> wrapped_patterns;
    for (StrictPattern* pattern : table.patterns)
        wrapped_patterns.push_back(pattern->wrapped);
    std::vector<rte_flow_actions_template*> wrapped_actions;
    for (StrictActions* set : table.actions)
        wrapped_actions.push_back(set->wrapped);
    table.wrapped =
        wrapped_.create_table(port, attributes, wrapped_patterns, wrapped_actions, error);
    if (table.wrapped == nullptr) {
        violate_refused("create a table", error);
        return nullptr;
    }
    for (StrictPattern* pattern : table.patterns)
        ++pattern->tables;
    for (StrictActions* set : table.actions)
        ++set->tables;
    return tables_.add(std::move(table));
}

int StrictFlowApi::destroy_table(std::uint16_t port, rte_flow_template_table* table,
                                 rte_flow_error& error) {
    const std::lock_guard lock(mutex_);
    if (Verdict verdict = draw_refusal(Operation::destroy_table)) return report(*verdict, error);
    StrictTable* found = tables_.find(table);
    if (found == nullptr || found->dead) {
        violate("destroyed a table that does not exist");
        return report(*refuse(EINVAL, "no such table"), error);
    }
    if (found->handles != 0) return report(*refuse(EBUSY, "table is in use"), error);
    for (rte_flow* stranded : std::exchange(found->stranded, {}))
        if (wrapped_.destroy(port, 0, false, stranded, nullptr, error) == 0)
            finish_wrapped(0, "destroy a stranded rule");
    found->dead = true;
    for (StrictPattern* pattern : found->patterns)
        --pattern->tables;
    for (StrictActions* actions : found->actions)
        --actions->tables;
    return wrapped_.destroy_table(port, found->wrapped, error);
}

} // namespace sallyport::eswitch
