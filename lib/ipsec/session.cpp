// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/session.h"

#include "ipsec/ip_packet.h"
#include "ipsec/library_sa.h"

#include <algorithm>
#include <array>
#include <limits>

#include <rte_cycles.h>

namespace sallyport::ipsec {

/// Sorts the packets of a call: those still under way, and those refused.
struct SaSession::Burst {
    std::array<rte_mbuf*, largest_burst> under_way;
    std::uint16_t count = 0;
    std::array<rte_mbuf*, largest_burst> refused;
    std::array<PacketFault, largest_burst> faults;
    std::uint16_t refusals = 0;

    void refuse(rte_mbuf* packet, PacketFault fault) {
        refused[refusals] = packet;
        faults[refusals++] = fault;
    }
    BurstResult hand_back(rte_mbuf** packets, PacketFault* reasons, std::uint16_t good,
                          SaCounters& counters) {
        std::copy_n(under_way.begin(), good, packets);
        std::copy_n(refused.begin(), refusals, packets + good);
        std::copy_n(faults.begin(), refusals, reasons + good);
        for (std::uint16_t i = 0; i < refusals; ++i)
            counters.of(faults[i]).add(1);
        return {good, refusals};
    }
};

namespace {

BurstResult refuse_all(PacketFault fault, PacketFault* faults, std::uint16_t count,
                       SaCounters& counters) {
    std::fill_n(faults, count, fault);
    counters.of(fault).add(count);
    return {0, count};
}

bool reached(std::uint64_t value, std::uint64_t limit) {
    return limit != 0 && value >= limit;
}

} // namespace

SaSession::SaSession(SaSettings settings, std::unique_ptr<EspEngine> engine)
    : settings_(std::move(settings)), engine_(std::move(engine)), kind_(engine_->kind()),
      outbound_(settings_, scratch_of(info(settings_.algorithm))),
      inbound_(settings_, scratch_of(info(settings_.algorithm)), is_inline(kind_)),
      window_(settings_.replay_window, settings_.first_sequence), next_(settings_.first_sequence),
      newest_(settings_.first_sequence - 1),
      bound_(settings_.sequence_bound == 0 ? std::numeric_limits<std::uint64_t>::max()
                                           : settings_.sequence_bound),
      made_(rte_rdtsc()), cycles_per_second_(rte_get_tsc_hz()) {
    settings_.key = Secret();
    if (settings_.hard.seconds != 0)
        deadline_ = made_ + settings_.hard.seconds * cycles_per_second_;
}

SaSession::~SaSession() = default;

void SaSession::extend_sequence(std::uint64_t bound) {
    if (bound > bound_.load(std::memory_order_relaxed))
        bound_.store(bound, std::memory_order_release);
}

bool SaSession::is_over() const {
    return (deadline_ != 0 && rte_rdtsc() >= deadline_)
           || reached(counters_.packets.read(), settings_.hard.packets)
           || reached(counters_.octets.read(), settings_.hard.octets);
}

Lifetime SaSession::lifetime(std::uint64_t now) const {
    const std::uint64_t age = now > made_ ? (now - made_) / cycles_per_second_ : 0;
    const std::uint64_t packets = counters_.packets.read(), octets = counters_.octets.read();
    const auto over = [&](const LifetimeLimits& limits) {
        return reached(age, limits.seconds) || reached(octets, limits.octets)
               || reached(packets, limits.packets);
    };
    if (over(settings_.hard)) return Lifetime::hard;
    return over(settings_.soft) ? Lifetime::soft : Lifetime::fresh;
}

Lifetime SaSession::lifetime() const {
    return lifetime(rte_rdtsc());
}

std::uint64_t SaSession::numbers_left(PacketFault& reason) const {
    const std::uint64_t next = next_.load(std::memory_order_relaxed);
    const std::uint64_t last = last_sequence(settings_.esn);
    const std::uint64_t possible = next > last ? 0 : last - next + 1;
    const std::uint64_t bound = bound_.load(std::memory_order_acquire);
    const std::uint64_t reserved = bound > next ? bound - next : 0;
    reason =
        possible <= reserved ? PacketFault::sequence_exhausted : PacketFault::sequence_not_reserved;
    return std::min(possible, reserved);
}

bool SaSession::exceeds(std::uint64_t packets, std::uint64_t octets) const {
    const LifetimeLimits& hard = settings_.hard;
    return (hard.packets != 0 && counters_.packets.read() + packets > hard.packets)
           || (hard.octets != 0 && counters_.octets.read() + octets > hard.octets);
}

void SaSession::count(std::uint64_t packets, std::uint64_t octets) {
    counters_.packets.add(packets);
    counters_.octets.add(octets);
}

BurstResult SaSession::protect(rte_mbuf** packets, PacketFault* faults, std::uint16_t count,
                               std::uint16_t l2_length, std::uint8_t port) {
    if (is_over()) return refuse_all(PacketFault::lifetime_over, faults, count, counters_);
    if (!engine_->sits_on(port))
        return refuse_all(PacketFault::engine_failure, faults, count, counters_);
    const bool whole_in_nic = kind_ == Engine::inline_protocol;
    Burst burst;
    PacketFault no_number{};
    const std::uint64_t numbers = numbers_left(no_number);
    std::uint64_t octets = 0;
    for (std::uint16_t i = 0; i < count; ++i) {
        std::uint32_t length = 0;
        MaybeFault fault = whole_in_nic ? outbound_.admit_for_nic(packets[i], l2_length, length)
                                        : outbound_.admit(packets[i], l2_length, length);
        if (!fault && burst.count >= numbers) fault = no_number;
        if (!fault && exceeds(burst.count + 1U, octets + length))
            fault = PacketFault::lifetime_over;
        if (fault) {
            burst.refuse(packets[i], *fault);
            continue;
        }
        octets += length;
        burst.under_way[burst.count++] = packets[i];
    }
    if (burst.count == 0) return burst.hand_back(packets, faults, 0, counters_);

    // Used up whatever comes of them: a number that may have been on the wire is not used again.
    next_.store(next_.load(std::memory_order_relaxed) + burst.count, std::memory_order_relaxed);
    const BurstResult done = engine_->run(burst.under_way.data(), burst.count);
    for (std::uint16_t i = 0; i < done.good && !whole_in_nic; ++i)
        outbound_.finish(burst.under_way[i], l2_length);
    const std::uint16_t sendable = engine_->complete(burst.under_way.data(), done.good, port);
    for (std::uint16_t i = sendable; i < done.good + done.refused; ++i)
        burst.refuse(burst.under_way[i], PacketFault::engine_failure);
    counters_.of(PacketFault::engine_failure).add(burst.count - done.good - done.refused);
    this->count(burst.count, octets);
    return burst.hand_back(packets, faults, sendable, counters_);
}

PacketFault SaSession::refusal(const Arrival& arrival) const {
    const std::uint64_t flags = arrival.packet->ol_flags;
    if ((flags & RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED) != 0) return PacketFault::bad_icv;
    // Not decrypted by the NIC that should have: not authenticated either.
    if (kind_ == Engine::inline_crypto && (flags & RTE_MBUF_F_RX_SEC_OFFLOAD) == 0)
        return PacketFault::engine_failure;
    switch (window_.check(arrival.sequence)) {
    case ReplayWindow::Verdict::replayed:
        return PacketFault::replayed;
    case ReplayWindow::Verdict::outside:
        return PacketFault::outside_window;
    case ReplayWindow::Verdict::fresh:
        break;
    }
    return inbound_.trailer_fault(arrival.packet);
}

MaybeFault SaSession::accept(const Arrival& arrival, std::uint16_t l2_length,
                             std::uint64_t& packets, std::uint64_t& octets) {
    // Again, and now for good: the same number may be twice in one burst.
    const ReplayWindow::Verdict verdict = window_.accept(arrival.sequence);
    if (verdict == ReplayWindow::Verdict::replayed) return PacketFault::replayed;
    if (verdict == ReplayWindow::Verdict::outside) return PacketFault::outside_window;
    std::uint32_t length = 0;
    if (const MaybeFault fault = inbound_.finish(arrival, l2_length, length)) return fault;
    if (exceeds(packets + 1, octets + length)) return PacketFault::lifetime_over;
    ++packets;
    octets += length;
    return std::nullopt;
}

MaybeFault SaSession::admit(rte_mbuf* packet, std::uint16_t l2_length, Arrival& arrival) const {
    if (const MaybeFault fault = inbound_.admit(packet, l2_length, arrival)) return fault;
    // librte_ipsec takes it for a failure of our cipher.
    if (!is_inline(kind_)) packet->ol_flags &= ~RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED;
    arrival.sequence = settings_.esn ? window_.whole(arrival.low_sequence) : arrival.low_sequence;
    const ReplayWindow::Verdict verdict = window_.check(arrival.sequence);
    if (verdict == ReplayWindow::Verdict::replayed) return PacketFault::replayed;
    if (verdict == ReplayWindow::Verdict::outside) return PacketFault::outside_window;
    return std::nullopt;
}

BurstResult SaSession::take_from_nic(rte_mbuf** packets, PacketFault* faults, std::uint16_t count,
                                     std::uint16_t l2_length) {
    Burst burst;
    std::uint64_t octets = 0;
    for (std::uint16_t i = 0; i < count; ++i) {
        std::uint32_t length = 0;
        MaybeFault fault = inbound_.admit_from_nic(packets[i], l2_length, length);
        if (!fault && exceeds(burst.count + 1U, octets + length))
            fault = PacketFault::lifetime_over;
        if (fault) {
            burst.refuse(packets[i], *fault);
            continue;
        }
        octets += length;
        burst.under_way[burst.count++] = packets[i];
    }
    this->count(burst.count, octets);
    return burst.hand_back(packets, faults, burst.count, counters_);
}

BurstResult SaSession::unprotect(rte_mbuf** packets, PacketFault* faults, std::uint16_t count,
                                 std::uint16_t l2_length) {
    if (is_over()) return refuse_all(PacketFault::lifetime_over, faults, count, counters_);
    if (kind_ == Engine::inline_protocol) return take_from_nic(packets, faults, count, l2_length);
    Burst burst;
    std::array<Arrival, largest_burst> arrivals;
    for (std::uint16_t i = 0; i < count; ++i) {
        Arrival& arrival = arrivals[burst.count];
        const MaybeFault fault = admit(packets[i], l2_length, arrival);
        if (fault)
            burst.refuse(packets[i], *fault);
        else
            burst.under_way[burst.count++] = packets[i];
    }
    if (burst.count == 0) return burst.hand_back(packets, faults, 0, counters_);

    const std::uint16_t admitted = burst.count;
    std::array<rte_mbuf*, largest_burst> done;
    std::copy_n(burst.under_way.begin(), admitted, done.begin());
    const BurstResult result = engine_->run(done.data(), admitted);
    std::uint64_t taken = 0, octets = 0;
    std::uint16_t good = 0, next = 0;
    for (std::uint16_t i = 0; i < admitted; ++i) {
        const Arrival& arrival = arrivals[i];
        MaybeFault fault;
        if (next < result.good && done[next] == arrival.packet) {
            ++next;
            fault = accept(arrival, l2_length, taken, octets);
        } else if (std::find(done.begin() + result.good,
                             done.begin() + result.good + result.refused, arrival.packet)
                   == done.begin() + result.good + result.refused) {
            counters_.of(PacketFault::engine_failure).add(1);
            continue;
        } else {
            fault = refusal(arrival);
        }
        if (fault)
            burst.refuse(arrival.packet, *fault);
        else
            burst.under_way[good++] = arrival.packet;
    }
    this->count(taken, octets);
    newest_.store(window_.newest(), std::memory_order_relaxed);
    return burst.hand_back(packets, faults, good, counters_);
}

} // namespace sallyport::ipsec
