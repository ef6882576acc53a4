// SPDX-License-Identifier: BSD-3-Clause
// Files and folders: which are read, in what order, and what is said of those that cannot be.
#include "helpers.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sallyport::config::test {

namespace {

using testing::ElementsAre;

std::string tenant_text(const std::string& name, unsigned vni) {
    return "name = " + name + "\nvni = " + std::to_string(vni) + "\nlocal_vtep = 192.0.2.1\n";
}

class Load : public testing::Test {
  protected:
    [[nodiscard]] std::vector<std::string>
    complaints(const std::filesystem::path& main,
               const std::optional<std::filesystem::path>& tenants = {}) const {
        const auto settings = load(main, tenants);
        return settings ? std::vector<std::string>{} : messages(settings.error());
    }
    [[nodiscard]] std::string text(const std::string& name) const { return folder.path() / name; }

    TemporaryFolder folder;
};

TEST_F(Load, MissingMainFile) {
    EXPECT_THAT(complaints(text("none.conf")),
                ElementsAre(text("none.conf") + ": no such file; a readable file"));
}

TEST_F(Load, MissingMainFileDoesNotHideTheTenants) {
    folder.write("t/a.conf", "name = a\nvni = 0\nlocal_vtep = 192.0.2.1\nmtu = 9000\n");
    EXPECT_THAT(
        complaints(text("none.conf"), text("t")),
        ElementsAre(text("none.conf") + ": no such file; a readable file",
                    text("t/a.conf") + ":2: vni: '0' is out of range; 1 to 16777215 (24 bits)"));
}

TEST_F(Load, MainFileIsAFolder) {
    EXPECT_THAT(complaints(folder.path()),
                ElementsAre(folder.path().string() + ": is not a regular file; a readable file"));
}

TEST_F(Load, MainFileIsAFifoWithoutWriter) {
    ASSERT_EQ(mkfifo(text("fifo").c_str(), 0600), 0);
    EXPECT_THAT(complaints(text("fifo")),
                ElementsAre(text("fifo") + ": is not a regular file; a readable file"));
}

TEST_F(Load, FileWithoutPermission) {
    const auto file = folder.write("main.conf", uplinks);
    ASSERT_EQ(chmod(file.c_str(), 0), 0);
    ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
    // Root may read everything: be somebody else for the moment.
    const uid_t user = geteuid();
    if (seteuid(user == 0 ? 65534 : user) != 0) GTEST_SKIP() << "nobody else to be";
    const auto told = complaints(file);
    ASSERT_EQ(seteuid(user), 0);
    EXPECT_THAT(told, ElementsAre(file.string()
                                  + ": cannot be read: Permission denied; a readable "
                                    "file"));
}

TEST_F(Load, FileThatFailsWhileItIsRead) {
    // Address 0 of a process is not mapped.
    EXPECT_THAT(complaints("/proc/self/mem"),
                ElementsAre("/proc/self/mem: cannot be read: Input/output error; a readable file"));
}

TEST_F(Load, FileOfMoreThanAMebibyte) {
    std::string large(uplinks);
    while (large.size() < (std::size_t{1} << 20))
        large += "# " + std::string(61, 'x') + "\n";
    large.resize(std::size_t{1} << 20);
    EXPECT_THAT(complaints(folder.write("fits.conf", large)), testing::IsEmpty());
    EXPECT_THAT(complaints(folder.write("large.conf", large + "x")),
                ElementsAre(text("large.conf") + ": too large; at most 1048576 octets"));
}

TEST_F(Load, TenantsDirectoryMissing) {
    const auto main =
        folder.write("main.conf", "[tenants]\ndirectory = nowhere\n" + std::string(uplinks));
    EXPECT_THAT(complaints(main),
                ElementsAre(main.string() + ":2: tenants.directory: cannot read " + text("nowhere")
                            + ": No such file or directory; a readable directory of tenant files"));
}

TEST_F(Load, GivenTenantsDirectoryIsAFile) {
    const auto main = folder.write("main.conf", uplinks);
    EXPECT_THAT(complaints(main, main),
                ElementsAre(main.string() + ": --tenants: cannot read " + main.string()
                            + ": Not a directory; a readable directory of tenant files"));
}

TEST_F(Load, UnreadableTenantFile) {
    const auto main =
        folder.write("main.conf", "[tenants]\ndirectory = t\n" + std::string(uplinks));
    folder.write("t/a.conf", tenant_text("a", 1));
    std::filesystem::create_directory(text("t/b.conf"));
    std::filesystem::create_symlink("nowhere", text("t/c.conf"));
    EXPECT_THAT(complaints(main),
                ElementsAre(text("t/b.conf") + ": is not a regular file; a readable file",
                            text("t/c.conf") + ": no such file; a readable file"));
}

TEST_F(Load, ReadsTenantFilesByNameAndNoOthers) {
    const auto main =
        folder.write("etc/main.conf", "[tenants]\ndirectory = ../t\n" + std::string(uplinks));
    folder.write("t/b.conf", tenant_text("first", 1));
    folder.write("t/c.conf", tenant_text("second", 2));
    folder.write("t/a.conf~", "junk");
    folder.write("t/.d.conf", "junk");
    folder.write("t/readme", "junk");
    const auto settings = load(main, {});
    ASSERT_TRUE(settings) << settings.error().front().message();
    ASSERT_EQ(settings->tenants.size(), 2U);
    EXPECT_EQ(settings->tenants[0].name, "first");
    EXPECT_EQ(settings->tenants[0].file, text("t/b.conf"));
    EXPECT_EQ(settings->tenants[1].name, "second");
    EXPECT_EQ(settings->tenants_directory, text("t"));
}

TEST_F(Load, GivenTenantsDirectoryWins) {
    const auto main =
        folder.write("main.conf", "[tenants]\ndirectory = nowhere\n" + std::string(uplinks));
    folder.write("given/x.conf", tenant_text("x", 1));
    const auto settings = load(main, text("given"));
    ASSERT_TRUE(settings) << settings.error().front().message();
    ASSERT_EQ(settings->tenants.size(), 1U);
    EXPECT_EQ(settings->tenants_directory, text("given"));
}

TEST_F(Load, OneMoreTenantFile) {
    const auto running = load(folder.write("main.conf", uplinks), {});
    ASSERT_TRUE(running);
    const auto good = load_tenant(folder.write("good.conf", tenant_text("g", 1)), *running);
    ASSERT_TRUE(good);
    EXPECT_EQ(good->file, text("good.conf"));
    const auto none = load_tenant(text("none.conf"), *running);
    ASSERT_FALSE(none);
    EXPECT_THAT(messages(none.error()),
                ElementsAre(text("none.conf") + ": no such file; a readable file"));
}

// Were it not linear in their number, the test program would not end in its time.
TEST_F(Load, ManyTenants) {
    const auto main =
        folder.write("main.conf", "[tenants]\ndirectory = t\n" + std::string(uplinks));
    constexpr unsigned count = 4096;
    for (unsigned i = 1; i <= count; ++i) {
        const std::string name = "t" + std::to_string(i);
        std::string text = tenant_text(name, i);
        for (int remote = 10; remote < 18; ++remote)
            text += fmt::format("remote_vtep = 192.0.2.{}\n", remote);
        for (int port = 0; port < 4; ++port)
            text += fmt::format("[vm_port.{0}-{1}]\ndevice = net_tap_{0}_{1}\n"
                                "mac = 02:00:00:00:00:0{1}\n",
                                name, port);
        folder.write("t/" + name + ".conf", text);
    }
    const auto settings = load(main, {});
    ASSERT_TRUE(settings) << settings.error().front().message();
    EXPECT_EQ(settings->tenants.size(), count);
}

} // namespace

} // namespace sallyport::config::test
