// SPDX-License-Identifier: BSD-3-Clause
#include "network_namespace.h"

#include "base/errno_text.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ostream>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

namespace sallyport::underlay {

using Clock = std::chrono::steady_clock;

namespace {

int remaining(Clock::time_point deadline) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

std::size_t occurrences(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++found;
    return found;
}

/// Whether the kernel has made what it makes for host0 and wire0 after they were set up.
bool is_quiet(const std::string& links_and_local_routes) {
    return occurrences(links_and_local_routes, "state UP") >= 2
           && occurrences(links_and_local_routes, "local fe80") >= 2
           && occurrences(links_and_local_routes, "local 2001:db8:0:1::1 ") >= 1;
}

} // namespace

void run(const std::string& command) {
    const int status = std::system(command.c_str()); // NOLINT(concurrency-mt-unsafe)
    EXPECT_EQ(status, 0) << command;
}

std::string output_of(const std::string& command) {
    std::string output;
    FILE* const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return output;
    std::array<char, 4096> part{};
    while (std::size_t octets = std::fread(part.data(), 1, part.size(), pipe))
        output.append(part.data(), octets);
    pclose(pipe);
    return output;
}

void run_batch(const std::string& ip_commands) {
    FILE* const pipe = popen("ip -batch -", "w");
    ASSERT_NE(pipe, nullptr);
    EXPECT_EQ(std::fwrite(ip_commands.data(), 1, ip_commands.size(), pipe), ip_commands.size());
    EXPECT_EQ(pclose(pipe), 0);
}

PacketSocket::PacketSocket(const std::string& interface)
    : socket_(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL))) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
        << base::errno_text();
}

void PacketSocket::send(const std::vector<std::uint8_t>& frame) const {
    EXPECT_EQ(::send(socket_.get(), frame.data(), frame.size(), 0),
              static_cast<ssize_t>(frame.size()))
        << base::errno_text();
}

bool PacketSocket::receive(const std::function<bool(const std::vector<std::uint8_t>&)>& wanted,
                           std::chrono::milliseconds limit) const {
    const auto deadline = Clock::now() + limit;
    while (true) {
        pollfd readable{socket_.get(), POLLIN, 0};
        if (poll(&readable, 1, remaining(deadline)) <= 0) return false;
        std::vector<std::uint8_t> frame(9216);
        const ssize_t octets = recv(socket_.get(), frame.data(), frame.size(), 0);
        if (octets < 0) continue;
        frame.resize(static_cast<std::size_t>(octets));
        if (wanted(frame)) return true;
    }
}

void PacketSocket::drain() const {
    (void)receive([](const auto&) { return false; }, std::chrono::milliseconds(0));
}

bool is_solicitation(const std::vector<std::uint8_t>& frame, const net::IpAddress& target) {
    const auto at = [&](std::size_t offset) { return offset < frame.size() ? frame[offset] : 0; };
    const int ether_type = at(12) << 8 | at(13);
    if (target.is_ipv4())
        return ether_type == ETHERTYPE_ARP && frame.size() >= 42 && at(21) == 1
               && net::IpAddress::from_octets(net::IpFamily::ipv4, &frame[38]) == target;
    return ether_type == ETHERTYPE_IPV6 && frame.size() >= 78 && at(20) == 58 && at(54) == 135
           && net::IpAddress::from_octets(net::IpFamily::ipv6, &frame[62]) == target;
}

void NamespaceTest::SetUp() {
    base::FileDescriptor outside(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(outside) << base::errno_text();
    if (unshare(CLONE_NEWNET) != 0)
        GTEST_SKIP() << "no network namespace of its own for this test: " << base::errno_text();
    outside_ = std::move(outside);
    run("ip link set lo up");
}

void NamespaceTest::TearDown() {
    if (!outside_) return;
    ASSERT_EQ(setns(outside_.get(), CLONE_NEWNET), 0) << base::errno_text();
}

void KernelWatchTest::SetUp() {
    NamespaceTest::SetUp();
    if (!entered()) return;
    make_host_interface();
    open_watch();
    if (HasFatalFailure()) return;
    ASSERT_TRUE(watch->use_host_interface("host0"));
    settle();
}

void KernelWatchTest::TearDown() {
    watch.reset();
    NamespaceTest::TearDown();
}

void KernelWatchTest::make_host_interface() {
    run("ip link add host0 type veth peer name wire0");
    // Else ND waits a second for duplicate address detection.
    run("echo 0 | tee /proc/sys/net/ipv6/conf/host0/accept_dad "
        "> /proc/sys/net/ipv6/conf/wire0/accept_dad");
    run_batch("link set host0 address 02:00:00:00:00:01\n"
              "link set wire0 up\n"
              "link set host0 up\n"
              "address add 192.0.2.1/24 dev host0\n"
              "address add 2001:db8:0:1::1/64 dev host0 nodad\n");
    // What the kernel does some time later comes with events that no test made: operational states,
    // link-local addresses (without which ND does not ask), local routes of IPv6 addresses.
    const auto deadline = Clock::now() + std::chrono::seconds(5);
    while (!is_quiet(output_of("ip -oneline link show up; ip -6 route show table local"))) {
        ASSERT_LT(Clock::now(), deadline);
        (void)poll(nullptr, 0, 2);
    }
}

void KernelWatchTest::open_watch() {
    KernelWatch::Callbacks callbacks;
    callbacks.resolution = [this](const net::IpAddress& destination, const Resolution& resolution) {
        resolutions[destination] = resolution;
        ++resolution_calls;
        if (on_resolution) on_resolution(destination);
    };
    callbacks.removed = [this](const std::string& interface, Removal how, auto) {
        removed.emplace_back(interface, how);
    };
    callbacks.carrier = [this](const std::string& interface, bool carrier, auto seen) {
        last_seen = seen;
        carriers[interface].push_back(carrier);
        if (on_carrier) on_carrier(interface);
    };
    auto opened = KernelWatch::open(std::move(callbacks), false);
    ASSERT_TRUE(opened) << opened.error().message();
    watch = std::move(*opened);
}

bool KernelWatchTest::wait_until(const std::function<bool()>& condition,
                                 std::chrono::milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    while (!condition()) {
        pollfd readable{watch->fd(), POLLIN, 0};
        if (poll(&readable, 1, remaining(deadline)) <= 0) return false;
        watch->process();
    }
    return true;
}

bool KernelWatchTest::wait_for(const std::string& destination, const Resolution& expected) {
    const bool reached = wait_until([&] { return resolutions[ip(destination)] == expected; });
    if (!reached) {
        ADD_FAILURE() << destination << " is "
                      << testing::PrintToString(resolutions[ip(destination)]) << ", not "
                      << testing::PrintToString(expected);
    }
    return reached;
}

void KernelWatchTest::settle() {
    pollfd readable{watch->fd(), POLLIN, 0};
    while (poll(&readable, 1, 0) > 0)
        watch->process();
}

std::ostream& operator<<(std::ostream& out, const Resolution& resolution) {
    return out << (resolution.next_hop ? "by " + resolution.next_hop->to_string() : "no route")
               << (resolution.mac ? " at " + resolution.mac->to_string() : "");
}

} // namespace sallyport::underlay
