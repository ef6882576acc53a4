// SPDX-License-Identifier: BSD-3-Clause
// KernelWatch against the kernel's routes.
#include "network_namespace.h"

namespace sallyport::underlay {
namespace {

struct RouteAddresses {
    std::string family;
    std::string gateway;
    std::string other_gateway;
    std::string on_link;
    std::string remote;
    std::string remote_network;
    std::string host;
};

std::ostream& operator<<(std::ostream& out, const RouteAddresses& addresses) {
    return out << addresses.family;
}

const RouteAddresses ipv4{"IPv4",         "192.0.2.254",     "192.0.2.253", "192.0.2.9",
                          "198.51.100.7", "198.51.100.0/24", "192.0.2.1"};
const RouteAddresses ipv6{"IPv6",
                          "2001:db8:0:1::fe",
                          "2001:db8:0:1::fd",
                          "2001:db8:0:1::9",
                          "2001:db8:0:2::7",
                          "2001:db8:0:2::/64",
                          "2001:db8:0:1::1"};

class RouteTest : public KernelWatchTest, public testing::WithParamInterface<RouteAddresses> {
  protected:
    const RouteAddresses& a() const { return GetParam(); }
    void watch_remote() { watch->watch_destination(ip(a().remote)); }
    /// `ip route COMMAND remote_network ARGUMENTS`
    void route(const std::string& command, const std::string& arguments) const {
        run("ip route " + command + " " + a().remote_network + " " + arguments);
    }
    void add_other_interface() const {
        run_batch("link add other0 type veth peer name other1\n"
                  "link set other1 up\n"
                  "link set other0 up\n"
                  "address add 203.0.113.1/24 dev other0\n"
                  "address add 2001:db8:0:3::1/64 dev other0 nodad\n");
    }
    std::string gateway_by_other() const {
        return a().family == "IPv4" ? "203.0.113.2" : "2001:db8:0:3::2";
    }
};

INSTANTIATE_TEST_SUITE_P(Families, RouteTest, testing::Values(ipv4, ipv6),
                         [](const auto& info) { return info.param.family; });

TEST_P(RouteTest, is_told_at_once_when_watched_and_again_when_watched_again) {
    watch_remote();
    EXPECT_EQ(resolution_calls, 1U);
    EXPECT_EQ(resolutions.at(ip(a().remote)), no_route());
    watch_remote();
    EXPECT_EQ(resolution_calls, 2U);
}

TEST_P(RouteTest, appears_changes_and_goes) {
    watch_remote();
    route("add", "via " + a().gateway);
    ASSERT_TRUE(wait_for(a().remote, by(a().gateway)));
    route("replace", "via " + a().other_gateway);
    ASSERT_TRUE(wait_for(a().remote, by(a().other_gateway)));
    route("del", "");
    ASSERT_TRUE(wait_for(a().remote, no_route()));
}

TEST_P(RouteTest, destination_on_the_link_is_its_own_next_hop) {
    watch->watch_destination(ip(a().on_link));
    EXPECT_EQ(resolutions.at(ip(a().on_link)), by(a().on_link));
}

TEST_P(RouteTest, longer_prefix_and_default_route_are_the_kernels_choice) {
    watch_remote();
    run("ip route add default via " + a().gateway);
    ASSERT_TRUE(wait_for(a().remote, by(a().gateway)));
    route("add", "via " + a().other_gateway);
    ASSERT_TRUE(wait_for(a().remote, by(a().other_gateway)));
    route("del", "");
    ASSERT_TRUE(wait_for(a().remote, by(a().gateway)));
}

TEST_P(RouteTest, by_another_interface_does_not_count) {
    add_other_interface();
    watch_remote();
    watch->watch_destination(ip(gateway_by_other()));
    EXPECT_EQ(resolutions.at(ip(gateway_by_other())), no_route()) << "on another link";
    route("add", "via " + a().gateway + " metric 20");
    ASSERT_TRUE(wait_for(a().remote, by(a().gateway)));
    route("add", "via " + gateway_by_other() + " metric 10");
    ASSERT_TRUE(wait_for(a().remote, no_route()));
    route("del", "via " + gateway_by_other() + " metric 10");
    ASSERT_TRUE(wait_for(a().remote, by(a().gateway)));
}

// The kernel throws IPv4 routes away without an event of their own then.
TEST_P(RouteTest, of_another_interface_that_goes_down_makes_room) {
    add_other_interface();
    route("add", "via " + a().gateway + " metric 20");
    route("add", "via " + gateway_by_other() + " metric 10");
    watch_remote();
    settle();
    ASSERT_EQ(resolutions.at(ip(a().remote)), no_route());
    run("ip link set other0 down");
    ASSERT_TRUE(wait_for(a().remote, by(a().gateway)));
}

TEST_P(RouteTest, unusable_kinds_are_no_route) {
    watch_remote();
    for (const char* kind : {"blackhole", "unreachable", "prohibit"}) {
        route("add", "via " + a().gateway);
        ASSERT_TRUE(wait_for(a().remote, by(a().gateway))) << kind;
        route("del", "");
        run(std::string("ip route add ") + kind + " " + a().remote_network);
        ASSERT_TRUE(wait_for(a().remote, no_route())) << kind;
        run(std::string("ip route del ") + kind + " " + a().remote_network);
    }
}

TEST_P(RouteTest, own_address_has_no_next_hop) {
    watch->watch_destination(ip(a().host));
    ASSERT_EQ(resolution_calls, 1U);
    // The kernel makes the local route of an IPv6 address a little after the address.
    ASSERT_TRUE(wait_for(a().host, no_route()));
}

TEST_P(RouteTest, groups_have_no_next_hop) {
    const bool is_ipv4 = a().family == "IPv4";
    if (is_ipv4) run("ip address change 192.0.2.1/24 broadcast 192.0.2.255 dev host0");
    for (const char* group : {"192.0.2.255", "224.0.0.5", "ff02::5"}) {
        if (ip(group).is_ipv4() != is_ipv4) continue;
        const std::string answer = output_of(std::string("ip route get ") + group + " oif host0");
        ASSERT_NE(answer.find("dev host0"), std::string::npos) << answer;
        run(std::string("ip route replace default dev host0"));
        watch->watch_destination(ip(group));
        EXPECT_EQ(resolutions.at(ip(group)), no_route()) << group;
    }
}

/// With a change in the routes to a.on_link of which the kernel tells nothing.
class SilentChangeTest : public RouteTest {
  protected:
    void SetUp() override {
        RouteTest::SetUp();
        if (!entered() || HasFatalFailure()) return;
        watch->watch_destination(ip(a().on_link));
        ASSERT_TRUE(watch->watch_carrier("host0"));
        run("ip link set wire0 down");
        ASSERT_TRUE(wait_until([&] { return !carriers["host0"].back(); }));
        // Nothing is left to be looked at again.
        for (int second = 0; second < 3; ++second) {
            settle();
            watch->retry_unresolved();
        }
        settle();
        ASSERT_EQ(resolutions.at(ip(a().on_link)), by(a().on_link));
    }
    void change_silently() {
        run("echo 1 > /proc/sys/net/" + std::string(a().family == "IPv4" ? "ipv4" : "ipv6")
            + "/conf/host0/ignore_routes_with_linkdown");
        settle();
        watch->retry_unresolved();
        settle();
        ASSERT_EQ(resolutions.at(ip(a().on_link)), by(a().on_link))
            << "else this would prove nothing";
    }
};

INSTANTIATE_TEST_SUITE_P(Families, SilentChangeTest, testing::Values(ipv4, ipv6),
                         [](const auto& info) { return info.param.family; });

// The kernel throws routes away without a word for a link that went down, an address that went,
// or a changed next hop object, depending on its release.
TEST_P(SilentChangeTest, comes_to_light_with_any_event_that_may_go_with_it) {
    const bool is_ipv4 = a().family == "IPv4";
    const std::string version = is_ipv4 ? "ip -4 " : "ip -6 ";
    for (const std::string& command :
         {std::string("ip link set lo mtu 60000"),
          "ip address add " + std::string(is_ipv4 ? "203.0.113.77/32" : "2001:db8::77/128")
              + " dev lo",
          version + "rule add to " + a().remote_network + " table 100",
          std::string("ip nexthop add id 7 blackhole")}) {
        change_silently();
        if (HasFatalFailure()) return;
        run(command);
        settle();
        EXPECT_EQ(resolutions.at(ip(a().on_link)), no_route()) << command;
        run("echo 0 > /proc/sys/net/" + std::string(is_ipv4 ? "ipv4" : "ipv6")
            + "/conf/host0/ignore_routes_with_linkdown");
        for (int second = 0; second < 3; ++second) { // this is seen late, but seen
            watch->retry_unresolved();
            settle();
        }
        ASSERT_EQ(resolutions.at(ip(a().on_link)), by(a().on_link)) << command;
    }
}

// When the kernel tells that a link went down, it has yet to throw the routes away.
TEST_P(SilentChangeTest, comes_to_light_after_an_event_that_came_too_early) {
    run("ip link set lo mtu 60000");
    settle();
    run("echo 1 > /proc/sys/net/" + std::string(a().family == "IPv4" ? "ipv4" : "ipv6")
        + "/conf/host0/ignore_routes_with_linkdown");
    settle();
    ASSERT_EQ(resolutions.at(ip(a().on_link)), by(a().on_link)) << "else this would prove nothing";
    watch->retry_unresolved();
    settle();
    EXPECT_EQ(resolutions.at(ip(a().on_link)), no_route());
}

TEST_P(RouteTest, policy_rules_count) {
    const std::string version = a().family == "IPv4" ? "ip -4 " : "ip -6 ";
    watch_remote();
    route("add", "via " + a().gateway);
    route("add", "via " + a().other_gateway + " table 100");
    ASSERT_TRUE(wait_for(a().remote, by(a().gateway)));
    run(version + "rule add to " + a().remote_network + " table 100");
    ASSERT_TRUE(wait_for(a().remote, by(a().other_gateway)));
    run(version + "rule del to " + a().remote_network + " table 100");
    ASSERT_TRUE(wait_for(a().remote, by(a().gateway)));
}

TEST_P(RouteTest, replaced_next_hop_object_counts) {
    run("ip nexthop add id 7 via " + a().gateway + " dev host0");
    route("add", "nhid 7");
    watch_remote();
    ASSERT_TRUE(wait_for(a().remote, by(a().gateway)));
    run("ip nexthop replace id 7 via " + a().other_gateway + " dev host0");
    ASSERT_TRUE(wait_for(a().remote, by(a().other_gateway)));
}

TEST_P(RouteTest, of_several_equal_ones_the_kernels_answer_is_taken) {
    watch_remote();
    route("add", "nexthop via " + a().gateway + " nexthop via " + a().other_gateway);
    ASSERT_TRUE(wait_until([&] { return resolutions[ip(a().remote)].next_hop.has_value(); }));
    const std::string answer = output_of("ip route get " + a().remote);
    EXPECT_NE(answer.find("via " + resolutions[ip(a().remote)].next_hop->to_string() + " "),
              std::string::npos)
        << answer;
}

TEST_P(RouteTest, lost_with_its_source_address) {
    const bool is_ipv4 = a().family == "IPv4";
    const std::string source = is_ipv4 ? "192.0.2.77" : "2001:db8:0:1::77";
    run("ip address add " + source + (is_ipv4 ? "/32" : "/128") + " dev host0"
        + (is_ipv4 ? "" : " nodad"));
    route("add", "via " + a().gateway + " src " + source + " metric 10");
    route("add", "via " + a().other_gateway + " metric 20");
    watch_remote();
    ASSERT_TRUE(wait_for(a().remote, by(a().gateway)));
    run("ip address del " + source + (is_ipv4 ? "/32" : "/128") + " dev host0");
    // IPv4 routes go with their preferred source, IPv6 ones stay without it.
    ASSERT_TRUE(wait_for(a().remote, by(is_ipv4 ? a().other_gateway : a().gateway)));
}

TEST_P(RouteTest, host_interface_down_and_up) {
    watch->watch_destination(ip(a().on_link));
    ASSERT_EQ(resolutions.at(ip(a().on_link)), by(a().on_link));
    run("ip link set host0 down");
    ASSERT_TRUE(wait_for(a().on_link, no_route()));
    run("ip link set host0 up");
    if (a().family == "IPv6") // the kernel takes global IPv6 addresses away with the link
        run("ip address add 2001:db8:0:1::1/64 dev host0 nodad");
    ASSERT_TRUE(wait_for(a().on_link, by(a().on_link)));
}

TEST_P(RouteTest, host_interface_is_followed_through_removal_and_re_creation) {
    watch->watch_destination(ip(a().on_link));
    run("ip neighbour replace " + a().on_link + " lladdr 02:00:00:00:00:99 dev host0");
    ASSERT_TRUE(wait_for(a().on_link, by(a().on_link, "02:00:00:00:00:99")));
    run("ip link del host0");
    ASSERT_TRUE(wait_for(a().on_link, no_route()));
    make_host_interface();
    ASSERT_TRUE(wait_for(a().on_link, by(a().on_link))) << "with no MAC of the old interface";
    run("ip neighbour replace " + a().on_link + " lladdr 02:00:00:00:00:98 dev host0");
    ASSERT_TRUE(wait_for(a().on_link, by(a().on_link, "02:00:00:00:00:98")));
}

TEST_P(RouteTest, host_interface_renamed_away_does_not_count) {
    watch->watch_destination(ip(a().on_link));
    run("ip link set host0 name elsewhere");
    ASSERT_TRUE(wait_for(a().on_link, no_route()));
    run("ip link set elsewhere name host0");
    ASSERT_TRUE(wait_for(a().on_link, by(a().on_link)));
}

TEST_P(RouteTest, unwatched_is_not_told_any_more) {
    watch_remote();
    watch->watch_destination(ip(a().on_link));
    watch->unwatch_destination(ip(a().remote));
    const std::size_t calls = resolution_calls;
    route("add", "via " + a().gateway);
    run("ip neighbour replace " + a().on_link + " lladdr 02:00:00:00:00:99 dev host0");
    ASSERT_TRUE(wait_for(a().on_link, by(a().on_link, "02:00:00:00:00:99"))); // came after
    EXPECT_EQ(resolution_calls, calls + 1);
}

TEST_P(RouteTest, callbacks_may_watch_and_unwatch) {
    on_resolution = [this](const net::IpAddress& destination) {
        if (destination != ip(a().remote) || !resolutions[destination].next_hop) return;
        watch->unwatch_destination(destination);
        watch->watch_destination(ip(a().on_link));
    };
    watch_remote();
    route("add", "via " + a().gateway);
    ASSERT_TRUE(wait_for(a().on_link, by(a().on_link)));
    route("del", "");
    settle();
    EXPECT_EQ(resolutions.at(ip(a().remote)), by(a().gateway)) << "unwatched by then";
}

TEST_F(KernelWatchTest, ipv4_route_by_an_ipv6_gateway) {
    watch->watch_destination(ip("198.51.100.7"));
    run("ip route add 198.51.100.0/24 via inet6 fe80::99 dev host0");
    ASSERT_TRUE(wait_for("198.51.100.7", by("fe80::99")));
    run("ip neighbour replace fe80::99 lladdr 02:00:00:00:00:99 dev host0");
    ASSERT_TRUE(wait_for("198.51.100.7", by("fe80::99", "02:00:00:00:00:99")));
}

TEST_F(KernelWatchTest, unknown_host_interface_is_an_error_and_changes_nothing) {
    const auto used = watch->use_host_interface("nowhere0");
    ASSERT_FALSE(used);
    EXPECT_NE(used.error().message().find("nowhere0: there is no such interface"),
              std::string::npos)
        << used.error().message();
    EXPECT_FALSE(watch->use_host_interface(""));
    EXPECT_FALSE(watch->use_host_interface("a-name-much-too-long"));
    watch->watch_destination(ip("192.0.2.9"));
    EXPECT_EQ(resolutions.at(ip("192.0.2.9")), by("192.0.2.9"));
}

TEST_F(KernelWatchTest, without_a_host_interface_nothing_is_reached) {
    open_watch();
    watch->watch_destination(ip("192.0.2.9"));
    EXPECT_EQ(resolutions.at(ip("192.0.2.9")), no_route());
    ASSERT_TRUE(watch->use_host_interface("host0"));
    ASSERT_TRUE(wait_for("192.0.2.9", by("192.0.2.9")));
}

} // namespace
} // namespace sallyport::underlay
