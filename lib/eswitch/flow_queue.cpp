// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/flow_queue.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <rte_errno.h>
#include <rte_pause.h>
#include <spdlog/spdlog.h>

namespace sallyport::eswitch {

namespace {

constexpr std::uint32_t results_at_once = 64;

void* to_user_data(std::uint64_t operation) {
    return reinterpret_cast<void*>(static_cast<std::uintptr_t>(operation));
}
std::uint64_t to_operation(const void* user_data) {
    return reinterpret_cast<std::uintptr_t>(user_data);
}

} // namespace

FlowQueue::FlowQueue(FlowApi& flow, Pipeline& pipeline, const Options& options, Finished finished)
    : flow_(flow), pipeline_(pipeline), options_(options), finished_(std::move(finished)) {}

std::string FlowQueue::create(const RuleSpec& spec, std::uint64_t operation, rte_flow*& rule) {
    const Stage& at = stage(spec.stage);
    PatternBuilder pattern;
    at.write_pattern(pattern, spec.pattern, spec.match, pipeline_.settings());
    ActionsBuilder actions;
    at.write_actions(actions, spec.actions, spec.effect);
    const rte_flow_item* const items = pattern.for_rule();
    const rte_flow_action* const list = actions.actions();
    const auto table = pipeline_.table(spec.stage, spec.pattern);
    if (!table) return table.error().message();
    return submit([&](rte_flow_error& error) {
        constexpr std::uint8_t only_pattern = 0;
        rule = flow_.create(pipeline_.proxy(), options_.queue, true, *table, items, only_pattern,
                            list, spec.actions, to_user_data(operation), error);
        return rule != nullptr ? 0 : -rte_errno;
    });
}

std::string FlowQueue::update(const RuleSpec& spec, std::uint64_t operation, rte_flow* rule) {
    ActionsBuilder actions;
    stage(spec.stage).write_actions(actions, spec.actions, spec.effect);
    const rte_flow_action* const list = actions.actions();
    return submit([&](rte_flow_error& error) {
        return flow_.update(pipeline_.proxy(), options_.queue, true, rule, list, spec.actions,
                            to_user_data(operation), error);
    });
}

std::string FlowQueue::destroy(std::uint64_t operation, rte_flow* rule) {
    return submit([&](rte_flow_error& error) {
        return flow_.destroy(pipeline_.proxy(), options_.queue, true, rule, to_user_data(operation),
                             error);
    });
}

template<class Submit>
std::string FlowQueue::submit(Submit&& submit) {
    for (;;) {
        if (!death_.empty()) return death_;
        rte_flow_error error{};
        const int code = submit(error);
        if (code == 0) break;
        // A queue in error says so to everything.
        if (code == -EIO) die(describe(error, code));
        if (!death_.empty()) return death_;
        if (code != -EBUSY || in_flight_ == 0) return describe(error, code);
        // Slots stay taken until their results are pulled.
        wait_until(in_flight_ - 1);
    }
    ++in_flight_;
    if (++postponed_ >= options_.batch) push();
    // Room for a batch is made before the queue is full: the NIC works while the next one is built.
    if (in_flight_ + options_.batch > options_.size) pull();
    return {};
}

void FlowQueue::push() {
    rte_flow_error error{};
    const int code = flow_.push(pipeline_.proxy(), options_.queue, error);
    // They stay postponed, and are pushed again.
    if (code == -EBUSY) return;
    postponed_ = 0;
    if (code < 0) die("cannot push: " + describe(error, code));
}

void FlowQueue::flush() {
    wait_until(0);
}

void FlowQueue::wait_until(std::uint32_t enough) {
    auto deadline = std::chrono::steady_clock::now() + options_.patience;
    while (in_flight_ > enough && death_.empty()) {
        if (postponed_ > 0) push();
        const int finished = pull();
        if (finished > 0) {
            deadline = std::chrono::steady_clock::now() + options_.patience;
        } else if (std::chrono::steady_clock::now() > deadline) {
            die("no operation finished in " + std::to_string(options_.patience.count()) + " ms");
        } else {
            rte_pause();
        }
    }
}

int FlowQueue::pull() {
    std::array<rte_flow_op_result, results_at_once> results;
    rte_flow_error error{};
    const int count = flow_.pull(pipeline_.proxy(), options_.queue, results, error);
    if (count < 0) {
        die("cannot pull: " + describe(error, count));
        return count;
    }
    in_flight_ -= std::min(in_flight_, static_cast<std::uint32_t>(count));
    for (int i = 0; i < count; ++i) {
        const rte_flow_op_result& result = results[static_cast<std::size_t>(i)];
        finished_(to_operation(result.user_data), result.status == RTE_FLOW_OP_SUCCESS);
    }
    return count;
}

void FlowQueue::die(std::string reason) {
    if (!death_.empty()) return;
    death_ = "the flow queue is dead: " + std::move(reason);
    spdlog::error("hardware path: {}; the NIC's rules stay as they are, and no change is taken, "
                  "until the process is restarted",
                  death_);
}

} // namespace sallyport::eswitch
