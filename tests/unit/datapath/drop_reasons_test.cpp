// SPDX-License-Identifier: BSD-3-Clause
// The drop reasons, their documentation, and that the tests have provoked each one.
#include "fixture.h"

#include <fstream>

namespace sallyport::testing {
namespace {

std::string trimmed(const std::string& text) {
    const std::size_t first = text.find_first_not_of(' ');
    return first == std::string::npos ? std::string()
                                      : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// Cells of the rows of a markdown table.
std::vector<std::vector<std::string>> table_rows(const std::string& file) {
    std::ifstream stream(file);
    std::vector<std::vector<std::string>> rows;
    for (std::string line; std::getline(stream, line);) {
        if (!line.starts_with("| `")) continue;
        std::vector<std::string> cells;
        std::size_t start = 1;
        for (std::size_t end; (end = line.find('|', start)) != std::string::npos; start = end + 1)
            cells.push_back(trimmed(line.substr(start, end - start)));
        rows.push_back(cells);
    }
    return rows;
}

TEST(DropReasonTest, NamesAreUniqueAndReadable) {
    std::set<std::string> names;
    for (std::size_t i = 0; i < datapath::drop_reason_count; ++i) {
        const auto reason = static_cast<DropReason>(i);
        const std::string text(name(reason));
        EXPECT_EQ(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"),
                  std::string::npos)
            << text;
        EXPECT_TRUE(names.insert(text).second) << text;
        EXPECT_FALSE(explanation(reason).empty()) << text;
    }
}

TEST(DropReasonTest, EveryOneIsDocumented) {
    std::map<std::string, std::vector<std::string>> rows;
    for (const auto& row : table_rows(DROP_REASONS_FILE)) {
        ASSERT_EQ(row.size(), 3U) << row[0];
        EXPECT_TRUE(rows.emplace(row[0], row).second) << row[0] << " stands twice";
    }
    EXPECT_EQ(rows.size(), datapath::drop_reason_count);
    for (std::size_t i = 0; i < datapath::drop_reason_count; ++i) {
        const auto reason = static_cast<DropReason>(i);
        const auto row = rows.find("`" + std::string(name(reason)) + "`");
        ASSERT_NE(row, rows.end()) << name(reason) << " is missing in " << DROP_REASONS_FILE;
        EXPECT_EQ(row->second[1], explanation(reason));
        EXPECT_FALSE(row->second[2].empty()) << name(reason) << " says nothing to the operator";
    }
}

/// At the end of a run of all tests.
class EveryReasonProvoked : public ::testing::Environment {
    void TearDown() override {
        if (GTEST_FLAG_GET(filter) != "*" || GTEST_FLAG_GET(list_tests)) return;
        for (std::size_t i = 0; i < datapath::drop_reason_count; ++i) {
            const std::string reason(name(static_cast<DropReason>(i)));
            EXPECT_TRUE(DatapathTest::provoked().contains(reason))
                << "no test has dropped a packet as " << reason;
        }
    }
};
[[maybe_unused]] const auto* const every_reason_provoked =
    ::testing::AddGlobalTestEnvironment(new EveryReasonProvoked);

} // namespace
} // namespace sallyport::testing
