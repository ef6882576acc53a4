// SPDX-License-Identifier: BSD-3-Clause
// "failover probe": a numbered stream to a peer's vtep, and what became of it.
#pragma once

#include "base/error.h"
#include "failover/probe_stream.h"
#include "net/ip_address.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

namespace sallyport::control {

struct ProbePlan {
    net::IpAddress peer;
    /// Of the peer's responder, host byte order.
    std::uint16_t port = 0;
    std::uint32_t packets_per_second = 1000;
};

/// A numbered stream under way. For the control thread.
class ProbeRun {
  public:
    virtual ~ProbeRun() = default;
    /// Sends no more; answers are taken for half a second longer.
    virtual void finish() = 0;
    /// Nothing will change any more.
    [[nodiscard]] virtual bool finished() const = 0;
    [[nodiscard]] virtual failover::ProbeReport report() const = 0;
};

/// A stream with a thread of its own, so that neither has to wait for the other: the control thread
/// has failovers to do. The object's methods are for the control thread.
class FailoverProbe final : public ProbeRun {
  public:
    static Expected<std::unique_ptr<FailoverProbe>> start(const ProbePlan& plan);
    /// Stops at once.
    ~FailoverProbe() override;
    FailoverProbe(const FailoverProbe&) = delete;
    FailoverProbe& operator=(const FailoverProbe&) = delete;

    void finish() override { finishing_ = true; }
    [[nodiscard]] bool finished() const override { return finished_; }
    [[nodiscard]] failover::ProbeReport report() const override;

  private:
    class Sender;
    explicit FailoverProbe(const ProbePlan& plan);

    ProbePlan plan_;
    mutable std::mutex mutex_;
    /// By mutex_.
    failover::ProbeStream stream_;
    std::atomic<bool> finishing_{false}, aborted_{false}, finished_{false};
    std::thread thread_;
};

} // namespace sallyport::control
