// SPDX-License-Identifier: BSD-3-Clause
// The software path and the hardware path get the same rows and the same random frames. What the
// NIC keeps, the software path must have done and counted alike, octet for octet; what it does not
// keep, it must hand over as it came.
//
// SALLYPORT_DIFFERENTIAL_FRAMES: how many frames each seed gets (default 20,000).
#include "eswitch/nic_encap_entropy.h"
#include "eswitch_lab.h"
#include "net/outer.h"
#include "random_rows.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::testing {
namespace {

using eswitch::ModelVerdict;

constexpr unsigned seeds = 16;
/// Of all seeds' frames; the settings and faults of some are so that nearly all go to the CPU.
constexpr std::size_t least_kept_percent = 5;

std::size_t frames_per_seed() {
    const char* const wanted = std::getenv("SALLYPORT_DIFFERENTIAL_FRAMES");
    return wanted == nullptr ? 20'000 : std::strtoull(wanted, nullptr, 10);
}

std::string hex(const Octets& octets) {
    std::ostringstream text;
    text << std::hex;
    for (const std::uint8_t octet : octets)
        text << (octet < 16 ? "0" : "") << unsigned{octet};
    return text.str();
}

class HardwareDifferentialTest : public RandomRowsTest,
                                 public ::testing::WithParamInterface<unsigned> {
  protected:
    HardwareDifferentialTest() : RandomRowsTest(GetParam()) {
        datapath::SoftwarePathSettings software = Hypervisor::small_settings();
        if (random_.chance(50)) software.dscp = static_cast<std::uint8_t>(random_.number(64));
        software.ttl = static_cast<std::uint8_t>(1 + random_.number(255));
        software.dont_fragment = random_.chance(80);
        software.accept_udp6_zero_checksum = random_.chance(80);
        software.udp_checksum = static_cast<datapath::UdpChecksum>(random_.number(3));
        restart(software);
        max_frame_ = software.underlay_mtu + 18U;

        eswitch::Settings hardware = EswitchLab::small_settings();
        hardware.dscp = software.dscp;
        hardware.ttl = software.ttl;
        hardware.dont_fragment = software.dont_fragment;
        hardware.zero_checksum_ipv4 = software.udp_checksum != datapath::UdpChecksum::computed;
        hardware.zero_checksum_ipv6 = software.udp_checksum == datapath::UdpChecksum::zero;
        hardware.accept_udp6_zero_checksum = software.accept_udp6_zero_checksum;
        eswitch::StrictOptions nic;
        nic.seed = GetParam();
        nic.can_update = random_.chance(70);
        if (random_.chance(50)) nic.completion = eswitch::StrictOptions::Completion::late_and_mixed;
        lab_.emplace(hardware, nic);
        if (random_.chance(30))
            for (const auto operation : {eswitch::Operation::create, eswitch::Operation::update,
                                         eswitch::Operation::add_meter_profile})
                lab_->nic().fail_at_random(operation, 0.05);
        EXPECT_TRUE(lab_->path().set_underlay_mac(underlay_mac));
        entropy_ = eswitch::NicEncapEntropy::create(lab_->nic(), EswitchLab::uplink_port(0));
        EXPECT_TRUE(entropy_);
        if (entropy_) path().set_encap_entropy(&*entropy_);
    }
    static void TearDownTestSuite() {
        if (seeds_run_ != seeds) return;
        EXPECT_GT(all_kept_ * 100, all_frames_ * least_kept_percent) << "so little was compared";
        std::cout << all_kept_ << " of " << all_frames_ << " frames of all seeds\n";
    }
    void SetUp() override { build(); }

    void put_elsewhere(const overlay::Row& row) override {
        if (const auto* const port = std::get_if<overlay::VmPortRow>(&row))
            lab_->add_vm_port(port->id);
        lab_->put(row);
    }
    void remove_elsewhere(const overlay::Row& row) override {
        lab_->remove(row);
        if (const auto* const port = std::get_if<overlay::VmPortRow>(&row))
            lab_->remove_vm_port(port->id);
    }

    /// A frame, and where it comes from.
    struct Arrival {
        /// Null: the uplink.
        const Port* port = nullptr;
        overlay::UplinkIndex uplink = 0;
        Octets frame;
    };
    /// With what the NIC did with it.
    struct Walk {
        Arrival arrival;
        ModelVerdict verdict;

        /// A VM's that a rule was there for.
        [[nodiscard]] bool met_from_vm() const {
            return arrival.port != nullptr && verdict.steps.front().rule != nullptr;
        }
        [[nodiscard]] bool was_dropped_in(std::uint32_t group) const {
            return verdict.fate == ModelVerdict::Fate::drop && verdict.steps.back().group == group;
        }
    };

    /// Now and then another protocol than UDP, or a fragment: what the UDP source port hangs on.
    Octets another_flow(Octets frame) {
        static const std::vector<std::uint8_t> protocols{1, 6, 17, 44, 47, 58, 132};
        const unsigned type = frame.size() < 54 ? 0U : frame[12] * 256U + frame[13];
        if (random_.chance(50) || (type != 0x0800 && type != 0x86dd)) return frame;
        frame[type == 0x0800 ? 23 : 20] = random_.one_of(protocols);
        if (type != 0x0800) return frame;
        if (random_.chance(30)) frame[20] = static_cast<std::uint8_t>(random_.number(0x40));
        if (frame[14] == 0x45) fix_ipv4_checksum(frame);
        return frame;
    }

    Arrival random_arrival() {
        if (random_.chance(80))
            if (const auto way = known_way())
                return way->port == nullptr ? Arrival{nullptr, active_, way->frame}
                                            : Arrival{way->port, 0, another_flow(way->frame)};
        if (random_.chance(50)) return {&random_.one_of(ports_), 0, random_.vm_frame()};
        return {nullptr,
                random_.chance(95) ? active_ : static_cast<overlay::UplinkIndex>(1 - active_),
                random_.underlay_frame()};
    }

    static std::string name_of(const Arrival& arrival) {
        return arrival.port != nullptr ? arrival.port->name : "p" + std::to_string(arrival.uplink);
    }
    Walk walk(const Arrival& arrival) {
        return {arrival, arrival.port != nullptr
                             ? lab_->from_vm(arrival.port->id, arrival.frame)
                             : lab_->from_uplink(arrival.uplink, arrival.frame)};
    }
    void send_in_software(const Arrival& arrival) {
        RingPort& port = arrival.port != nullptr ? hypervisor().vm_port(arrival.port->name)
                                                 : hypervisor().uplink(arrival.uplink);
        port.send(arrival.frame);
    }

    /// Octets behind the outer packet: the software path cuts them off, and what a NIC makes of
    /// them nobody has said. No VXLAN packet is so short that Ethernet would pad it.
    static bool is_padded(const Arrival& arrival) {
        if (arrival.port != nullptr) return false;
        const Octets& frame = arrival.frame;
        const net::Outer outer = net::parse_outer(frame.data(), frame.size(), frame.size());
        return outer.kind == net::OuterKind::udp && outer.end < frame.size();
    }

    std::string name_of(std::uint16_t port) {
        for (const overlay::UplinkIndex index : overlay::all_uplinks)
            if (port == EswitchLab::uplink_port(index)) return "p" + std::to_string(index);
        for (const Port& vm : ports_)
            if (port == EswitchLab::vm_port(vm.id)) return vm.name;
        return "no port of ours";
    }

    /// By what they are counts of, "tenant 1 encapsulated"; zeros are left out.
    using Counts = std::map<std::string, std::pair<std::uint64_t, std::uint64_t>>;

    struct Outcome {
        FramesByPort sent;
        Drops drops;
        /// Packets and octets.
        Counts counts;
        bool operator==(const Outcome&) const = default;
    };

    static void count(Counts& counts, const std::string& name, std::uint64_t packets,
                      std::uint64_t octets) {
        if (packets == 0 && octets == 0) return;
        counts[name].first += packets;
        counts[name].second += octets;
    }
    static std::string tenant_text(overlay::TenantId id, const char* what) {
        return "tenant " + std::to_string(id) + what;
    }

    /// What the NIC has counted since @p before, of the packets that it kept.
    Counts counted_by_nic(const eswitch::HardwarePath::TrafficReport& before,
                          const std::vector<Walk>& walks) {
        auto now = lab_->path().traffic();
        const auto since = [](eswitch::Traffic traffic, const eswitch::Traffic& base) {
            return eswitch::Traffic{traffic.packets - base.packets, traffic.bytes - base.bytes};
        };
        Counts counts;
        const auto add = [&](const std::string& name, const eswitch::Traffic& traffic) {
            count(counts, name, traffic.packets, traffic.bytes);
        };
        for (auto& [id, tenant] : now.tenants) {
            const auto base = before.tenants.find(id) == before.tenants.end()
                                  ? eswitch::HardwarePath::TenantTraffic{}
                                  : before.tenants.at(id);
            add(tenant_text(id, " sent to vms"), since(tenant.switched, base.switched));
            add(tenant_text(id, " sent to vms"), since(tenant.decapsulated, base.decapsulated));
            add(tenant_text(id, " decapsulated"), since(tenant.decapsulated, base.decapsulated));
            add(tenant_text(id, " encapsulated"), since(tenant.encapsulated, base.encapsulated));
        }
        for (const Port& port : ports_) {
            const auto& base = before.vm_ports.at(port.id);
            const auto& traffic = now.vm_ports.at(port.id);
            eswitch::Traffic kept = since(traffic.sent, base.sent);
            for (const Walk& walk : walks)
                if (walk.arrival.port != nullptr && walk.arrival.port->id == port.id
                    && walk.met_from_vm() && walk.verdict.fate == ModelVerdict::Fate::cpu)
                    kept = since(kept, {1, walk.arrival.frame.size()});
            add(tenant_text(port.tenant, " received from vms"), kept);
            add(port.name + " delivered", since(traffic.delivered, base.delivered));
            add(port.name + " over its rate", since(traffic.over_rate, base.over_rate));
        }
        return counts;
    }

    /// The NIC counts what it decapsulates as it came.
    void add_outer_headers(Counts& counts, const Walk& walk) {
        const std::uint64_t octets = walk.arrival.frame.size() - walk.verdict.packet.size();
        for (const Port& port : ports_) {
            if (walk.verdict.port != EswitchLab::vm_port(port.id)) continue;
            count(counts, tenant_text(port.tenant, " decapsulated"), 0, octets);
            count(counts, tenant_text(port.tenant, " sent to vms"), 0, octets);
            // What is too long for the port's driver ends there, and was not sent.
            const bool lost = walk.verdict.packet.size() > max_frame_;
            count(counts, port.name + " delivered", lost ? 1 : 0,
                  lost ? walk.arrival.frame.size() : octets);
        }
    }

    /// The software path's counters, and what of theirs the NIC counts otherwise.
    Counts counted_in_software(const std::vector<Walk>& walks, const FramesByPort& sent) {
        Counts counts;
        for (const overlay::TenantRow& tenant : tenants_) {
            const datapath::TenantCounters of = path().tenant_counters(tenant.id);
            count(counts, tenant_text(tenant.id, " received from vms"), of.rx_packets, of.rx_bytes);
            count(counts, tenant_text(tenant.id, " sent to vms"), of.tx_packets, of.tx_bytes);
            count(counts, tenant_text(tenant.id, " encapsulated"), of.encap_packets,
                  of.encap_bytes);
            count(counts, tenant_text(tenant.id, " decapsulated"), of.decap_packets,
                  of.decap_bytes);
        }
        for (const Walk& walk : walks) {
            const Arrival& arrival = walk.arrival;
            // Without a way out the NIC finds that after it has counted, the software path before.
            if (walk.was_dropped_in(eswitch::group::uplink))
                count(counts, tenant_text(arrival.port->tenant, " encapsulated"), 1,
                      arrival.frame.size());
            if (arrival.port == nullptr) add_outer_headers(counts, walk);
            // Of these the software path knows no octets.
            if (walk.was_dropped_in(eswitch::group::police))
                count(counts, arrival.port->name + " over its rate", 0, arrival.frame.size());
        }
        for (const Port& port : ports_) {
            count(counts, port.name + " over its rate",
                  port_drops(hypervisor().vm_port(port.name))["rate-exceeded"], 0);
            const auto frames = sent.find(port.name);
            if (frames == sent.end()) continue;
            for (const Octets& frame : frames->second)
                count(counts, port.name + " delivered", 1, frame.size());
        }
        return counts;
    }

    /// What the software path must come to, if it does what the NIC did.
    Outcome expected(const std::vector<Walk>& kept, Counts counts) {
        Outcome outcome;
        outcome.counts = std::move(counts);
        for (const Walk& walk : kept) {
            if (walk.verdict.fate == ModelVerdict::Fate::drop)
                ++outcome.drops[walk.was_dropped_in(eswitch::group::police) ? "rate-exceeded"
                                                                            : "next-hop"];
            else if (walk.verdict.packet.size() > max_frame_)
                ++outcome.drops["port-frame-size"]; // The port's own work, in either path.
            else
                outcome.sent[name_of(walk.verdict.port)].push_back(walk.verdict.packet);
        }
        outcome.sent = in_normal_form(outcome.sent, SourcePort::agreed);
        return outcome;
    }

    Outcome in_software(const std::vector<Walk>& kept) {
        for (const Walk& walk : kept)
            send_in_software(walk.arrival);
        run();
        Outcome outcome{in_normal_form(sent(), SourcePort::agreed), drops(), {}};
        outcome.counts = counted_in_software(kept, outcome.sent);
        // One rule of the NIC stands for both.
        for (const char* const reason : {"next-hop-unresolved", "no-active-uplink"}) {
            const auto found = outcome.drops.find(reason);
            if (found == outcome.drops.end()) continue;
            outcome.drops["next-hop"] += found->second;
            outcome.drops.erase(reason);
        }
        reset_counters();
        return outcome;
    }

    static std::string describe(const Outcome& outcome) {
        std::ostringstream text;
        for (const auto& [port, frames] : outcome.sent)
            for (const Octets& frame : frames)
                text << "  sent by " << port << ": " << hex(frame) << "\n";
        for (const auto& [reason, count] : outcome.drops)
            text << "  dropped: " << reason << " x " << count << "\n";
        for (const auto& [name, count] : outcome.counts)
            text << "  counted: " << name << " " << count.first << " packets, " << count.second
                 << " octets\n";
        return text.str();
    }

    /// One frame after the other, until the two part ways.
    void find_difference(const std::vector<Walk>& kept) {
        for (const Walk& before : kept) {
            const auto base = lab_->path().traffic();
            const std::vector<Walk> again{walk(before.arrival)};
            const Outcome wanted = expected(again, counted_by_nic(base, again));
            const Outcome got = in_software(again);
            if (wanted == got) continue;
            ADD_FAILURE() << "from " << name_of(before.arrival) << ": " << hex(before.arrival.frame)
                          << "\nthe NIC:\n"
                          << lab_->describe(again.front().verdict) << describe(wanted)
                          << "the software path:\n"
                          << describe(got) << describe_rows();
            return;
        }
    }

    void walk_frames(unsigned frames) {
        const auto before = lab_->path().traffic();
        std::vector<Walk> walks, kept;
        for (; frames > 0; --frames) {
            const Arrival arrival = random_arrival();
            if (is_padded(arrival)) continue;
            walks.push_back(walk(arrival));
            if (walks.back().verdict.fate == ModelVerdict::Fate::cpu)
                EXPECT_EQ(hex(walks.back().verdict.packet), hex(arrival.frame))
                    << "changed, then handed over";
            else
                kept.push_back(walks.back());
        }
        kept_ += kept.size();
        const Outcome wanted = expected(kept, counted_by_nic(before, walks));
        const Outcome got = in_software(kept);
        if (wanted == got) return;
        ADD_FAILURE() << "the paths differ; in counts:\n" << difference(wanted.counts, got.counts);
        find_difference(kept);
    }

    static std::string difference(const Counts& nic, const Counts& software) {
        Outcome only_nic, only_software;
        std::ranges::set_difference(nic, software,
                                    std::inserter(only_nic.counts, only_nic.counts.end()));
        std::ranges::set_difference(
            software, nic, std::inserter(only_software.counts, only_software.counts.end()));
        return "the NIC:\n" + describe(only_nic) + "the software path:\n" + describe(only_software);
    }

    std::optional<EswitchLab> lab_;
    Expected<eswitch::NicEncapEntropy> entropy_ = failure("not asked yet");
    std::size_t max_frame_ = 0;
    std::size_t kept_ = 0;
    static inline std::size_t all_kept_ = 0, all_frames_ = 0;
    static inline unsigned seeds_run_ = 0;
};

TEST_P(HardwareDifferentialTest, WhatTheNicKeepsTheSoftwarePathDoesAlike) {
    std::size_t frames = 0;
    while (frames < frames_per_seed()) {
        random_changes();
        const unsigned burst = 1 + random_.number(200);
        walk_frames(burst);
        frames += burst;
        if (HasFailure()) {
            ADD_FAILURE() << "seed " << GetParam() << ", frame " << frames;
            return;
        }
    }
    std::cout << kept_ << " of " << frames << " frames stayed in the NIC\n";
    // A path that keeps nothing would agree with everything.
    EXPECT_GT(kept_ * 1000, frames);
    all_kept_ += kept_;
    all_frames_ += frames;
    ++seeds_run_;
}

INSTANTIATE_TEST_SUITE_P(Seed, HardwareDifferentialTest, ::testing::Range(1U, seeds + 1));

} // namespace
} // namespace sallyport::testing
