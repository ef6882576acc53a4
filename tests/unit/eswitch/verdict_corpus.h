// SPDX-License-Identifier: BSD-3-Clause
// Right and wrong calls of the flow API, and what becomes of each: the strict double is asked in
// the unit tests, and the mlx5 driver on a simulated card (tests/mlx5sim), so that the one cannot
// drift from the other.
#pragma once

#include "eswitch/flow_api.h"
#include "strict_flow_api.h"
#include "test_rules.h"

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::eswitch {

/// Which call was the first to be refused.
enum class Answer : std::uint8_t {
    taken,
    configure,
    start,
    stop,
    pattern,
    actions,
    table,
    rule,
    /// Not the call, but its completion.
    result,
    update,
    destroy,
    query,
    profile,
};
std::ostream& operator<<(std::ostream& out, Answer answer);

/// An E-Switch with two wire ports, of which the first is the transfer proxy, and two vports; none
/// of them is configured.
struct CorpusCard {
    FlowApi& flow;
    /// As rte_eth_dev_start() and rte_eth_dev_stop().
    std::function<int(std::uint16_t)> start, stop;
    std::uint16_t proxy = 0, other_wire = 0, vm = 0, other_vm = 0;
    /// None of the E-Switch's.
    std::uint16_t stranger = 0;
};

/// Makes objects one after the other until one is refused, and gives them all back.
class CorpusRun {
  public:
    explicit CorpusRun(const CorpusCard& card) : card(card) {}
    CorpusRun(const CorpusRun&) = delete;
    CorpusRun& operator=(const CorpusRun&) = delete;
    ~CorpusRun();

    const CorpusCard& card;

    CorpusRun& configure(std::uint16_t port, std::uint16_t queues, std::uint32_t size,
                         const rte_flow_port_attr& attributes);
    CorpusRun& start(std::uint16_t port);
    CorpusRun& stop(std::uint16_t port);
    CorpusRun& pattern(const TestPattern& pattern) { return items(pattern.items()); }
    CorpusRun& items(const rte_flow_item* items, std::optional<std::uint16_t> port = {});
    CorpusRun& actions(const TestActions& list) { return actions(list.actions(), list.masks()); }
    CorpusRun& actions(const rte_flow_action* actions, const rte_flow_action* masks);
    /// Of all patterns and actions so far.
    CorpusRun& table(const TableAttributes& attributes, std::optional<std::uint16_t> port = {});
    CorpusRun& rule(const TestPattern& pattern, const TestActions& list) {
        return rule(pattern.rule().data(), 0, list.actions(), 0);
    }
    /// In the last table; @p settle waits for the result.
    CorpusRun& rule(const rte_flow_item* items, std::uint8_t pattern,
                    const rte_flow_action* actions, std::uint8_t actions_template,
                    bool settle = true, std::uint32_t queue = 0,
                    std::optional<std::uint16_t> port = {});
    CorpusRun& update(const rte_flow_action* actions, std::uint8_t actions_template);
    /// The last rule's.
    CorpusRun& query();
    CorpusRun& destroy_rule();
    CorpusRun& destroy_last_table();
    CorpusRun& destroy_last_pattern();
    CorpusRun& destroy_last_actions();
    /// Id 1 unless told.
    CorpusRun& profile(const rte_mtr_meter_profile& profile, std::uint32_t id = 1);
    CorpusRun& remove_profile(std::uint32_t id);
    [[nodiscard]] rte_flow_meter_profile* last_profile() const { return last_profile_; }

    [[nodiscard]] Answer answer() const { return answer_; }
    /// The refusal's.
    [[nodiscard]] std::string words() const;

  private:
    /// Whether to go on.
    bool able() const { return answer_ == Answer::taken; }
    CorpusRun& note(bool done, Answer answer);
    /// Until nothing is in flight. @return whether all went well
    bool settle();

    Answer answer_ = Answer::taken;
    rte_flow_error error_{};
    int code_ = 0;
    unsigned in_flight_ = 0;
    std::vector<rte_flow_pattern_template*> patterns_;
    std::vector<rte_flow_actions_template*> actions_;
    std::vector<rte_flow_template_table*> tables_;
    std::vector<rte_flow*> rules_;
    std::vector<std::uint32_t> profiles_;
    rte_flow_meter_profile* last_profile_ = nullptr;
};

/// One call, or a few, of which the last is the question.
struct CorpusEntry {
    std::string name;
    Answer expected;
    std::function<void(CorpusRun&)> run;
    /// Where the driver does otherwise, and shall; or it cannot be asked.
    enum class Driver : std::uint8_t { same, differs, not_asked } driver = Driver::same;
    Answer expected_of_driver = Answer::taken;
    std::string reason = {};
};

/// In the order in which they must be asked: from a card that nobody has configured to its stop.
std::vector<CorpusEntry> verdict_corpus();

/// Of a double whose ports are added here, at numbers 0 to 3.
CorpusCard corpus_card(StrictFlowApi& flow);

} // namespace sallyport::eswitch
