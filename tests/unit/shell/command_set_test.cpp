// SPDX-License-Identifier: BSD-3-Clause
#include "shell/command_set.h"
#include "shell/command_spec.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::shell {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(CommandSpec, ReadsWordsArgumentsAndChoices) {
    auto words = parse_command_spec("set uplink <uplink:uplink> <state:(up|down)>");
    ASSERT_TRUE(words);
    ASSERT_EQ(words->size(), 4U);
    EXPECT_EQ((*words)[0], (WordSpec{"", "", {"set"}}));
    EXPECT_EQ((*words)[2], (WordSpec{"uplink", "uplink", {}}));
    EXPECT_EQ((*words)[3], (WordSpec{"state", "", {"up", "down"}}));
    EXPECT_EQ(usage(*words), "set uplink <uplink> (up|down)");
}

TEST(CommandSpec, RefusesWhatItCannotParse) {
    for (const char* spec : {"", "a  b", "<x:word>", "a <x>", "a <x:", "a <:word>", "a <x:>",
                             "a <x:(b>", "a <x:(b||c)>", "a b#c", "a (b|c)"})
        EXPECT_FALSE(parse_command_spec(spec)) << spec;
}

TEST(FirstWord, EndsAtBlanksCommentsAndLineEnds) {
    EXPECT_EQ(first_word("abc def\n").text, "abc");
    EXPECT_EQ(first_word("abc\tdef").text, "abc");
    EXPECT_EQ(first_word("abc#def").text, "abc");
    EXPECT_EQ(first_word("abc\n").text, "abc");
    EXPECT_EQ(first_word(" abc").length, 0U);
    EXPECT_EQ(first_word("").length, 0U);
}

TEST(FirstWord, KeepsBlanksAndCommentsInQuotes) {
    Word word = first_word("\"a b#c\" d\n");
    EXPECT_EQ(word.text, "a b#c");
    EXPECT_EQ(word.length, 7U);
    EXPECT_EQ(first_word("\"open\n").length, 0U);
    EXPECT_EQ(first_word("\"a\"b\n").length, 0U);
    EXPECT_EQ(first_word("\"\"\n").length, 0U);
    EXPECT_EQ(first_word("\"").length, 0U);
}

TEST(AllWords, AreWhatIsLeftButForJson) {
    EXPECT_EQ(all_words("ip 10.0.0.1\n").text, "ip 10.0.0.1");
    EXPECT_EQ(all_words("a  b \t json  \n").text, "a  b");
    EXPECT_EQ(all_words("json a\n").text, "json a");
    EXPECT_EQ(all_words("json\n").length, 0U);
    EXPECT_EQ(all_words("json json\n").text, "json");
    EXPECT_EQ(all_words("a #b\n").text, "a");
    EXPECT_EQ(all_words("").length, 0U);
    EXPECT_EQ(all_words("a \"b\n").text, "a");
}

/// A few commands that write down how they were called.
class CommandSetTest : public ::testing::Test {
  protected:
    CommandSetTest() {
        auto note = [this](std::string what) {
            calls.push_back(std::move(what));
            return Expected<Output>(Output{});
        };
        commands.add("show fdb", "all addresses", [note](const Arguments&) -> Expected<Output> {
            note("fdb");
            return Output{.data = {{"k", 1}}, .render = [](const Json&) { return "text"; }};
        });
        commands.add("show fdb <tenant:tenant>", "addresses of a tenant",
                     [note](const Arguments& a) { return note("fdb " + a.word("tenant")); });
        commands.add("fdb add <tenant:tenant> <mac:mac> vtep <address:address>", "behind a vtep",
                     [note](const Arguments& a) {
                         return note("add " + a.word("tenant") + " " + a.mac("mac").to_string()
                                     + " " + a.address("address").to_string());
                     });
        commands.add("tenant add <file:path>", "load a file",
                     [note](const Arguments& a) { return note(a.path("file").string()); });
        commands.add("set <state:(up|down)>", "set it",
                     [note](const Arguments& a) { return note(a.word("state")); });
        commands.add("fail", "always fails", [](const Arguments&) -> Expected<Output> {
            return failure("it broke", "here", "mend it");
        });
        commands.add("throw", "a mistake in a command", [](const Arguments&) -> Expected<Output> {
            throw std::runtime_error("oops");
        });
        commands.set_choices("tenant", [] { return std::vector<std::string>{"blue", "red"}; });
    }

    /// All that TAB (or '?') prints or adds.
    std::vector<std::string> completions(const char* line, int first_state = 0) {
        CommandSet::Offers offers;
        std::array<char, 8192> out{};
        std::vector<std::string> all;
        int state = first_state;
        for (int i = 0; i < 100; ++i) {
            int result = commands.complete(offers, line, &state, out.data(), out.size());
            if (result == 0) break;
            all.emplace_back(out.data());
            if (result == 2) break;
        }
        return all;
    }

    CommandSet commands;
    std::vector<std::string> calls;
};

TEST_F(CommandSetTest, RunsACommandWithConvertedArguments) {
    EXPECT_TRUE(commands.run("fdb add blue 52:54:0:0:0:A vtep 2001:DB8::1", "").done);
    EXPECT_THAT(calls, ElementsAre("add blue 52:54:00:00:00:0a 2001:db8::1"));
}

TEST_F(CommandSetTest, TakesBlanksAndComments) {
    EXPECT_TRUE(commands.run("  set\t down  # because", "").done);
    EXPECT_TRUE(commands.run("# nothing", "").done);
    EXPECT_TRUE(commands.run("   ", "").done);
    EXPECT_TRUE(commands.run("", "").done);
    EXPECT_THAT(calls, ElementsAre("down"));
}

