// SPDX-License-Identifier: BSD-3-Clause
// Keys that stand in a tenant's file: which are taken, and that nothing of them stays behind.
#include "config/inline_key.h"
#include "helpers.h"

#include <array>
#include <cstdio>
#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sallyport::config::test {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// Lines 1 to 9 of blue.conf.
const std::string up_to_key = std::string(identity)
                              + "protection = ipsec\nremote_vtep = 192.0.2.2\n"
                                "[sa.a]\ndirection = out\nremote_vtep = 192.0.2.2\nspi = 0x1001\n";
const std::string digits = "000102030405060708090a0b0c0d0e0fdeadbeef";

/// A main file, and tenants beside it.
class InlineKey : public testing::Test {
  protected:
    InlineKey() {
        main_ =
            folder_.write("main.conf", "[tenants]\ndirectory = tenants.d\n" + std::string(uplinks));
    }
    std::filesystem::path write(const std::string& text, mode_t mode = 0600) {
        const auto file = folder_.write("tenants.d/blue.conf", text);
        EXPECT_EQ(::chmod(file.c_str(), mode), 0);
        return file;
    }
    /// Without the folder in front.
    std::vector<std::string> complaints() {
        const auto settings = load(main_, {});
        if (settings) return {};
        std::vector<std::string> texts = messages(settings.error());
        for (std::string& text : texts) {
            EXPECT_THAT(text, Not(HasSubstr("deadbeef")));
            text.erase(0, text.find("blue.conf"));
        }
        return texts;
    }

    TemporaryFolder folder_;
    std::filesystem::path main_;
};

TEST_F(InlineKey, IsReadWhenAskedFor) {
    const std::vector<std::string> lines{
        "key = " + digits, "key=0x" + digits,
        "  key\t= 00:01:02:03 0405060708090a0b0c0d0e0f DEADBEEF # of 2026\r"};
    for (const std::string& line : lines) {
        const auto file = write(up_to_key + line + "\n");
        const auto settings = load(main_, {});
        ASSERT_TRUE(settings) << settings.error().front().message();
        const SaSettings& sa = settings->tenants.at(0).sas.at(0);
        EXPECT_TRUE(sa.key_inline);
        EXPECT_EQ(sa.key_file, file);
        const auto key = read_inline_key(sa.key_file, sa.name, "tenant blue, sa a");
        ASSERT_TRUE(key) << key.error().message();
        ASSERT_EQ(key->size(), 20U);
        EXPECT_EQ(key->octets()[15], 15);
        EXPECT_EQ(key->octets()[19], 0xef);
    }
    write(std::string(identity) + "protection = ipsec\nremote_vtep = 192.0.2.2\nsa.a.key = "
          + digits + "\nsa.a.direction = out\nsa.a.remote_vtep = 192.0.2.2\nsa.a.spi = 0x1001\n");
    EXPECT_THAT(complaints(), IsEmpty());
}

TEST_F(InlineKey, ItsLengthTellsWhatANameOfIpXfrmMeans) {
    const std::string name = "algorithm = rfc4106(gcm(aes))\n";
    const auto algorithm = [this] {
        const auto settings = load(main_, {});
        EXPECT_TRUE(settings) << settings.error().front().message();
        return settings ? ipsec::to_string(settings->tenants[0].sas[0].algorithm) : "";
    };
    write(up_to_key + name + "key = " + digits + "\n");
    EXPECT_EQ(algorithm(), "aes128gcm16");
    write(up_to_key + "key = " + digits + std::string(32, '7') + "\n" + name);
    EXPECT_EQ(algorithm(), "aes256gcm16");
    const auto file = folder_.write("key", digits + std::string(32, '7'));
    ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
    write(up_to_key + name + "key_file = " + file.native() + "\n");
    EXPECT_EQ(algorithm(), "aes256gcm16");
    write(up_to_key + "algorithm = cbc(aes)+hmac(sha256)\nkey = " + std::string(96, '7') + "\n");
    EXPECT_EQ(algorithm(), "aes128-sha256");

    write(up_to_key + name + "key = " + digits + "77\n");
    EXPECT_THAT(complaints(), ElementsAre("blue.conf:10: sa.a.algorithm: algorithm "
                                          "'rfc4106(gcm(aes))' takes a key of 20 or 36 octets, "
                                          "salt included; a key of that length"));
    write(up_to_key + name + "key_file = /nonexistent\n");
    EXPECT_THAT(complaints(),
                ElementsAre(testing::StartsWith(
                    "blue.conf:11: sa.a.key_file: key file /nonexistent: cannot be opened: No such "
                    "file or directory; its length tells which rfc4106(gcm(aes)) is meant; a")));
}

