// SPDX-License-Identifier: BSD-3-Clause
// A tenant with two VMs and a remote station in a NIC, row by row.
#pragma once

#include "eswitch_lab.h"
#include "fixture.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::testing {

class HardwarePathTest : public ::testing::Test {
  protected:
    using ModelVerdict = eswitch::ModelVerdict;
    using Fate = ModelVerdict::Fate;
    using FdbOrigin = overlay::FdbOrigin;
    using FdbRow = overlay::FdbRow;
    static constexpr overlay::TenantId blue = 0;
    static constexpr overlay::VmPortId a = 0, b = 1;
    static inline const eswitch::Failure at_completion{.when = eswitch::Failure::When::completion};

    HardwarePathTest() { rebuild(); }

    static eswitch::Settings small_and_zero_checksums() {
        eswitch::Settings settings = EswitchLab::small_settings();
        settings.zero_checksum_ipv6 = settings.accept_udp6_zero_checksum = true;
        return settings;
    }
    void rebuild(const eswitch::StrictOptions& nic = {}, IpFamily family = IpFamily::ipv4) {
        rebuild(small_and_zero_checksums(), nic, family);
    }
    void rebuild(const eswitch::Settings& settings, const eswitch::StrictOptions& nic = {},
                 IpFamily family = IpFamily::ipv4, std::uint32_t batch = 32) {
        lab_.reset();
        lab_.emplace(settings, nic, batch);
        EXPECT_TRUE(path().set_underlay_mac(underlay_mac));
        put_underlay(family);
        put_tenant(family);
        local(1, a);
        local(2, b);
        remote(9, 0);
    }
    void put_underlay(IpFamily family) {
        lab_->put(overlay::NextHopRow{0, vtep_address(family, 254), {link(0xf0), link(0xf1)}});
        lab_->put(overlay::UplinkRow{0});
        for (overlay::VtepId id = 0; id < 2; ++id)
            lab_->put(overlay::VtepRow{id, vtep_address(family, 2 + id), 0});
    }
    void put_tenant(IpFamily family) {
        row_ = {.id = blue,
                .name = "blue",
                .vni = 100,
                .local_vtep = vtep_address(family, 1),
                .remote_vteps = {0, 1}};
        lab_->put(row_);
        for (const overlay::VmPortId id : {a, b}) {
            lab_->add_vm_port(id);
            lab_->put(overlay::VmPortRow{id, blue, id == a ? "a" : "b", {}});
        }
    }
    /// Its MAC differs by uplink.
    static overlay::NextHopLink link(std::uint8_t neighbour) {
        return {underlay_mac, mac(neighbour)};
    }

    static FdbRow local_row(std::uint8_t station, overlay::VmPortId port) {
        return {blue, mac(station), overlay::VmPortRef{port}, FdbOrigin::learned};
    }
    static FdbRow remote_row(std::uint8_t station, overlay::VtepId vtep) {
        return {blue, mac(station), overlay::VtepRef{vtep}, FdbOrigin::learned};
    }
    void local(std::uint8_t station, overlay::VmPortId port) {
        lab_->put(local_row(station, port));
    }
    void remote(std::uint8_t station, overlay::VtepId vtep) {
        lab_->put(remote_row(station, vtep));
    }
    /// With room for frames of a hundred octets, or for all.
    static overlay::VmPortRow metered(std::uint64_t burst) {
        return {a, blue, "a", {}, net::RateLimit{125'000, burst}};
    }
    std::string why(std::uint8_t station) {
        const auto reason = path().why_in_software(blue, mac(station));
        return reason ? std::string(*reason) : "no row";
    }
    /// What is told to have no rule, for a reason with @p part in it.
    std::vector<std::string> gaps(const std::string& part = "") {
        std::vector<std::string> gaps;
        path().for_each_gap([&](const eswitch::GapReport& gap) {
            if (gap.why.find(part) != std::string_view::npos) gaps.push_back(gap.what);
        });
        std::sort(gaps.begin(), gaps.end());
        return gaps;
    }
    /// From remote vtep n to station @p destination.
    Octets tunnelled(std::uint8_t source, std::uint8_t destination, unsigned n = 2) {
        return make_vxlan(from_vtep(n, 100, row_.local_vtep.family), frame(source, destination));
    }

    void expect_cpu(const ModelVerdict& verdict, const Octets& original) {
        EXPECT_EQ(verdict.fate, Fate::cpu);
        EXPECT_EQ(verdict.packet, original);
    }
    void expect_port(const ModelVerdict& verdict, std::uint16_t port) {
        EXPECT_EQ(verdict.fate, Fate::port);
        EXPECT_EQ(verdict.port, port);
    }

    eswitch::HardwarePath& path() { return lab_->path(); }
    eswitch::StrictFlowApi& nic() { return lab_->nic(); }

    std::optional<EswitchLab> lab_;
    overlay::TenantRow row_;
};

} // namespace sallyport::testing
