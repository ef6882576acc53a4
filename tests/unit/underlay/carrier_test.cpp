// SPDX-License-Identifier: BSD-3-Clause
// KernelWatch against the kernel's links.
#include "network_namespace.h"

#include <algorithm>
#include <iostream>
#include <thread>

#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace sallyport::underlay {
namespace {

using Clock = std::chrono::steady_clock;

class CarrierTest : public KernelWatchTest {
  protected:
    std::vector<bool>& told() { return carriers["host0"]; }
    bool wait_for_carrier(const std::vector<bool>& expected) {
        const bool reached = wait_until([&] { return told() == expected; });
        EXPECT_EQ(told(), expected);
        return reached;
    }
};

TEST_F(CarrierTest, is_told_at_once) {
    ASSERT_TRUE(watch->watch_carrier("host0"));
    EXPECT_EQ(told(), (std::vector{true}));
    ASSERT_TRUE(watch->watch_carrier("host0"));
    EXPECT_EQ(told(), (std::vector{true, true})) << "watched again, told again";
}

TEST_F(CarrierTest, follows_the_peer) {
    ASSERT_TRUE(watch->watch_carrier("host0"));
    run("ip link set wire0 down");
    ASSERT_TRUE(wait_for_carrier({true, false}));
    run("ip link set wire0 up");
    ASSERT_TRUE(wait_for_carrier({true, false, true}));
}

TEST_F(CarrierTest, a_message_that_waits_is_of_the_time_at_which_it_came) {
    ASSERT_TRUE(watch->watch_carrier("host0"));
    const auto before = Clock::now();
    run("ip link set wire0 down");
    const auto came = Clock::now();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    ASSERT_TRUE(wait_for_carrier({true, false}));
    EXPECT_GE(last_seen, before);
    EXPECT_LT(last_seen, came + std::chrono::milliseconds(250)) << "not when it was asked for";
}

TEST_F(CarrierTest, links_are_asked_for_alone_too) {
    ASSERT_TRUE(watch->watch_carrier("host0"));
    run("ip link set wire0 down");
    pollfd readable{watch->links_fd(), POLLIN, 0};
    while (told().size() < 2 && poll(&readable, 1, 5000) > 0)
        watch->process_links();
    EXPECT_EQ(told(), (std::vector{true, false}));
}

TEST_F(CarrierTest, administratively_down_is_none) {
    ASSERT_TRUE(watch->watch_carrier("host0"));
    run("ip link set host0 down");
    ASSERT_TRUE(wait_for_carrier({true, false}));
    run("ip link set host0 up");
    ASSERT_TRUE(wait_for_carrier({true, false, true}));
}

TEST_F(CarrierTest, is_followed_through_removal_and_re_creation) {
    ASSERT_TRUE(watch->watch_carrier("host0"));
    run("ip link del host0");
    ASSERT_TRUE(wait_for_carrier({true, false}));
    make_host_interface();
    ASSERT_TRUE(wait_until([&] { return told().back(); }));
}

TEST_F(CarrierTest, removal_is_told_before_the_new_interface_of_that_name) {
    ASSERT_TRUE(watch->watch_carrier("host0"));
    run("ip link set host0 down");
    ASSERT_TRUE(wait_for_carrier({true, false}));
    EXPECT_TRUE(removed.empty()) << "down is not gone";
    run("ip link set host0 up");
    run("ip link del host0");
    make_host_interface();
    ASSERT_TRUE(wait_until([&] { return told().size() > 3 && told().back(); }));
    EXPECT_EQ(removed, (Removed{{"host0", Removal::deleted}}));
}

TEST_F(CarrierTest, moved_elsewhere_is_told_apart_from_removal) {
    run("ip link add other0 type veth peer name other1");
    ASSERT_TRUE(watch->watch_carrier("host0"));
    run("ip link del other0");
    run("unshare --net sleep 30 & child=$!; "
        "until [ \"$(readlink /proc/$child/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]; do :; "
        "done; ip link set host0 netns $child; kill $child");
    ASSERT_TRUE(wait_until([&] { return !removed.empty(); }));
    EXPECT_EQ(removed, (Removed{{"host0", Removal::moved}})) << "and not the other one's";
    EXPECT_FALSE(told().back());
}

TEST_F(CarrierTest, renaming_is_no_removal) {
    ASSERT_TRUE(watch->watch_carrier("host0"));
    run("ip link set host0 name elsewhere");
    ASSERT_TRUE(wait_for_carrier({true, false}));
    EXPECT_TRUE(removed.empty());
}

TEST_F(CarrierTest, interface_may_come_later) {
    ASSERT_TRUE(watch->watch_carrier("later0"));
    EXPECT_EQ(carriers["later0"], (std::vector{false}));
    run_batch("link add later0 type veth peer name later1\n"
              "link set later1 up\nlink set later0 up\n");
    ASSERT_TRUE(wait_until([&] { return carriers["later0"] == std::vector{false, true}; }));
}

TEST_F(CarrierTest, renamed_away_is_none) {
    ASSERT_TRUE(watch->watch_carrier("host0"));
    run("ip link set host0 name elsewhere");
    ASSERT_TRUE(wait_for_carrier({true, false}));
}

TEST_F(CarrierTest, leaving_a_bridge_is_not_removal) {
    run_batch("link add bridge0 type bridge\nlink set host0 master bridge0\n");
    ASSERT_TRUE(watch->watch_carrier("host0"));
    run("ip link set host0 nomaster");
    run("ip link set wire0 down");
    ASSERT_TRUE(wait_for_carrier({true, false}));
    run("ip link set wire0 up");
    ASSERT_TRUE(wait_for_carrier({true, false, true}));
}

TEST_F(CarrierTest, unwatched_is_not_told_any_more) {
    ASSERT_TRUE(watch->watch_carrier("host0"));
    ASSERT_TRUE(watch->watch_carrier("wire0"));
    watch->unwatch_carrier("host0");
    run("ip link set wire0 down");
    ASSERT_TRUE(wait_until([&] { return carriers["wire0"].size() == 2; }));
    settle();
    EXPECT_EQ(told(), (std::vector{true}));
}

TEST_F(CarrierTest, callback_may_watch_and_unwatch) {
    on_carrier = [this](const std::string& name) {
        if (name != "host0" || carriers[name].back()) return;
        watch->unwatch_carrier("host0");
        EXPECT_TRUE(watch->watch_carrier("lo"));
    };
    ASSERT_TRUE(watch->watch_carrier("host0"));
    run("ip link set wire0 down");
    ASSERT_TRUE(wait_for_carrier({true, false}));
    EXPECT_EQ(carriers["lo"], (std::vector{true}));
    run("ip link set wire0 up");
    settle();
    EXPECT_EQ(told(), (std::vector{true, false}));
}

TEST_F(CarrierTest, impossible_and_alternative_names_are_errors) {
    EXPECT_FALSE(watch->watch_carrier(""));
    EXPECT_FALSE(watch->watch_carrier("a-name-much-too-long"));
    run("ip link property add dev host0 altname nickname");
    const auto watched = watch->watch_carrier("nickname");
    ASSERT_FALSE(watched);
    EXPECT_NE(watched.error().message().find("another name of host0"), std::string::npos);
    EXPECT_TRUE(carriers.empty());
}

// A TAP device has a carrier while a process holds it.
TEST_F(CarrierTest, of_a_tap_device) {
    run_batch("tuntap add dev tap0 mode tap\nlink set tap0 up\n");
    ASSERT_TRUE(watch->watch_carrier("tap0"));
    EXPECT_EQ(carriers["tap0"], (std::vector{false}));
}

class LatencyTest : public CarrierTest {
  protected:
    static void set_up(const char* interface, bool up) {
        const base::FileDescriptor any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ifreq request{};
        std::copy_n(interface, std::string(interface).size(), request.ifr_name);
        request.ifr_flags = up ? IFF_UP : 0;
        EXPECT_EQ(ioctl(any.get(), SIOCSIFFLAGS, &request), 0);
    }
    /// From just before the peer is set down by another thread until the callback.
    std::chrono::microseconds carrier_loss() {
        const std::size_t before = told().size();
        std::optional<Clock::time_point> called;
        on_carrier = [&](const std::string&) {
            if (!called) called = Clock::now();
        };
        Clock::time_point start;
        std::thread cable([&] {
            start = Clock::now();
            set_up("wire0", false);
        });
        EXPECT_TRUE(wait_until([&] { return told().size() > before; }));
        cable.join();
        EXPECT_FALSE(told().back());
        set_up("wire0", true);
        EXPECT_TRUE(wait_until([&] { return told().back(); }));
        on_carrier = nullptr;
        return std::chrono::duration_cast<std::chrono::microseconds>(called.value_or(Clock::now())
                                                                     - start);
    }
    void measure(const char* what) {
        std::vector<std::chrono::microseconds> losses;
        losses.reserve(31);
        for (int round = 0; round < 31; ++round)
            losses.push_back(carrier_loss());
        std::sort(losses.begin(), losses.end());
        std::cout << "[ MEASURED ] carrier loss to callback, " << what << ": median "
                  << losses[15].count() << " us, worst " << losses[30].count() << " us\n";
        // Generous: a loaded machine is not a fault.
        EXPECT_LT(losses[15], std::chrono::milliseconds(100));
    }
};

TEST_F(LatencyTest, of_carrier_loss) {
    ASSERT_TRUE(watch->watch_carrier("host0"));
    measure("idle");
}

TEST_F(LatencyTest, of_carrier_loss_with_many_destinations) {
    for (unsigned i = 0; i < 4096; ++i)
        watch->watch_destination(
            ip("198.51." + std::to_string(i / 256) + "." + std::to_string(i % 256)));
    run("ip route add 198.51.0.0/16 via 192.0.2.254");
    settle();
    ASSERT_TRUE(watch->watch_carrier("host0"));
    measure("4096 destinations");
}

} // namespace
} // namespace sallyport::underlay
