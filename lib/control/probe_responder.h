// SPDX-License-Identifier: BSD-3-Clause
// Answers other hypervisors' "failover probe".
#pragma once

#include "base/error.h"
#include "control/event_loop.h"
#include "failover/probe_stream.h"
#include "underlay/probe_socket.h"

#include <cstdint>
#include <optional>
#include <string>

namespace sallyport::control {

/// Owned by the control thread; every call comes from there. An answer is no longer than its
/// request, and is not answered in turn (net/probe_packet.h).
class ProbeResponder {
  public:
    /// @param loop must outlive the object
    explicit ProbeResponder(EventLoop& loop) : loop_(loop) {}
    ~ProbeResponder();
    ProbeResponder(const ProbeResponder&) = delete;
    ProbeResponder& operator=(const ProbeResponder&) = delete;

    /// @param port host byte order
    /// @param host_port interface by which requests must come
    Expected<void> start(std::uint16_t port, const std::string& host_port);

  private:
    void answer_some();

    EventLoop& loop_;
    failover::ProbeResponder responder_;
    std::optional<underlay::ProbeSocket> socket_;
};

} // namespace sallyport::control
