// SPDX-License-Identifier: BSD-3-Clause
// The whole way of a protected tenant's packets on one lcore between in-memory ports: from the VM
// through fdb, VXLAN and ESP to the uplink, and back; beside the cipher alone in the same run.
// Each figure is the median burst of 32, and the least of five such medians: what else the machine
// does only adds to it. Prints a table in Markdown.
//
//   protected_path_bench [EAL options] [-- out:SIZE=CYCLES in:SIZE=CYCLES ... [only=WAY:SIZE]]
//
// Behind the dashes: what dpdk-test-crypto-perf found on the same core, as run.sh asks it. With
// "only" that row alone, ten times as long: for a profiler.
#include "cipher_cycles.h"
#include "ipsec/engine_choice.h"
#include "support/frames.h"
#include "support/hypervisor.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <limits>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <rte_cryptodev.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>

namespace sallyport::testing {
namespace {

using ipsec::Direction;

constexpr auto algorithm = ipsec::Algorithm::aes_128_gcm;
constexpr std::array<std::size_t, 5> frame_sizes{64, 256, 1440, 3986, 8900};
constexpr int rounds = 5;

datapath::SoftwarePathSettings settings() {
    datapath::SoftwarePathSettings settings = Hypervisor::small_settings();
    settings.underlay_mtu = 9216;
    settings.buffers = 8192;
    settings.buffer_data_room = 9344;
    return settings;
}

struct Result {
    double cycles = 0;
    std::map<std::string, double> by_node;
};

class Bench {
  public:
    Bench(const ipsec::CryptoDevices& devices, std::size_t times)
        : devices_(devices), times_(times), hypervisor_(settings()) {
        overlay::TenantRow row;
        row.vni = 100;
        row.mtu = 9000;
        row.local_vtep = local_vtep4;
        row.is_protected = true;
        row.remote_vteps = {hypervisor_.add_vtep("192.0.2.2")};
        tenant_ = hypervisor_.add_tenant(row);
        vm_ = &hypervisor_.add_vm_port(tenant_, "vm");
        put(1, overlay::VmPortRef{hypervisor_.vm_port_id("vm")});
        put(2, overlay::VtepRef{0});
        const std::vector<std::shared_ptr<ipsec::SaSession>> out{
            session(Direction::outbound, true)};
        check(hypervisor_.path().set_outbound_sas(tenant_, 0, out));
        check(hypervisor_.path().add_inbound_sa(tenant_, 0, session(Direction::inbound, true), 0));
        peer_ = session(Direction::outbound, false);
    }

    Result outbound(std::size_t frame_size) {
        const Octets octets = inner(1, 2, frame_size);
        return measure(*vm_, hypervisor_.uplink(0), octets, frame_size, [](rte_mbuf**) {});
    }
    Result inbound(std::size_t frame_size) {
        const OuterFrame outer{.destination = underlay_mac,
                               .source = next_hop_mac,
                               .source_ip = *net::IpAddress::parse("192.0.2.2"),
                               .destination_ip = local_vtep4};
        const Octets octets = make_vxlan(outer, inner(2, 1, frame_size));
        return measure(hypervisor_.uplink(0), *vm_, octets, frame_size, [this](rte_mbuf** packets) {
            std::array<ipsec::PacketFault, burst> faults{};
            if (peer_->protect(packets, faults.data(), burst, 14).good != burst)
                throw std::runtime_error("the peer lost packets");
        });
    }

  private:
    static void check(const Expected<void>& done) {
        if (!done) throw std::runtime_error(done.error().message());
    }
    void put(std::uint8_t station, overlay::FdbTarget target) {
        hypervisor_.put(overlay::FdbRow{tenant_, mac(station), target, {}});
    }
    static Octets inner(std::uint8_t source, std::uint8_t destination, std::size_t size) {
        InnerFrame inner{.destination = mac(destination), .source = mac(source)};
        inner.payload = size - 14 - 20 - 8;
        return make_frame(inner);
    }
    std::shared_ptr<ipsec::SaSession> session(Direction direction, bool ours) {
        ipsec::SaSettings sa;
        sa.name = "bench";
        sa.spi = (direction == Direction::outbound) == ours ? 0x1000 : 0x2000;
        sa.direction = direction;
        sa.algorithm = algorithm;
        sa.key = ipsec::Secret(ipsec::info(algorithm).key_material());
        std::iota(sa.key.octets().begin(), sa.key.octets().end(), std::uint8_t{1});
        sa.local = ours ? local_vtep4 : *net::IpAddress::parse("192.0.2.2");
        sa.remote = ours ? *net::IpAddress::parse("192.0.2.2") : local_vtep4;
        sa.esn = true;
        ipsec::EngineEnvironment environment;
        environment.devices = &devices_;
        auto installed =
            ipsec::install_sa(std::move(sa), ipsec::Offload(ipsec::Engine::cpu), environment);
        if (!installed) throw std::runtime_error(installed.error().message());
        device = installed->choice.device;
        return std::move(installed->session);
    }