TEST_F(InlineKey, IsShownNowhere) {
    write(up_to_key + "key = " + digits + "\n");
    const auto settings = load(main_, {});
    ASSERT_TRUE(settings);
    const std::string text = to_config_text(*settings);
    EXPECT_THAT(text, HasSubstr("\n# key: not shown, in "));
    EXPECT_THAT(text, Not(HasSubstr("deadbeef")));
    EXPECT_THAT(text, Not(HasSubstr("key_file")));
}

TEST_F(InlineKey, FilesThatOthersReachAreRefused) {
    for (const mode_t mode : {0644, 0640, 0660, 0604, 0700}) {
        write(up_to_key + "key = " + digits + "\n", mode);
        EXPECT_THAT(complaints(),
                    ElementsAre("blue.conf:10: sa.a.key: a key in this file, which others than its "
                                "owner may have access to it, or it is executable; chmod 600 it, "
                                "and replace the key if others read it"))
            << std::oct << mode;
        EXPECT_THAT(read_inline_key(folder_.path() / "tenants.d/blue.conf", "a", "").error().what,
                    HasSubstr("others than its owner"));
    }
    // Without a key nobody asks.
    write(up_to_key + "key_file = /keys/a\n", 0644);
    EXPECT_THAT(complaints(), IsEmpty());
    write(up_to_key + "key = " + digits + "\n", 0400);
    EXPECT_THAT(complaints(), IsEmpty());
}

TEST_F(InlineKey, FilesOfOtherUsersAreRefused) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    ASSERT_EQ(::chown(write(up_to_key + "key = " + digits + "\n").c_str(), 65534, 65534), 0);
    EXPECT_THAT(complaints(), ElementsAre(HasSubstr("belongs to user 65534, not to user 0")));
}

TEST_F(InlineKey, WrongOnesAreToldByTheirLine) {
    const auto complaint = [&](const std::string& line) {
        write(up_to_key + line + "\n");
        const auto all = complaints();
        return all.size() == 1 ? all.front() : testing::PrintToString(all);
    };
    const std::string hexadecimal = "; the key is to be hexadecimal digits, two an octet";
    const std::string at = "blue.conf:10: ";
    EXPECT_EQ(complaint("key ="), at + "sa.a.key: no key" + hexadecimal);
    EXPECT_EQ(complaint("key = " + digits + "z"),
              at + "sa.a.key: something that is no hexadecimal digit" + hexadecimal);
    EXPECT_EQ(complaint("key = " + digits + "0"), at + "sa.a.key: half an octet" + hexadecimal);
    EXPECT_EQ(
        complaint("key = " + digits + "00"),
        at
            + "sa.a.key: the key has 21 octets, aes128gcm16 takes 20; give 16 of the cipher's "
              "key and 4 of salt, in this order");
    EXPECT_EQ(complaint("key_file = /keys/a\nkey " + digits),
              "blue.conf:11: no '=' behind 'key'; `key = DIGITS`");
    EXPECT_EQ(complaint("key_file = /keys/a\nkey = " + digits),
              at + "sa.a.key_file: a key file beside a key at line 11; one of the two");
    EXPECT_EQ(complaint("key = " + digits + "\nkey = " + digits),
              "blue.conf:11: sa.a.key: given twice; once; first at line 10");
    EXPECT_EQ(complaint("key_file = /keys/a\n[vm_port.vm1]\ndevice = net_tap0\nmac = any\nkey = "
                        + digits),
              "blue.conf:14: vm_port.vm1.key: unknown key; did you mean `sa.vm1.key`?");
    // On two lines, or behind a slip of the fingers.
    for (const std::string line : {"00:01:02:03:04:05:06:07 deadbeef",
                                   "kye 0001020304050607deadbeef", "[key 0001020304050607deadbeef"})
        EXPECT_EQ(
            complaint("key_file = /keys/a\n" + line),
            "blue.conf:11: cannot read what may be a part of a key; `key = value`, `[section]` "
            "or `# comment`");
}

TEST_F(InlineKey, GoneWhenItIsReadAgain) {
    const auto file = write(up_to_key + "key_file = /keys/a\n");
    const auto key = read_inline_key(file, "a", "tenant blue, sa a");
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().message(), "tenant blue, sa a: tenant file " + file.string()
                                         + ": has no key of this SA any more; load the tenant "
                                           "anew");
    std::filesystem::remove(file);
    EXPECT_THAT(read_inline_key(file, "a", "").error().what, HasSubstr("no such file"));
}

