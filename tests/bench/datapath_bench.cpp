// SPDX-License-Identifier: BSD-3-Clause
// Cycles a packet of the real graph on one lcore between in-memory ports. Only the walk is timed:
// what the bench itself does to put packets in and take them out is not.
#include "datapath/packet_meta.h"
#include "net/overhead.h"
#include "support/frames.h"
#include "support/hypervisor.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <boost/program_options.hpp>
#include <rte_cycles.h>
#include <rte_mbuf.h>

namespace sallyport::testing {
namespace {

constexpr unsigned burst = 32;
constexpr unsigned flood_vteps = 8;
constexpr std::uint16_t underlay_mtu = 9216;
constexpr std::uint32_t most_entries = 100'000;

struct Result {
    double cycles_per_packet;
    std::map<std::string, double> by_node;
};

net::MacAddress station(std::uint32_t n) {
    return net::MacAddress::from_u64(0x020000000000 | 0x200000 | n);
}

datapath::SoftwarePathSettings settings() {
    datapath::SoftwarePathSettings settings = Hypervisor::small_settings();
    settings.fdb_entries = most_entries + 1024;
    settings.underlay_mtu = underlay_mtu;
    settings.buffers = 8192;
    settings.buffer_data_room = 9344;
    settings.accept_udp6_zero_checksum = true;
    return settings;
}

/// One tenant with two VM ports that may send from any MAC, and eight remote vteps.
class Bench {
  public:
    Bench(std::uint32_t entries, net::IpFamily family)
        : hypervisor_(settings()), entries_(entries) {
        overlay::TenantRow row;
        row.vni = 100;
        row.mtu = 9000;
        const bool ipv4 = family == net::IpFamily::ipv4;
        row.local_vtep = ipv4 ? local_vtep4 : local_vtep6;
        for (unsigned n = 0; n < flood_vteps; ++n) {
            const std::string last = std::to_string(2 + n);
            row.remote_vteps.push_back(
                hypervisor_.add_vtep((ipv4 ? "192.0.2." : "2001:db8::") + last));
        }
        remote_ = *net::IpAddress::parse(ipv4 ? "192.0.2.2" : "2001:db8::2");
        local_ = row.local_vtep;
        tenant_ = hypervisor_.add_tenant(row);
        a_ = &hypervisor_.add_vm_port(tenant_, "a");
        b_ = &hypervisor_.add_vm_port(tenant_, "b");
    }

    Result local(std::size_t size) {
        fill(overlay::VmPortRef{hypervisor_.vm_port_id("b")});
        sender_ = overlay::VmPortRef{hypervisor_.vm_port_id("a")};
        return measure(*a_, *b_, frame(size), 0, true);
    }
    Result encap(std::size_t size) {
        fill(overlay::VtepRef{0});
        sender_ = overlay::VmPortRef{hypervisor_.vm_port_id("a")};
        return measure(*a_, hypervisor_.uplink(0), frame(size), 0, true);
    }
    Result decap(std::size_t size) {
        // The many are the senders behind the vtep; the one receiver is a VM.
        fill(overlay::VtepRef{0});
        sender_ = overlay::VmPortRef{hypervisor_.vm_port_id("b")};
        const OuterFrame outer{.destination = underlay_mac,
                               .source = next_hop_mac,
                               .source_ip = remote_,
                               .destination_ip = local_};
        const Octets packet = make_vxlan(outer, frame(size));
        return measure(hypervisor_.uplink(0), *b_, packet, packet.size() - size, false);
    }
    Result flood(std::size_t size) {
        sender_ = overlay::VmPortRef{hypervisor_.vm_port_id("a")};
        flooding_ = true;
        const Result result = measure(*a_, hypervisor_.uplink(0), frame(size), 0, true);
        flooding_ = false;
        return result;
    }

    std::uint64_t walks = 20'000;

  private:
    static constexpr std::uint32_t sender_station = 0xfffff;

    Octets frame(std::size_t size) const {
        InnerFrame inner{.destination = station(0), .source = station(sender_station)};
        inner.payload = size - 14 - 20 - 8;
        return make_frame(inner);
    }

    std::string drops() {
        std::string text;
        const datapath::DropCounts counts = hypervisor_.path().drops();
        for (std::size_t i = 0; i < counts.size(); ++i)
            if (counts[i] != 0)
                text += ", " + std::string(name(static_cast<datapath::DropReason>(i))) + " "
                        + std::to_string(counts[i]);
        return text;
    }

    void fill(overlay::FdbTarget target) {
        std::vector<overlay::RowChange> changes;
        for (std::uint32_t n = 0; n < entries_; ++n)
            changes.push_back(
                {overlay::RowChange::Kind::put,
                 overlay::FdbRow{tenant_, station(n), target, overlay::FdbOrigin::learned}});
        if (auto done = hypervisor_.apply(std::move(changes)); !done)
            throw std::runtime_error(done.error().message());
    }

    /// The many stations' MAC goes to the destination, or for decap to the inner source.
    void prepare(rte_mbuf* packet, const Octets& octets, std::size_t inner, bool to_many) {
        rte_pktmbuf_reset(packet);
        auto* const data = reinterpret_cast<std::uint8_t*>(
            rte_pktmbuf_append(packet, static_cast<std::uint16_t>(octets.size())));
        // The payload is never looked at, so it is written once, when the buffer is new.
        std::memcpy(data, octets.data(), std::min<std::size_t>(octets.size(), 128));
        const net::MacAddress many = station(next_station_);
        next_station_ = (next_station_ + 7919) % entries_;
        const net::MacAddress one = station(sender_station);
        const net::MacAddress& destination = flooding_ ? net::MacAddress::from_u64(0xffffffffffff)
                                             : to_many ? many
                                                       : one;
        std::memcpy(data + inner, destination.octets.data(), 6);
        std::memcpy(data + inner + 6, (to_many ? one : many).octets.data(), 6);
    }

