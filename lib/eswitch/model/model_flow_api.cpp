// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/model/model_flow_api.h"

#include "eswitch/model/encap_hash.h"
#include "eswitch/model/model_tables.h"
#include "net/wire.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <utility>

#include <rte_errno.h>

namespace sallyport::eswitch {

namespace {

constexpr unsigned most_groups = 64;
/// mlx5's limit, for patterns and for actions.
constexpr std::size_t most_templates = 32;

ModelRule& as_rule(rte_flow* rule) {
    return *reinterpret_cast<ModelRule*>(rule);
}
rte_flow* as_handle(ModelRule& rule) {
    return reinterpret_cast<rte_flow*>(&rule);
}
ModelTable& as_table(rte_flow_template_table* table) {
    return *reinterpret_cast<ModelTable*>(table);
}

} // namespace

struct ModelFlowApi::Implementation {
    struct Queue {
        std::uint32_t size = 0;
        std::deque<rte_flow_op_result> results;
    };

    ParserSettings settings;
    std::map<std::uint16_t, PortKind> ports;
    std::map<std::uint16_t, std::vector<Queue>> queues;
    std::map<const void*, std::unique_ptr<Pattern>> patterns;
    std::map<const void*, std::unique_ptr<ActionsTemplate>> actions;
    struct Meter {
        std::uint32_t id = 0;
        MeterProfile profile{};
        /// Kept, since the driver would let a rule go on with it.
        bool removed = false;
    };
    std::vector<std::unique_ptr<Meter>> meters;
    // Behind the templates, whose users its tables are.
    ModelTables tables;
    std::uint64_t rules_made = 0;
    /// What error messages point to.
    std::string complaint;
    std::string key;

    int fail(rte_flow_error& error, int code) {
        error.type = RTE_FLOW_ERROR_TYPE_UNSPECIFIED;
        error.cause = nullptr;
        error.message = complaint.c_str();
        rte_errno = code;
        return -code;
    }
    int fail(rte_flow_error& error, int code, std::string why) {
        complaint = std::move(why);
        return fail(error, code);
    }

