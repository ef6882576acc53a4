// SPDX-License-Identifier: BSD-3-Clause
// What the tests of the strict double share: an E-Switch of two wire ports and two vports.
#pragma once

#include "accepting_flow_api.h"
#include "strict_flow_api.h"
#include "test_rules.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rte_flow.h>

namespace sallyport::eswitch {

class StrictTest : public ::testing::Test {
  protected:
    static constexpr std::uint16_t proxy = 0, other_wire = 1, vm = 2, other_vm = 3;
    static constexpr std::uint16_t stranger = 9;
    static constexpr std::uint32_t queue = 0, queue_size = 4;

    StrictTest() { rebuild({}); }
    /// The ports are declared and nothing more.
    void rebuild(StrictOptions options);
    rte_flow_port_attr attributes{};
    int configure(std::uint16_t port, std::uint16_t queues = 2, std::uint32_t size = queue_size);
    /// All ports configured and started.
    void bring_up();

    AcceptingFlowApi& wrapped() { return wrapped_; }
    StrictFlowApi& api() { return *api_; }
    /// Of the last call that failed.
    [[nodiscard]] std::string message() const {
        return error.message == nullptr ? "" : error.message;
    }
    rte_flow_error error{};

    rte_flow_pattern_template* make(const TestPattern& pattern);
    rte_flow_actions_template* make(const TestActions& actions);
    rte_flow_template_table* make_table(const TableAttributes& table, const TestPattern& pattern,
                                        const TestActions& actions);
    /// "" if it is taken, and so is a table of it; otherwise the message.
    std::string refused(const TestPattern& pattern);
    std::string refused(const TestActions& actions);
    std::string refused(const TableAttributes& table, const TestPattern& pattern,
                        const TestActions& actions);

    rte_flow* create(rte_flow_template_table* table, const TestPattern& pattern,
                     const TestActions& actions, bool postpone = false,
                     std::uintptr_t user_data = 0);
    int destroy(rte_flow* rule, bool postpone = false, std::uintptr_t user_data = 0);
    int update(rte_flow* rule, const TestActions& actions, std::uint8_t actions_template = 0);
    int push() { return api().push(proxy, queue, error); }
    /// Results of one call.
    std::vector<rte_flow_op_result> pull(std::size_t most = 64);
    /// Pulls until nothing is outstanding. @return results that were errors
    std::size_t drain();
    /// Created and pulled.
    rte_flow* install(rte_flow_template_table* table, const TestPattern& pattern,
                      const TestActions& actions);

  private:
    AcceptingFlowApi wrapped_;
    std::unique_ptr<StrictFlowApi> api_;
};

/// With everything up, and a table of two rules that match the tag and drop or jump.
class StrictRuleTest : public StrictTest {
  protected:
    StrictRuleTest() { rebuild_up({}); }
    void rebuild_up(const StrictOptions& options, std::uint32_t rules = 2);

    TestPattern tagged{};
    TestActions dropping{};
    rte_flow_template_table* table = nullptr;
};

} // namespace sallyport::eswitch
