// SPDX-License-Identifier: BSD-3-Clause
#include "fields.h"
#include "frames.h"
#include "queues.h"
#include "receive_completion.h"
#include "receive_side.h"

#include <gtest/gtest.h>

namespace mlx5sim {
namespace {

using namespace test;

constexpr ChecksumWork everything{true, true, true, true};

FrameBuffer right(FrameBuffer frame) {
    write_checksums(frame, layers_of(frame), everything);
    return frame;
}

auto completion(const FrameBuffer& frame, const ReceivedAs& as = {}) {
    return completion_of(frame, layers_of(frame), as);
}

constexpr std::uint8_t layer_2 = 1, layer_3 = 2, layer_4 = 4;

TEST(Completion, TellsTypesAndChecksums) {
    const auto udp_ipv4 = completion(right(ethernet(0x0800) + ipv4(protocol_udp, udp(payload(9)))));
    EXPECT_EQ(udp_ipv4[28], layer_2 | layer_3 | layer_4);
    EXPECT_EQ(udp_ipv4[29], 2 << 2 | 2 << 4);
    const auto tcp_ipv6 = completion(right(ethernet(0x86dd) + ipv6(protocol_tcp, tcp(payload(9)))));
    EXPECT_EQ(tcp_ipv6[28], layer_2 | layer_3 | layer_4);
    EXPECT_EQ(tcp_ipv6[29], 1 << 2 | 4 << 4) << "with ACK";
    const auto bare = completion(right(ethernet(0x86dd) + ipv6(protocol_tcp, tcp({}))));
    EXPECT_EQ(bare[29], 1 << 2 | 3 << 4);
    const auto arp = completion(ethernet(0x0806) + payload(28));
    EXPECT_EQ(arp[28], layer_2);
    EXPECT_EQ(arp[29], 0);
}

TEST(Completion, TellsWhatIsWrong) {
    FrameBuffer frame = right(ethernet(0x0800) + ipv4(protocol_udp, udp(payload(9))));
    frame.back() ^= 1;
    EXPECT_EQ(completion(frame)[28], layer_2 | layer_3);
    frame[14 + 8] ^= 1;
    EXPECT_EQ(completion(frame)[28], layer_2);
}

TEST(Completion, OfATunnelNeedsBothToBeRight) {
    const FrameBuffer inside = ethernet(0x0800) + ipv4(protocol_tcp, tcp(payload(9)));
    FrameBuffer frame = right(ethernet(0x86dd) + ipv6(protocol_udp, vxlan(inside)));
    EXPECT_EQ(completion(frame)[0], 3) << "a tunnel over IPv6";
    EXPECT_EQ(completion(frame)[28], layer_2 | layer_3 | layer_4);
    EXPECT_EQ(completion(frame)[29], 2 << 2 | 4 << 4) << "of the inner packet";
    frame[14 + 40 + 6] ^= 1;
    EXPECT_EQ(completion(frame)[28], layer_2 | layer_3) << "the outer UDP checksum is wrong";
}

TEST(Completion, TellsOfFragmentsAndTags) {
    FrameBuffer frame = ethernet(0x0800) + ipv4(protocol_udp, udp(payload(9)));
    frame[14 + 6] = 0x20;
    EXPECT_EQ(completion(frame)[29], 1 << 7 | 2 << 2);
    ReceivedAs as;
    as.vlan = 0x2005;
    as.flow_tag = 0xabcdef;
    as.metadata = 0x11223344;
    as.user_index = 0x0300;
    as.timestamp = 0x0102030405060708;
    as.hash = {0x51ccc178, 0x55};
    const auto entry = completion(right(ethernet(0x0800) + ipv4(protocol_udp, udp({}))), as);
    EXPECT_EQ(entry[29] & 1, 1);
    EXPECT_EQ(load16(entry.data() + 30), 0x2005);
    EXPECT_EQ(load32(entry.data() + 56), 0xabcdefU);
    EXPECT_EQ(load32(entry.data() + 36), 0x11223344U);
    EXPECT_EQ(load32(entry.data() + 32), 0x0300U);
    EXPECT_EQ(load32(entry.data() + 48), 0x01020304U);
    EXPECT_EQ(load32(entry.data() + 12), 0x51ccc178U);
    EXPECT_EQ(entry[16], 0x55);
}

/// A queue of 8 buffers, with its completions.
struct Queue {
    static constexpr unsigned log_size = 3;
    alignas(64) std::array<std::uint8_t, CompletionQueue::entry_size << log_size> completions{};
    alignas(8) std::array<std::uint8_t, 8> completion_doorbell{}, doorbell{};
    alignas(64) std::array<std::uint8_t, std::size_t{16} << log_size> ring{};
    std::array<std::array<std::uint8_t, 2000>, 1U << log_size> memory{};
    CompletionQueue completion_queue;
    ReceiveQueue queue;

