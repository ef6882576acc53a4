// SPDX-License-Identifier: BSD-3-Clause
// A protected tenant at full load both ways between in-memory ports, while its keys change at a
// fixed interval: every packet is numbered and looked for, and none may leave in clear. The worker
// runs on a lcore of its own; the calling thread is VM, peer and control thread at once.
//
//   rekey_bench [SECONDS [MILLISECONDS BETWEEN REKEYS]]
#include "ipsec/engine_choice.h"
#include "support/frames.h"
#include "support/hypervisor.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>

#include <rte_mbuf.h>

namespace sallyport::testing {
namespace {

using ipsec::Direction;
using Clock = std::chrono::steady_clock;

constexpr unsigned burst = 32;
/// Packets under way in one direction: what fits the ports' rings.
constexpr std::uint64_t most_under_way = 512;
constexpr std::size_t frame_size = 256;
constexpr std::size_t ethernet = 14;
constexpr std::size_t spi_at = ethernet + 20;

/// Numbered packets of one direction; they stay in order.
struct Flow {
    std::uint64_t sent = 0;
    std::uint64_t arrived = 0;
    std::uint64_t lost = 0;
    /// That should come next.
    std::uint64_t expected = 0;

    [[nodiscard]] bool has_room() const { return sent - expected + burst <= most_under_way; }
    void arrive(std::uint64_t number) {
        if (number < expected) throw std::runtime_error("a packet came twice, or too late");
        lost += number - expected;
        expected = number + 1;
        ++arrived;
    }
};

void check(const Expected<void>& done) {
    if (!done) throw std::runtime_error(done.error().message());
}

datapath::SoftwarePathSettings settings() {
    datapath::SoftwarePathSettings settings = Hypervisor::small_settings();
    settings.worker_lcores = {1};
    return settings;
}

class RekeyedLoad {
  public:
    explicit RekeyedLoad(const ipsec::CryptoDevices& devices)
        : devices_(devices), hypervisor_(settings()) {
        overlay::TenantRow row;
        row.vni = 100;
        row.mtu = 1500;
        row.local_vtep = local_vtep4;
        row.is_protected = true;
        row.remote_vteps = {hypervisor_.add_vtep("192.0.2.2")};
        tenant_ = hypervisor_.add_tenant(row);
        vm_ = &hypervisor_.add_vm_port(tenant_, "vm");
        put(1, overlay::VmPortRef{hypervisor_.vm_port_id("vm")});
        put(2, overlay::VtepRef{0});
        rekey();
        rekeys = 0;
        const OuterFrame outer{.destination = underlay_mac,
                               .source = next_hop_mac,
                               .source_ip = *net::IpAddress::parse("192.0.2.2"),
                               .destination_ip = local_vtep4};
        from_vm_ = inner(1, 2);
        from_peer_ = make_vxlan(outer, inner(2, 1));
    }

    void run(std::chrono::milliseconds duration, std::chrono::milliseconds interval) {
        check(hypervisor_.path().start());
        const auto start = Clock::now();
        for (auto now = start, last = start; now < start + duration; now = Clock::now()) {
            if (now >= last + interval && former_have_left()) {
                rekey();
                last = now;
            }
            exchange(true);
        }
        seconds = std::chrono::duration<double>(Clock::now() - start).count();
        // What is lost does not come; what is under way does.
        const auto patience = Clock::now() + std::chrono::seconds(2);
        while ((out.expected < out.sent || in.expected < in.sent) && Clock::now() < patience)
            exchange(false);
        hypervisor_.path().stop();
        out.lost += out.sent - out.expected;
        in.lost += in.sent - in.expected;
        for (const auto count : hypervisor_.path().drops())
            drops += count;
    }

    Flow out;
    Flow in;
    std::uint64_t in_clear = 0;
    std::uint64_t unknown = 0;
    std::uint64_t drops = 0;
    unsigned rekeys = 0;
    double seconds = 0;

  private:
    void put(std::uint8_t station, overlay::FdbTarget target) {
        hypervisor_.put(overlay::FdbRow{tenant_, mac(station), target, {}});
    }
    static Octets inner(std::uint8_t source, std::uint8_t destination) {
        InnerFrame inner{.destination = mac(destination), .source = mac(source)};
        inner.payload = frame_size - ethernet - 20 - 8;
        return make_frame(inner);
    }
    std::shared_ptr<ipsec::SaSession> session(Direction direction, bool ours, std::uint32_t spi) {
        ipsec::SaSettings sa;
        sa.name = "bench";
        sa.spi = spi;
        sa.direction = direction;
        sa.key = ipsec::Secret(ipsec::info(sa.algorithm).key_material());
        // A key for each SPI.
        std::memcpy(sa.key.octets().data(), &spi, sizeof spi);
        sa.local = ours ? local_vtep4 : *net::IpAddress::parse("192.0.2.2");
        sa.remote = ours ? *net::IpAddress::parse("192.0.2.2") : local_vtep4;
        sa.esn = true;
        sa.replay_window = 1024;
        ipsec::EngineEnvironment environment;
        environment.devices = &devices_;
        auto installed =
            ipsec::install_sa(std::move(sa), ipsec::Offload(ipsec::Engine::cpu), environment);
        if (!installed) throw std::runtime_error(installed.error().message());
        return std::move(installed->session);
    }

