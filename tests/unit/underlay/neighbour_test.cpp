// SPDX-License-Identifier: BSD-3-Clause
// KernelWatch against the kernel's neighbours.
#include "network_namespace.h"
#include "underlay/announcement.h"

namespace sallyport::underlay {
namespace {

constexpr const char* mac_a = "02:00:00:00:00:aa";
constexpr const char* mac_b = "02:00:00:00:00:bb";

struct NeighbourAddresses {
    std::string family;
    std::string next_hop;
    std::string other;
    std::string remote_network;
    std::string remote;
};

std::ostream& operator<<(std::ostream& out, const NeighbourAddresses& addresses) {
    return out << addresses.family;
}

class NeighbourTest : public KernelWatchTest,
                      public testing::WithParamInterface<NeighbourAddresses> {
  protected:
    void SetUp() override {
        KernelWatchTest::SetUp();
        if (!entered()) return;
        run("ip route add " + a().remote_network + " via " + a().next_hop);
        settle();
    }
    const NeighbourAddresses& a() const { return GetParam(); }
    void neighbour(const std::string& command, const std::string& arguments) const {
        run("ip neighbour " + command + " " + a().next_hop + " dev host0 " + arguments);
    }
    std::string kernel_state() const {
        return output_of("ip neighbour show " + a().next_hop + " dev host0");
    }
    std::string neighbour_setting(const std::string& name) const {
        return "/proc/sys/net/" + std::string(a().family == "IPv4" ? "ipv4" : "ipv6")
               + "/neigh/host0/" + name;
    }
};

INSTANTIATE_TEST_SUITE_P(Families, NeighbourTest,
                         testing::Values(NeighbourAddresses{"IPv4", "192.0.2.254", "192.0.2.250",
                                                            "198.51.100.0/24", "198.51.100.7"},
                                         NeighbourAddresses{"IPv6", "2001:db8:0:1::fe",
                                                            "2001:db8:0:1::fa", "2001:db8:0:2::/64",
                                                            "2001:db8:0:2::7"}),
                         [](const auto& info) { return info.param.family; });

TEST_P(NeighbourTest, known_before_it_is_watched) {
    neighbour("replace", std::string("lladdr ") + mac_a);
    settle();
    watch->watch_destination(ip(a().remote));
    EXPECT_EQ(resolutions.at(ip(a().remote)), by(a().next_hop, mac_a));
    EXPECT_EQ(resolution_calls, 1U);
}

TEST_P(NeighbourTest, known_before_the_watch_was_opened) {
    neighbour("replace", std::string("lladdr ") + mac_a);
    open_watch();
    ASSERT_TRUE(watch->use_host_interface("host0"));
    watch->watch_destination(ip(a().remote));
    EXPECT_EQ(resolutions.at(ip(a().remote)), by(a().next_hop, mac_a));
}

TEST_P(NeighbourTest, becomes_known_changes_fails_and_is_deleted) {
    watch->watch_destination(ip(a().remote));
    ASSERT_EQ(resolutions.at(ip(a().remote)), by(a().next_hop));
    neighbour("replace", std::string("lladdr ") + mac_a + " nud reachable");
    ASSERT_TRUE(wait_for(a().remote, by(a().next_hop, mac_a)));
    neighbour("replace", std::string("lladdr ") + mac_b + " nud reachable");
    ASSERT_TRUE(wait_for(a().remote, by(a().next_hop, mac_b)));
    neighbour("change", "nud failed");
    ASSERT_TRUE(wait_for(a().remote, by(a().next_hop)));
    neighbour("replace", std::string("lladdr ") + mac_a + " nud permanent");
    ASSERT_TRUE(wait_for(a().remote, by(a().next_hop, mac_a)));
    neighbour("del", "");
    ASSERT_TRUE(wait_for(a().remote, by(a().next_hop)));
}

TEST_P(NeighbourTest, is_usable_in_every_state_that_has_a_mac) {
    watch->watch_destination(ip(a().remote));
    for (const char* state : {"reachable", "stale", "delay", "probe", "permanent", "noarp"}) {
        neighbour("replace", std::string("lladdr ") + mac_a + " nud " + state);
        ASSERT_TRUE(wait_for(a().remote, by(a().next_hop, mac_a))) << state;
        neighbour("del", "");
        ASSERT_TRUE(wait_for(a().remote, by(a().next_hop))) << state;
    }
}

TEST_P(NeighbourTest, zero_mac_is_unknown) {
    watch->watch_destination(ip(a().remote));
    watch->watch_destination(ip(a().other));
    neighbour("replace", "lladdr 00:00:00:00:00:00 nud noarp");
    run("ip neighbour replace " + a().other + " dev host0 lladdr " + mac_b);
    ASSERT_TRUE(wait_for(a().other, by(a().other, mac_b))); // came after
    EXPECT_EQ(resolutions.at(ip(a().remote)), by(a().next_hop));
}

TEST_P(NeighbourTest, of_another_interface_does_not_count) {
    watch->watch_destination(ip(a().remote));
    run("ip neighbour replace " + a().next_hop + " dev wire0 lladdr " + mac_a);
    neighbour("replace", std::string("lladdr ") + mac_b);
    ASSERT_TRUE(wait_for(a().remote, by(a().next_hop, mac_b)));
    run("ip neighbour del " + a().next_hop + " dev wire0");
    settle();
    EXPECT_EQ(resolutions.at(ip(a().remote)), by(a().next_hop, mac_b));
}

TEST_P(NeighbourTest, state_changes_that_keep_the_mac_are_not_told) {
    watch->watch_destination(ip(a().remote));
    neighbour("replace", std::string("lladdr ") + mac_a + " nud reachable");
    ASSERT_TRUE(wait_for(a().remote, by(a().next_hop, mac_a)));
    const std::size_t calls = resolution_calls;
    neighbour("replace", std::string("lladdr ") + mac_a + " nud stale");
    neighbour("replace", std::string("lladdr ") + mac_a + " nud reachable");
    settle();
    EXPECT_EQ(resolution_calls, calls);
}

TEST_P(NeighbourTest, unknown_one_is_asked_for_on_the_wire_and_its_answer_is_taken) {
    const PacketSocket wire("wire0");
    watch->watch_destination(ip(a().remote));
    ASSERT_TRUE(
        wire.receive([&](const auto& frame) { return is_solicitation(frame, ip(a().next_hop)); }));
    // Linux itself takes our announcements for what they are.
    wire.send(announcement(ip(a().next_hop), mac(mac_a)));
    ASSERT_TRUE(wait_for(a().remote, by(a().next_hop, mac_a)));
    wire.send(announcement(ip(a().next_hop), mac(mac_b)));
    // ARP ignores another answer for a second (locktime).
    run("echo 0 > " + neighbour_setting("locktime") + " 2> /dev/null || true");
    wire.send(announcement(ip(a().next_hop), mac(mac_b)));
    ASSERT_TRUE(wait_for(a().remote, by(a().next_hop, mac_b)));
}

TEST_P(NeighbourTest, that_failed_is_asked_for_again) {
    run("echo 10 > " + neighbour_setting("retrans_time_ms"));
    const PacketSocket wire("wire0");
    watch->watch_destination(ip(a().remote));
    ASSERT_TRUE(
        wait_until([&] { return kernel_state().find("FAILED") != std::string::npos; })) // no answer
        << kernel_state();
    wire.drain();
    watch->retry_unresolved();
    ASSERT_TRUE(
        wire.receive([&](const auto& frame) { return is_solicitation(frame, ip(a().next_hop)); }));
}

TEST_P(NeighbourTest, deleted_one_is_asked_for_at_once) {
    neighbour("replace", std::string("lladdr ") + mac_a);
    settle(); // it is known when watched, so there was no need to ask until it is deleted
    watch->watch_destination(ip(a().remote));
    ASSERT_EQ(resolutions.at(ip(a().remote)), by(a().next_hop, mac_a));
    const PacketSocket wire("wire0");
    neighbour("del", "");
    ASSERT_TRUE(wait_for(a().remote, by(a().next_hop)));
    ASSERT_TRUE(
        wire.receive([&](const auto& frame) { return is_solicitation(frame, ip(a().next_hop)); }));
}

TEST_P(NeighbourTest, stale_one_is_confirmed_but_not_every_second) {
    neighbour("replace", std::string("lladdr ") + mac_a + " nud stale");
    settle();
    watch->watch_destination(ip(a().remote));
    ASSERT_NE(kernel_state().find("STALE"), std::string::npos) << kernel_state();
    watch->retry_unresolved();
    EXPECT_NE(kernel_state().find("DELAY"), std::string::npos) << kernel_state();

    neighbour("replace", std::string("lladdr ") + mac_a + " nud stale");
    settle();
    watch->retry_unresolved();
    EXPECT_NE(kernel_state().find("STALE"), std::string::npos) << kernel_state();
    EXPECT_EQ(resolutions.at(ip(a().remote)), by(a().next_hop, mac_a));
}

TEST_P(NeighbourTest, asking_makes_an_entry_that_the_kernel_resolves) {
    watch->watch_destination(ip(a().remote));
    EXPECT_NE(kernel_state().find("INCOMPLETE"), std::string::npos) << kernel_state();
}

} // namespace
} // namespace sallyport::underlay