    Result measure(RingPort& in, RingPort& out, const Octets& octets, std::size_t inner,
                   bool to_many) {
        hypervisor_.put(overlay::FdbRow{tenant_, station(sender_station), sender_,
                                        overlay::FdbOrigin::learned});
        // The median walk: a mean would measure whoever else wanted the core.
        std::vector<std::uint64_t> cycles;
        std::uint64_t packets = 0;
        const std::uint64_t warm_up = walks / 10;
        rte_mbuf* sent[burst * (flood_vteps + 1)];
        for (std::uint64_t walk = 0; walk < walks + warm_up; ++walk) {
            if (walk == warm_up) {
                hypervisor_.path().reset_counters();
                cycles.clear();
                packets = 0;
            }
            rte_mbuf* received[burst];
            if (rte_pktmbuf_alloc_bulk(hypervisor_.path().buffer_pool(), received, burst) != 0)
                throw std::runtime_error("out of buffers");
            for (rte_mbuf* packet : received)
                prepare(packet, octets, inner, to_many);
            in.send_bulk(received, burst);
            const std::uint64_t start = rte_rdtsc_precise();
            hypervisor_.path().walk(0);
            cycles.push_back(rte_rdtsc_precise() - start);
            packets += burst;
            const unsigned count = out.receive_bulk(sent, burst * flood_vteps);
            rte_pktmbuf_free_bulk(sent, count);
            if (count != burst * (flooding_ ? flood_vteps : 1))
                throw std::runtime_error("lost packets" + drops());
            if (flooding_) rte_pktmbuf_free_bulk(sent, b_->receive_bulk(sent, burst));
            // Stations are told once a second; the bench knows them all.
            std::vector<overlay::LearnEvent> events;
            if ((walk & 1023) == 0) hypervisor_.path().take_learned(events, 4096);
        }
        const auto median = cycles.begin() + static_cast<std::ptrdiff_t>(cycles.size() / 2);
        std::nth_element(cycles.begin(), median, cycles.end());
        Result result{static_cast<double>(*median) / burst, {}};
        for (const auto& node : hypervisor_.path().node_counters())
            if (node.packets > 0)
                result.by_node[node.node] =
                    static_cast<double>(node.cycles) / static_cast<double>(packets);
        return result;
    }

    Hypervisor hypervisor_;
    std::uint32_t entries_;
    overlay::TenantId tenant_ = 0;
    RingPort* a_;
    RingPort* b_;
    net::IpAddress local_, remote_;
    overlay::FdbTarget sender_;
    std::uint32_t next_station_ = 0;
    bool flooding_ = false;
};

void print(const std::string& what, const char* family, std::size_t size, std::uint32_t entries,
           const Result& result) {
    const double megapackets =
        static_cast<double>(rte_get_tsc_hz()) / result.cycles_per_packet / 1e6;
    std::printf("| %-18s | %s | %5zu | %7u | %8.1f | %7.2f |", what.c_str(), family, size, entries,
                result.cycles_per_packet, megapackets);
    for (const auto& [node, cycles] : result.by_node)
        if (cycles >= 1)
            std::printf(" %s %.0f", node.substr(sizeof "sallyport-" - 1).c_str(), cycles);
    std::printf(" |\n");
    std::fflush(stdout);
}

void run(const std::vector<std::string>& eal, std::uint64_t walks) {
    start_eal(eal);
    std::printf(
        "| what               | outer | octets | fdb entries | cycles a packet | Mpackets/s |"
        " cycles by node |\n|---|---|---|---|---|---|---|\n");
    for (const auto family : {net::IpFamily::ipv4, net::IpFamily::ipv6})
        for (const std::uint32_t entries : {1U, most_entries})
            for (const std::size_t size : {64U, 1440U, 8900U}) {
                const char* const name = family == net::IpFamily::ipv4 ? "IPv4" : "IPv6";
                Bench bench(entries, family);
                bench.walks = size > 8000 ? walks / 4 : walks;
                if (family == net::IpFamily::ipv4)
                    print("local switching", "-   ", size, entries, bench.local(size));
                print("encap", name, size, entries, bench.encap(size));
                print("decap", name, size, entries, bench.decap(size));
                print("flooding to 8 vteps", name, size, entries, bench.flood(size));
            }
}

} // namespace
} // namespace sallyport::testing

int main(int argc, char** argv) {
    namespace options = boost::program_options;
    try {
        std::uint64_t walks = 0;
        std::vector<std::string> eal;
        options::options_description all("options");
        all.add_options()("help", "this text")("walks",
                                               options::value(&walks)->default_value(20'000),
                                               "bursts of 32 packets a measurement")(
            "eal", options::value(&eal)->composing(), "EAL argument, may be repeated");
        options::variables_map given;
        options::store(options::parse_command_line(argc, argv, all), given);
        options::notify(given);
        if (given.contains("help")) {
            std::printf("Cycles a packet of the software path.\n");
            return 0;
        }
        sallyport::testing::run(eal, walks);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return 1;
    }
}
