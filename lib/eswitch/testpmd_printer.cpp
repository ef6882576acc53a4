// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/testpmd_printer.h"

#include "eswitch/testpmd_syntax.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <rte_errno.h>

namespace sallyport::eswitch {

namespace {

struct PrintedPattern {
    std::uint32_t id = 0;
    MaskedFields masked;
};
struct PrintedActions {
    std::uint32_t id = 0;
};
struct PrintedTable {
    std::uint32_t id = 0;
    std::vector<PrintedPattern*> patterns;
};
struct PrintedProfile {
    std::uint32_t id = 0;
};
struct PrintedRule {
    std::uint32_t id = 0;
};

const char* yes_or_no(bool value) {
    return value ? "yes" : "no";
}

} // namespace

struct TestpmdPrinter::Implementation {
    /// Objects by their handles.
    template<class T>
    using Owned = std::map<const void*, std::unique_ptr<T>>;

    Implementation(std::ostream& to, std::uint16_t proxy_of_all) : out(to), proxy(proxy_of_all) {}

    std::ostream& out;
    std::uint16_t proxy;
    MeterNumbers meters;
    std::uint32_t next_pattern = 0, next_actions = 0, next_table = 0;
    Owned<PrintedPattern> patterns;
    Owned<PrintedActions> actions;
    Owned<PrintedTable> tables;
    Owned<PrintedProfile> profiles;
    Owned<PrintedRule> rules;
    /// testpmd gives each port's rules their numbers itself.
    std::map<std::uint16_t, std::set<std::uint32_t>> rule_ids;
    std::map<std::pair<std::uint16_t, std::uint32_t>, std::deque<rte_flow_op_result>> results;

    template<class T>
    static T* keep(Owned<T>& owned, T object) {
        auto kept = std::make_unique<T>(std::move(object));
        T* const handle = kept.get();
        owned.emplace(handle, std::move(kept));
        return handle;
    }

