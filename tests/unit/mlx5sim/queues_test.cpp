// SPDX-License-Identifier: BSD-3-Clause
#include "fields.h"
#include "frames.h"
#include "queues.h"

#include <gtest/gtest.h>

namespace mlx5sim {
namespace {

using namespace test;

using Entry = std::array<std::uint8_t, CompletionQueue::entry_size>;

/// A ring of completions, read as the driver reads it.
struct Completions {
    static constexpr unsigned log_size = 2, size = 1U << log_size;
    alignas(64) std::array<std::uint8_t, CompletionQueue::entry_size * size> ring{};
    alignas(8) std::array<std::uint8_t, 8> doorbell{};
    CompletionQueue queue;
    std::uint32_t next = 0;

    explicit Completions(std::uint32_t number)
        : queue(number, ring.data(), log_size, doorbell.data()) {}

    /// The next entry if the card has handed it over.
    const std::uint8_t* take() {
        const std::uint8_t* const entry = ring.data() + next % size * CompletionQueue::entry_size;
        const bool is_ours = (entry[63] & 1) == (next / size & 1) && entry[63] >> 4 != 0xf;
        if (!is_ours) return nullptr;
        store32(doorbell.data(), ++next);
        return entry;
    }
};

TEST(CompletionQueue, HandsOverByTheOwnersBit) {
    Completions completions(1);
    EXPECT_EQ(completions.take(), nullptr);
    for (unsigned i = 0; i < 3 * Completions::size; ++i) {
        Entry entry{};
        entry[60] = static_cast<std::uint8_t>(i);
        completions.queue.push(entry, Completion::received);
        const std::uint8_t* const taken = completions.take();
        ASSERT_NE(taken, nullptr) << i;
        EXPECT_EQ(taken[60], i);
        EXPECT_EQ(taken[63] >> 4, 2);
        EXPECT_EQ(completions.take(), nullptr) << i;
    }
}

TEST(CompletionQueue, HasRoomForAsManyAsItHasEntries) {
    Completions completions(1);
    for (unsigned i = 0; i < Completions::size; ++i) {
        EXPECT_TRUE(completions.queue.has_room());
        completions.queue.push(Entry{}, Completion::request);
    }
    EXPECT_FALSE(completions.queue.has_room());
    completions.take();
    EXPECT_TRUE(completions.queue.has_room());
}

/// Four requests of two segments each, with buffers of 100 octets.
struct Buffers {
    static constexpr unsigned log_size = 2, log_stride = 5;
    Completions completions{7};
    std::array<std::array<std::uint8_t, 100>, 8> memory{};
    alignas(64) std::array<std::uint8_t, std::size_t{1} << (log_size + log_stride)> ring{};
    alignas(8) std::array<std::uint8_t, 8> doorbell{};
    std::uint32_t allowed = 5;
    ReceiveQueue queue{
        9,
        {7, ring.data(), log_size, log_stride, doorbell.data()},
        [this](std::uint32_t key, std::uint64_t, std::size_t) { return key == allowed; }};

