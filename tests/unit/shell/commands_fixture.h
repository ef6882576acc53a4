// SPDX-License-Identifier: BSD-3-Clause
// Commands given to a controller with known answers.
#pragma once

#include "commands/commands.h"
#include "commands/report_json.h"
#include "fake_controller.h"

#include <string>

#include <gtest/gtest.h>

namespace sallyport::commands {

class CommandsTest : public ::testing::Test {
  protected:
    CommandsTest() { add_all({controller, commands}); }

    std::string run(const std::string& line) {
        auto reply = commands.run(line, "/folder");
        EXPECT_TRUE(reply.done) << line << ": " << reply.text;
        return reply.text;
    }
    std::string fail(const std::string& line) {
        auto reply = commands.run(line, "/folder");
        EXPECT_FALSE(reply.done) << line << ": " << reply.text;
        return reply.text;
    }
    Json json(const std::string& line) { return Json::parse(run(line + " json")); }

    shell_test::FakeController controller;
    shell::CommandSet commands;
};

} // namespace sallyport::commands
