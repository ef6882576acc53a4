// SPDX-License-Identifier: BSD-3-Clause
// One flow queue of the proxy: operations go out in batches, and each one's result is waited for.
// DPDK Programmer's Guide, "Flow API", "Asynchronous operations".
#pragma once

#include "eswitch/flow_api.h"
#include "eswitch/pipeline.h"
#include "eswitch/rule_spec.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace sallyport::eswitch {

/// Belongs to one thread, for good.
class FlowQueue {
  public:
    struct Options {
        std::uint32_t queue = 0;
        /// As given to configure().
        std::uint32_t size = 1024;
        /// Operations that go to the NIC together.
        std::uint32_t batch = 64;
        /// A NIC that finishes nothing for so long is taken for dead.
        std::chrono::milliseconds patience{2000};
    };
    /// Called from within create(), update(), destroy() and flush(), once for each operation that
    /// they accepted. A result has no reason: the NIC gives none.
    using Finished = std::function<void(std::uint64_t operation, bool success)>;

    /// @param flow, pipeline must outlive the queue
    FlowQueue(FlowApi& flow, Pipeline& pipeline, const Options& options, Finished finished);

    /// The three return what the driver says against an operation at once; empty: accepted, and
    /// finished() will be called with @p operation.
    ///
    /// @param rule out: the handle; also of a rule whose creation fails later, which must be
    ///        destroyed all the same
    std::string create(const RuleSpec& spec, std::uint64_t operation, rte_flow*& rule);
    std::string update(const RuleSpec& spec, std::uint64_t operation, rte_flow* rule);
    std::string destroy(std::uint64_t operation, rte_flow* rule);

    /// Returns when every operation has finished, or the queue is dead.
    void flush();

    /// Operations accepted and not finished.
    [[nodiscard]] std::uint32_t in_flight() const { return in_flight_; }
    /// Why the queue takes no more operations; empty: it does. There is no way back but to start
    /// the port anew.
    [[nodiscard]] const std::string& death() const { return death_; }

  private:
    /// Calls @p submit until the queue has room for it.
    template<class Submit>
    std::string submit(Submit&& submit);
    void push();
    /// Takes results until @p enough operations are in flight at most.
    void wait_until(std::uint32_t enough);
    int pull();
    void die(std::string reason);

    FlowApi& flow_;
    Pipeline& pipeline_;
    Options options_;
    Finished finished_;
    std::uint32_t in_flight_ = 0;
    std::uint32_t postponed_ = 0;
    std::string death_;
};

} // namespace sallyport::eswitch
