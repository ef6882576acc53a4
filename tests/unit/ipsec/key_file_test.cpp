// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/key_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sallyport::ipsec {

namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string digits = "000102030405060708090a0b0c0d0e0fdeadbeef";

class KeyFileTest : public ::testing::Test {
  protected:
    KeyFileTest() {
        std::string pattern = std::filesystem::temp_directory_path() / "sallyport-key-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
    }
    ~KeyFileTest() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path write(const std::string& content, mode_t mode = 0600) {
        const std::filesystem::path path = folder_ / "blue.key";
        std::ofstream(path) << content;
        ::chmod(path.c_str(), mode);
        return path;
    }
    std::string complaint(const std::filesystem::path& path) {
        const auto key = read_key_file(path, "tenant blue");
        return key ? "" : key.error().message();
    }

    std::filesystem::path folder_;
};

TEST_F(KeyFileTest, ReadsAKey) {
    const auto key = read_key_file(write("# of blue, 2026\n0x" + digits + "\n"), "tenant blue");
    ASSERT_TRUE(key) << key.error().message();
    ASSERT_EQ(key->size(), 20U);
    EXPECT_EQ(key->octets()[0], 0);
    EXPECT_EQ(key->octets()[15], 15);
    EXPECT_EQ(key->octets()[19], 0xef);
    EXPECT_TRUE(read_key_file(write(digits, 0400), ""));
}

TEST_F(KeyFileTest, TakesEveryCustomaryForm) {
    for (const char* text : {"0xdeadbeef", "deadbeef", "DE:AD:BE:EF", "de ad\tbe ef\r\n",
                             "\n\nde ad # first half\nbe ef", "0XDEADBEEF#end", "0x\ndeadbeef"}) {
        const ParsedKey parsed = parse_key(text);
        ASSERT_EQ(parsed.fault, KeyFault::none) << text;
        ASSERT_EQ(parsed.key.size(), 4U) << text;
        EXPECT_EQ(parsed.key.octets()[0], 0xde) << text;
        EXPECT_EQ(parsed.key.octets()[3], 0xef) << text;
    }
}

TEST_F(KeyFileTest, TellsWhatIsWrongByLine) {
    const auto fault = [](std::string_view text) {
        const ParsedKey parsed = parse_key(text);
        EXPECT_TRUE(parsed.key.empty());
        return std::pair(parsed.fault, parsed.line);
    };
    EXPECT_EQ(fault(""), std::pair(KeyFault::empty, 0U));
    EXPECT_EQ(fault("# nothing\n"), std::pair(KeyFault::empty, 0U));
    EXPECT_EQ(fault("0x"), std::pair(KeyFault::empty, 0U));
    EXPECT_EQ(fault("abc"), std::pair(KeyFault::half_octet, 1U));
    EXPECT_EQ(fault("ab\nc d"), std::pair(KeyFault::half_octet, 2U));
    EXPECT_EQ(fault("ab\nxy"), std::pair(KeyFault::not_hexadecimal, 2U));
    EXPECT_EQ(fault("ab0xab"), std::pair(KeyFault::not_hexadecimal, 1U));
    EXPECT_EQ(fault("0x0xab"), std::pair(KeyFault::not_hexadecimal, 1U));
    EXPECT_EQ(fault(std::string(2 * Secret::most + 2, 'a')), std::pair(KeyFault::too_long, 1U));
    EXPECT_EQ(parse_key(std::string(2 * Secret::most, 'a')).key.size(), Secret::most);
    EXPECT_EQ(fault(std::string_view("ab\0cd", 5)), std::pair(KeyFault::not_hexadecimal, 1U));
}

TEST_F(KeyFileTest, RefusesWhatOthersCanReach) {
    for (const mode_t mode : {0644, 0640, 0620, 0604, 0601, 0660, 0700, 04600, 01600, 0666})
        EXPECT_THAT(complaint(write(digits, mode)), HasSubstr("chmod 600")) << std::oct << mode;
    for (const mode_t mode : {0600, 0400})
        EXPECT_EQ(complaint(write(digits, mode)), "") << std::oct << mode;
}

TEST_F(KeyFileTest, RefusesFilesOfOtherUsers) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    const std::filesystem::path path = write(digits);
    ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
    EXPECT_THAT(complaint(path), HasSubstr("belongs to user 65534, not to user 0"));
}

TEST_F(KeyFileTest, RefusesWhatIsNoRegularFile) {
    const std::filesystem::path link = folder_ / "link";
    std::filesystem::create_symlink(write(digits), link);
    EXPECT_THAT(complaint(link), HasSubstr("symbolic link"));
    const std::filesystem::path fifo = folder_ / "fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_THAT(complaint(fifo), HasSubstr("no regular file"));
    EXPECT_THAT(complaint(folder_), HasSubstr("no regular file"));
    EXPECT_THAT(complaint("/dev/zero"), HasSubstr("no regular file"));
    EXPECT_THAT(complaint(folder_ / "absent"), HasSubstr("No such file"));
}

TEST_F(KeyFileTest, BoundsTheFile) {
    EXPECT_EQ(complaint(write(digits + std::string(largest_key_file - digits.size(), '\n'))), "");
    EXPECT_THAT(complaint(write(digits + std::string(largest_key_file, '\n'))),
                HasSubstr("longer than 4096"));
}

TEST_F(KeyFileTest, NoComplaintTellsTheContent) {
    for (const std::string& content :
         {digits + "z", digits + "0", digits + "00\nnot a key", std::string(700, 'f')})
        for (const mode_t mode : {0600, 0644}) {
            const std::string text = complaint(write(content, mode));
            EXPECT_THAT(text, HasSubstr("tenant blue: key file"));
            EXPECT_THAT(text, Not(HasSubstr("deadbeef")));
            EXPECT_THAT(text, Not(HasSubstr("0001")));
            EXPECT_THAT(text, Not(HasSubstr("not a key")));
            EXPECT_THAT(text, Not(HasSubstr("fff")));
        }
}

} // namespace

} // namespace sallyport::ipsec
