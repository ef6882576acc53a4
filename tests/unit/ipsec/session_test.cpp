// SPDX-License-Identifier: BSD-3-Clause
// Sequence numbers and lifetimes: what ends an SA.
#include "lab.h"

#include <chrono>
#include <thread>

#include <rte_cycles.h>

namespace sallyport::testing {

namespace {

constexpr std::uint64_t turn = 1ULL << 32;

class SessionTest : public IpsecTest {
  protected:
    static std::vector<Octets> clear(std::size_t count, std::size_t length = 100) {
        return std::vector<Octets>(count, clear_frame(IpFamily::ipv4, length));
    }
};

TEST_F(SessionTest, NumbersEndBeforeTheyRepeat) {
    const auto outbound = session(SaOptions{.first = turn - 10}, Direction::outbound);
    const Outcome sent = run(*outbound, clear(20));
    // 2^32 - 10 to 2^32 - 2: librte_ipsec does not use the last.
    EXPECT_EQ(sent.good.size(), 9U);
    EXPECT_EQ(sent.faults, (Faults{{"sequence-exhausted", 11}}));
    EXPECT_EQ(run(*outbound, clear(3)).faults, (Faults{{"sequence-exhausted", 3}}));
    EXPECT_EQ(outbound->next_sequence(), turn - 1);
    const auto inbound = session(SaOptions{.first = turn - 10}, Direction::inbound);
    EXPECT_EQ(run(*inbound, sent.good).good.size(), 9U);
}

TEST_F(SessionTest, ExtendedNumbersGoOnAcrossTheTurn) {
    for (const AlgorithmInfo& suite : algorithms())
        for (const std::uint64_t first : {turn - 30, 5 * turn - 30}) {
            const SaOptions shape{.algorithm = suite.algorithm, .esn = true, .first = first};
            SCOPED_TRACE(shape.name());
            const auto outbound = session(shape, Direction::outbound);
            const auto inbound = session(shape, Direction::inbound);
            const Outcome sent = run(*outbound, clear(60));
            ASSERT_EQ(sent.good.size(), 60U);
            EXPECT_EQ(outbound->next_sequence(), first + 60);
            // Out of order across the turn: the second half first.
            std::vector<Octets> late(sent.good.begin(), sent.good.begin() + 30);
            std::vector<Octets> early(sent.good.begin() + 30, sent.good.end());
            EXPECT_EQ(run(*inbound, early).good.size(), 30U);
            EXPECT_EQ(inbound->newest_sequence(), first + 59);
            EXPECT_EQ(run(*inbound, late).good.size(), 30U);
            EXPECT_EQ(run(*inbound, sent.good).faults, (Faults{{"replayed", 60}}));
        }
}

TEST_F(SessionTest, OldExtendedNumbersAreOutsideTheWindowAndNotForged) {
    const SaOptions shape{.esn = true, .first = turn - 100};
    const auto outbound = session(shape, Direction::outbound);
    const auto inbound = session(shape, Direction::inbound);
    std::vector<Octets> sent;
    for (int i = 0; i < 200; ++i)
        sent.push_back(run_one(*outbound, clear(1)[0]));
    EXPECT_EQ(fault_of(*inbound, sent[0]), "");
    EXPECT_EQ(fault_of(*inbound, sent[199]), "");
    EXPECT_EQ(fault_of(*inbound, sent[1]), "outside-window");
    EXPECT_EQ(fault_of(*inbound, sent[135]), "outside-window");
    EXPECT_EQ(fault_of(*inbound, sent[136]), "");
}

TEST_F(SessionTest, TheLastExtendedNumbers) {
    const auto outbound =
        session(SaOptions{.esn = true, .first = UINT64_MAX - 5}, Direction::outbound);
    const Outcome sent = run(*outbound, clear(10));
    EXPECT_EQ(sent.good.size(), 5U);
    EXPECT_EQ(sent.faults, (Faults{{"sequence-exhausted", 5}}));
}

TEST_F(SessionTest, NumbersThatAreNotReservedAreNotUsed) {
    SaSettings settings = sa_settings(SaOptions{}, Direction::outbound);
    settings.first_sequence = 1000;
    settings.sequence_bound = 1010;
    const auto outbound = session(std::move(settings));
    const Outcome sent = run(*outbound, clear(15));
    EXPECT_EQ(sent.good.size(), 10U);
    EXPECT_EQ(sent.faults, (Faults{{"sequence-not-reserved", 5}}));
    outbound->extend_sequence(1005);
    EXPECT_EQ(run(*outbound, clear(1)).good.size(), 0U) << "never back";
    outbound->extend_sequence(1012);
    EXPECT_EQ(run(*outbound, clear(5)).good.size(), 2U);
    EXPECT_EQ(outbound->next_sequence(), 1012U);
}

TEST_F(SessionTest, PacketsBeforeTheFirstAreOutside) {
    const auto outbound = session(SaOptions{.first = 990}, Direction::outbound);
    const auto inbound = session(SaOptions{.first = 1000}, Direction::inbound);
    const Outcome received = run(*inbound, run(*outbound, clear(20)).good);
    EXPECT_EQ(received.good.size(), 10U);
    EXPECT_EQ(received.faults, (Faults{{"outside-window", 10}}));
}

TEST_F(SessionTest, LifetimeInPackets) {
    for (const Direction direction : {Direction::outbound, Direction::inbound}) {
        SaSettings settings = sa_settings(SaOptions{}, direction);
        settings.soft.packets = 5;
        settings.hard.packets = 8;
        const auto limited = session(std::move(settings));
        std::vector<Octets> frames = clear(4);
        const auto peer = session(SaOptions{}, Direction::outbound);
        const auto next = [&] {
            return direction == Direction::outbound ? frames : run(*peer, frames).good;
        };
        EXPECT_EQ(run(*limited, next()).good.size(), 4U);
        EXPECT_EQ(limited->lifetime(), Lifetime::fresh);
        frames.resize(6, frames[0]);
        const Outcome across = run(*limited, next());
        EXPECT_EQ(across.good.size(), 4U);
        EXPECT_EQ(across.faults, (Faults{{"lifetime-over", 2}}));
        EXPECT_EQ(limited->lifetime(), Lifetime::hard);
        EXPECT_EQ(run(*limited, next()).faults, (Faults{{"lifetime-over", 6}}));
    }
}

TEST_F(SessionTest, LifetimeInOctets) {
    SaSettings settings = sa_settings(SaOptions{}, Direction::outbound);
    settings.soft.octets = 300;
    settings.hard.octets = 450;
    const auto limited = session(std::move(settings));
    EXPECT_EQ(run(*limited, clear(2)).good.size(), 2U);
    EXPECT_EQ(limited->lifetime(), Lifetime::fresh);
    EXPECT_EQ(run(*limited, clear(1)).good.size(), 1U);
    EXPECT_EQ(limited->lifetime(), Lifetime::soft);
    const Outcome last = run(*limited, clear(3));
    EXPECT_EQ(last.good.size(), 1U);
    EXPECT_EQ(last.faults, (Faults{{"lifetime-over", 2}}));
    EXPECT_EQ(limited->counters().octets.read(), 400U);
}

TEST_F(SessionTest, LifetimeInSeconds) {
    SaSettings settings = sa_settings(SaOptions{}, Direction::outbound);
    settings.soft.seconds = 100;
    settings.hard.seconds = 200;
    const auto slow = session(std::move(settings));
    const std::uint64_t now = rte_rdtsc(), second = rte_get_tsc_hz();
    EXPECT_EQ(slow->lifetime(now + 98 * second), Lifetime::fresh);
    EXPECT_EQ(slow->lifetime(now + 101 * second), Lifetime::soft);
    EXPECT_EQ(slow->lifetime(now + 201 * second), Lifetime::hard);
    EXPECT_EQ(slow->lifetime(0), Lifetime::fresh) << "a clock before the start";

    settings = sa_settings(SaOptions{}, Direction::outbound);
    settings.hard.seconds = 1;
    const auto quick = session(std::move(settings));
    EXPECT_EQ(run(*quick, clear(1)).good.size(), 1U);
    std::this_thread::sleep_for(std::chrono::milliseconds(1050));
    EXPECT_EQ(run(*quick, clear(1)).faults, (Faults{{"lifetime-over", 1}}))
        << "without the control thread's help";
}

TEST_F(SessionTest, KeepsNoKey) {
    SaSettings settings = sa_settings(SaOptions{}, Direction::outbound);
    const std::span<const std::uint8_t> memory = settings.key.octets();
    const auto outbound = session(std::move(settings));
    EXPECT_TRUE(outbound->settings().key.empty());
    EXPECT_TRUE(std::all_of(memory.begin(), memory.end(), [](auto octet) { return octet == 0; }));
}

TEST_F(SessionTest, WorksOnAThreadOfItsOwn) {
    const auto outbound = session(SaOptions{}, Direction::outbound);
    const auto inbound = session(SaOptions{}, Direction::inbound);
    std::size_t received = 0;
    std::thread([&] {
        received = run(*inbound, run(*outbound, clear(30)).good).good.size();
    }).join();
    EXPECT_EQ(received, 30U);
}

TEST_F(SessionTest, DevicesTellWhatTheyRun) {
    for (const AlgorithmInfo& suite : algorithms())
        EXPECT_TRUE(crypto().cpu_device(suite.algorithm)) << suite.name;
    EXPECT_EQ(crypto().missing_reason(), "");
    bool gcm_twice = false;
    for (const std::string& line : crypto().descriptions())
        gcm_twice |=
            line.starts_with("crypto_aesni_gcm") && line.find("aes128gcm16") != std::string::npos;
    EXPECT_TRUE(gcm_twice);
}

} // namespace

} // namespace sallyport::testing
