// SPDX-License-Identifier: BSD-3-Clause
#include "control/failover_probe.h"

#include "underlay/probe_socket.h"

#include <array>
#include <optional>
#include <random>
#include <utility>

#include <poll.h>
#include <sys/prctl.h>

namespace sallyport::control {

namespace {

using failover::Clock;
using failover::TimePoint;

/// Numbers enough for a quarter of an hour at 10,000 packets a second, in about a megabyte.
constexpr std::size_t most_packets = 9'000'000;
constexpr std::chrono::milliseconds linger{500};

std::uint64_t random_number() {
    std::random_device random;
    return (std::uint64_t{random()} << 32U) | random();
}

timespec timespec_of(Clock::duration time) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
    return {seconds.count(), std::chrono::nanoseconds(time - seconds).count()};
}

} // namespace

/// The thread's own part.
class FailoverProbe::Sender {
  public:
    Sender(FailoverProbe& probe, underlay::ProbeSocket socket)
        : probe_(probe), socket_(std::move(socket)),
          interval_(std::chrono::nanoseconds(1'000'000'000 / probe.plan_.packets_per_second)) {
        ends_.peer = probe.plan_.peer;
        ends_.peer_port = probe.plan_.port;
        ends_.local.family = ends_.peer.family;
    }

    void run() {
        // Else each wait may be 50 microseconds longer.
        ::prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
        TimePoint due = Clock::now();
        while (!probe_.aborted_ && !probe_.finishing_) {
            if (!send()) break;
            due += interval_;
            wait_until(due);
        }
        wait_until(Clock::now() + linger);
        probe_.finished_ = true;
    }

  private:
    /// @return false: the numbers are used up
    bool send() {
        std::optional<net::ProbePacket> packet;
        {
            const std::lock_guard lock(probe_.mutex_);
            packet = probe_.stream_.next(Clock::now());
        }
        if (packet) socket_.send(net::write_probe_packet(*packet), ends_);
        return packet.has_value();
    }
    /// Takes answers meanwhile.
    void wait_until(TimePoint due) {
        for (;;) {
            receive();
            const auto left = due - Clock::now();
            if (left <= Clock::duration::zero() || probe_.aborted_) return;
            pollfd readable{socket_.fd(), POLLIN, 0};
            const timespec timeout = timespec_of(std::min<Clock::duration>(left, linger / 5));
            ::ppoll(&readable, 1, &timeout, nullptr);
        }
    }
    void receive() {
        std::array<std::uint8_t, net::probe_packet_length> buffer;
        while (const auto datagram = socket_.receive(buffer)) {
            if (datagram->ends.peer != ends_.peer) continue;
            const auto packet = net::parse_probe_packet(datagram->octets);
            const std::lock_guard lock(probe_.mutex_);
            if (packet) probe_.stream_.receive(*packet, Clock::now());
        }
    }

    FailoverProbe& probe_;
    underlay::ProbeSocket socket_;
    underlay::DatagramEnds ends_;
    Clock::duration interval_;
};

FailoverProbe::FailoverProbe(const ProbePlan& plan)
    : plan_(plan), stream_(random_number(), most_packets) {}

Expected<std::unique_ptr<FailoverProbe>> FailoverProbe::start(const ProbePlan& plan) {
    auto socket = underlay::ProbeSocket::open(0, "");
    if (!socket) return tl::unexpected(socket.error());
    std::unique_ptr<FailoverProbe> probe(new FailoverProbe(plan));
    auto sender = std::make_unique<Sender>(*probe, std::move(*socket));
    probe->thread_ = std::thread([sender = std::move(sender)] { sender->run(); });
    return probe;
}

FailoverProbe::~FailoverProbe() {
    aborted_ = true;
    if (thread_.joinable()) thread_.join();
}

failover::ProbeReport FailoverProbe::report() const {
    const std::lock_guard lock(mutex_);
    return stream_.report();
}

} // namespace sallyport::control
