// SPDX-License-Identifier: BSD-3-Clause
// One SA at work: on one engine, in one direction.
#pragma once

#include "base/error.h"
#include "ipsec/engine.h"
#include "ipsec/esp_engine.h"
#include "ipsec/esp_headers.h"
#include "ipsec/packet_fault.h"
#include "ipsec/replay_window.h"
#include "ipsec/sa.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

namespace sallyport::ipsec {

enum class Lifetime : std::uint8_t {
    fresh,
    /// Time to rekey.
    soft,
    /// Packets are dropped as lifetime-over.
    hard,
};

/// The data path's calls are for one worker at a time, allocate nothing, take no lock, write no log
/// and throw nothing (but that the crypto driver allocates in the first call of a thread). The rest
/// is for the control thread while the worker runs. The key is wiped once the session stands.
class SaSession {
  public:
    /// @param engine on which the SA is installed, with the same settings
    SaSession(SaSettings settings, std::unique_ptr<EspEngine> engine);
    ~SaSession();
    SaSession(const SaSession&) = delete;
    SaSession& operator=(const SaSession&) = delete;

    /// Outbound (RFC 4303 section 3.3): frames with an IP packet become frames with ESP.
    /// @param packets frames in one segment whose octets are nobody else's, without requests for
    ///        transmit offloads: their order is changed such that those that can be sent come
    ///        first, in order, and refused ones behind
    /// @param faults room for @p count; why refused packets are, at the same index
    /// @param count at most largest_burst
    /// @param l2_length octets of the Ethernet header, with tags
    /// @param port index of the uplink they will leave by; counts with inline engines only. With
    ///        inline protocol the frames stay in clear until the NIC has them
    BurstResult protect(rte_mbuf** packets, PacketFault* faults, std::uint16_t count,
                        std::uint16_t l2_length, std::uint8_t port = 0);

    /// Inbound (RFC 4303 section 3.4): frames with ESP of this SA, whose SPI and destination the
    /// caller has looked up, become frames with the packet in clear. The caller checks that packet
    /// against the SA's selectors (RFC 4301 section 5.2). Octets of refused packets are
    /// unspecified. Parameters as protect().
    BurstResult unprotect(rte_mbuf** packets, PacketFault* faults, std::uint16_t count,
                          std::uint16_t l2_length);

    /// The caller found packets that unprotect() gave it not to be within the selectors: counted
    /// beside what refused them here.
    void count_selector_mismatches(std::uint64_t packets) {
        counters_.of(PacketFault::selector_mismatch).add(packets);
    }

    [[nodiscard]] Engine engine() const { return kind_; }
    /// Without the key.
    [[nodiscard]] const SaSettings& settings() const { return settings_; }
    [[nodiscard]] const SaCounters& counters() const { return counters_; }
    /// Outbound: the number of the next packet. Any thread.
    [[nodiscard]] std::uint64_t next_sequence() const {
        return next_.load(std::memory_order_relaxed);
    }
    /// Inbound: the newest number taken. Any thread.
    [[nodiscard]] std::uint64_t newest_sequence() const {
        return newest_.load(std::memory_order_relaxed);
    }
    /// Outbound: numbers below @p bound may be used, once the state file says so. Never takes back.
    void extend_sequence(std::uint64_t bound);

    /// Whether to rekey, by time and by what was counted. Any thread.
    /// @param now of the TSC
    [[nodiscard]] Lifetime lifetime(std::uint64_t now) const;
    [[nodiscard]] Lifetime lifetime() const;

  private:
    struct Burst;

    [[nodiscard]] bool is_over() const;
    /// Why no more than this many packets may go out; in packets.
    [[nodiscard]] std::uint64_t numbers_left(PacketFault& reason) const;
    [[nodiscard]] bool exceeds(std::uint64_t packets, std::uint64_t octets) const;
    void count(std::uint64_t packets, std::uint64_t octets);
    MaybeFault admit(rte_mbuf* packet, std::uint16_t l2_length, Arrival& arrival) const;
    BurstResult take_from_nic(rte_mbuf** packets, PacketFault* faults, std::uint16_t count,
                              std::uint16_t l2_length);
    MaybeFault accept(const Arrival& arrival, std::uint16_t l2_length, std::uint64_t& packets,
                      std::uint64_t& octets);
    PacketFault refusal(const Arrival& arrival) const;

    SaSettings settings_;
    std::unique_ptr<EspEngine> engine_;
    Engine kind_;
    OutboundHeaders outbound_;
    InboundHeaders inbound_;
    ReplayWindow window_;
    SaCounters counters_;
    std::atomic<std::uint64_t> next_;
    std::atomic<std::uint64_t> newest_;
    std::atomic<std::uint64_t> bound_;
    std::uint64_t made_;
    std::uint64_t cycles_per_second_;
    /// Of the TSC; 0: none.
    std::uint64_t deadline_ = 0;
};

} // namespace sallyport::ipsec