    Buffers() {
        for (std::size_t i = 0; i < memory.size(); ++i) {
            std::uint8_t* const segment = ring.data() + 16 * i;
            store32(segment, 100);
            store32(segment + 4, 5);
            set(segment, Field{64, 64}, reinterpret_cast<std::uintptr_t>(memory[i].data()));
        }
        queue.set_state(QueueState::ready);
    }
    void post(std::uint32_t count) { store32(doorbell.data(), count); }
    Delivery deliver(const FrameBuffer& packet) {
        Entry entry{};
        return queue.deliver(packet, entry);
    }
};

TEST(ReceiveQueue, FillsTheSegmentsOfARequest) {
    Buffers buffers;
    buffers.post(4);
    const FrameBuffer packet = payload(150);
    ASSERT_EQ(buffers.deliver(payload(10)), Delivery::done);
    ASSERT_EQ(buffers.deliver(packet), Delivery::done);
    buffers.completions.take();
    const std::uint8_t* const entry = buffers.completions.take();
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(load32(entry + 44), 150U);
    EXPECT_EQ(load16(entry + 60), 1) << "the second request";
    EXPECT_TRUE(std::equal(packet.begin(), packet.begin() + 100, buffers.memory[2].begin()));
    EXPECT_TRUE(std::equal(packet.begin() + 100, packet.end(), buffers.memory[3].begin()));
    EXPECT_EQ(buffers.memory[3][50], 0) << "beyond the packet's end";
}

TEST(ReceiveQueue, TakesNoMoreThanWasPosted) {
    Buffers buffers;
    EXPECT_EQ(buffers.deliver(payload(10)), Delivery::no_buffer);
    buffers.post(2);
    EXPECT_EQ(buffers.deliver(payload(10)), Delivery::done);
    EXPECT_EQ(buffers.deliver(payload(10)), Delivery::done);
    EXPECT_EQ(buffers.deliver(payload(10)), Delivery::no_buffer);
    buffers.post(3);
    EXPECT_EQ(buffers.deliver(payload(10)), Delivery::done);
}

TEST(ReceiveQueue, GoesOnBeyondTheEndOfItsCounters) {
    Buffers buffers;
    for (std::uint32_t i = 0; i < 70'000; ++i) {
        buffers.post(i + 1);
        ASSERT_EQ(buffers.deliver(payload(10)), Delivery::done) << i;
        const std::uint8_t* const entry = buffers.completions.take();
        ASSERT_NE(entry, nullptr) << i;
        ASSERT_EQ(load16(entry + 60), i & 0xffff);
    }
}

TEST(ReceiveQueue, CompletesAPacketThatIsTooLongWithAnError) {
    Buffers buffers;
    buffers.post(4);
    EXPECT_EQ(buffers.deliver(payload(201)), Delivery::too_long);
    const std::uint8_t* const entry = buffers.completions.take();
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry[63] >> 4, 14);
    EXPECT_EQ(entry[55], 1);
    EXPECT_EQ(buffers.deliver(payload(200)), Delivery::done) << "the next has buffers of its own";
}

TEST(ReceiveQueue, StopsAtMemoryThatIsNotItsOwn) {
    Buffers buffers;
    buffers.post(4);
    buffers.allowed = 6;
    EXPECT_EQ(buffers.deliver(payload(10)), Delivery::protected_memory);
    EXPECT_EQ(buffers.completions.take()[55], 4);
    EXPECT_EQ(buffers.deliver(payload(10)), Delivery::queue_not_ready);
    buffers.allowed = 5;
    buffers.queue.set_state(QueueState::reset);
    buffers.queue.set_state(QueueState::ready);
    EXPECT_EQ(buffers.deliver(payload(10)), Delivery::done) << "once the driver has reset it";
}

TEST(ReceiveQueue, KnowsWhichMemoryItUses) {
    const Buffers buffers;
    EXPECT_TRUE(buffers.queue.uses(buffers.ring.data(), 1));
    EXPECT_TRUE(buffers.queue.uses(buffers.memory[7].data(), 100));
    EXPECT_TRUE(buffers.queue.uses(buffers.completions.ring.data() - 10, 11));
    EXPECT_FALSE(buffers.queue.uses(buffers.ring.data() - 10, 10));
}

struct Sending {
    Completions completions{11};
    alignas(64) std::array<std::uint8_t, 64 * 4> ring{};
    alignas(8) std::array<std::uint8_t, 8> doorbell{};
    SendQueue queue{12, 11, ring.data(), 2, doorbell.data()};
};

TEST(SendQueue, TellsOfARequestThatItCannotDo) {
    Sending sending;
    sending.queue.set_state(QueueState::ready);
    sending.queue.fail(3, 0x29, Syndrome::protection);
    EXPECT_TRUE(sending.queue.in_error);
    EXPECT_FALSE(sending.queue.ready);
    const std::uint8_t* const entry = sending.completions.take();
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry[63] >> 4, 13);
    EXPECT_EQ(entry[55], 4);
    EXPECT_EQ(load32(entry + 56), 0x2900000cU);
    EXPECT_EQ(load16(entry + 60), 3);
}

TEST(SendQueue, BeginsAnewAfterAReset) {
    Sending sending;
    sending.queue.set_state(QueueState::ready);
    store32(sending.doorbell.data() + 4, 3);
    sending.queue.consume(2);
    sending.queue.fail(2, 0x0a, Syndrome::operation);
    sending.queue.set_state(QueueState::reset);
    sending.queue.set_state(QueueState::ready);
    EXPECT_FALSE(sending.queue.in_error);
    EXPECT_EQ(sending.queue.consumed(), 0);
    EXPECT_EQ(sending.queue.posted(), 0) << "what the record had from before is not posted again";
}

} // namespace
} // namespace mlx5sim
