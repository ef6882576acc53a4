// SPDX-License-Identifier: BSD-3-Clause
#include "shell/protocol.h"
#include "shell_client/client.h"

#include <random>

#include <gtest/gtest.h>

namespace sallyport::shell::protocol {
namespace {

TEST(Hello, GoesThereAndBack) {
    for (Mode mode : {Mode::interactive, Mode::command})
        for (const char* folder : {"", "/", "/a folder/with blanks"}) {
            std::string line = to_line({mode, folder});
            ASSERT_EQ(line.back(), '\n');
            line.pop_back();
            auto hello = parse_hello(line);
            ASSERT_TRUE(hello) << line;
            EXPECT_EQ(*hello, (Hello{mode, folder}));
        }
}

TEST(Hello, LeavesOutAFolderThatCannotStandInALine) {
    EXPECT_EQ(to_line({Mode::command, "/a\nquit"}), "sallyport-shell 1 command\n");
    EXPECT_EQ(to_line({Mode::command, std::string(longest_line, 'x')}),
              "sallyport-shell 1 command\n");
}

TEST(Hello, RefusesEverythingElse) {
    for (std::string_view line :
         {std::string_view(""), std::string_view("GET / HTTP/1.1"),
          std::string_view("sallyport-shell"), std::string_view("sallyport-shell 1"),
          std::string_view("sallyport-shell 1 "), std::string_view("sallyport-shell 2 command /"),
          std::string_view("sallyport-shell 1 commands"),
          std::string_view("sallyport-shell 1 interactively /"),
          std::string_view("sallyport-shell 1 command /a\0b", 30)})
        EXPECT_FALSE(parse_hello(line)) << line;
    EXPECT_FALSE(parse_hello("sallyport-shell 1 command " + std::string(longest_line, 'x')));
}

TEST(AnswerHeader, ReadsStatusAndLength) {
    EXPECT_EQ(parse_answer_header("ok 0").value(), (AnswerHeader{true, 0}));
    EXPECT_EQ(parse_answer_header("error 12").value(), (AnswerHeader{false, 12}));
    EXPECT_EQ(parse_answer_header("ok 67108864").value().length, longest_answer);
}

TEST(AnswerHeader, RefusesEverythingElse) {
    for (const char* line : {"", "ok", "ok ", "ok -1", "ok +1", "ok 1 ", "ok 0x1", "okay 1",
                             "error", "ok 67108865", "ok 99999999999999999999999"})
        EXPECT_FALSE(parse_answer_header(line)) << line;
}

TEST(Answer, OneThatIsTooLongBecomesAnError) {
    EXPECT_EQ(to_answer(true, "ab"), "ok 2\nab");
    EXPECT_EQ(to_answer(false, ""), "error 0\n");
    std::string answer = to_answer(true, std::string(longest_answer + 1, 'x'));
    EXPECT_EQ(answer.substr(0, 6), "error ");
    EXPECT_LT(answer.size(), 200U);
}

TEST(LineBuffer, CutsLinesHoweverTheyArrive) {
    LineBuffer lines;
    std::string text = "one\r\ntwo\n\nrest";
    for (char c : text)
        lines.append(std::string_view(&c, 1));
    EXPECT_EQ(lines.next().value(), "one");
    EXPECT_EQ(lines.next().value(), "two");
    EXPECT_EQ(lines.next().value(), "");
    EXPECT_FALSE(lines.next());
    EXPECT_FALSE(lines.has_line());
    EXPECT_EQ(lines.take_rest(), "rest");
}

TEST(LineBuffer, BoundsALine) {
    LineBuffer lines;
    lines.append(std::string(longest_line, 'x'));
    EXPECT_FALSE(lines.overflown());
    lines.append("\n");
    EXPECT_FALSE(lines.overflown());
    EXPECT_EQ(lines.next().value().size(), longest_line);
    lines.append(std::string(longest_line + 1, 'x'));
    EXPECT_TRUE(lines.overflown());
    lines.append("\n");
    EXPECT_TRUE(lines.overflown());
    EXPECT_FALSE(lines.next());
}

TEST(ParseHello, RandomLinesNeverGetThrough) {
    std::mt19937 random(1);
    const std::string valid = "sallyport-shell 1 command /tmp";
    for (int i = 0; i < 20000; ++i) {
        std::string line = valid;
        line[random() % 25] = static_cast<char>(random());
        auto hello = parse_hello(line);
        // Only an octet mutated into itself may pass.
        EXPECT_EQ(hello.has_value(), line.substr(0, 25) == valid.substr(0, 25)) << line;
    }
}

TEST(ToCommandLine, QuotesWhatNeedsIt) {
    using shell_client::to_command_line;
    EXPECT_EQ(to_command_line({"show", "fdb"}).value(), "show fdb");
    EXPECT_EQ(to_command_line({"tenant", "add", "/a b#c"}).value(), "tenant add \"/a b#c\"");
    EXPECT_EQ(to_command_line({}).value(), "");
    EXPECT_EQ(to_command_line({"show fdb # all"}).value(), "show fdb # all");
    EXPECT_FALSE(to_command_line({"x", "a\"b"}));
    EXPECT_FALSE(to_command_line({"a\nquit"}));
}

} // namespace
} // namespace sallyport::shell::protocol
