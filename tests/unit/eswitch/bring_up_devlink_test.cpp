// SPDX-License-Identifier: BSD-3-Clause
// What is made of the devlink command's answers, and of a command that misbehaves.
#include "bring_up_fakes.h"
#include "eswitch/bring_up/command_output.h"
#include "eswitch/bring_up/devlink_reader.h"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace sallyport::eswitch {
namespace {

using namespace std::chrono_literals;

constexpr const char* mode_answer =
    R"({"dev":{"pci/0000:08:00.0":{"mode":"switchdev","inline-mode":"none",)"
    R"("encap-mode":"basic"}}})";
constexpr const char* multiport_answer =
    R"({"param":{"pci/0000:08:00.0":[{"name":"esw_multiport","type":"driver-specific",)"
    R"("values":[{"cmode":"runtime","value":true}]}]}})";

std::string with_value(const std::string& value) {
    return R"({"param":{"pci/0000:08:00.0":[{"name":"esw_multiport","values":[{"cmode":"runtime",)"
           R"("value":)"
           + value + "}]}]}}";
}

Expected<std::string> shell(const std::string& script, std::chrono::milliseconds patience = 10s) {
    return command_output({"sh", "-c", script}, patience);
}

TEST(DevlinkAnswerTest, TheModeIsRead) {
    EXPECT_EQ(*parse_eswitch_mode(mode_answer, card_address), "switchdev");
}

TEST(DevlinkAnswerTest, MultiportIsRead) {
    EXPECT_TRUE(*parse_multiport(multiport_answer, card_address));
    EXPECT_FALSE(*parse_multiport(with_value("false"), card_address));
}

TEST(DevlinkAnswerTest, AnythingElseIsAnErrorAndNothingWorse) {
    const net::PciAddress other{0, 9, 0, 0};
    EXPECT_FALSE(parse_eswitch_mode(mode_answer, other));
    EXPECT_FALSE(parse_multiport(multiport_answer, other));
    for (const std::string answer :
         {"", "{", "null", "[]", "{}", "\xff\xfe", R"({"dev":null})", R"({"dev":{}})",
          R"({"dev":{"pci/0000:08:00.0":[]}})", R"({"dev":{"pci/0000:08:00.0":{"mode":1}}})",
          R"({"param":{"pci/0000:08:00.0":{}}})", R"({"param":{"pci/0000:08:00.0":[]}})",
          R"({"param":{"pci/0000:08:00.0":["esw_multiport"]}})",
          R"({"param":{"pci/0000:08:00.0":[{"name":"esw_multiport","values":{}}]}})",
          R"({"param":{"pci/0000:08:00.0":[{"name":"esw_multiport","values":[1,null]}]}})",
          R"({"param":{"pci/0000:08:00.0":[{"name":"esw_multiport",)"
          R"("values":[{"cmode":"driverinit","value":true}]}]}})",
          R"({"param":{"pci/0000:08:00.0":[{"name":"other",)"
          R"("values":[{"cmode":"runtime","value":true}]}]}})"}) {
        EXPECT_FALSE(parse_eswitch_mode(answer, card_address)) << answer;
        EXPECT_FALSE(parse_multiport(answer, card_address)) << answer;
    }
    EXPECT_FALSE(parse_multiport(with_value("\"true\""), card_address));
    EXPECT_FALSE(parse_multiport(std::string(100000, '['), card_address));
}

TEST(CommandOutputTest, OutputComesBack) {
    EXPECT_EQ(*shell("echo one; echo two"), "one\ntwo\n");
    EXPECT_EQ(*shell("cat"), "");
}

TEST(CommandOutputTest, AFailureSaysWhatTheCommandSaid) {
    const auto output = shell("echo 'kernel answers: no' >&2; echo more; exit 1");
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().what, "sh failed: kernel answers: no");
    EXPECT_FALSE(shell("kill -9 $$"));
}

TEST(CommandOutputTest, ACommandThatIsMissingIsNamed) {
    const auto output = command_output({"/nonexistent/devlink"}, 1s);
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().what, "cannot run /nonexistent/devlink: No such file or directory");
}

TEST(CommandOutputTest, ACommandThatHangsIsKilled) {
    const auto output = shell("exec sleep 1000", 50ms);
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().what, "sh did not answer in 50 ms");
}

TEST(CommandOutputTest, ACommandThatWritesForEverIsKilled) {
    const auto output = command_output({"cat", "/dev/zero"}, 10s);
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().what, "cat wrote too much");
}

TEST(DevlinkReaderTest, AsksTheCommandForTheDevice) {
    const std::string program = testing::TempDir() + "bring_up_fake_devlink";
    {
        std::ofstream script(program);
        script << "#!/bin/sh\n"
                  "case \"$*\" in\n"
                  "'-j dev eswitch show pci/0000:08:00.0') echo '"
               << mode_answer
               << "';;\n"
                  "'-j dev param show pci/0000:08:00.0 name esw_multiport') echo '"
               << multiport_answer
               << "';;\n"
                  "*) echo 'devlink answers: No such device' >&2; exit 1;;\n"
                  "esac\n";
    }
    ASSERT_EQ(chmod(program.c_str(), 0700), 0);
    const auto reader = make_devlink_reader(program);
    EXPECT_EQ(*reader->eswitch_mode(card_address), "switchdev");
    EXPECT_TRUE(*reader->multiport(card_address));
    const auto other = reader->multiport(net::PciAddress{0, 9, 0, 0});
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().what, program + " failed: devlink answers: No such device");
}

} // namespace
} // namespace sallyport::eswitch
