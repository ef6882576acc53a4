// SPDX-License-Identifier: BSD-3-Clause
// KernelWatch under load: many destinations, storms of events, lost events.
#include "network_namespace.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include <linux/netlink.h>
#include <sys/socket.h>

namespace sallyport::underlay {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned many = 4096;

std::string remote(unsigned i) {
    return "198.51." + std::to_string(i / 256) + "." + std::to_string(i % 256);
}

/// Of this process, in user space and kernel: the wall clock also counts what else the machine
/// does.
double processor_milliseconds() {
    return 1000.0 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

double milliseconds_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class ScaleTest : public KernelWatchTest {
  protected:
    void watch_many() {
        run("ip neighbour replace 192.0.2.254 lladdr 02:00:00:00:00:aa dev host0");
        run("ip neighbour replace 192.0.2.253 lladdr 02:00:00:00:00:bb dev host0");
        run("ip route add 198.51.0.0/16 via 192.0.2.254");
        settle();
        for (unsigned i = 0; i < many; ++i)
            watch->watch_destination(ip(remote(i)));
        settle();
        ASSERT_EQ(count(by("192.0.2.254", "02:00:00:00:00:aa")), many);
        resolution_calls = 0;
    }
    /// In the netlink sockets of this process.
    static void leave_no_room() {
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
            const int fd = std::stoi(entry.path().filename());
            sockaddr_nl address{};
            socklen_t size = sizeof address;
            if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0
                || address.nl_family != AF_NETLINK)
                continue;
            constexpr int least = 1;
            ASSERT_EQ(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least), 0);
        }
    }
    std::size_t count(const Resolution& expected) {
        std::size_t matches = 0;
        for (const auto& [destination, resolution] : resolutions)
            matches += resolution == expected ? 1 : 0;
        return matches;
    }
    /// Events that the kernel could not put into this namespace's netlink sockets.
    static unsigned long lost_events() {
        std::ifstream table("/proc/thread-self/net/netlink");
        std::string line;
        unsigned long lost = 0;
        for (std::getline(table, line); std::getline(table, line);) {
            std::istringstream fields(line);
            std::string field;
            for (int column = 0; column < 9; ++column)
                fields >> field;
            lost += std::stoul(field);
        }
        return lost;
    }
};

TEST_F(ScaleTest, one_route_for_all_changes) {
    watch_many();
    run("ip route replace 198.51.0.0/16 via 192.0.2.253");
    const double processor_start = processor_milliseconds();
    const auto start = Clock::now();
    ASSERT_TRUE(wait_until([&] { return resolution_calls >= many; }));
    std::cout << "[ MEASURED ] " << many << " destinations resolved anew in "
              << milliseconds_since(start) << " ms, " << processor_milliseconds() - processor_start
              << " ms of them computing\n";
    EXPECT_EQ(count(by("192.0.2.253", "02:00:00:00:00:bb")), many);
    EXPECT_EQ(resolution_calls, many);
}

TEST_F(ScaleTest, one_neighbour_of_all_changes_its_mac) {
    watch_many();
    run("ip neighbour replace 192.0.2.254 lladdr 02:00:00:00:00:cc dev host0");
    const auto start = Clock::now();
    ASSERT_TRUE(wait_until([&] { return resolution_calls >= many; }));
    std::cout << "[ MEASURED ] MAC of " << many << " destinations changed in "
              << milliseconds_since(start) << " ms\n";
    EXPECT_EQ(count(by("192.0.2.254", "02:00:00:00:00:cc")), many);
}

TEST_F(ScaleTest, storm_of_route_changes_is_worked_off_once) {
    watch_many();
    std::string storm;
    for (int i = 0; i < 500; ++i)
        storm += "route replace 198.51.0.0/16 via 192.0.2.253\n"
                 "route replace 198.51.0.0/16 via 192.0.2.254\n";
    storm += "route replace 198.51.0.0/16 via 192.0.2.253\n";
    run_batch(storm);
    ASSERT_EQ(lost_events(), 0U) << "else this tests something else";
    const auto start = Clock::now();
    ASSERT_TRUE(wait_until([&] { return count(by("192.0.2.253", "02:00:00:00:00:bb")) == many; }));
    settle();
    const double storm_time = milliseconds_since(start);
    std::cout << "[ MEASURED ] storm of 1001 changes of a route to " << many
              << " destinations worked off in " << storm_time << " ms\n";
    // Once for each event would be four million questions, some ten seconds.
    EXPECT_LT(storm_time, 2000);
    EXPECT_EQ(resolution_calls, many) << "what came in between is not told";
}

