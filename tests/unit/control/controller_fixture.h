// SPDX-License-Identifier: BSD-3-Clause
// A controller on DPDK's in-memory ports: no root, no huge pages, no network.
#pragma once

#include "control/controller.h"
#include "control/event_loop.h"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::control::fakes {

/// Two uplinks on rings and tenant "blue" with two vm ports.
config::Settings two_uplinks();
/// A tenant file of tenant "red" with one vm port.
extern const std::string red_text;

class ControllerTest : public ::testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;
    void start(const config::Settings& settings);
    /// Runs the loop until @p done, at most ten seconds. @return whether it came to that
    bool run_until(const std::function<bool()>& done);
    /// Writes a file into a folder of the test's own.
    std::filesystem::path tenant_file(const std::string& name, const std::string& text);
    std::vector<std::string> port_names();
    PortReport port(const std::string& name);
    using Names = std::vector<std::string>;

    std::unique_ptr<EventLoop> loop;
    std::unique_ptr<Controller> controller;
    std::filesystem::path folder;
};

} // namespace sallyport::control::fakes
