// SPDX-License-Identifier: BSD-3-Clause
#include "shell/session.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::shell {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class SessionTest : public ::testing::Test {
  protected:
    SessionTest() {
        commands.add("echo <word:word>", "say it", [](const Arguments& a) -> Expected<Output> {
            return plain_text(a.word("word"));
        });
        commands.add("where <file:path>", "say it", [](const Arguments& a) -> Expected<Output> {
            return plain_text(a.path("file").string());
        });
        commands.add("exit", "leave", [](const Arguments&) -> Expected<Output> {
            return Output{.data = {}, .render = {}, .then = Then::end_session};
        });
        commands.add("quit", "stop", [](const Arguments&) -> Expected<Output> {
            return Output{.data = {}, .render = {}, .then = Then::stop_process};
        });
    }

    static std::string drive(Session& session, std::string_view input) {
        session.out.clear();
        session.receive(input);
        while (session.ready())
            session.step();
        return std::exchange(session.out, {});
    }

    CommandSet commands;
};

TEST_F(SessionTest, AnswersCommandsInOrder) {
    SocketSession session(commands, "hv1");
    EXPECT_EQ(drive(session, "sallyport-shell 1 command /home\n"), "ok 3\nhv1");
    EXPECT_EQ(drive(session, "echo a\nwhere f\n"), "ok 2\na\nok 8\n/home/f\n");
    EXPECT_THAT(drive(session, "nonsense\n"), ::testing::StartsWith("error "));
    EXPECT_EQ(drive(session, "ec"), "");
    EXPECT_EQ(drive(session, "ho b\n"), "ok 2\nb\n");
    EXPECT_FALSE(session.finished);
}

TEST_F(SessionTest, StepsOneCommandAtATime) {
    SocketSession session(commands, "hv1");
    drive(session, "sallyport-shell 1 command /\n");
    session.receive("echo a\necho b\n");
    session.step();
    EXPECT_EQ(session.out, "ok 2\na\n");
    EXPECT_TRUE(session.ready());
}

TEST_F(SessionTest, ExitEndsTheSessionAndQuitTheProcess) {
    SocketSession leaving(commands, "hv1");
    EXPECT_EQ(drive(leaving, "sallyport-shell 1 command /\nexit\necho a\n"), "ok 3\nhv1ok 0\n");
    EXPECT_TRUE(leaving.finished);
    EXPECT_FALSE(leaving.stop_process);
    SocketSession stopping(commands, "hv1");
    drive(stopping, "sallyport-shell 1 command /\nquit\n");
    EXPECT_TRUE(stopping.finished);
    EXPECT_TRUE(stopping.stop_process);
}

TEST_F(SessionTest, RefusesAWrongHello) {
    SocketSession session(commands, "hv1");
    EXPECT_THAT(drive(session, "GET / HTTP/1.1\nquit\n"), HasSubstr("this is no sallyport-shell"));
    EXPECT_TRUE(session.finished);
    EXPECT_FALSE(session.stop_process);
    EXPECT_FALSE(session.greeted());
}

TEST_F(SessionTest, RefusesAnEndlessLine) {
    SocketSession session(commands, "hv1");
    drive(session, "sallyport-shell 1 command /\n");
    std::string out;
    for (int i = 0; i < 10 && !session.finished; ++i)
        out += drive(session, std::string(4096, 'x'));
    EXPECT_THAT(out, HasSubstr("the line has more than 8192 octets"));
    EXPECT_TRUE(session.finished);
}

TEST_F(SessionTest, InteractiveSpeaksOctetsAfterTheHello) {
    SocketSession session(commands, "hv1");
    EXPECT_EQ(drive(session, "sallyport-shell 1 interactive /\n"), "ok 3\nhv1hv1> ");
    EXPECT_EQ(drive(session, "echo a\r"), "echo a\r\na\nhv1> ");
    EXPECT_EQ(drive(session, "ec\t"), "echo \x1b[0K");
    EXPECT_EQ(drive(session, "b\rexit\r"), "b\r\nb\nhv1> exit\r\n");
    EXPECT_TRUE(session.finished);
    EXPECT_FALSE(session.stop_process);
}

TEST_F(SessionTest, InteractiveKeepsKeysSentWithTheHello) {
    SocketSession session(commands, "hv1");
    EXPECT_THAT(drive(session, "sallyport-shell 1 interactive /\necho a\r"), HasSubstr("\r\na\n"));
}

TEST_F(SessionTest, InteractiveHasHistoryAndEndsWithControlD) {
    InteractiveSession session(commands, "hv1", "/");
    drive(session, "echo first\r");
    EXPECT_THAT(drive(session, "\x1b[A\r"), HasSubstr("\nfirst\n"));
    drive(session, "half a line\x03");
    EXPECT_FALSE(session.finished);
    drive(session, "\x04");
    EXPECT_TRUE(session.finished);
}

TEST_F(SessionTest, InteractiveClearsTheLineWithControlU) {
    InteractiveSession session(commands, "hv1", "/");
    EXPECT_THAT(drive(session, "nonsense\x15"
                               "echo b\r"),
                EndsWith("\r\nb\nhv1> "));
}

TEST_F(SessionTest, InteractiveCutsALongNodeInThePrompt) {
    InteractiveSession session(commands, std::string(60, 'n'), "/");
    EXPECT_EQ(session.out, std::string(29, 'n') + "> ");
}

TEST_F(SessionTest, InteractiveErrorsAreShown) {
    InteractiveSession session(commands, "hv1", "/");
    EXPECT_THAT(drive(session, "nonsense\r"),
                HasSubstr("error: nonsense: no such command; 'help' lists all\n"));
}

// Any keys at all: the editor must not write past its buffers, and what comes out stays bounded.
TEST_F(SessionTest, InteractiveSurvivesRandomKeys) {
    std::mt19937 random(7);
    const std::string keys =
        "\x01\x02\x05\x06\x08\x09\x0b\x0c\x0e\x10\x17\x19\x7f?\r\x1b[]ABCD3~bf ";
    for (int round = 0; round < 20; ++round) {
        InteractiveSession session(commands, "hv1", "/");
        for (int i = 0; i < 200 && !session.finished; ++i) {
            std::string burst;
            for (int j = 0; j < 64; ++j)
                burst += random() % 2 == 0 ? keys[random() % keys.size()]
                                           : static_cast<char>(random() % 255 + 1);
            std::string out = drive(session, burst);
            EXPECT_LT(out.size(), std::size_t{1} << 20);
        }
    }
}

TEST_F(SessionTest, InteractiveIgnoresKeysBeyondTheLongestLine) {
    InteractiveSession session(commands, "hv1", "/");
    drive(session, "echo ");
    drive(session, std::string(10000, 'x'));
    std::string out = drive(session, "\r");
    EXPECT_THAT(out, EndsWith("hv1> "));
    EXPECT_LT(out.size(), 2200U);
}

} // namespace
} // namespace sallyport::shell