/// A text that this process never holds but under a mask, so that looking for it finds what others
/// left behind.
class MaskedText {
  public:
    MaskedText() {
        std::random_device random;
        for (std::uint8_t& octet : octets_)
            octet = static_cast<std::uint8_t>(random() | 0x80U);
    }
    /// In a process of its own.
    void append_digits_to(const std::filesystem::path& file) const {
        const pid_t child = ::fork();
        if (child == 0) {
            std::ofstream out(file, std::ios::app);
            for (std::size_t i = 0; i < octets_.size(); ++i)
                for (const unsigned digit : {octet(i) >> 4U, octet(i) & 15U})
                    out.put(digit_of(digit));
            out << "\n" << std::flush;
            ::_exit(0);
        }
        int status = 1;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_EQ(status, 0);
    }
    [[gnu::no_sanitize_address]] [[nodiscard]] bool is_octets(const std::uint8_t* at) const {
        for (std::size_t i = 0; i < octets_.size(); ++i)
            if (at[i] != octet(i)) return false;
        return true;
    }
    /// Half of them would tell enough.
    [[gnu::no_sanitize_address]] [[nodiscard]] bool is_digits(const std::uint8_t* at) const {
        for (std::size_t i = 0; i < octets_.size() / 2; ++i)
            if (at[2 * i] != digit_of(octet(i) >> 4U) || at[2 * i + 1] != digit_of(octet(i) & 15U))
                return false;
        return true;
    }
    [[nodiscard]] std::uint8_t first_octet() const { return static_cast<std::uint8_t>(octet(0)); }
    [[nodiscard]] char first_digit() const { return digit_of(octet(0) >> 4U); }
    static constexpr std::size_t size = 20;

  private:
    [[nodiscard]] unsigned octet(std::size_t i) const { return octets_[i] ^ 0xa5U; }
    static char digit_of(unsigned value) {
        return static_cast<char>(value < 10 ? '0' + value : 'a' + value - 10);
    }
    std::array<std::uint8_t, size> octets_{};
};

struct Found {
    std::size_t digits = 0;
    std::size_t octets = 0;
};

/// In whatever this process can write to.
[[gnu::no_sanitize_address]] Found look_for(const MaskedText& text) {
    Found found;
    const std::uint8_t first_octet = text.first_octet();
    const auto first_digit = static_cast<std::uint8_t>(text.first_digit());
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        unsigned long from = 0;
        unsigned long to = 0;
        std::array<char, 5> rights{};
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &from, &to, rights.data()) != 3) continue;
        // A sanitizer's shadow takes terabytes of addresses.
        if (rights[0] != 'r' || rights[1] != 'w' || to - from > 1UL << 30U) continue;
        const auto* const begin = reinterpret_cast<const std::uint8_t*>(from);
        const auto* const end = reinterpret_cast<const std::uint8_t*>(to) - 2 * MaskedText::size;
        for (const std::uint8_t* at = begin; at < end; ++at) {
            // A call for each octet would take a minute and a half.
            if (*at == first_digit && text.is_digits(at)) ++found.digits;
            if (*at == first_octet && text.is_octets(at)) ++found.octets;
        }
    }
    return found;
}

TEST_F(InlineKey, NothingOfItStaysInMemory) {
    const MaskedText text;
    const auto file = write(up_to_key + "key = ");
    text.append_digits_to(file);
    {
        const auto settings = load(main_, {});
        ASSERT_TRUE(settings) << settings.error().front().message();
        const Found after_load = look_for(text);
        EXPECT_EQ(after_load.digits, 0U);
        EXPECT_EQ(after_load.octets, 0U);
        const auto one_more = load_tenant(file, [&] {
            Settings without = *settings;
            without.tenants.clear();
            return without;
        }());
        ASSERT_TRUE(one_more);
        const auto key = read_inline_key(file, "a", "");
        ASSERT_TRUE(key);
        const Found with_key = look_for(text);
        EXPECT_EQ(with_key.digits, 0U);
        EXPECT_EQ(with_key.octets, 1U) << "the secret, and so this would find more";
    }
    const Found at_the_end = look_for(text);
    EXPECT_EQ(at_the_end.digits, 0U);
    EXPECT_EQ(at_the_end.octets, 0U);
}

} // namespace

} // namespace sallyport::config::test
