// SPDX-License-Identifier: BSD-3-Clause
// What goes out of one session comes in by another as it was, in every shape and size.
#include "lab.h"
#include "support/frames.h"

#include <set>

namespace sallyport::testing {

namespace {

using RoundTripTest = IpsecTest;

IpFamily clear_family(const SaOptions& shape) {
    return shape.mode == Mode::tunnel ? shape.inner : shape.outer;
}

TEST_F(RoundTripTest, EveryShapeKeepsEverySize) {
    // All of the padding of a block, and frames up to 9000 octets.
    std::vector<std::size_t> sizes;
    for (std::size_t size = 64; size < 64 + 17; ++size)
        sizes.push_back(size);
    for (const std::size_t size : {1426, 1427, 1428, 1500, 3986, 8900, 9000})
        sizes.push_back(size);
    for (const SaOptions& shape : all_shapes()) {
        SCOPED_TRACE(shape.name());
        const auto outbound = session(shape, Direction::outbound);
        const auto inbound = session(shape, Direction::inbound);
        std::vector<Octets> frames;
        for (const std::size_t size : sizes)
            frames.push_back(clear_frame(clear_family(shape), size, static_cast<std::uint8_t>(size),
                                         static_cast<std::uint8_t>(size & 0xfc)));
        const Outcome sent = run(*outbound, frames);
        ASSERT_EQ(sent.good.size(), frames.size());
        const Outcome received = run(*inbound, sent.good);
        EXPECT_EQ(received.faults, Faults{});
        EXPECT_EQ(received.good, frames);
        EXPECT_EQ(outbound->counters().packets.read(), frames.size());
        EXPECT_EQ(inbound->counters().octets.read(), outbound->counters().octets.read());
        EXPECT_EQ(outbound->next_sequence(), frames.size() + 1);
        EXPECT_EQ(inbound->newest_sequence(), frames.size());
    }
}

TEST_F(RoundTripTest, WhatIsSentIsAPacketThatRoutersTake) {
    for (const SaOptions& shape : all_shapes()) {
        SCOPED_TRACE(shape.name());
        const auto outbound = session(shape, Direction::outbound);
        const Octets frame = run_one(*outbound, clear_frame(clear_family(shape), 300));
        ASSERT_FALSE(frame.empty());
        const bool ipv4 = shape.outer == IpFamily::ipv4;
        const std::size_t header = ipv4 ? 20 : 40;
        EXPECT_EQ(frame[12], ipv4 ? 0x08 : 0x86);
        const std::size_t told =
            ipv4 ? frame[16] * 256U + frame[17] : 40U + frame[18] * 256U + frame[19];
        EXPECT_EQ(told, frame.size() - l2);
        EXPECT_EQ(frame[ipv4 ? 23 : 20], shape.udp ? 17 : 50);
        if (ipv4) {
            EXPECT_EQ(ones_sum(&frame[l2], 20), 0xffff);
        }
        const std::uint8_t* const esp = &frame[l2 + header + (shape.udp ? 8 : 0)];
        EXPECT_EQ(esp[0], 0x12);
        EXPECT_EQ(esp[7], 1);
        if (!shape.udp) continue;
        const std::uint8_t* const udp = &frame[l2 + header];
        EXPECT_EQ(udp[0] * 256 + udp[1], 4500);
        EXPECT_EQ(udp[2] * 256 + udp[3], 4500);
        EXPECT_EQ(udp[4] * 256U + udp[5], frame.size() - l2 - header);
        if (ipv4) {
            EXPECT_EQ(udp[6] + udp[7], 0) << "RFC 3948 section 2.1";
        } else {
            const auto length = static_cast<std::uint32_t>(frame.size() - l2 - header);
            const std::uint32_t pseudo = ones_sum(&frame[l2 + 8], 32) + length + 17;
            EXPECT_EQ(ones_sum(udp, length, pseudo), 0xffff);
        }
    }
}

TEST_F(RoundTripTest, InitializationVectorsNeverRepeat) {
    for (const AlgorithmInfo& suite : algorithms()) {
        const auto outbound = session(SaOptions{suite.algorithm}, Direction::outbound);
        std::set<Octets> ivs;
        for (int burst = 0; burst < 4; ++burst) {
            const Outcome sent =
                run(*outbound, std::vector<Octets>(50, clear_frame(IpFamily::ipv4, 100)));
            for (const Octets& frame : sent.good)
                ivs.insert({frame.begin() + 42, frame.begin() + 42 + suite.iv});
        }
        EXPECT_EQ(ivs.size(), 200U) << suite.name;
    }
}

// RFC 4303 2.7: what is behind the inner packet is cut; Ethernet's padding too.
TEST_F(RoundTripTest, EthernetPaddingIsNoPartOfThePacket) {
    const auto outbound = session(SaOptions{}, Direction::outbound);
    const auto inbound = session(SaOptions{}, Direction::inbound);
    const Octets clear = clear_frame(IpFamily::ipv4, 30);
    Octets padded = clear;
    padded.resize(60);
    Octets sent = run_one(*outbound, padded);
    sent.resize(sent.size() + 12, 0xee);
    EXPECT_EQ(run_one(*inbound, sent), clear);
}

TEST_F(RoundTripTest, VlanTagsStay) {
    for (const Mode mode : {Mode::transport, Mode::tunnel}) {
        const SaOptions shape{.mode = mode, .outer = IpFamily::ipv6, .inner = IpFamily::ipv6};
        const auto outbound = session(shape, Direction::outbound);
        const auto inbound = session(shape, Direction::inbound);
        Octets clear = clear_frame(IpFamily::ipv6, 100);
        const Octets tag{0x81, 0x00, 0x00, 0x07};
        clear.insert(clear.begin() + 12, tag.begin(), tag.end());
        rte_mbuf* packet = make_packet(clear);
        PacketFault fault{};
        ASSERT_EQ(outbound->protect(&packet, &fault, 1, 18).good, 1);
        EXPECT_EQ(Octets(tag), Octets(rte_pktmbuf_mtod_offset(packet, std::uint8_t*, 12),
                                      rte_pktmbuf_mtod_offset(packet, std::uint8_t*, 16)));
        ASSERT_EQ(inbound->unprotect(&packet, &fault, 1, 18).good, 1);
        EXPECT_EQ(octets_of_packet(packet), clear);
        rte_pktmbuf_free(packet);
    }
}

TEST_F(RoundTripTest, OrderIsKeptAndRefusedOnesAreApart) {
    const auto outbound = session(SaOptions{}, Direction::outbound);
    const auto inbound = session(SaOptions{}, Direction::inbound);
    std::vector<Octets> frames, wanted;
    for (unsigned i = 0; i < 60; ++i) {
        frames.push_back(clear_frame(IpFamily::ipv4, 100 + i, static_cast<std::uint8_t>(i)));
        if (i % 3 == 0)
            frames.back()[14] = 0x55;
        else
            wanted.push_back(frames.back());
    }
    Outcome sent = run(*outbound, frames);
    EXPECT_EQ(sent.faults, (Faults{{"malformed", 20}}));
    ASSERT_EQ(sent.good.size(), 40U);
    for (const std::size_t i : {0U, 7U, 8U, 39U})
        sent.good[i].back() ^= 1;
    const Outcome received = run(*inbound, sent.good);
    for (const std::size_t i : {39U, 8U, 7U, 0U})
        wanted.erase(wanted.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(received.faults, (Faults{{"bad-icv", 4}}));
    EXPECT_EQ(received.good, wanted);
    EXPECT_EQ(inbound->counters().of(PacketFault::bad_icv).read(), 4U);
    EXPECT_EQ(inbound->counters().packets.read(), 36U);
}

// RFC 6040 section 4: inner ECN goes out, and comes back together with congestion on the way.
TEST_F(RoundTripTest, TunnelsCarryCongestion) {
    for (const IpFamily outer : {IpFamily::ipv4, IpFamily::ipv6})
        for (const IpFamily inner : {IpFamily::ipv4, IpFamily::ipv6})
            for (std::uint8_t ecn = 0; ecn < 4; ++ecn) {
                const SaOptions shape{.mode = Mode::tunnel, .outer = outer, .inner = inner};
                SCOPED_TRACE(shape.name() + " ecn " + std::to_string(ecn));
                const auto outbound = session(shape, Direction::outbound);
                const auto inbound = session(shape, Direction::inbound);
                const auto traffic_class = static_cast<std::uint8_t>(0xb8 | ecn);
                Octets sent = run_one(*outbound, clear_frame(inner, 100, 0, traffic_class));
                ASSERT_FALSE(sent.empty());
                const auto tos = static_cast<std::uint8_t>(
                    outer == IpFamily::ipv4 ? sent[15] : sent[14] << 4 | sent[15] >> 4);
                EXPECT_EQ(tos, traffic_class);
                if (outer == IpFamily::ipv4) {
                    sent[15] |= 3;
                    fix_ipv4_checksum(sent);
                } else {
                    sent[15] |= 0x30;
                }
                const Outcome received = run(*inbound, {sent});
                if (ecn == 0) {
                    EXPECT_EQ(received.faults, (Faults{{"ecn-invalid", 1}}));
                    continue;
                }
                ASSERT_EQ(received.good.size(), 1U);
                EXPECT_EQ(received.good[0], clear_frame(inner, 100, 0, traffic_class | 3));
            }
}

} // namespace

} // namespace sallyport::testing
