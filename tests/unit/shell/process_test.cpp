// SPDX-License-Identifier: BSD-3-Clause
// Command line, instance lock and log of the process.
#include "base/log.h"
#include "eal.h"
#include "instance_lock.h"
#include "options.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace sallyport {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Options, AreSplitAtTheDoubleDash) {
    auto options = parse_options(
        {"-l", "0-1", "--no-huge", "--", "--config", "a.conf", "-i", "--tenants", "t.d"});
    ASSERT_TRUE(options);
    EXPECT_THAT(options->eal_arguments, ElementsAre("-l", "0-1", "--no-huge"));
    EXPECT_EQ(options->config, "a.conf");
    EXPECT_EQ(options->tenants, "t.d");
    EXPECT_TRUE(options->interactive);
    EXPECT_FALSE(options->check_config);
}

TEST(Options, AreAllOursWithoutTheDoubleDash) {
    auto options = parse_options({"--check-config"});
    ASSERT_TRUE(options);
    EXPECT_TRUE(options->check_config);
    EXPECT_THAT(options->eal_arguments, IsEmpty());
    EXPECT_EQ(options->config, "/etc/sallyport/sallyport.conf");
    EXPECT_FALSE(options->tenants);
}

TEST(Options, WrongOnesAreRefused) {
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{"--", "--unknown"},
                                               {"--", "word"},
                                               {"--", "--config"},
                                               {"--", "--conf", "x"},
                                               {"--", "--config", "a", "--config", "b"}})
        EXPECT_FALSE(parse_options(arguments)) << arguments.back();
    auto eal = parse_options({"-l", "0-1"});
    ASSERT_FALSE(eal);
    EXPECT_THAT(eal.error().message(), HasSubstr("sallyport [EAL options] -- [options]"));
}

TEST(EalArguments, DefaultToOneControlAndOneWorkerLcore) {
    auto arguments = default_eal_arguments();
    ASSERT_GE(arguments.size(), 4U);
    EXPECT_EQ(arguments[2], "--lcores");
    EXPECT_THAT(arguments[3], ::testing::MatchesRegex("0@[0-9]+,1@[0-9]+"));
}

class FileTest : public ::testing::Test {
  protected:
    FileTest() {
        std::string pattern = ::testing::TempDir() + "sallyport-process-XXXXXX";
        folder = ::mkdtemp(pattern.data());
    }
    ~FileTest() override {
        EXPECT_TRUE(base::open_log({}));
        std::filesystem::remove_all(folder);
    }
    static base::LogOptions options(std::string level, std::filesystem::path file) {
        return {.level = std::move(level), .json = false, .file = std::move(file), .node = "hv1"};
    }
    static std::string content(const std::filesystem::path& file) {
        std::stringstream text;
        text << std::ifstream(file).rdbuf();
        return text.str();
    }

    std::filesystem::path folder;
};

TEST_F(FileTest, LockIsExclusiveAndEndsWithItsHolder) {
    auto file = folder / "a.conf";
    std::ofstream(file) << "";
    {
        auto first = lock_instance(file);
        ASSERT_TRUE(first);
        EXPECT_TRUE(first->has_value());
        auto second = lock_instance(file);
        ASSERT_TRUE(second);
        EXPECT_FALSE(second->has_value());
    }
    EXPECT_TRUE(lock_instance(file)->has_value());
    EXPECT_FALSE(lock_instance(folder / "missing"));
}

TEST_F(FileTest, JsonLogLinesAreJsonWhateverIsLogged) {
    auto file = folder / "log";
    ASSERT_TRUE(base::open_log({.level = "debug", .json = true, .file = file, .node = "hv\"1"}));
    spdlog::debug("quote \" backslash \\ line\nend \x01 and \xff octets");
    spdlog::trace("not this");
    spdlog::warn("second");
    std::stringstream lines(content(file));
    std::string line;
    ASSERT_TRUE(std::getline(lines, line));
    auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json.at("level"), "debug");
    EXPECT_EQ(json.at("node"), "hv\"1");
    EXPECT_EQ(json.at("message"), "quote \" backslash \\ line\nend \x01 and \xef\xbf\xbd octets");
    EXPECT_THAT(json.at("time").get<std::string>(),
                ::testing::MatchesRegex("....-..-..T..:..:......Z"));
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(nlohmann::json::parse(line).at("level"), "warning");
    EXPECT_FALSE(std::getline(lines, line));
}

TEST_F(FileTest, LogIsReopenedForRotation) {
    auto file = folder / "log";
    ASSERT_TRUE(base::open_log({.level = "info", .json = false, .file = file, .node = "100%d"}));
    spdlog::info("before");
    std::filesystem::rename(file, folder / "log.1");
    spdlog::info("still the old one");
    ASSERT_TRUE(base::reopen_log());
    spdlog::info("after");
    EXPECT_THAT(content(folder / "log.1"), HasSubstr("100%d info: still the old one\n"));
    EXPECT_THAT(content(file), HasSubstr("100%d info: after\n"));
    EXPECT_THAT(content(file), ::testing::Not(HasSubstr("before")));
}

TEST_F(FileTest, LogLevelsAreThoseOfTheManual) {
    auto file = folder / "log";
    ASSERT_TRUE(base::open_log(options("warning", file)));
    spdlog::info("no");
    ASSERT_TRUE(base::set_log_level("trace"));
    spdlog::trace("yes");
    EXPECT_FALSE(base::set_log_level("loud"));
    EXPECT_FALSE(base::open_log(options("loud", {})));
    EXPECT_FALSE(base::open_log(options("info", folder / "missing" / "log")));
    EXPECT_THAT(content(file), HasSubstr("trace: yes"));
    EXPECT_THAT(content(file), ::testing::Not(HasSubstr("no")));
}

} // namespace
} // namespace sallyport
