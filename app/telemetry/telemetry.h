// SPDX-License-Identifier: BSD-3-Clause
// Endpoints on DPDK's telemetry socket.
#pragma once

#include "base/error.h"
#include "control/controller.h"
#include "control/event_loop.h"
#include "telemetry/tel_data.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::telemetry {

/// Answers an endpoint; runs on the control thread.
using Answer = std::function<Json(std::size_t offset)>;

/// Telemetry's own threads hand each request to the control thread and wait for the answer. DPDK
/// cannot take an endpoint back: after destruction the endpoints answer null. One object at a time.
class Telemetry {
  public:
    /// How long telemetry waits for the control thread before it answers null.
    static constexpr std::chrono::seconds default_timeout{2};

    /// @param loop must outlive the object
    explicit Telemetry(control::EventLoop& loop,
                       std::chrono::milliseconds timeout = default_timeout);
    ~Telemetry();
    Telemetry(const Telemetry&) = delete;
    Telemetry& operator=(const Telemetry&) = delete;

    /// @param endpoint "/sallyport/..."; a parameter of it is the decimal offset into a list
    /// @param help below 128 octets
    Expected<void> add(const std::string& endpoint, const char* help, Answer answer);
};

struct Endpoint {
    /// "/sallyport/..."
    const char* name;
    const char* help;
    Answer answer;
};
/// Those of docs/commands.md, with the figures of the shell's reports.
/// @param controller must outlive the answers
std::vector<Endpoint> endpoints(const control::Controller& controller);

/// Adds all of them.
/// @param controller must outlive the event loop's run
Expected<void> add_endpoints(Telemetry& telemetry, const control::Controller& controller);

} // namespace sallyport::telemetry
