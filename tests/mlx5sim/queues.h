// SPDX-License-Identifier: BSD-3-Clause
// The rings that driver and card share, as the card sees them.
#pragma once

#include "objects.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>

namespace mlx5sim {

/// Opcodes of completions.
enum class Completion : std::uint8_t {
    request = 0,
    received = 2,
    request_error = 13,
    receive_error = 14,
    none = 15
};

/// What a completion with an error says was wrong.
enum class Syndrome : std::uint8_t {
    none = 0,
    /// A packet that is longer than its buffers.
    length = 0x01,
    /// A request that cannot be understood.
    operation = 0x02,
    /// Memory that the key does not cover.
    protection = 0x04,
    /// Posted before an error, and not looked at any more.
    flushed = 0x05
};

/// As firmware commands set it.
enum class QueueState : std::uint8_t { reset = 0, ready = 1, error = 3 };

class CompletionQueue : public Indexed<CompletionQueue> {
  public:
    static constexpr std::size_t entry_size = 64;

    /// @p doorbell is the record of two words: consumer's index, arming. Both stay the caller's.
    CompletionQueue(std::uint32_t number, std::uint8_t* buffer, unsigned log_size,
                    std::uint8_t* doorbell);
    ~CompletionQueue() override { late_ -= waiting_.size(); }

    /// Whether the consumer has left room for one more.
    bool has_room() const;
    /// Hands over an entry: 64 octets, whose last gets opcode and owner here.
    void push(std::span<const std::uint8_t, entry_size> entry, Completion opcode);
    /// Likewise at that time, and behind those that wait already; deliver_due() does it.
    void push_late(std::chrono::steady_clock::time_point due,
                   std::span<const std::uint8_t, entry_size> entry, Completion opcode);
    /// Those that are due, @p most of them. @return how many
    unsigned deliver_due(std::chrono::steady_clock::time_point now, unsigned most);
    bool is_late() const { return !waiting_.empty(); }
    /// How many wait in all queues.
    static std::size_t late() { return late_; }

    std::uint8_t* buffer() const { return buffer_; }
    std::size_t entries() const { return std::size_t{1} << log_size_; }

  private:
    struct Waiting {
        std::chrono::steady_clock::time_point due;
        std::array<std::uint8_t, entry_size> entry;
        Completion opcode;
    };

    std::uint8_t* buffer_;
    unsigned log_size_;
    std::uint8_t* doorbell_;
    std::uint32_t produced_ = 0;
    std::deque<Waiting> waiting_;
    static inline std::size_t late_ = 0;
};

/// A queue of work requests in units of 64 octets.
class SendQueue : public Indexed<SendQueue> {
  public:
    static constexpr std::size_t unit = 64;

    SendQueue(std::uint32_t number, std::uint32_t cqn, std::uint8_t* buffer, unsigned log_size,
              std::uint8_t* doorbell);

    /// What the driver has posted up to and not including, modulo 2^16.
    std::uint16_t posted() const;
    std::uint16_t consumed() const { return consumed_; }
    void consume(unsigned units) { consumed_ = static_cast<std::uint16_t>(consumed_ + units); }

    /// @p size octets from the unit @p index on, around the ring's end.
    void copy(std::uint16_t index, std::size_t offset, void* to, std::size_t size) const;

    /// Tells that everything up to the request at @p index is done.
    void complete(std::uint16_t index, bool failed);
    /// Tells that the request at @p index cannot be done. What follows is flushed until the driver
    /// has reset the queue.
    void fail(std::uint16_t index, std::uint8_t operation, Syndrome syndrome);
    bool can_complete() const;

    void set_state(QueueState state);

    bool ready = false;
    /// After an error, or by command.
    bool in_error = false;
    std::uint32_t cqn() const { return cqn_; }
    /// The memory that is read, for those who must know when it goes.
    std::span<const std::uint8_t> buffer() const { return {buffer_, unit << log_size_}; }
    const std::uint8_t* doorbell() const { return doorbell_; }

  private:
    void complete_as(std::uint16_t index,
                     std::span<std::uint8_t, CompletionQueue::entry_size> entry, Completion opcode);

    std::uint32_t cqn_;
    std::uint8_t* buffer_;
    unsigned log_size_;
    std::uint8_t* doorbell_;
    std::uint16_t consumed_ = 0;
};

/// Where a receive queue's rings lie.
struct ReceiveRing {
    std::uint32_t cqn = 0;
    std::uint8_t* buffer = nullptr;
    unsigned log_size = 0, log_stride = 0;
    std::uint8_t* doorbell = nullptr;
};

/// What the driver asks of a receive queue.
struct ReceiveOptions {
    bool strips_vlan = false;
    bool appends_fcs = false;
    /// That completions give back.
    std::uint32_t user_index = 0;
    /// The queue counter that tells of packets that found no buffer.
    std::uint8_t counter = 0;
};

enum class Delivery { done, queue_not_ready, no_buffer, too_long, protected_memory };

/// Buffers that wait for packets.
class ReceiveQueue : public Indexed<ReceiveQueue> {
  public:
    /// Whether the card may write @p size octets to @p address by the memory key @p key.
    using MayWrite =
        std::function<bool(std::uint32_t key, std::uint64_t address, std::size_t size)>;

    ReceiveQueue(std::uint32_t number, const ReceiveRing& ring, MayWrite may_write);

    /// Puts a packet into the next buffers and completes it with @p entry, of which this fills what
    /// tells length and place. A packet that the buffers cannot take is completed with an error.
    Delivery deliver(std::span<const std::uint8_t> packet,
                     std::span<std::uint8_t, CompletionQueue::entry_size> entry);

    /// Completes the next buffers with an error that stops the queue.
    Delivery fail(std::span<std::uint8_t, CompletionQueue::entry_size> entry);

    void set_state(QueueState state);
    /// Whether the card would write or read there when the next packets come.
    bool uses(const std::uint8_t* start, std::size_t size) const;

    bool ready = false;
    ReceiveOptions options;

  private:
    const std::uint8_t* request() const;
    void finish(CompletionQueue& queue, std::span<std::uint8_t, CompletionQueue::entry_size> entry,
                std::size_t size, Completion opcode);

    ReceiveRing ring_;
    MayWrite may_write_;
    std::uint16_t consumed_ = 0;
};

} // namespace mlx5sim