    /// @return 0 if there is none
    int find_proxy(std::uint16_t& proxy) const;
    int check_port(std::uint16_t port, rte_flow_error& error);
    int check_queue(std::uint16_t port, std::uint32_t queue, rte_flow_error& error);
    Meter* find_meter(std::uint32_t id);
    int check_meters(const ActionsTemplate& actions_template,
                     std::span<const std::uint8_t> arguments, rte_flow_error& error);
    int check_destination(const ActionsTemplate& actions_template,
                          std::span<const std::uint8_t> arguments, rte_flow_error& error);
    void finish(std::uint16_t port, std::uint32_t queue, void* user_data);
    int check_table(const TableAttributes& attributes, std::size_t pattern_count,
                    std::size_t actions_count, rte_flow_error& error);
    int read_rule(ModelRule& rule, const ModelTable& table, const rte_flow_action* given,
                  std::uint8_t index, rte_flow_error& error);
    /// @return false: the packet stays where it is, and the verdict is complete
    bool step(std::uint32_t& group, Origin origin, ModelPacket& packet, ModelVerdict& verdict);
};

int ModelFlowApi::Implementation::find_proxy(std::uint16_t& proxy) const {
    for (const auto& [port, kind] : ports) {
        if (kind != PortKind::wire) continue;
        proxy = port;
        return 0;
    }
    return -ENODEV;
}

int ModelFlowApi::Implementation::check_port(std::uint16_t port, rte_flow_error& error) {
    std::uint16_t proxy = 0;
    if (find_proxy(proxy) != 0 || port != proxy)
        return fail(error, EINVAL, "transfer objects are of the transfer proxy");
    if (!queues.contains(port)) return fail(error, EINVAL, "the port is not configured");
    return 0;
}

int ModelFlowApi::Implementation::check_queue(std::uint16_t port, std::uint32_t queue,
                                              rte_flow_error& error) {
    if (const int result = check_port(port, error); result != 0) return result;
    const std::vector<Queue>& of_port = queues[port];
    if (queue >= of_port.size()) return fail(error, EINVAL, "no such queue");
    if (of_port[queue].results.size() >= of_port[queue].size)
        return fail(error, EBUSY, "the queue is full");
    return 0;
}

int ModelFlowApi::Implementation::check_destination(const ActionsTemplate& actions_template,
                                                    std::span<const std::uint8_t> arguments,
                                                    rte_flow_error& error) {
    const Destination destination = find_destination(actions_template, arguments);
    if (destination.kind == Destination::Kind::port
        && !ports.contains(static_cast<std::uint16_t>(destination.number)))
        return fail(error, EINVAL, "REPRESENTED_PORT names no port of the E-Switch");
    return 0;
}

ModelFlowApi::Implementation::Meter* ModelFlowApi::Implementation::find_meter(std::uint32_t id) {
    const auto found = std::find_if(meters.begin(), meters.end(), [id](const auto& meter) {
        return meter->id == id && !meter->removed;
    });
    return found == meters.end() ? nullptr : found->get();
}

int ModelFlowApi::Implementation::check_meters(const ActionsTemplate& actions_template,
                                               std::span<const std::uint8_t> arguments,
                                               rte_flow_error& error) {
    for (const MeterProfile* const profile : find_meters(actions_template, arguments)) {
        const bool known = std::any_of(meters.begin(), meters.end(), [&](const auto& meter) {
            return &meter->profile == profile && !meter->removed;
        });
        if (!known) return fail(error, EINVAL, "METER_MARK names no profile");
    }
    return 0;
}

void ModelFlowApi::Implementation::finish(std::uint16_t port, std::uint32_t queue,
                                          void* user_data) {
    rte_flow_op_result result{};
    result.status = RTE_FLOW_OP_SUCCESS;
    result.user_data = user_data;
    queues[port][queue].results.push_back(result);
}

int ModelFlowApi::Implementation::check_table(const TableAttributes& attributes,
                                              std::size_t pattern_count, std::size_t actions_count,
                                              rte_flow_error& error) {
    if (pattern_count == 0 || actions_count == 0 || pattern_count > most_templates
        || actions_count > most_templates)
        return fail(error, EINVAL, "a table has 1 to 32 templates of either kind");
    if (attributes.rules == 0) return fail(error, EINVAL, "the table has no room for rules");
    if (!tables.agrees(attributes.group, attributes.origin))
        return fail(error, EINVAL, "the tables of a group are of one origin");
    return 0;
}

int ModelFlowApi::Implementation::read_rule(ModelRule& rule, const ModelTable& table,
                                            const rte_flow_action* given, std::uint8_t index,
                                            rte_flow_error& error) {
    const ActionsTemplate* const actions_template = table.actions(index);
    if (actions_template == nullptr) return fail(error, EINVAL, "no such actions template");
    std::vector<std::uint8_t> arguments;
    if (!read_arguments(*actions_template, given, arguments, complaint)) return fail(error, EINVAL);
    if (const int result = check_destination(*actions_template, arguments, error); result != 0)
        return result;
    if (const int result = check_meters(*actions_template, arguments, error); result != 0)
        return result;
    rule.actions = actions_template;
    rule.arguments = std::move(arguments);
    rule.arguments.shrink_to_fit();
    rule.packets = 0;
    rule.octets = 0;
    return 0;
}

bool ModelFlowApi::Implementation::step(std::uint32_t& group, Origin origin, ModelPacket& packet,
                                        ModelVerdict& verdict) {
    ModelRule* const rule = tables.find(group, origin, packet);
    ModelStep& taken = verdict.steps.emplace_back();
    taken.group = group;
    taken.tag = packet.tags[0];
    if (rule == nullptr) {
        verdict.fate = ModelVerdict::Fate::cpu;
        return false;
    }
    ++rule->packets;
    rule->octets += packet.octets().size();
    const Destination next = apply(*rule->actions, rule->arguments, packet);
    taken.rule = as_handle(*rule);
    taken.user_data = rule->user_data;
    taken.tag = packet.tags[0];
    switch (next.kind) {
    case Destination::Kind::group:
        group = next.number;
        return true;
    case Destination::Kind::port:
        verdict.fate = ModelVerdict::Fate::port;
        verdict.port = static_cast<std::uint16_t>(next.number);
        return false;
    case Destination::Kind::cpu:
        verdict.fate = ModelVerdict::Fate::cpu;
        return false;
    case Destination::Kind::drop:
        break;
    }
    verdict.fate = ModelVerdict::Fate::drop;
    return false;
}

ModelFlowApi::ModelFlowApi(ParserSettings settings)
    : implementation_(std::make_unique<Implementation>()) {
    implementation_->settings = std::move(settings);
}

ModelFlowApi::~ModelFlowApi() = default;

void ModelFlowApi::add_port(std::uint16_t port, PortKind kind) {
    implementation_->ports[port] = kind;
}

ModelVerdict ModelFlowApi::run(std::uint16_t port, std::span<const std::uint8_t> packet) {
    ModelVerdict verdict;
    verdict.fate = ModelVerdict::Fate::drop;
    const auto found = implementation_->ports.find(port);
    if (found == implementation_->ports.end()) return verdict;
    const Origin origin = found->second == PortKind::wire ? Origin::wire : Origin::vport;
    ModelPacket walked(port, packet, implementation_->settings);
    std::uint32_t group = 0;
    while (verdict.steps.size() < most_groups
           && implementation_->step(group, origin, walked, verdict)) {
    }
    verdict.packet = walked.release();
    return verdict;
}

std::size_t ModelFlowApi::rules() const {
    return implementation_->tables.rules();
}

int ModelFlowApi::pick_transfer_proxy(std::uint16_t port, std::uint16_t& proxy,
                                      rte_flow_error& error) {
    if (!implementation_->ports.contains(port) || implementation_->find_proxy(proxy) != 0)
        return implementation_->fail(error, ENODEV, "no such port, or no wire port");
    return 0;
}

int ModelFlowApi::configure(std::uint16_t port, const rte_flow_port_attr& /*attributes*/,
                            std::uint16_t queues, std::uint32_t queue_size, rte_flow_error& error) {
    Implementation& model = *implementation_;
    if (!model.ports.contains(port)) return model.fail(error, ENODEV, "no such port");
    if (queues == 0 || queue_size == 0)
        return model.fail(error, EINVAL, "there must be a queue, and room in it");
    std::vector<Implementation::Queue>& of_port = model.queues[port];
    if (of_port.empty()) of_port.assign(queues, {.size = queue_size, .results = {}});
    if (of_port.size() != queues || of_port.front().size != queue_size)
        return model.fail(error, ENOTSUP, "the port is configured otherwise");
    return 0;
}

rte_flow_meter_profile* ModelFlowApi::add_meter_profile(std::uint16_t port, std::uint32_t id,
                                                        const rte_mtr_meter_profile& profile,
                                                        rte_flow_error& error) {
    Implementation& model = *implementation_;
    if (model.check_port(port, error) != 0) return nullptr;
    if (profile.alg != RTE_MTR_SRTCM_RFC2697) {
        model.fail(error, ENOTSUP, "the model knows meters of RFC 2697 only");
        return nullptr;
    }
    if (model.find_meter(id) != nullptr) {
        model.fail(error, EEXIST, "the profile is there already");
        return nullptr;
    }
    model.meters.push_back(std::make_unique<Implementation::Meter>(
        Implementation::Meter{.id = id, .profile = profile}));
    return reinterpret_cast<rte_flow_meter_profile*>(&model.meters.back()->profile);
}

int ModelFlowApi::remove_meter_profile(std::uint16_t port, std::uint32_t id,
                                       rte_flow_error& error) {
    Implementation& model = *implementation_;
    if (const int result = model.check_port(port, error); result != 0) return result;
    Implementation::Meter* const meter = model.find_meter(id);
    if (meter == nullptr) return model.fail(error, ENOENT, "no such profile");
    meter->removed = true;
    return 0;
}

int ModelFlowApi::push(std::uint16_t port, std::uint32_t queue, rte_flow_error& error) {
    const auto found = implementation_->queues.find(port);
    if (found == implementation_->queues.end() || queue >= found->second.size())
        return implementation_->fail(error, EINVAL, "no such queue");
    return 0;
}

int ModelFlowApi::pull(std::uint16_t port, std::uint32_t queue,
                       std::span<rte_flow_op_result> results, rte_flow_error& error) {
    if (const int result = push(port, queue, error); result != 0) return result;
    auto& waiting = implementation_->queues[port][queue].results;
    const std::size_t count = std::min(waiting.size(), results.size());
    const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(count);
    std::copy(waiting.begin(), end, results.begin());
    waiting.erase(waiting.begin(), end);
    return static_cast<int>(count);
}

int ModelFlowApi::query_count(std::uint16_t port, rte_flow* rule, rte_flow_query_count& count,
                              rte_flow_error& error) {
    if (const int result = implementation_->check_port(port, error); result != 0) return result;
    ModelRule& queried = as_rule(rule);
    if (!queried.actions->counts)
        return implementation_->fail(error, EINVAL, "the rule has no COUNT");
    count.hits_set = 1;
    count.bytes_set = 1;
    count.hits = queried.packets;
    count.bytes = queried.octets;
    if (count.reset != 0) queried.packets = queried.octets = 0;
    return 0;
}

int ModelFlowApi::calculate_encap_hash(std::uint16_t port, const rte_flow_item* items,
                                       std::array<std::uint8_t, 2>& hash, rte_flow_error& error) {
    Implementation& model = *implementation_;
    if (const int result = model.check_port(port, error); result != 0) return result;
    const auto flow = encap_flow(items, model.complaint);
    if (!flow) return model.fail(error, EINVAL);
    net::store_be16(hash.data(), encap_source_port(*flow));
    return 0;
}

rte_flow_pattern_template* ModelFlowApi::create_pattern_template(std::uint16_t port,
                                                                 const rte_flow_item* items,
                                                                 rte_flow_error& error) {
    Implementation& model = *implementation_;
    if (model.check_port(port, error) != 0) return nullptr;
    std::optional<Pattern> compiled = compile_pattern(items, model.complaint);
    if (!compiled) {
        model.fail(error, ENOTSUP);
        return nullptr;
    }
    auto pattern = std::make_unique<Pattern>(std::move(*compiled));
    Pattern* const handle = pattern.get();
    model.patterns.emplace(handle, std::move(pattern));
    return reinterpret_cast<rte_flow_pattern_template*>(handle);
}

int ModelFlowApi::destroy_pattern_template(std::uint16_t port, rte_flow_pattern_template* pattern,
                                           rte_flow_error& error) {
    Implementation& model = *implementation_;
    if (const int result = model.check_port(port, error); result != 0) return result;
    const auto found = model.patterns.find(pattern);
    if (found == model.patterns.end()) return model.fail(error, EINVAL, "no such template");
    if (found->second->users > 0) return model.fail(error, EBUSY, "a table has the template");
    model.patterns.erase(found);
    return 0;
}

rte_flow_actions_template* ModelFlowApi::create_actions_template(std::uint16_t port,
                                                                 const rte_flow_action* actions,
                                                                 const rte_flow_action* masks,
                                                                 rte_flow_error& error) {
    Implementation& model = *implementation_;
    if (model.check_port(port, error) != 0) return nullptr;
    std::optional<ActionsTemplate> compiled = compile_actions(actions, masks, model.complaint);
    if (!compiled) {
        model.fail(error, ENOTSUP);
        return nullptr;
    }
    auto actions_template = std::make_unique<ActionsTemplate>(std::move(*compiled));
    ActionsTemplate* const handle = actions_template.get();
    model.actions.emplace(handle, std::move(actions_template));
    return reinterpret_cast<rte_flow_actions_template*>(handle);
}

int ModelFlowApi::destroy_actions_template(std::uint16_t port, rte_flow_actions_template* actions,
                                           rte_flow_error& error) {
    Implementation& model = *implementation_;
    if (const int result = model.check_port(port, error); result != 0) return result;
    const auto found = model.actions.find(actions);
    if (found == model.actions.end()) return model.fail(error, EINVAL, "no such template");
    if (found->second->users > 0) return model.fail(error, EBUSY, "a table has the template");
    model.actions.erase(found);
    return 0;
}

rte_flow_template_table*
ModelFlowApi::create_table(std::uint16_t port, const TableAttributes& attributes,
                           std::span<rte_flow_pattern_template* const> patterns,
                           std::span<rte_flow_actions_template* const> actions,
                           rte_flow_error& error) {
    Implementation& model = *implementation_;
    if (model.check_port(port, error) != 0
        || model.check_table(attributes, patterns.size(), actions.size(), error) != 0)
        return nullptr;
    std::vector<Pattern*> own_patterns;
    for (rte_flow_pattern_template* const pattern : patterns)
        own_patterns.push_back(reinterpret_cast<Pattern*>(pattern));
    std::vector<ActionsTemplate*> own_actions;
    for (rte_flow_actions_template* const actions_template : actions)
        own_actions.push_back(reinterpret_cast<ActionsTemplate*>(actions_template));
    ModelTable& table = model.tables.add(
        std::make_unique<ModelTable>(attributes, std::move(own_patterns), std::move(own_actions)));
    return reinterpret_cast<rte_flow_template_table*>(&table);
}

int ModelFlowApi::destroy_table(std::uint16_t port, rte_flow_template_table* table,
                                rte_flow_error& error) {
    if (const int result = implementation_->check_port(port, error); result != 0) return result;
    if (as_table(table).size() > 0)
        return implementation_->fail(error, EBUSY, "the table has rules");
    implementation_->tables.remove(as_table(table));
    return 0;
}

rte_flow* ModelFlowApi::create(std::uint16_t port, std::uint32_t queue, bool /*postpone*/,
                               rte_flow_template_table* table, const rte_flow_item* items,
                               std::uint8_t pattern, const rte_flow_action* actions,
                               std::uint8_t actions_template, void* user_data,
                               rte_flow_error& error) {
    Implementation& model = *implementation_;
    if (model.check_queue(port, queue, error) != 0) return nullptr;
    ModelTable& into = as_table(table);
    const Pattern* const match = into.pattern(pattern);
    ModelRule rule;
    if (into.full()) {
        model.fail(error, ENOMEM, "the table is full");
    } else if (match == nullptr) {
        model.fail(error, EINVAL, "no such pattern template");
    } else if (!make_key(*match, items, model.key, model.complaint)) {
        model.fail(error, EINVAL);
    } else if (model.read_rule(rule, into, actions, actions_template, error) == 0) {
        rule.user_data = user_data;
        rule.number = ++model.rules_made;
        model.finish(port, queue, user_data);
        return as_handle(into.insert(pattern, model.key, std::move(rule)));
    }
    return nullptr;
}

int ModelFlowApi::destroy(std::uint16_t port, std::uint32_t queue, bool /*postpone*/,
                          rte_flow* rule, void* user_data, rte_flow_error& error) {
    if (const int result = implementation_->check_queue(port, queue, error); result != 0)
        return result;
    as_rule(rule).table->erase(as_rule(rule));
    implementation_->finish(port, queue, user_data);
    return 0;
}

int ModelFlowApi::update(std::uint16_t port, std::uint32_t queue, bool /*postpone*/, rte_flow* rule,
                         const rte_flow_action* actions, std::uint8_t actions_template,
                         void* user_data, rte_flow_error& error) {
    Implementation& model = *implementation_;
    if (const int result = model.check_queue(port, queue, error); result != 0) return result;
    ModelRule& changed = as_rule(rule);
    if (const int result =
            model.read_rule(changed, *changed.table, actions, actions_template, error);
        result != 0)
        return result;
    model.finish(port, queue, user_data);
    return 0;
}

} // namespace sallyport::eswitch