    void say_headers(const rte_flow_action* listed) const;
    std::uint32_t take_rule_id(std::uint16_t port);
    void finish(std::uint16_t port, std::uint32_t queue, void* user_data);
    /// What is to be destroyed; null, with the error filled in: there is no such thing.
    template<class T>
    static T* find(Owned<T>& owned, const void* handle, rte_flow_error& error) {
        const auto found = owned.find(handle);
        if (found != owned.end()) return found->second.get();
        error.type = RTE_FLOW_ERROR_TYPE_UNSPECIFIED;
        error.cause = handle;
        error.message = "no such object";
        rte_errno = EINVAL;
        return nullptr;
    }
};

/// What the actions that follow need to be said before them.
void TestpmdPrinter::Implementation::say_headers(const rte_flow_action* listed) const {
    for (; listed->type != RTE_FLOW_ACTION_TYPE_END; ++listed) {
        if (listed->type != RTE_FLOW_ACTION_TYPE_RAW_ENCAP || listed->conf == nullptr) continue;
        const auto* header = static_cast<const rte_flow_action_raw_encap*>(listed->conf);
        if (header->data == nullptr) continue;
        const auto text = header_text({header->data, header->size});
        if (text)
            out << "set raw_encap 0 " << *text << " / end_set\n";
        else
            out << "# raw_encap: of octets that are no VXLAN header\n";
    }
}

std::uint32_t TestpmdPrinter::Implementation::take_rule_id(std::uint16_t port) {
    std::set<std::uint32_t>& taken = rule_ids[port];
    const std::uint32_t id = taken.empty() ? 0 : *taken.rbegin() + 1;
    taken.insert(id);
    return id;
}

void TestpmdPrinter::Implementation::finish(std::uint16_t port, std::uint32_t queue,
                                            void* user_data) {
    rte_flow_op_result result{};
    result.status = RTE_FLOW_OP_SUCCESS;
    result.user_data = user_data;
    results[{port, queue}].push_back(result);
}

TestpmdPrinter::TestpmdPrinter(std::ostream& out, std::uint16_t proxy)
    : implementation_(std::make_unique<Implementation>(out, proxy)) {}

TestpmdPrinter::~TestpmdPrinter() = default;

int TestpmdPrinter::pick_transfer_proxy(std::uint16_t port, std::uint16_t& proxy,
                                        rte_flow_error& /*error*/) {
    implementation_->out << "show port " << port << " flow transfer proxy\n";
    proxy = implementation_->proxy;
    return 0;
}

int TestpmdPrinter::configure(std::uint16_t port, const rte_flow_port_attr& attributes,
                              std::uint16_t queues, std::uint32_t queue_size,
                              rte_flow_error& /*error*/) {
    std::ostream& out = implementation_->out;
    out << "flow configure " << port << " queues_number " << queues << " queues_size "
        << queue_size;
    if (attributes.nb_counters > 0) out << " counters_number " << attributes.nb_counters;
    if (attributes.nb_aging_objects > 0)
        out << " aging_counters_number " << attributes.nb_aging_objects;
    if (attributes.nb_meters > 0) out << " meters_number " << attributes.nb_meters;
    if (attributes.flags != 0) out << " flags " << attributes.flags;
    out << '\n';
    return 0;
}

rte_flow_pattern_template* TestpmdPrinter::create_pattern_template(std::uint16_t port,
                                                                   const rte_flow_item* items,
                                                                   rte_flow_error& /*error*/) {
    Implementation& printer = *implementation_;
    PrintedPattern* const pattern =
        Implementation::keep(printer.patterns, PrintedPattern{.id = printer.next_pattern++,
                                                              .masked = find_masked_fields(items)});
    printer.out << "flow pattern_template " << port << " create transfer pattern_template_id "
                << pattern->id << " template " << template_items_text(items) << '\n';
    return reinterpret_cast<rte_flow_pattern_template*>(pattern);
}

int TestpmdPrinter::destroy_pattern_template(std::uint16_t port, rte_flow_pattern_template* pattern,
                                             rte_flow_error& error) {
    Implementation& printer = *implementation_;
    const auto* const found = Implementation::find(printer.patterns, pattern, error);
    if (found == nullptr) return -EINVAL;
    printer.out << "flow pattern_template " << port << " destroy pattern_template " << found->id
                << '\n';
    printer.patterns.erase(pattern);
    return 0;
}

rte_flow_actions_template* TestpmdPrinter::create_actions_template(std::uint16_t port,
                                                                   const rte_flow_action* actions,
                                                                   const rte_flow_action* masks,
                                                                   rte_flow_error& /*error*/) {
    Implementation& printer = *implementation_;
    PrintedActions* const made =
        Implementation::keep(printer.actions, PrintedActions{.id = printer.next_actions++});
    printer.say_headers(actions);
    printer.out << "flow actions_template " << port << " create transfer actions_template_id "
                << made->id << " template " << actions_text(actions, printer.meters) << " mask "
                << action_masks_text(masks) << '\n';
    return reinterpret_cast<rte_flow_actions_template*>(made);
}

int TestpmdPrinter::destroy_actions_template(std::uint16_t port, rte_flow_actions_template* actions,
                                             rte_flow_error& error) {
    Implementation& printer = *implementation_;
    const auto* const found = Implementation::find(printer.actions, actions, error);
    if (found == nullptr) return -EINVAL;
    printer.out << "flow actions_template " << port << " destroy actions_template " << found->id
                << '\n';
    printer.actions.erase(actions);
    return 0;
}

rte_flow_template_table*
TestpmdPrinter::create_table(std::uint16_t port, const TableAttributes& attributes,
                             std::span<rte_flow_pattern_template* const> patterns,
                             std::span<rte_flow_actions_template* const> actions,
                             rte_flow_error& /*error*/) {
    Implementation& printer = *implementation_;
    PrintedTable* const table = Implementation::keep(
        printer.tables, PrintedTable{.id = printer.next_table++, .patterns = {}});
    std::ostream& out = printer.out;
    out << "flow template_table " << port << " create table_id " << table->id << " group "
        << attributes.group << " priority " << attributes.priority << " transfer";
    if (attributes.origin == Origin::wire) out << " wire_orig";
    if (attributes.origin == Origin::vport) out << " vport_orig";
    out << " rules_number " << attributes.rules;
    for (rte_flow_pattern_template* const pattern : patterns) {
        table->patterns.push_back(reinterpret_cast<PrintedPattern*>(pattern));
        out << " pattern_template " << table->patterns.back()->id;
    }
    for (rte_flow_actions_template* const actions_template : actions)
        out << " actions_template " << reinterpret_cast<PrintedActions*>(actions_template)->id;
    out << '\n';
    return reinterpret_cast<rte_flow_template_table*>(table);
}

int TestpmdPrinter::destroy_table(std::uint16_t port, rte_flow_template_table* table,
                                  rte_flow_error& error) {
    Implementation& printer = *implementation_;
    const auto* const found = Implementation::find(printer.tables, table, error);
    if (found == nullptr) return -EINVAL;
    printer.out << "flow template_table " << port << " destroy table " << found->id << '\n';
    printer.tables.erase(table);
    return 0;
}

rte_flow_meter_profile* TestpmdPrinter::add_meter_profile(std::uint16_t port, std::uint32_t id,
                                                          const rte_mtr_meter_profile& profile,
                                                          rte_flow_error& error) {
    Implementation& printer = *implementation_;
    if (profile.alg != RTE_MTR_SRTCM_RFC2697) {
        error = {.type = RTE_FLOW_ERROR_TYPE_UNSPECIFIED,
                 .cause = nullptr,
                 .message = "no words for meters but those of RFC 2697"};
        rte_errno = ENOTSUP;
        return nullptr;
    }
    const auto& limit = profile.srtcm_rfc2697;
    printer.out << "add port meter profile srtcm_rfc2697 " << port << ' ' << id << ' ' << limit.cir
                << ' ' << limit.cbs << ' ' << limit.ebs << ' ' << profile.packet_mode << '\n';
    auto* const handle = Implementation::keep(printer.profiles, PrintedProfile{.id = id});
    printer.meters.emplace(handle, id);
    return reinterpret_cast<rte_flow_meter_profile*>(handle);
}

int TestpmdPrinter::remove_meter_profile(std::uint16_t port, std::uint32_t id,
                                         rte_flow_error& error) {
    Implementation& printer = *implementation_;
    const auto found = std::find_if(printer.meters.begin(), printer.meters.end(),
                                    [id](const auto& entry) { return entry.second == id; });
    const void* const handle = found == printer.meters.end() ? nullptr : found->first;
    if (Implementation::find(printer.profiles, handle, error) == nullptr) return -EINVAL;
    printer.out << "del port meter profile " << port << ' ' << id << '\n';
    printer.meters.erase(found);
    printer.profiles.erase(handle);
    return 0;
}

rte_flow* TestpmdPrinter::create(std::uint16_t port, std::uint32_t queue, bool postpone,
                                 rte_flow_template_table* table, const rte_flow_item* items,
                                 std::uint8_t pattern, const rte_flow_action* actions,
                                 std::uint8_t actions_template, void* user_data,
                                 rte_flow_error& error) {
    Implementation& printer = *implementation_;
    const auto* const into = Implementation::find(printer.tables, table, error);
    if (into == nullptr || pattern >= into->patterns.size()) return nullptr;
    printer.say_headers(actions);
    printer.out << "flow queue " << port << " create " << queue << " template_table " << into->id
                << " pattern_template " << unsigned{pattern} << " actions_template "
                << unsigned{actions_template} << " postpone " << yes_or_no(postpone) << " pattern "
                << rule_items_text(items, into->patterns[pattern]->masked) << " actions "
                << actions_text(actions, printer.meters) << '\n';
    printer.finish(port, queue, user_data);
    return reinterpret_cast<rte_flow*>(
        Implementation::keep(printer.rules, PrintedRule{.id = printer.take_rule_id(port)}));
}

int TestpmdPrinter::destroy(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
                            void* user_data, rte_flow_error& error) {
    Implementation& printer = *implementation_;
    const auto* const found = Implementation::find(printer.rules, rule, error);
    if (found == nullptr) return -EINVAL;
    printer.out << "flow queue " << port << " destroy " << queue << " postpone "
                << yes_or_no(postpone) << " rule " << found->id << '\n';
    printer.finish(port, queue, user_data);
    printer.rule_ids[port].erase(found->id);
    printer.rules.erase(rule);
    return 0;
}

int TestpmdPrinter::update(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
                           const rte_flow_action* actions, std::uint8_t actions_template,
                           void* user_data, rte_flow_error& error) {
    Implementation& printer = *implementation_;
    const auto* const found = Implementation::find(printer.rules, rule, error);
    if (found == nullptr) return -EINVAL;
    printer.say_headers(actions);
    printer.out << "flow queue " << port << " update " << queue << " rule " << found->id
                << " actions_template " << unsigned{actions_template} << " postpone "
                << yes_or_no(postpone) << " pattern end actions "
                << actions_text(actions, printer.meters) << '\n';
    printer.finish(port, queue, user_data);
    return 0;
}

int TestpmdPrinter::push(std::uint16_t port, std::uint32_t queue, rte_flow_error& /*error*/) {
    implementation_->out << "flow push " << port << " queue " << queue << '\n';
    return 0;
}

int TestpmdPrinter::pull(std::uint16_t port, std::uint32_t queue,
                         std::span<rte_flow_op_result> results, rte_flow_error& /*error*/) {
    implementation_->out << "flow pull " << port << " queue " << queue << '\n';
    auto& waiting = implementation_->results[{port, queue}];
    const std::size_t count = std::min(waiting.size(), results.size());
    const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(count);
    std::copy(waiting.begin(), end, results.begin());
    waiting.erase(waiting.begin(), end);
    return static_cast<int>(count);
}

int TestpmdPrinter::query_count(std::uint16_t port, rte_flow* rule, rte_flow_query_count& count,
                                rte_flow_error& error) {
    Implementation& printer = *implementation_;
    const auto* const found = Implementation::find(printer.rules, rule, error);
    if (found == nullptr) return -EINVAL;
    printer.out << "flow query " << port << ' ' << found->id << " count\n";
    count.hits_set = count.bytes_set = 1;
    count.hits = count.bytes = 0;
    return 0;
}

int TestpmdPrinter::calculate_encap_hash(std::uint16_t /*port*/, const rte_flow_item* /*items*/,
                                         std::array<std::uint8_t, 2>& /*hash*/,
                                         rte_flow_error& error) {
    error.message = "there is no NIC to ask";
    return -ENOTSUP;
}

} // namespace sallyport::eswitch
