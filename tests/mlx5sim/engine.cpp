// SPDX-License-Identifier: BSD-3-Clause
#include "engine.h"

#include "caps.h"
#include "eswitch.h"
#include "export.h"
#include "faults.h"
#include "fields.h"
#include "memory_keys.h"
#include "queues.h"
#include "steering.h"
#include "topology.h"
#include "transmit.h"
#include "world.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>

namespace mlx5sim {

namespace {

/// Operations of work requests.
constexpr std::uint8_t operation_no = 0x00, operation_table_access = 0x2c, operation_aso = 0x2d;
/// Of the access to tables: an entry, arguments.
constexpr std::uint8_t modifier_entry = 0, modifier_argument = 1;
/// Of the access to ASO objects.
constexpr std::uint8_t modifier_meter = 2;
constexpr Field data_mask{0x140, 64};

/// The first 16 octets of a work request.
struct Control {
    std::uint8_t operation = 0, modifier = 0;
    std::uint16_t index = 0;
    /// In units of 16 octets, this segment included.
    unsigned segments = 0;
    bool completes = false;
    std::uint32_t immediate = 0;

    Control(const SendQueue& queue, std::uint16_t at) {
        std::array<std::uint8_t, 16> octets{};
        queue.copy(at, 0, octets.data(), octets.size());
        modifier = octets[0];
        index = at;
        operation = octets[3];
        segments = octets[7] & 0x3f;
        constexpr std::uint8_t completion_mask = 0x0c, always = 0x08;
        completes = (octets[11] & completion_mask) == always;
        immediate = load32(octets.data() + 12);
    }
    unsigned units() const { return std::max(1U, (segments + 3) / 4); }
};

bool do_table_access(const SendQueue& queue, const Control& control) {
    std::array<std::uint8_t, 48> table{};
    std::array<std::uint8_t, 64> data{};
    queue.copy(control.index, 16, table.data(), table.size());
    queue.copy(control.index, 64, data.data(), data.size());
    switch (control.modifier) {
    case modifier_entry:
        return write_entry(control.immediate, table, data);
    case modifier_argument:
        return write_argument(control.immediate, data);
    default:
        refuse("TBL_ACCESS: the modifier %u is not simulated", control.modifier);
    }
}

// Reads four counters, each two words of 64 bits, to where the request says.
void read_counters(std::uint32_t group, std::uint8_t* to) {
    const std::uint32_t first = group * 4;
    const Counters* const counters = find_range<Counters>(first);
    if (counters == nullptr) refuse("ACCESS_ASO: there is no counter %u", first);
    for (std::uint32_t i = 0; i < 4; ++i) {
        const Counters::Count& count = counters->list[first - counters->id + i];
        set(to + 16 * i, Field{0, 64}, count.packets);
        set(to + 16 * i, Field{64, 64}, count.octets);
    }
}

// The mask has a bit for each octet, the highest for the first.
void write_meters(std::uint32_t object, std::uint64_t mask,
                  std::span<const std::uint8_t, 2 * Meter::size> data) {
    Meters* const meters = find_range<Meters>(object);
    if (meters == nullptr) refuse("ACCESS_ASO: there is no meter %u", object);
    const std::uint32_t first = (object - meters->id) * 2;
    std::array<bool, 2> written{};
    for (std::size_t i = 0; i < data.size(); ++i) {
        if ((mask >> (data.size() - 1 - i) & 1) == 0) continue;
        meters->list[first + i / Meter::size].parameters[i % Meter::size] = data[i];
        written[i / Meter::size] = true;
    }
    for (std::size_t i = 0; i < written.size(); ++i)
        if (written[i]) meters->list[first + i].set_up(Meter::Clock::now());
}

void do_aso(const SendQueue& queue, const Control& control) {
    std::array<std::uint8_t, 48> aso{};
    std::array<std::uint8_t, 64> data{};
    queue.copy(control.index, 16, aso.data(), aso.size());
    queue.copy(control.index, 64, data.data(), data.size());
    const std::uint64_t address = get(aso.data(), Field{0, 64}) & ~std::uint64_t{1};
    switch (control.modifier) {
    case counter_access_operation:
        return read_counters(control.immediate, reinterpret_cast<std::uint8_t*>(address));
    case modifier_meter:
        return write_meters(control.immediate, get(aso.data(), data_mask), data);
    default:
        refuse("ACCESS_ASO: the modifier %u is not simulated", control.modifier);
    }
}

Syndrome do_send(const SendQueue& queue, const Control& control) {
    thread_local std::vector<std::uint8_t> request;
    request.resize(control.segments * std::size_t{16});
    queue.copy(control.index, 0, request.data(), request.size());
    return send_packets(request, control.operation, covers,
                        [&](const FrameBuffer& packet) { enter_from_queue(queue.id, packet); });
}

// Of requests after an error, those tell that want a completion in any case.
bool flush_request(SendQueue& queue) {
    if (queue.posted() == queue.consumed() || !queue.can_complete()) return false;
    const Control control(queue, queue.consumed());
    queue.consume(control.units());
    if (control.completes) queue.fail(control.index, control.operation, Syndrome::flushed);
    return true;
}

bool is_held(const Control& control) {
    return faults().counters_held && control.operation == operation_aso
           && control.modifier == counter_access_operation;
}

bool is_broken(const Control& control) {
    switch (control.operation) {
    case operation_table_access:
        return faults().table_queues.draw();
    case operation_send:
    case operation_segment:
    case operation_many_packets:
        return faults().send_queues.draw();
    default:
        return false;
    }
}

/// Does one request. False: there is none that can be done, or its completion has no room.
bool do_request(SendQueue& queue) {
    if (queue.in_error) return flush_request(queue);
    if (!queue.ready || queue.posted() == queue.consumed() || !queue.can_complete()) return false;
    const Control control(queue, queue.consumed());
    if (is_held(control)) return false;
    if (is_broken(control)) {
        queue.consume(control.units());
        queue.fail(control.index, control.operation, Syndrome::operation);
        return true;
    }
    bool done = true;
    auto wrong = Syndrome::none;
    switch (control.operation) {
    case operation_no:
        break;
    case operation_table_access:
        done = do_table_access(queue, control);
        break;
    case operation_aso:
        do_aso(queue, control);
        break;
    case operation_send:
    case operation_segment:
    case operation_many_packets:
        wrong = do_send(queue, control);
        break;
    default:
        refuse("the operation 0x%x of a work request is not simulated", control.operation);
    }
    queue.consume(control.units());
    if (wrong != Syndrome::none)
        queue.fail(control.index, control.operation, wrong);
    else if (control.completes || !done)
        queue.complete(control.index, !done);
    return true;
}

unsigned do_requests() {
    constexpr unsigned burst = 64;
    unsigned done = 0;
    const std::lock_guard guard(card_lock());
    for (const auto& [id, queue] : SendQueue::all())
        for (unsigned i = 0; i < burst && do_request(*queue); ++i)
            ++done;
    return done;
}

// A millisecond's share of what faults have put off.
unsigned deliver_late() {
    const std::lock_guard guard(card_lock());
    if (CompletionQueue::late() == 0) return 0;
    // All of them at once when the faults are over.
    const auto due = faults().completions_are_late() ? std::chrono::steady_clock::now()
                                                     : std::chrono::steady_clock::time_point::max();
    unsigned delivered = 0;
    for (const auto& [id, queue] : CompletionQueue::all())
        delivered += queue->deliver_due(due, faults().completions_at_once);
    return delivered;
}

void wait_for_nobody(std::chrono::microseconds time) {
    const timespec left{0, std::chrono::nanoseconds(time).count()};
    ppoll(nullptr, 0, &left, nullptr);
}

void do_all_requests() {
    while (do_requests() > 0)
        continue;
}

// The longer nothing comes, the longer the nap: an idle card is to cost no processor. Behind
// packets comes one that no packet ends, as a card moderates its interrupts: else the sender would
// wake us for each, and that costs several times what the packet does.
void run() {
    using namespace std::chrono_literals;
    constexpr auto longest = 1000us, moderation = 50us;
    auto nap = 0us;
    bool has_carried = false;
    // Else each nap is longer by 50 us.
    prctl(PR_SET_TIMERSLACK, 1);
    for (;;) {
        const unsigned done = do_requests(), carried = poll_world();
        const unsigned delivered = deliver_late();
        has_carried |= carried > 0;
        if (delivered == 0 && done + carried > 0) {
            nap = 0us;
            continue;
        }
        if (std::exchange(has_carried, false)) wait_for_nobody(moderation);
        if (delivered > 0) nap = longest;
        // By a quarter: what comes after a while waits for a fifth of that more.
        nap = std::min(nap + nap / 4 + 5us, std::chrono::microseconds(longest));
        wait_for_world(nap);
    }
}

std::atomic<bool> started = false;

} // namespace

void start_engine() {
    static std::once_flag once;
    std::call_once(once, [] {
        started = true;
        std::thread thread(run);
        pthread_setname_np(thread.native_handle(), "mlx5sim");
        thread.detach();
    });
}

} // namespace mlx5sim

