// SPDX-License-Identifier: BSD-3-Clause
#include "network_namespace.h"

#include <cstdio>
#include <cstdlib>

#include <net/if.h>
#include <unistd.h>

namespace sallyport::underlay {
namespace {

class HostInterfaceTest : public NamespaceTest {
  protected:
    void SetUp() override {
        NamespaceTest::SetUp();
        if (entered()) run("ip tuntap add dev tap0 mode tap");
    }
    HostInterface wanted() const { return {"tap0", mac("02:00:00:00:00:42"), 1600, addresses}; }
    static std::string shown(const std::string& what) {
        return output_of("ip -oneline " + what + " show dev tap0");
    }
    static std::size_t occurrences(const std::string& text, const std::string& part) {
        std::size_t found = 0;
        for (std::size_t at = text.find(part); at != std::string::npos;
             at = text.find(part, at + 1))
            ++found;
        return found;
    }
    std::vector<net::IpPrefix> addresses{*net::IpPrefix::parse("192.0.2.1/24"),
                                         *net::IpPrefix::parse("2001:db8::1/64"),
                                         *net::IpPrefix::parse("192.0.2.129/32")};
};

TEST_F(HostInterfaceTest, gets_mac_mtu_addresses_and_is_up) {
    const auto done = configure_host_interface(wanted());
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(interface_mac("tap0").value(), mac("02:00:00:00:00:42"));
    EXPECT_EQ(interface_mtu("tap0").value(), 1600);
    EXPECT_NE(shown("link").find(",UP"), std::string::npos) << shown("link");
    const std::string text = shown("address");
    EXPECT_NE(text.find("inet 192.0.2.1/24 scope global"), std::string::npos) << text;
    EXPECT_NE(text.find("inet 192.0.2.129/32 scope global"), std::string::npos) << text;
    EXPECT_NE(text.find("inet6 2001:db8::1/64 scope global nodad"), std::string::npos) << text;
    EXPECT_EQ(output_of("cat /proc/sys/net/ipv6/conf/tap0/accept_dad"), "0\n");
}

TEST_F(HostInterfaceTest, may_be_configured_again) {
    ASSERT_TRUE(configure_host_interface(wanted()));
    const auto again = configure_host_interface(wanted());
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ(occurrences(shown("address"), "scope global"), 3U) << shown("address");
}

TEST_F(HostInterfaceTest, takes_what_is_there_already) {
    run_batch("address add 192.0.2.1/24 dev tap0\n"
              "address add 2001:db8::1/64 dev tap0\n"
              "address add 203.0.113.1/24 dev tap0\n"
              "link set tap0 up\n");
    const auto done = configure_host_interface(wanted());
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(interface_mac("tap0").value(), mac("02:00:00:00:00:42"));
    EXPECT_NE(shown("address").find("203.0.113.1/24"), std::string::npos) << "not ours to remove";
}

TEST_F(HostInterfaceTest, has_a_link_local_address_at_once) {
    // What a driver does: the kernel makes the address and starts to probe for duplicates.
    run_batch("link set tap0 address 02:00:00:00:00:42\nlink set tap0 up\n");
    ASSERT_TRUE(configure_host_interface(wanted()));
    const std::string text = shown("address");
    EXPECT_NE(text.find("inet6 fe80::ff:fe00:42/64 scope link nodad"), std::string::npos) << text;
    EXPECT_EQ(text.find("tentative"), std::string::npos) << text;
}

TEST_F(HostInterfaceTest, has_a_link_local_address_where_the_kernel_makes_none) {
    run("ip link set tap0 addrgenmode none");
    ASSERT_TRUE(configure_host_interface(wanted()));
    EXPECT_NE(shown("address").find("fe80::ff:fe00:42/64"), std::string::npos) << shown("address");
}

TEST_F(HostInterfaceTest, errors_say_what_and_where) {
    HostInterface missing = wanted();
    missing.name = "nowhere0";
    auto done = configure_host_interface(missing);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().where, "nowhere0");
    EXPECT_NE(done.error().what.find("cannot find the interface"), std::string::npos);

    HostInterface group_mac = wanted();
    group_mac.mac = mac("01:00:00:00:00:42");
    done = configure_host_interface(group_mac);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().what.find("01:00:00:00:00:42"), std::string::npos);

    HostInterface tiny = wanted();
    tiny.mtu = 20;
    done = configure_host_interface(tiny);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().what.find("cannot set the MTU 20"), std::string::npos);
}

TEST_F(HostInterfaceTest, disabled_ipv6_is_named) {
    run("echo 1 > /proc/sys/net/ipv6/conf/tap0/disable_ipv6");
    const auto done = configure_host_interface(wanted());
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message().find("2001:db8::1/64"), std::string::npos);
    EXPECT_NE(done.error().message().find("disable_ipv6=0"), std::string::npos)
        << done.error().message();
}

TEST_F(HostInterfaceTest, missing_capability_is_named) {
    // In a child: capabilities given up do not come back.
    EXPECT_EXIT(
        {
            if (setresuid(65534, 65534, 65534) != 0) std::exit(2);
            const auto done = configure_host_interface(wanted());
            std::fputs(done ? "done" : done.error().message().c_str(), stderr);
            std::exit(done ? 1 : 0);
        },
        testing::ExitedWithCode(0), "tap0: .*grant CAP_NET_ADMIN");
}

TEST_F(HostInterfaceTest, questions_about_interfaces) {
    EXPECT_EQ(interface_name(if_nametoindex("tap0")), "tap0");
    EXPECT_EQ(interface_name(999999), std::nullopt);
    EXPECT_EQ(interface_mtu("lo").value(), 65535) << "clamped";
    EXPECT_EQ(interface_mac("lo").value(), net::MacAddress{});
    EXPECT_FALSE(interface_mtu("nowhere0"));
    EXPECT_FALSE(interface_mac("nowhere0"));
    EXPECT_FALSE(interface_mac(""));
}

} // namespace
} // namespace sallyport::underlay