    template<class Prepare>
    Result measure(RingPort& in, RingPort& out, const Octets& octets, std::size_t frame_size,
                   Prepare prepare) {
        const std::size_t walks = times_ * (frame_size > 2000 ? 3000 : 10000);
        std::vector<std::uint64_t> cycles;
        for (std::size_t walk = 0; walk < walks + walks / 10; ++walk) {
            if (walk == walks / 10) {
                hypervisor_.path().reset_counters();
                cycles.clear();
            }
            rte_mbuf* packets[burst];
            if (rte_pktmbuf_alloc_bulk(hypervisor_.path().buffer_pool(), packets, burst) != 0)
                throw std::runtime_error("out of buffers");
            for (rte_mbuf* packet : packets)
                std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(octets.size())),
                            octets.data(), octets.size());
            prepare(packets);
            in.send_bulk(packets, burst);
            const std::uint64_t start = rte_rdtsc_precise();
            hypervisor_.path().walk(0);
            cycles.push_back(rte_rdtsc_precise() - start);
            const unsigned count = out.receive_bulk(packets, burst);
            rte_pktmbuf_free_bulk(packets, count);
            if (count != burst) throw std::runtime_error("lost packets");
        }
        const auto median = cycles.begin() + static_cast<std::ptrdiff_t>(cycles.size() / 2);
        std::nth_element(cycles.begin(), median, cycles.end());
        Result result{static_cast<double>(*median) / burst, {}};
        for (const auto& node : hypervisor_.path().node_counters())
            if (node.packets > 0)
                result.by_node[node.node] =
                    static_cast<double>(node.cycles) / static_cast<double>(walks * burst);
        return result;
    }

    const ipsec::CryptoDevices& devices_;
    /// How much longer than usual.
    std::size_t times_;
    Hypervisor hypervisor_;
    overlay::TenantId tenant_ = 0;
    RingPort* vm_ = nullptr;
    std::shared_ptr<ipsec::SaSession> peer_;

  public:
    /// On which the SAs run.
    std::string device;
};

struct Words {
    /// Cycles a buffer, by "out:1440".
    std::map<std::string, double> yardstick;
    /// "in:1440"; empty: all rows.
    std::string only;
};

Words read_words(const std::vector<std::string>& words) {
    Words read;
    for (const std::string& word : words) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos) throw std::runtime_error(word + " is no WAY:SIZE=CYCLES");
        const std::string key = word.substr(0, equals), value = word.substr(equals + 1);
        if (key == "only")
            read.only = value;
        else
            read.yardstick[key] = std::stod(value);
    }
    return read;
}

void print(const std::string& way, std::size_t size, const Words& words, double cipher,
           const Result& result) {
    const double gigabits =
        static_cast<double>(rte_get_tsc_hz()) / result.cycles * static_cast<double>(size) * 8 / 1e9;
    std::printf("| %-3s | %4zu |", way.c_str(), size);
    if (const auto perf = words.yardstick.find(way + ":" + std::to_string(size));
        perf != words.yardstick.end())
        std::printf(" %6.0f | %.2f |", perf->second, perf->second / result.cycles);
    else
        std::printf(" - | - |");
    std::printf(" %6.0f | %.2f | %6.0f | %6.1f |", cipher, cipher / result.cycles, result.cycles,
                gigabits);
    for (const auto& [node, cycles] : result.by_node)
        if (cycles >= 1)
            std::printf(" %s %.0f", node.substr(sizeof "sallyport-" - 1).c_str(), cycles);
    std::printf(" |\n");
    std::fflush(stdout);
}

void run(const std::vector<std::string>& arguments) {
    const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
    const Words words =
        read_words({dashes == arguments.end() ? dashes : dashes + 1, arguments.end()});
    start_eal({arguments.begin(), dashes});
    const auto devices = ipsec::CryptoDevices::open({});
    if (!devices) throw std::runtime_error(devices.error().message());
    Bench bench(**devices, words.only.empty() ? 1 : 10);
    const int id = rte_cryptodev_get_dev_id(bench.device.c_str());
    if (id < 0) throw std::runtime_error("no device " + bench.device);
    const auto device = static_cast<std::uint8_t>(id);
    std::printf("AES-128-GCM on %s, transport mode, ESN, IPv4\n\n", bench.device.c_str());
    std::printf(
        "| way | octets of the VM's frame | crypto-perf | ratio | cipher alone | ratio | cycles a "
        "packet | Gb/s | cycles by node |\n|---|---|---|---|---|---|---|---|---|\n");
    for (const std::size_t size : frame_sizes) {
        // What ESP encrypts is the VM's frame with UDP and VXLAN headers in front.
        const std::size_t encrypted = size + 50;
        for (const Direction direction : {Direction::outbound, Direction::inbound}) {
            const bool out = direction == Direction::outbound;
            const std::string way = out ? "out" : "in";
            if (!words.only.empty() && words.only != way + ":" + std::to_string(size)) continue;
            double cipher = std::numeric_limits<double>::max();
            Result result{cipher, {}};
            for (int round = 0; round < rounds; ++round) {
                cipher = std::min(
                    cipher, cipher_cycles(**devices, device, algorithm, direction, encrypted));
                const Result next = out ? bench.outbound(size) : bench.inbound(size);
                if (next.cycles < result.cycles) result = next;
            }
            print(way, size, words, cipher, result);
        }
    }
}

} // namespace
} // namespace sallyport::testing

int main(int argc, char** argv) {
    try {
        sallyport::testing::run(std::vector<std::string>(argv + 1, argv + argc));
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << "\n";
        return 1;
    }
}