using namespace mlx5sim;

// The driver waits five times 20 ms for its own rules and five times 10 us for what is under way
// when a port ends, and falls over what is late. On a busy machine our thread may not run for as
// long; a card would. EAL sleeps by the one function, the C library's usleep() by the other.
MLX5SIM_EXPORT int nanosleep(const timespec* time, timespec* left) {
    if (started) do_all_requests();
    return MLX5SIM_NEXT(nanosleep)(time, left);
}

MLX5SIM_EXPORT int clock_nanosleep(clockid_t clock, int flags, const timespec* time,
                                   timespec* left) {
    constexpr long longest = 10'000;
    const bool is_short = flags == 0 && time->tv_sec == 0 && time->tv_nsec <= longest;
    if (started && is_short) do_all_requests();
    return MLX5SIM_NEXT(clock_nanosleep)(clock, flags, time, left);
}

// EAL gives its memory back at the end of a process whether queues stand in it or not.
MLX5SIM_EXPORT int munmap(void* address, std::size_t size) noexcept {
    const auto* const start = static_cast<const std::uint8_t*>(address);
    const auto lies_in = [&](const std::uint8_t* at) { return at >= start && at < start + size; };
    {
        const std::lock_guard guard(card_lock());
        for (const auto& [id, queue] : SendQueue::all())
            if (lies_in(queue->buffer().data()) || lies_in(queue->doorbell()))
                queue->ready = queue->in_error = false;
        // Of one that is not ready, the ring may have gone before.
        for (const auto& [id, queue] : ReceiveQueue::all())
            if (queue->ready && queue->uses(start, size)) queue->ready = false;
    }
    return MLX5SIM_NEXT(munmap)(address, size);
}
