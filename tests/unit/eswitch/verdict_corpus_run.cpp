// SPDX-License-Identifier: BSD-3-Clause
#include "verdict_corpus.h"

#include <array>
#include <chrono>
#include <ostream>

#include <rte_errno.h>

namespace sallyport::eswitch {

std::ostream& operator<<(std::ostream& out, Answer answer) {
    constexpr std::array names{"taken",   "configure", "start",  "stop",   "pattern",
                               "actions", "table",     "rule",   "result", "update",
                               "destroy", "query",     "profile"};
    return out << names[static_cast<std::size_t>(answer)];
}

CorpusRun::~CorpusRun() {
    rte_flow_error ignored{};
    settle();
    for (rte_flow* const rule : rules_) {
        card.flow.destroy(card.proxy, 0, false, rule, this, ignored);
        ++in_flight_;
        settle();
    }
    for (auto* const table : tables_)
        card.flow.destroy_table(card.proxy, table, ignored);
    for (auto* const actions : actions_)
        card.flow.destroy_actions_template(card.proxy, actions, ignored);
    for (auto* const pattern : patterns_)
        card.flow.destroy_pattern_template(card.proxy, pattern, ignored);
    for (const std::uint32_t id : profiles_)
        card.flow.remove_meter_profile(card.proxy, id, ignored);
}

CorpusRun& CorpusRun::note(bool done, Answer answer) {
    if (done || !able()) return *this;
    answer_ = answer;
    code_ = rte_errno;
    return *this;
}

std::string CorpusRun::words() const {
    return able() ? "" : describe(error_, -code_);
}

bool CorpusRun::settle() {
    bool done = true;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (in_flight_ > 0 && std::chrono::steady_clock::now() < deadline) {
        std::array<rte_flow_op_result, 8> results{};
        rte_flow_error ignored{};
        const int count = card.flow.pull(card.proxy, 0, results, ignored);
        if (count < 0) return false;
        for (int i = 0; i < count; ++i, --in_flight_)
            done = done && results[static_cast<std::size_t>(i)].status == RTE_FLOW_OP_SUCCESS;
    }
    return done && in_flight_ == 0;
}

CorpusRun& CorpusRun::configure(std::uint16_t port, std::uint16_t queues, std::uint32_t size,
                                const rte_flow_port_attr& attributes) {
    if (!able()) return *this;
    return note(card.flow.configure(port, attributes, queues, size, error_) == 0,
                Answer::configure);
}

CorpusRun& CorpusRun::start(std::uint16_t port) {
    return able() ? note(card.start(port) == 0, Answer::start) : *this;
}

CorpusRun& CorpusRun::stop(std::uint16_t port) {
    return able() ? note(card.stop(port) == 0, Answer::stop) : *this;
}

CorpusRun& CorpusRun::items(const rte_flow_item* items, std::optional<std::uint16_t> port) {
    if (!able()) return *this;
    auto* const made = card.flow.create_pattern_template(port.value_or(card.proxy), items, error_);
    if (made != nullptr) patterns_.push_back(made);
    return note(made != nullptr, Answer::pattern);
}

CorpusRun& CorpusRun::actions(const rte_flow_action* actions, const rte_flow_action* masks) {
    if (!able()) return *this;
    auto* const made = card.flow.create_actions_template(card.proxy, actions, masks, error_);
    if (made != nullptr) actions_.push_back(made);
    return note(made != nullptr, Answer::actions);
}

CorpusRun& CorpusRun::table(const TableAttributes& attributes, std::optional<std::uint16_t> port) {
    if (!able()) return *this;
    auto* const made =
        card.flow.create_table(port.value_or(card.proxy), attributes, patterns_, actions_, error_);
    if (made != nullptr) tables_.push_back(made);
    return note(made != nullptr, Answer::table);
}

CorpusRun& CorpusRun::rule(const rte_flow_item* items, std::uint8_t pattern,
                           const rte_flow_action* actions, std::uint8_t actions_template,
                           bool settle, std::uint32_t queue, std::optional<std::uint16_t> port) {
    if (!able()) return *this;
    auto* const made = card.flow.create(port.value_or(card.proxy), queue, false, tables_.back(),
                                        items, pattern, actions, actions_template, this, error_);
    if (made == nullptr) return note(false, Answer::rule);
    rules_.push_back(made);
    ++in_flight_;
    return settle ? note(this->settle(), Answer::result) : *this;
}

CorpusRun& CorpusRun::update(const rte_flow_action* actions, std::uint8_t actions_template) {
    if (!able()) return *this;
    if (card.flow.update(card.proxy, 0, false, rules_.back(), actions, actions_template, this,
                         error_)
        != 0)
        return note(false, Answer::update);
    ++in_flight_;
    return note(settle(), Answer::result);
}

CorpusRun& CorpusRun::query() {
    if (!able()) return *this;
    rte_flow_query_count count{};
    return note(card.flow.query_count(card.proxy, rules_.back(), count, error_) == 0,
                Answer::query);
}

CorpusRun& CorpusRun::destroy_rule() {
    if (!able()) return *this;
    if (card.flow.destroy(card.proxy, 0, false, rules_.back(), this, error_) != 0)
        return note(false, Answer::destroy);
    rules_.pop_back();
    ++in_flight_;
    return note(settle(), Answer::result);
}

CorpusRun& CorpusRun::destroy_last_table() {
    if (!able()) return *this;
    const bool done = card.flow.destroy_table(card.proxy, tables_.back(), error_) == 0;
    if (done) tables_.pop_back();
    return note(done, Answer::destroy);
}

CorpusRun& CorpusRun::destroy_last_pattern() {
    if (!able()) return *this;
    const bool done = card.flow.destroy_pattern_template(card.proxy, patterns_.back(), error_) == 0;
    if (done) patterns_.pop_back();
    return note(done, Answer::destroy);
}

CorpusRun& CorpusRun::destroy_last_actions() {
    if (!able()) return *this;
    const bool done = card.flow.destroy_actions_template(card.proxy, actions_.back(), error_) == 0;
    if (done) actions_.pop_back();
    return note(done, Answer::destroy);
}

CorpusRun& CorpusRun::profile(const rte_mtr_meter_profile& profile, std::uint32_t id) {
    if (!able()) return *this;
    last_profile_ = card.flow.add_meter_profile(card.proxy, id, profile, error_);
    if (last_profile_ != nullptr) profiles_.push_back(id);
    return note(last_profile_ != nullptr, Answer::profile);
}

CorpusRun& CorpusRun::remove_profile(std::uint32_t id) {
    if (!able()) return *this;
    const bool done = card.flow.remove_meter_profile(card.proxy, id, error_) == 0;
    if (done) std::erase(profiles_, id);
    return note(done, Answer::profile);
}

CorpusCard corpus_card(StrictFlowApi& flow) {
    CorpusCard card{.flow = flow,
                    .start = [&flow](std::uint16_t port) { return flow.start_port(port); },
                    .stop = [&flow](std::uint16_t port) { return flow.stop_port(port); },
                    .proxy = 0,
                    .other_wire = 1,
                    .vm = 2,
                    .other_vm = 3,
                    .stranger = 31};
    for (const std::uint16_t port : {card.proxy, card.other_wire})
        flow.add_port(port, StrictPortKind::wire);
    for (const std::uint16_t port : {card.vm, card.other_vm})
        flow.add_port(port, StrictPortKind::vport);
    return card;
}

} // namespace sallyport::eswitch
