// SPDX-License-Identifier: BSD-3-Clause
// The software path and the hardware path get the same rows and the same random frames. What the
// NIC keeps, the software path must have done alike, octet for octet; what it does not keep, it
// must hand over as it came.
//
// SALLYPORT_DIFFERENTIAL_FRAMES: how many frames each seed gets (default 20,000).
#include "eswitch/nic_encap_entropy.h"
#include "eswitch_lab.h"
#include "net/outer.h"
#include "random_rows.h"

#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

namespace sallyport::testing {
namespace {

using eswitch::ModelVerdict;

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

    /// A frame with what the NIC did with it.
    struct Walk {
        RingPort* from = nullptr;
        std::string from_name;
        Octets frame;
        ModelVerdict verdict;
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

    Walk random_walk() {
        if (random_.chance(80))
            if (const auto way = known_way())
                return way->port == nullptr ? from_uplink(active_, way->frame)
                                            : from_vm(*way->port, another_flow(way->frame));
        if (random_.chance(50)) return from_vm(random_.one_of(ports_), random_.vm_frame());
        return from_uplink(random_.chance(95) ? active_
                                              : static_cast<overlay::UplinkIndex>(1 - active_),
                           random_.underlay_frame());
    }

    Walk from_vm(const Port& port, const Octets& frame) {
        return {&hypervisor().vm_port(port.name), port.name, frame, lab_->from_vm(port.id, frame)};
    }

    Walk from_uplink(overlay::UplinkIndex uplink, const Octets& frame) {
        return {&hypervisor().uplink(uplink), "p" + std::to_string(uplink), frame,
                lab_->from_uplink(uplink, frame)};
    }

    /// Octets behind the outer packet: the software path cuts them off, and what a NIC makes of
    /// them nobody has said. No VXLAN packet is so short that Ethernet would pad it.
    static bool is_padded(const Walk& walk) {
        const net::Outer outer =
            net::parse_outer(walk.frame.data(), walk.frame.size(), walk.frame.size());
        return outer.kind == net::OuterKind::udp && outer.end < walk.frame.size();
    }

    std::string name_of(std::uint16_t port) {
        for (const overlay::UplinkIndex index : overlay::all_uplinks)
            if (port == EswitchLab::uplink_port(index)) return "p" + std::to_string(index);
        for (const Port& vm : ports_)
            if (port == EswitchLab::vm_port(vm.id)) return vm.name;
        return "no port of ours";
    }

    struct Outcome {
        FramesByPort sent;
        Drops drops;
        bool operator==(const Outcome&) const = default;
    };

    /// What the software path must come to, if it does what the NIC did.
    Outcome expected(const std::vector<Walk>& walks) {
        Outcome outcome;
        for (const Walk& walk : walks) {
            if (walk.verdict.fate == ModelVerdict::Fate::drop)
                ++outcome.drops[walk.verdict.steps.back().group == eswitch::group::police
                                    ? "rate-exceeded"
                                    : "next-hop"];
            else if (walk.verdict.packet.size() > max_frame_)
                ++outcome.drops["port-frame-size"]; // The port's own work, in either path.
            else
                outcome.sent[name_of(walk.verdict.port)].push_back(walk.verdict.packet);
        }
        outcome.sent = in_normal_form(outcome.sent, SourcePort::agreed);
        return outcome;
    }

    Outcome in_software(const std::vector<Walk>& walks) {
        for (const Walk& walk : walks)
            walk.from->send(walk.frame);
        run();
        Outcome outcome{in_normal_form(sent(), SourcePort::agreed), drops()};
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
        return text.str();
    }

    /// One frame after the other, until the two part ways.
    void find_difference(const std::vector<Walk>& walks) {
        for (const Walk& walk : walks) {
            const Outcome wanted = expected({walk});
            const Outcome got = in_software({walk});
            if (wanted == got) continue;
            std::ostringstream groups;
            for (const eswitch::ModelStep& step : walk.verdict.steps)
                groups << " " << step.group << (step.rule == nullptr ? " missed" : "") << " (tag "
                       << std::hex << step.tag << std::dec << ")";
            ADD_FAILURE() << "from " << walk.from_name << ": " << hex(walk.frame)
                          << "\nthe NIC, groups" << groups.str() << ":\n"
                          << describe(wanted) << "the software path:\n"
                          << describe(got) << describe_rows();
            return;
        }
    }

    void compare(const std::vector<Walk>& kept) {
        if (kept.empty() || expected(kept) == in_software(kept)) return;
        ADD_FAILURE() << "the paths differ";
        find_difference(kept);
    }

    void walk_frames(unsigned frames) {
        std::vector<Walk> kept;
        for (; frames > 0; --frames) {
            Walk walk = random_walk();
            if (walk.verdict.fate == ModelVerdict::Fate::cpu)
                EXPECT_EQ(hex(walk.verdict.packet), hex(walk.frame)) << "changed, then handed over";
            else if (walk.from_name[0] != 'p' || !is_padded(walk))
                kept.push_back(std::move(walk));
        }
        kept_ += kept.size();
        compare(kept);
    }

    std::optional<EswitchLab> lab_;
    Expected<eswitch::NicEncapEntropy> entropy_ = failure("not asked yet");
    std::size_t max_frame_ = 0;
    std::size_t kept_ = 0;
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
    EXPECT_GT(kept_ * 100, frames);
}

INSTANTIATE_TEST_SUITE_P(Seed, HardwareDifferentialTest, ::testing::Range(1U, 17U));

} // namespace
} // namespace sallyport::testing
