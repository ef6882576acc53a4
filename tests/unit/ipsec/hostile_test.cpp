// SPDX-License-Identifier: BSD-3-Clause
// Packets that nobody honest sends: each refused under its own reason, and nothing else disturbed.
#include "lab.h"
#include "support/frames.h"

#include <algorithm>
#include <random>

namespace sallyport::testing {

namespace {

using HostileTest = IpsecTest;

void set_ip_length(Octets& frame, const SaOptions& shape, std::size_t ip_length) {
    const std::size_t told = shape.outer == IpFamily::ipv4 ? ip_length : ip_length - 40;
    const std::size_t at = shape.outer == IpFamily::ipv4 ? 16 : 18;
    frame[at] = static_cast<std::uint8_t>(told >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(told);
    if (shape.outer == IpFamily::ipv4) fix_ipv4_checksum(frame);
}

TEST_F(HostileTest, TruncatedAtEveryLength) {
    for (const SaOptions& shape : all_shapes()) {
        if (shape.esn) continue;
        SCOPED_TRACE(shape.name());
        const auto outbound = session(shape, Direction::outbound);
        const auto inbound = session(shape, Direction::inbound);
        const IpFamily family = shape.mode == Mode::tunnel ? shape.inner : shape.outer;
        const Octets whole = run_one(*outbound, clear_frame(family, 100));
        for (std::size_t length = 1; length < whole.size(); ++length) {
            Octets cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
            EXPECT_NE(fault_of(*inbound, cut), "") << length;
            // The same, with headers that say so.
            const std::size_t header = shape.outer == IpFamily::ipv4 ? 20 : 40;
            if (length < l2 + header) continue;
            set_ip_length(cut, shape, length - l2);
            const std::size_t udp = l2 + header;
            if (shape.udp && length >= udp + 8) {
                cut[udp + 4] = static_cast<std::uint8_t>((length - udp) >> 8);
                cut[udp + 5] = static_cast<std::uint8_t>(length - udp);
            }
            const std::string fault = fault_of(*inbound, cut);
            EXPECT_TRUE(fault == "bad-icv" || fault == "malformed") << length << ": " << fault;
        }
        EXPECT_EQ(fault_of(*inbound, whole), "") << "nothing of it counts against the packet";
    }
}

TEST_F(HostileTest, EveryOctetIsProtected) {
    for (const AlgorithmInfo& suite : algorithms())
        for (const bool esn : {false, true}) {
            const SaOptions shape{.algorithm = suite.algorithm, .esn = esn};
            SCOPED_TRACE(shape.name());
            const auto outbound = session(shape, Direction::outbound);
            const auto inbound = session(shape, Direction::inbound);
            const Octets whole = run_one(*outbound, clear_frame(IpFamily::ipv4, 100));
            // Behind the SPI: sequence number, IV, ciphertext and ICV, bit by bit.
            for (std::size_t at = l2 + 20 + 4; at < whole.size(); ++at)
                for (unsigned bit = 0; bit < 8; ++bit) {
                    Octets changed = whole;
                    changed[at] ^= static_cast<std::uint8_t>(1U << bit);
                    const std::string fault = fault_of(*inbound, changed);
                    // Without its last bit the sequence number is 0, which nobody sends.
                    const bool zero = at == l2 + 20 + 7 && bit == 0;
                    EXPECT_EQ(fault, zero ? "outside-window" : "bad-icv") << at << " " << bit;
                }
            EXPECT_EQ(fault_of(*inbound, whole), "");
        }
}

TEST_F(HostileTest, WrongHeaders) {
    const auto outbound = session(SaOptions{}, Direction::outbound);
    const auto inbound = session(SaOptions{}, Direction::inbound);
    const Octets whole = run_one(*outbound, clear_frame(IpFamily::ipv4, 100));
    const auto changed = [&](std::size_t at, std::uint8_t value, bool checksum = true) {
        Octets frame = whole;
        frame[at] = value;
        if (checksum) fix_ipv4_checksum(frame);
        return fault_of(*inbound, frame);
    };
    EXPECT_EQ(changed(14, 0x44), "malformed") << "header of 16 octets";
    EXPECT_EQ(changed(14, 0x4f), "malformed") << "options";
    EXPECT_EQ(changed(14, 0x65), "malformed") << "IPv6";
    EXPECT_EQ(changed(20, 0x20), "malformed") << "more fragments";
    EXPECT_EQ(changed(21, 0x01), "malformed") << "fragment offset";
    EXPECT_EQ(changed(23, 17), "malformed") << "UDP";
    EXPECT_EQ(changed(26, 99, false), "malformed") << "header checksum";
    EXPECT_EQ(changed(34, 0x13), "malformed") << "SPI of another SA";
    EXPECT_EQ(changed(14, whole[14]), "");
}

TEST_F(HostileTest, WrongUdpEncapsulation) {
    const SaOptions shape{.udp = true};
    const auto outbound = session(shape, Direction::outbound);
    const auto inbound = session(shape, Direction::inbound);
    const Octets whole = run_one(*outbound, clear_frame(IpFamily::ipv4, 100));
    const auto changed = [&](std::size_t at, std::uint8_t value) {
        Octets frame = whole;
        frame[at] = value;
        return fault_of(*inbound, frame);
    };
    EXPECT_EQ(changed(37, 0x95), "malformed") << "destination port";
    EXPECT_EQ(changed(39, 0xff), "malformed") << "length";
    EXPECT_EQ(changed(34, 0xde), "") << "a NAT may change the source port";
}

TEST_F(HostileTest, ReplayAndReorderingUpToAndBeyondTheWindow) {
    for (const std::uint32_t window : {32U, 64U, 1024U, 4096U})
        for (const bool esn : {false, true}) {
            const SaOptions shape{.esn = esn, .window = window};
            SCOPED_TRACE(std::to_string(window) + (esn ? " esn" : ""));
            const auto outbound = session(shape, Direction::outbound);
            const auto inbound = session(shape, Direction::inbound);
            std::vector<Octets> sent;
            for (std::uint32_t i = 0; i < window + 2; ++i)
                sent.push_back(run_one(*outbound, clear_frame(IpFamily::ipv4, 64)));
            EXPECT_EQ(fault_of(*inbound, sent.back()), "");
            EXPECT_EQ(fault_of(*inbound, sent[0]), "outside-window");
            EXPECT_EQ(fault_of(*inbound, sent[1]), "outside-window");
            EXPECT_EQ(fault_of(*inbound, sent[2]), "") << "the oldest in the window";
            EXPECT_EQ(fault_of(*inbound, sent[2]), "replayed");
            for (std::size_t i = sent.size() - 1; i-- > 3;)
                ASSERT_EQ(fault_of(*inbound, sent[i]), "") << i;
            for (std::size_t i = 2; i < sent.size(); ++i)
                ASSERT_EQ(fault_of(*inbound, sent[i]), "replayed") << i;
            EXPECT_EQ(inbound->counters().of(PacketFault::replayed).read(), window + 1);
            EXPECT_EQ(inbound->counters().of(PacketFault::outside_window).read(), 2U);
            EXPECT_EQ(inbound->counters().packets.read(), window);
        }
}

TEST_F(HostileTest, ForgedNumbersDoNotMoveTheWindow) {
    const auto outbound = session(SaOptions{}, Direction::outbound);
    const auto inbound = session(SaOptions{}, Direction::inbound);
    const Octets honest = run_one(*outbound, clear_frame(IpFamily::ipv4, 100));
    Octets forged = honest;
    forged[38] = 0x7f;
    EXPECT_EQ(fault_of(*inbound, forged), "bad-icv");
    EXPECT_EQ(inbound->newest_sequence(), 0U);
    EXPECT_EQ(fault_of(*inbound, honest), "");
}

TEST_F(HostileTest, TheSameNumberTwiceInOneBurst) {
    for (const bool esn : {false, true}) {
        const SaOptions shape{.esn = esn};
        const auto outbound = session(shape, Direction::outbound);
        const auto inbound = session(shape, Direction::inbound);
        const Octets one = run_one(*outbound, clear_frame(IpFamily::ipv4, 100));
        const Octets two = run_one(*outbound, clear_frame(IpFamily::ipv4, 101));
        const Outcome received = run(*inbound, {one, two, one, two, one});
        EXPECT_EQ(received.faults, (Faults{{"replayed", 3}}));
        EXPECT_EQ(received.good.size(), 2U);
    }
}

// As at a failover, when what waited on the old uplink comes behind what came by the new one.
TEST_F(HostileTest, SwappedFurtherThanTheWindowInOneBurst) {
    for (const bool esn : {false, true}) {
        SCOPED_TRACE(esn);
        const SaOptions shape{.esn = esn, .window = 64};
        const auto outbound = session(shape, Direction::outbound);
        const auto inbound = session(shape, Direction::inbound);
        std::vector<Octets> sent;
        for (unsigned i = 0; i < 1000; ++i)
            sent.push_back(run_one(*outbound, clear_frame(IpFamily::ipv4, 100)));
        EXPECT_EQ(fault_of(*inbound, sent[200]), "");
        const Outcome swapped = run(*inbound, {sent[900], sent[201]});
        EXPECT_EQ(swapped.faults, (Faults{{"outside-window", 1}}));
        EXPECT_EQ(inbound->newest_sequence(), 901U);
        EXPECT_EQ(fault_of(*inbound, sent[901]), "") << "the SA goes on";
        EXPECT_EQ(fault_of(*inbound, sent[899]), "");
    }
}

/// Buffers keep their length in the pool.
void free_whole(rte_mbuf* packet) {
    if (RTE_MBUF_DIRECT(packet)) packet->buf_len = rte_pktmbuf_data_room_size(packet->pool);
    rte_pktmbuf_free(packet);
}

TEST_F(HostileTest, BuffersThatWillNotDo) {
    const auto outbound = session(SaOptions{}, Direction::outbound);
    const Octets clear = clear_frame(IpFamily::ipv4, 1000);
    const auto fault = [&](rte_mbuf* packet) {
        PacketFault reason{};
        EXPECT_EQ(outbound->protect(&packet, &reason, 1, l2).good, 0);
        free_whole(packet);
        return std::string(name(reason));
    };
    rte_mbuf* packet = make_packet(clear);
    rte_pktmbuf_prepend(packet, rte_pktmbuf_headroom(packet) - 15);
    std::copy(clear.begin(), clear.end(), rte_pktmbuf_mtod(packet, std::uint8_t*));
    EXPECT_EQ(fault(packet), "no-room") << "in front: ESP and IV take 16 octets";

    // 980 octets and trailer: 2 of padding, 2 of trailer, ICV, and scratch of 16 behind it.
    packet = make_packet(clear);
    packet->buf_len = static_cast<std::uint16_t>(packet->data_off + packet->data_len + 35);
    EXPECT_EQ(fault(packet), "no-room") << "behind";

    packet = make_packet(clear);
    rte_pktmbuf_chain(packet, make_packet({0}));
    EXPECT_EQ(fault(packet), "unsuitable-buffer") << "two segments";

    packet = make_packet(clear);
    rte_mbuf* const clone = rte_pktmbuf_clone(packet, buffers());
    EXPECT_EQ(fault(clone), "unsuitable-buffer") << "octets of another";
    rte_mbuf_refcnt_update(packet, 1);
    EXPECT_EQ(fault(packet), "unsuitable-buffer") << "two owners";
    rte_pktmbuf_free(packet);

    packet = make_packet(clear);
    packet->buf_len = static_cast<std::uint16_t>(packet->data_off + packet->data_len + 36);
    PacketFault reason{};
    EXPECT_EQ(outbound->protect(&packet, &reason, 1, l2).good, 1) << "just enough";
    free_whole(packet);
}

TEST_F(HostileTest, ClearPacketsThatAreNone) {
    const auto outbound = session(SaOptions{}, Direction::outbound);
    const Octets clear = clear_frame(IpFamily::ipv4, 100);
    for (std::size_t length = 1; length < clear.size(); ++length)
        EXPECT_EQ(fault_of(*outbound, Octets(clear.begin(),
                                             clear.begin() + static_cast<std::ptrdiff_t>(length))),
                  "malformed")
            << length;
    Octets fragment = clear;
    fragment[20] = 0x20;
    EXPECT_EQ(fault_of(*outbound, fragment), "malformed");
    EXPECT_EQ(fault_of(*outbound, clear_frame(IpFamily::ipv6, 100)), "malformed");
    EXPECT_EQ(outbound->next_sequence(), 1U) << "no number is lost";
}

TEST_F(HostileTest, MutatedPacketsAreAllCounted) {
    std::mt19937 random(1);
    for (const SaOptions& shape : all_shapes()) {
        SCOPED_TRACE(shape.name());
        const auto outbound = session(shape, Direction::outbound);
        const auto inbound = session(shape, Direction::inbound);
        const IpFamily family = shape.mode == Mode::tunnel ? shape.inner : shape.outer;
        const Octets whole = run_one(*outbound, clear_frame(family, 80));
        std::uint64_t refused = 0;
        for (int round = 0; round < 10; ++round) {
            std::vector<Octets> frames;
            for (int i = 0; i < 64; ++i) {
                Octets frame = whole;
                for (unsigned changes = 1 + random() % 4; changes > 0; --changes)
                    frame[l2 + random() % (frame.size() - l2)] ^=
                        static_cast<std::uint8_t>(1 + random() % 255);
                // An IPv6 header has parts that ESP does not protect.
                if (!std::equal(frame.end() - 60, frame.end(), whole.end() - 60))
                    frames.push_back(std::move(frame));
            }
            const Outcome outcome = run(*inbound, frames);
            EXPECT_TRUE(outcome.good.empty());
            refused += frames.size();
        }
        std::uint64_t counted = 0;
        for (const base::Counter& counter : inbound->counters().faults)
            counted += counter.read();
        EXPECT_EQ(counted, refused);
    }
}

} // namespace

} // namespace sallyport::testing