    /// Make before break, as the control thread has it; former inbound SAs stay until the next
    /// time.
    void rekey() {
        const std::uint32_t out_spi = 0x1000 + 2 * generation_;
        const std::uint32_t in_spi = out_spi + 1;
        ++generation_;
        if (generation_ > 2) {
            hypervisor_.path().remove_inbound_sa(in_spi - 4);
            peer_takes_.erase(out_spi - 4);
        }
        peer_takes_[out_spi] = session(Direction::inbound, false, out_spi);
        check(hypervisor_.path().add_inbound_sa(tenant_, 0,
                                                session(Direction::inbound, true, in_spi), 0));
        const std::vector<std::shared_ptr<ipsec::SaSession>> sends{
            session(Direction::outbound, true, out_spi)};
        check(hypervisor_.path().set_outbound_sas(tenant_, 0, sends));
        peer_sends_ = session(Direction::outbound, false, in_spi);
        out_at_rekey_ = out.sent;
        in_at_rekey_ = in.sent;
        ++rekeys;
    }

    /// What was under way at the last rekey: the grace time, as it were.
    [[nodiscard]] bool former_have_left() const {
        return out.expected >= out_at_rekey_ && in.expected >= in_at_rekey_;
    }

    void exchange(bool sends) {
        if (sends && out.has_room()) send(from_vm_, out, *vm_, nullptr);
        if (sends && in.has_room()) send(from_peer_, in, hypervisor_.uplink(0), peer_sends_.get());
        take_at_peer();
        take_at_vm();
    }

    void send(const Octets& frame, Flow& flow, RingPort& port, ipsec::SaSession* by) {
        rte_mbuf* packets[burst];
        if (rte_pktmbuf_alloc_bulk(hypervisor_.path().buffer_pool(), packets, burst) != 0)
            throw std::runtime_error("out of buffers");
        for (rte_mbuf* packet : packets) {
            char* const octets =
                rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
            std::memcpy(octets, frame.data(), frame.size());
            std::memcpy(octets + frame.size() - sizeof flow.sent, &flow.sent, sizeof flow.sent);
            ++flow.sent;
        }
        std::array<ipsec::PacketFault, burst> faults{};
        if (by != nullptr && by->protect(packets, faults.data(), burst, ethernet).good != burst)
            throw std::runtime_error("the peer lost packets");
        port.send_bulk(packets, burst);
    }

    static void note(Flow& flow, rte_mbuf* packet) {
        std::uint64_t number = 0;
        std::memcpy(&number,
                    rte_pktmbuf_mtod_offset(packet, char*, packet->data_len - sizeof number),
                    sizeof number);
        flow.arrive(number);
    }
    void take_at_vm() {
        rte_mbuf* packets[burst];
        const unsigned count = vm_->receive_bulk(packets, burst);
        for (unsigned i = 0; i < count; ++i)
            note(in, packets[i]);
        rte_pktmbuf_free_bulk(packets, count);
    }
    void take_at_peer() {
        rte_mbuf* packets[burst];
        const unsigned count = hypervisor_.uplink(0).receive_bulk(packets, burst);
        for (unsigned i = 0; i < count; ++i) {
            const auto* const octets = rte_pktmbuf_mtod(packets[i], const std::uint8_t*);
            std::uint32_t spi = 0;
            std::memcpy(&spi, octets + spi_at, sizeof spi);
            const auto by = peer_takes_.find(rte_be_to_cpu_32(spi));
            if (octets[23] != IPPROTO_ESP || by == peer_takes_.end()) {
                ++(octets[23] != IPPROTO_ESP ? in_clear : unknown);
                continue;
            }
            ipsec::PacketFault fault{};
            if (by->second->unprotect(&packets[i], &fault, 1, ethernet).good == 1)
                note(out, packets[i]);
        }
        rte_pktmbuf_free_bulk(packets, count);
    }

    const ipsec::CryptoDevices& devices_;
    Hypervisor hypervisor_;
    overlay::TenantId tenant_ = 0;
    RingPort* vm_ = nullptr;
    Octets from_vm_;
    Octets from_peer_;
    std::map<std::uint32_t, std::shared_ptr<ipsec::SaSession>> peer_takes_;
    std::shared_ptr<ipsec::SaSession> peer_sends_;
    std::uint32_t generation_ = 0;
    std::uint64_t out_at_rekey_ = 0;
    std::uint64_t in_at_rekey_ = 0;
};

bool run(std::chrono::seconds duration, std::chrono::milliseconds interval) {
    start_eal({"--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m", "768",
               "--log-level=warning", "--lcores", "0@0-1,1@0-1"});
    const auto devices = ipsec::CryptoDevices::open({});
    if (!devices) throw std::runtime_error(devices.error().message());
    RekeyedLoad load(**devices);
    load.run(duration, interval);
    std::printf("%u rekeys in %.1f s, frames of %zu octets\n\n"
                "| way | sent | arrived | lost | a second |\n|---|---|---|---|---|\n",
                load.rekeys, load.seconds, frame_size);
    for (const auto& [way, flow] : {std::pair{"out", load.out}, {"in", load.in}})
        std::printf("| %s | %lu | %lu | %lu | %.0f |\n", way, flow.sent, flow.arrived, flow.lost,
                    static_cast<double>(flow.arrived) / load.seconds);
    std::printf("\nin clear: %lu; by an SA that the peer has not: %lu; dropped: %lu\n",
                load.in_clear, load.unknown, load.drops);
    return load.out.lost + load.in.lost + load.in_clear + load.unknown + load.drops == 0
           && load.rekeys > 0 && load.out.arrived == load.out.sent
           && load.in.arrived == load.in.sent;
}

} // namespace
} // namespace sallyport::testing

int main(int argc, char** argv) {
    try {
        const std::chrono::seconds duration(argc > 1 ? std::stol(argv[1]) : 5);
        const std::chrono::milliseconds interval(argc > 2 ? std::stol(argv[2]) : 1000);
        return sallyport::testing::run(duration, interval) ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << "\n";
        return 2;
    }
}