TEST_F(ScaleTest, a_call_of_process_is_short) {
    watch_many();
    run("ip route replace 198.51.0.0/16 via 192.0.2.253");
    std::vector<double> calls;
    ASSERT_TRUE(wait_until([&] {
        const auto start = Clock::now();
        watch->process();
        calls.push_back(milliseconds_since(start));
        return resolution_calls >= many;
    }));
    std::sort(calls.begin(), calls.end());
    std::cout << "[ MEASURED ] " << calls.size() << " calls of process(), median "
              << calls[calls.size() / 2] << " ms, longest " << calls.back() << " ms\n";
    EXPECT_LT(calls[calls.size() / 2], 10);
}

TEST_F(ScaleTest, many_unknown_next_hops_are_asked_for_in_turn) {
    run("ip address add 198.51.100.1/16 dev host0");
    settle();
    const auto watched = Clock::now();
    for (unsigned i = 0; i < 1000; ++i)
        watch->watch_destination(ip(remote(i)));
    std::cout << "[ MEASURED ] 1000 unknown next hops watched in " << milliseconds_since(watched)
              << " ms\n";
    run("ip neighbour flush dev host0");
    settle();
    const auto start = Clock::now();
    watch->retry_unresolved();
    std::cout << "[ MEASURED ] retry_unresolved() with 1000 unknown next hops took "
              << milliseconds_since(start) << " ms\n";
    EXPECT_LT(milliseconds_since(start), 100);
}

TEST_F(ScaleTest, lost_events_are_made_up_for) {
    watch_many();
    ASSERT_TRUE(watch->watch_carrier("host0"));
    // More than the socket's buffer holds; what matters comes last, and is lost with the rest.
    std::string storm;
    for (int i = 0; i < 20000; ++i)
        storm += "route replace 203.0.113.0/24 via 192.0.2.253 metric 10\n"
                 "route del 203.0.113.0/24 via 192.0.2.253 metric 10\n";
    storm += "route replace 198.51.0.0/16 via 192.0.2.253\n"
             "neighbour replace 192.0.2.253 lladdr 02:00:00:00:00:dd dev host0\n";
    run_batch(storm);
    ASSERT_GT(lost_events(), 0U) << "the storm was too small to prove anything";
    ASSERT_TRUE(wait_until([&] { return count(by("192.0.2.253", "02:00:00:00:00:dd")) == many; }));

    run("ip route replace 198.51.0.0/16 via 192.0.2.254"); // and events are heard again
    ASSERT_TRUE(wait_until([&] { return count(by("192.0.2.254", "02:00:00:00:00:aa")) == many; }));
}

TEST_F(ScaleTest, lost_link_events_are_made_up_for) {
    ASSERT_TRUE(watch->watch_carrier("host0"));
    watch->watch_destination(ip("192.0.2.9"));
    ASSERT_EQ(resolutions.at(ip("192.0.2.9")), by("192.0.2.9"));
    std::string storm;
    for (int i = 0; i < 3000; ++i)
        storm += "link set lo mtu 65535\nlink set lo mtu 65536\n";
    // They are read as they come: only without room for more than one do some get lost.
    leave_no_room();
    for (int round = 0; round < 50 && lost_events() == 0; ++round)
        run_batch(storm);
    run_batch(storm + "link set wire0 down\nlink del host0\n");
    ASSERT_GT(lost_events(), 0U) << "the storm was too small to prove anything";
    ASSERT_TRUE(wait_until([&] { return carriers["host0"] == std::vector{true, false}; }));
    ASSERT_TRUE(wait_for("192.0.2.9", no_route()));
}

} // namespace
} // namespace sallyport::underlay
