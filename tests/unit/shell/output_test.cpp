// SPDX-License-Identifier: BSD-3-Clause
#include "shell/output.h"

#include <gtest/gtest.h>

namespace sallyport::shell {
namespace {

TEST(Table, AlignsColumnsAndLeavesNoBlanksAtTheEnd) {
    auto render = table(
        {column("NAME", "name"), column("COUNT", "count", Align::right), column("NOTE", "note")},
        "nothing");
    Json rows = Json::parse(R"([{"name":"a","count":1,"note":null},
                                {"name":"longer","count":1234567,"note":"x"},
                                {"name":"no count"}])");
    EXPECT_EQ(render(rows), "NAME        COUNT  NOTE\n"
                            "a               1  -\n"
                            "longer    1234567  x\n"
                            "no count        -  -\n");
    EXPECT_EQ(render(Json::array()), "nothing\n");
}

TEST(Table, CountsCharactersNotOctets) {
    auto render = table({column("N", "n"), column("V", "v")}, "");
    EXPECT_EQ(render(Json::parse(R"([{"n":"ä","v":"1"},{"n":"bb","v":"2"}])")), "N   V\n"
                                                                                "ä   1\n"
                                                                                "bb  2\n");
}

TEST(Pairs, AlignsValuesAndLeavesOutEmptyOnes) {
    EXPECT_EQ(render_pairs({{"a", "1"}, {"absent for now", ""}, {"longer", "2"}}), "a       1\n"
                                                                                   "longer  2\n");
}

TEST(ValueText, ReadsLikeAPersonWrites) {
    EXPECT_EQ(value_text(nullptr), "-");
    EXPECT_EQ(value_text(true), "yes");
    EXPECT_EQ(value_text(""), "-");
    EXPECT_EQ(value_text(Json::array()), "-");
    EXPECT_EQ(value_text(Json::array({"a", 2})), "a, 2");
    EXPECT_EQ(value_text(18446744073709551615U), "18446744073709551615");
}

TEST(Output, EndsWithALineEndUnlessEmpty) {
    EXPECT_EQ(Output{}.text(false), "");
    EXPECT_EQ(plain_text("a").text(false), "a\n");
    EXPECT_EQ(plain_text("a\n").text(false), "a\n");
    EXPECT_EQ(plain_text("a\n").text(true), "\"a\\n\"\n");
    EXPECT_EQ(plain_text("\xff").text(true), "\"\xef\xbf\xbd\"\n");
}

} // namespace
} // namespace sallyport::shell