    explicit Queue(std::uint32_t number)
        : completion_queue(number + 100, completions.data(), log_size, completion_doorbell.data()),
          queue(number, {number + 100, ring.data(), log_size, 4, doorbell.data()},
                [](std::uint32_t, std::uint64_t, std::size_t) { return true; }) {
        for (std::size_t i = 0; i < memory.size(); ++i) {
            store32(ring.data() + 16 * i, 2000);
            set(ring.data() + 16 * i, Field{64, 64},
                reinterpret_cast<std::uintptr_t>(memory[i].data()));
        }
        store32(doorbell.data(), memory.size());
        queue.set_state(QueueState::ready);
    }
    std::uint32_t length(std::size_t i) const {
        return load32(completions.data() + CompletionQueue::entry_size * i + 44);
    }
};

HashRules by_ports() {
    HashRules rules;
    rules.function = HashFunction::toeplitz;
    rules.key.fill(0x5a);
    rules.key[0] = 0x6d;
    rules.outer.is_udp = true;
    rules.outer.source_port = rules.outer.destination_port = true;
    return rules;
}

TEST(ReceiveSide, DeliversToTheQueueThatADirectTirNames) {
    Queue queue(21);
    Tir tir(1);
    tir.is_direct = true;
    tir.queue = 21;
    const FrameBuffer frame = right(ethernet(0x0800) + ipv4(protocol_udp, udp(payload(9))));
    EXPECT_TRUE(deliver_to_tir(1, frame, {}));
    EXPECT_EQ(queue.length(0), frame.size());
    EXPECT_TRUE(std::equal(frame.begin(), frame.end(), queue.memory[0].begin()));
    const auto lost = receive_counts().no_tir;
    EXPECT_FALSE(deliver_to_tir(2, frame, {}));
    EXPECT_EQ(receive_counts().no_tir, lost + 1);
}

TEST(ReceiveSide, SpreadsByTheHash) {
    Queue one(21), other(22);
    QueueTable table(3);
    table.queues = {21, 22};
    Tir tir(1);
    tir.table = 3;
    tir.hash = by_ports();
    for (std::uint16_t port = 0; port < 8; ++port)
        deliver_to_tir(1, ethernet(0x0800) + ipv4(protocol_udp, udp({}, port)), {});
    const auto counted = [](const Queue& queue) {
        unsigned count = 0;
        for (std::size_t i = 0; i < 8; ++i)
            count += queue.length(i) > 0;
        return count;
    };
    EXPECT_GT(counted(one), 0U);
    EXPECT_GT(counted(other), 0U);
    EXPECT_EQ(counted(one) + counted(other), 8U);
}

TEST(ReceiveSide, CountsWhatFindsNoBuffer) {
    Queue queue(21);
    QueueCounter counter(5);
    queue.queue.options.counter = 5;
    Tir tir(1);
    tir.is_direct = true;
    tir.queue = 21;
    const FrameBuffer frame = ethernet(0x0806) + payload(28);
    for (unsigned i = 0; i < 8; ++i)
        EXPECT_TRUE(deliver_to_tir(1, frame, {}));
    EXPECT_EQ(counter.out_of_buffer, 0U);
    EXPECT_FALSE(deliver_to_tir(1, frame, {}));
    EXPECT_EQ(counter.out_of_buffer, 1U);
}

TEST(ReceiveSide, StripsATagAndAppendsTheFcs) {
    Queue queue(21);
    queue.queue.options.strips_vlan = true;
    queue.queue.options.appends_fcs = true;
    Tir tir(1);
    tir.is_direct = true;
    tir.queue = 21;
    // RFC 3720, section B.4, has no Ethernet CRC; this is the CRC-32 of "123456789", the usual
    // check.
    FrameBuffer frame{'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    EXPECT_TRUE(deliver_to_tir(1, frame, {}));
    EXPECT_EQ(queue.length(0), 13U);
    EXPECT_EQ(load32(queue.memory[0].data() + 9), 0x2639f4cbU);

    queue.queue.options.appends_fcs = false;
    frame = right(ethernet(0x0800) + ipv4(protocol_udp, udp(payload(9))));
    FrameBuffer tagged = frame;
    insert_tag(tagged, 0x8100, 0x2005);
    EXPECT_TRUE(deliver_to_tir(1, tagged, {}));
    EXPECT_EQ(queue.length(1), frame.size());
    EXPECT_TRUE(std::equal(frame.begin(), frame.end(), queue.memory[1].begin()));
    EXPECT_EQ(load16(queue.completions.data() + CompletionQueue::entry_size + 30), 0x2005);
}

TEST(ReceiveSide, GivesTheFlowTagOnlyWhereThereIsOne) {
    Queue queue(21);
    Tir tir(1);
    tir.is_direct = true;
    tir.queue = 21;
    Received about;
    about.flow_tag = 7;
    deliver_to_tir(1, ethernet(0x0806) + payload(28), about);
    about.has_flow_tag = true;
    deliver_to_tir(1, ethernet(0x0806) + payload(28), about);
    EXPECT_EQ(load32(queue.completions.data() + 56), 0U);
    EXPECT_EQ(load32(queue.completions.data() + CompletionQueue::entry_size + 56), 7U);
}

} // namespace
} // namespace mlx5sim
