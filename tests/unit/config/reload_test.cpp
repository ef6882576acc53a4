// SPDX-License-Identifier: BSD-3-Clause
// The file of a tenant that runs, read again.
#include "helpers.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::config::test {
namespace {

using testing::ElementsAre;

const std::string blue_text = "name = blue\nvni = 100\nlocal_vtep = 192.0.2.1\n"
                              "remote_vtep = 192.0.2.2\nmtu = 1400\n"
                              "[vm_port.blue1]\ndevice = net_tap0\nmac = any\n";

class Reload : public testing::Test {
  protected:
    void SetUp() override {
        running.underlay.mtu = 1600;
        for (const std::string name : {"blue", "red"}) {
            std::string text = blue_text;
            if (name == "red")
                text = "name = red\nvni = 200\nlocal_vtep = 192.0.2.1\n"
                       "[vm_port.red1]\ndevice = net_tap1\nmac = any\n";
            folder.write(name + ".conf", text);
            auto loaded = load_tenant(folder.path() / (name + ".conf"), running);
            ASSERT_TRUE(loaded) << loaded.error().front().message();
            running.tenants.push_back(std::move(*loaded));
        }
    }
    Loaded<TenantSettings> reload(const std::string& text) {
        folder.write("blue.conf", text);
        return reload_tenant(running.tenants[0], running, {{"blue1", 1400}, {"gone", 1000}});
    }
    std::vector<std::string> complaints(const std::string& from, const std::string& to) {
        std::string text = blue_text;
        text.replace(text.find(from), from.size(), to);
        const auto loaded = reload(text);
        std::vector<std::string> all =
            loaded ? std::vector<std::string>{} : messages(loaded.error());
        for (std::string& message : all)
            message.erase(0, message.find("blue.conf"));
        return all;
    }

    TemporaryFolder folder;
    Settings running;
};

TEST_F(Reload, TheSameFileIsTheSameTenant) {
    const auto loaded = reload(blue_text);
    ASSERT_TRUE(loaded) << loaded.error().front().message();
    EXPECT_EQ(*loaded, running.tenants[0]);
}

TEST_F(Reload, ItDoesNotClashWithItself) {
    std::string text = blue_text;
    text.replace(text.find("1400"), 4, "1300");
    const auto loaded = reload(text + "[vm_port.blue2]\ndevice = net_tap2\nmac = any\n");
    ASSERT_TRUE(loaded) << loaded.error().front().message();
    EXPECT_EQ(loaded->mtu, 1300);
    EXPECT_EQ(loaded->vm_ports.size(), 2U);
}

TEST_F(Reload, WhatCannotChangeIsRefusedWithItsLine) {
    EXPECT_THAT(complaints("name = blue", "name = green"),
                ElementsAre("blue.conf:1: name: blue cannot become green while the tenant runs; "
                            "blue, or tenant del blue and tenant add"));
    EXPECT_THAT(complaints("vni = 100", "vni = 101"),
                ElementsAre("blue.conf:2: vni: 100 cannot become 101 while the tenant runs; 100, "
                            "or tenant del blue and tenant add"));
    EXPECT_THAT(complaints("192.0.2.1", "192.0.2.9"),
                ElementsAre(testing::StartsWith("blue.conf:3: local_vtep: 192.0.2.1 cannot")));
    EXPECT_THAT(complaints("[vm_port", "udp_port = 8472\n[vm_port"),
                ElementsAre(testing::StartsWith("blue.conf:6: udp_port: 4789 cannot become")));
    EXPECT_THAT(complaints("[vm_port", "protection = ipsec\n[vm_port"),
                ElementsAre(testing::StartsWith("blue.conf:6: protection: none cannot become")));
    EXPECT_THAT(complaints("net_tap0", "net_tap9"),
                ElementsAre("blue.conf:7: vm_port.blue1.device: another device than the one that "
                            "is open; net_tap0, or a vm port of another name"));
    EXPECT_THAT(complaints("1400", "1450"),
                ElementsAre("blue.conf:5: mtu: 1450 is more than the 1400 for which its vm ports "
                            "are open; at most 1400, or tenant del blue and tenant add"));
}

TEST_F(Reload, OthersAreStillOthers) {
    EXPECT_THAT(complaints("[vm_port.blue1]", "[vm_port.red1]"),
                ElementsAre(testing::HasSubstr("port name 'red1' is used twice")));
    EXPECT_THAT(complaints("mtu = 1400", "mtu = 1400\nmtu = 1300"),
                ElementsAre(testing::StartsWith("blue.conf:6: mtu")));
}

} // namespace
} // namespace sallyport::config::test
