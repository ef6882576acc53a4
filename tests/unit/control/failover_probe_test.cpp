// SPDX-License-Identifier: BSD-3-Clause
// A real stream over loopback.
#include "control/failover_probe.h"
#include "control/probe_responder.h"
#include "fakes.h"

#include <array>
#include <thread>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace sallyport::control {
namespace {

using namespace std::chrono_literals;
using fakes::ip;

std::uint16_t port_of(const underlay::ProbeSocket& socket) {
    sockaddr_in6 name{};
    socklen_t length = sizeof name;
    EXPECT_EQ(::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&name), &length), 0);
    return ntohs(name.sin6_port);
}

/// Answers on the calling thread, while the test looks.
class FailoverProbeTest : public ::testing::TestWithParam<const char*> {
  protected:
    FailoverProbeTest() : responder(loop) {
        // Any port that is free, so that tests may run beside each other.
        auto free = underlay::ProbeSocket::open(0, "");
        EXPECT_TRUE(free) << free.error().message();
        port = port_of(*free);
    }
    void respond() {
        if (answering) loop.watched.begin()->second();
    }
    template<class Condition>
    bool becomes_true(Condition condition) {
        for (int i = 0; i < 20'000; ++i) {
            if (condition()) return true;
            respond();
            std::this_thread::sleep_for(1ms);
        }
        return false;
    }

    fakes::Loop loop;
    std::uint16_t port = 0;
    bool answering = true;
    ProbeResponder responder;
};

TEST_P(FailoverProbeTest, EveryRequestIsAnswered) {
    ASSERT_TRUE(responder.start(port, "lo"));
    const auto probe = FailoverProbe::start({ip(GetParam()), port, 1000});
    ASSERT_TRUE(probe) << probe.error().message();
    ASSERT_TRUE(becomes_true([&] { return (*probe)->report().received >= 200; }));
    EXPECT_FALSE((*probe)->finished());
    (*probe)->finish();
    ASSERT_TRUE(becomes_true([&] { return (*probe)->finished(); }));
    const failover::ProbeReport report = (*probe)->report();
    EXPECT_EQ(report.received, report.sent);
    EXPECT_EQ(report.lost_there + report.lost_back + report.unanswered, 0U);
    EXPECT_EQ(report.duplicates, 0U);
    EXPECT_GT(report.gap.length, 0us);
}

TEST_P(FailoverProbeTest, WhatTheResponderDoesNotAnswerIsMissing) {
    ASSERT_TRUE(responder.start(port, "lo"));
    const auto probe = FailoverProbe::start({ip(GetParam()), port, 1000});
    ASSERT_TRUE(probe);
    ASSERT_TRUE(becomes_true([&] { return (*probe)->report().received >= 50; }));
    answering = false;
    (*probe)->finish();
    // What it sent since the last answer.
    ASSERT_TRUE(becomes_true([&] { return (*probe)->finished(); }));
    const failover::ProbeReport report = (*probe)->report();
    EXPECT_EQ(report.received + report.unanswered, report.sent);
}

INSTANTIATE_TEST_SUITE_P(Families, FailoverProbeTest, ::testing::Values("127.0.0.1", "::1"),
                         [](const auto& family) {
                             return std::string(family.param[0] == '1' ? "IPv4" : "IPv6");
                         });

TEST(ProbeSocket, ATakenPortIsToldWithTheKeyThatChangesIt) {
    auto one = underlay::ProbeSocket::open(0, "lo");
    ASSERT_TRUE(one);
    const auto other = underlay::ProbeSocket::open(port_of(*one), "lo");
    ASSERT_FALSE(other);
    EXPECT_NE(other.error().message().find("failover.probe_port"), std::string::npos);
}

TEST(ProbeSocket, WhatIsLongerThanItsPlaceComesWithoutOctets) {
    auto to = underlay::ProbeSocket::open(0, "lo");
    auto from = underlay::ProbeSocket::open(0, "");
    ASSERT_TRUE(to && from);
    const std::array<std::uint8_t, 65> octets{};
    ASSERT_TRUE(from->send(octets, {.peer = ip("127.0.0.1"), .peer_port = port_of(*to)}));
    std::array<std::uint8_t, 64> buffer;
    const auto datagram = to->receive(buffer);
    ASSERT_TRUE(datagram);
    EXPECT_TRUE(datagram->octets.empty());
    EXPECT_EQ(datagram->ends.peer, ip("127.0.0.1"));
    EXPECT_EQ(datagram->ends.local, ip("127.0.0.1"));
}

} // namespace
} // namespace sallyport::control