TEST_F(CommandSetTest, ShowsTextOrJson) {
    EXPECT_EQ(commands.run("show fdb", "").text, "text\n");
    EXPECT_EQ(commands.run("show fdb json", "").text, "{\n  \"k\": 1\n}\n");
}

TEST_F(CommandSetTest, FixedWordWinsOverArgument) {
    EXPECT_TRUE(commands.run("show fdb json", "").done);
    EXPECT_TRUE(commands.run("show fdb json json", "").done);
    EXPECT_THAT(calls, ElementsAre("fdb", "fdb json"));
}

TEST_F(CommandSetTest, TellsWhatIsWrongWithAnArgument) {
    auto reply = commands.run("fdb add blue 52:54 vtep 192.0.2.1", "");
    EXPECT_FALSE(reply.done);
    EXPECT_EQ(reply.text, "error: mac: '52:54' is no MAC address; write six octets, as in "
                          "52:54:00:12:34:56\n");
    EXPECT_THAT(commands.run("fdb add blue 52:54:00:00:00:01 vtep 192.0.2.256", "").text,
                HasSubstr("'192.0.2.256' is no IPv4 or IPv6 address"));
    EXPECT_TRUE(calls.empty());
}

TEST_F(CommandSetTest, TellsUsageOfTheNearestCommands) {
    EXPECT_THAT(commands.run("nonsense", "").text, HasSubstr("no such command"));
    EXPECT_EQ(commands.run("set", "").text,
              "error: set: incomplete, or a word too many or wrong; expected 'set (up|down)'\n");
    EXPECT_THAT(commands.run("show fdb blue extra", "").text,
                HasSubstr("expected 'show fdb <tenant> [json]'"));
    EXPECT_FALSE(commands.run("set sideways", "").done);
    EXPECT_FALSE(commands.run("show fdb \"open", "").done);
}

TEST_F(CommandSetTest, ReportsErrorsAndMistakes) {
    auto reply = commands.run("fail", "");
    EXPECT_FALSE(reply.done);
    EXPECT_EQ(reply.text, "error: here: it broke; mend it\n");
    EXPECT_EQ(commands.run("throw", "").text, "error: internal error: oops\n");
}

TEST_F(CommandSetTest, TakesLongAndQuotedPaths) {
    std::string path = "/" + std::string(4000, 'p');
    EXPECT_TRUE(commands.run("tenant add " + path, "/home").done);
    EXPECT_TRUE(commands.run("tenant add \"with blank # and sign\"", "/home").done);
    EXPECT_TRUE(commands.run("tenant add relative", "").done);
    EXPECT_THAT(calls, ElementsAre(path, "/home/with blank # and sign", "relative"));
}

TEST_F(CommandSetTest, RefusesControlCharacters) {
    EXPECT_FALSE(commands.run(std::string_view("set\0 up", 7), "").done);
    EXPECT_FALSE(commands.run("set up\nfail", "").done);
    EXPECT_FALSE(commands.run("set \x1b[A", "").done);
    EXPECT_TRUE(calls.empty());
}

TEST_F(CommandSetTest, SurvivesVeryLongLinesAndManyWords) {
    std::string many;
    for (int i = 0; i < 4000; ++i)
        many += "a ";
    EXPECT_FALSE(commands.run(many, "").done);
    EXPECT_FALSE(commands.run("show fdb " + many, "").done);
    EXPECT_FALSE(commands.run(std::string(100000, 'x'), "").done);
}

TEST_F(CommandSetTest, CompletesWordsAndNames) {
    EXPECT_THAT(completions("sh"), ElementsAre("ow "));
    EXPECT_THAT(completions("show fdb b"), ElementsAre("lue "));
    EXPECT_THAT(completions("set d"), ElementsAre("own "));
    EXPECT_THAT(completions("set x"), ElementsAre());
}

TEST_F(CommandSetTest, OffersEachChoiceOnce) {
    EXPECT_THAT(completions("show ", -1), ElementsAre(StartsWith("fdb ")));
    auto all = completions("");
    EXPECT_THAT(all, ElementsAre(StartsWith("show "), "fdb                     behind a vtep",
                                 StartsWith("tenant "), StartsWith("set "), StartsWith("fail "),
                                 StartsWith("throw ")));
    EXPECT_THAT(completions("show fdb "),
                ElementsAre(HasSubstr("run the command"), StartsWith("json "), StartsWith("blue "),
                            StartsWith("red ")));
    EXPECT_THAT(completions("tenant add "), ElementsAre("<file>                  load a file"));
}

TEST_F(CommandSetTest, HelpListsAllCommands) {
    std::string help = commands.help();
    EXPECT_THAT(help, HasSubstr("show fdb [json]"));
    EXPECT_THAT(help, HasSubstr("set (up|down)"));
    EXPECT_THAT(help, HasSubstr("behind a vtep\n"));
}

TEST_F(CommandSetTest, OnlyLongAnswersAreMadeAside) {
    std::size_t rows = 0;
    commands.add("show rows", "as many as wanted", [&](const Arguments&) -> Expected<Output> {
        return Output{.data = Json::array_t(rows, Json("row")),
                      .render = [](const Json& data) { return std::to_string(data.size()); }};
    });
    int aside = 0;
    commands.set_aside([&aside](const auto& work) {
        ++aside;
        work();
    });
    for (const std::size_t many : {3U, 10'000U}) {
        rows = many;
        EXPECT_EQ(commands.run("show rows", {}).text, std::to_string(many) + '\n');
        EXPECT_EQ(aside, many == 3 ? 0 : 1);
    }
}

} // namespace
} // namespace sallyport::shell
