// SPDX-License-Identifier: BSD-3-Clause
// The software path and the reference switch get the same rows and the same random frames, and must
// send, drop and learn the same.
#include "encapsulated.h"
#include "fixture.h"
#include "random_traffic.h"
#include "reference_switch.h"

#include <algorithm>

namespace sallyport::testing {
namespace {

using overlay::FdbOrigin;
using overlay::FdbRow;

/// Without what the reference leaves open.
Octets in_normal_form(const Octets& frame) {
    try {
        Encapsulated packet = decode(frame);
        if (packet.source != underlay_mac || packet.flags != 8) return frame;
        packet.source_port = 0;
        packet.flow_label = 0;
        packet.id = 0;
        return encode(packet);
    } catch (const std::exception&) {
        return frame;
    }
}

class DifferentialTest : public DatapathTest, public ::testing::WithParamInterface<unsigned> {
  protected:
    DifferentialTest() : random_(GetParam()) {
        datapath::SoftwarePathSettings settings = Hypervisor::small_settings();
        if (random_.chance(50)) settings.dscp = static_cast<std::uint8_t>(random_.number(64));
        settings.ttl = static_cast<std::uint8_t>(1 + random_.number(255));
        settings.dont_fragment = random_.chance(50);
        settings.accept_udp6_zero_checksum = random_.chance(50);
        settings.udp_checksum = static_cast<datapath::UdpChecksum>(random_.number(3));
        if (random_.chance(50)) settings.worker_lcores = {0, 0};
        restart(settings);
        reference_.emplace(settings, underlay_mac, settings.underlay_mtu + 18);
        build();
    }

    void put(const overlay::Row& row) {
        hypervisor().put(row);
        reference_->put(row);
    }
    void remove(const overlay::Row& row) {
        hypervisor().remove(row);
        reference_->remove(row);
    }

    void build() {
        const overlay::NextHopLink link{underlay_mac, next_hop_mac};
        put(overlay::NextHopRow{0, vtep_address(IpFamily::ipv4, 254), {link, link}});
        put(overlay::UplinkRow{0});
        for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
            for (unsigned n = 2; n < 5; ++n) {
                const overlay::VtepRow vtep{add_vtep(n, family), vtep_address(family, n), 0};
                reference_->put(vtep);
                vteps_[family].push_back(vtep.id);
                vtep_rows_[vtep.id] = vtep;
            }
        }
        for (const std::uint32_t vni : {100U, 200U, 300U, 400U}) {
            const IpFamily family = vni == 300 ? IpFamily::ipv6 : IpFamily::ipv4;
            overlay::TenantRow row = tenant_row(vni, vteps_[family], family);
            if (vni == 400) {
                row.local_vtep = *net::IpAddress::parse("192.0.2.200");
                row.udp_port = 8472;
            }
            row.id = hypervisor().add_tenant(row);
            row.name = "tenant" + std::to_string(vni);
            put(row);
            tenants_.push_back(row);
            for (unsigned i = 0; i < 3; ++i)
                new_port(row.id);
        }
    }

    void new_port(overlay::TenantId tenant) {
        if (ports_.size() >= 16) return;
        std::vector<net::MacAddress> macs;
        if (random_.chance(50))
            for (std::uint8_t station = 1; station < 13; ++station)
                if (random_.chance(60)) macs.push_back(mac(station));
        const std::string name = "vm" + std::to_string(next_name_++);
        add_port(tenant, name, macs);
        const overlay::VmPortId id = hypervisor().vm_port_id(name);
        reference_->put(overlay::VmPortRow{id, tenant, name, macs});
        ports_.push_back({id, tenant, name});
    }

    void random_fdb_change() {
        const overlay::TenantRow& tenant = random_.one_of(tenants_);
        FdbRow row{tenant.id, mac(static_cast<std::uint8_t>(1 + random_.number(12))), {}, {}};
        if (random_.chance(5)) row.mac = underlay_mac;
        if (random_.chance(25)) {
            remove(row);
            forget(row);
            return;
        }
        row.origin = random_.chance(20) ? FdbOrigin::configured : FdbOrigin::learned;
        if (random_.chance(50) && !ports_.empty()) {
            // Now and then a port that is another tenant's.
            const Port& port = random_.one_of(ports_);
            if (port.tenant != tenant.id && !random_.chance(10)) return;
            row.target = overlay::VmPortRef{port.id};
        } else {
            if (tenant.remote_vteps.empty()) return;
            row.target = overlay::VtepRef{random_.one_of(tenant.remote_vteps)};
        }
        put(row);
        forget(row);
        fdb_.push_back(row);
    }
    void forget(const FdbRow& row) {
        std::erase_if(fdb_, [&](const FdbRow& other) {
            return other.tenant == row.tenant && other.mac == row.mac;
        });
    }

    void random_tenant_change() {
        overlay::TenantRow& tenant = tenants_[random_.number(4)];
        tenant.learning = random_.chance(80);
        tenant.flooding = random_.chance(80);
        tenant.pass_inner_vlan = random_.chance(40);
        tenant.mtu = static_cast<std::uint16_t>(random_.chance(50)   ? 1500
                                                : random_.chance(50) ? 100 + random_.number(200)
                                                                     : 1580);
        std::vector<overlay::VtepId> vteps;
        for (const overlay::VtepId vtep : vteps_[tenant.local_vtep.family])
            if (random_.chance(75)) vteps.push_back(vtep);
        // As the control thread does: the entries of a vtep go before it.
        for (const FdbRow& row : std::vector(fdb_)) {
            const auto* vtep = std::get_if<overlay::VtepRef>(&row.target);
            if (row.tenant != tenant.id || vtep == nullptr
                || std::find(vteps.begin(), vteps.end(), vtep->id) != vteps.end())
                continue;
            remove(row);
            forget(row);
        }
        tenant.remote_vteps = vteps;
        put(tenant);
    }

    void random_underlay_change() {
        const overlay::NextHopLink link{underlay_mac, next_hop_mac};
        const overlay::NextHopLink other{underlay_mac, mac(0xfe)};
        overlay::NextHopRow hop{random_.number(2), vtep_address(IpFamily::ipv4, 254), {}};
        for (auto& one_link : hop.links)
            if (random_.chance(80)) one_link = random_.chance(50) ? link : other;
        put(hop);
        auto& vtep = vtep_rows_[random_.number(6)];
        vtep.next_hop = random_.number(2);
        if (random_.chance(10)) vtep.next_hop.reset();
        put(vtep);
        overlay::UplinkRow uplink{static_cast<overlay::UplinkIndex>(random_.number(2))};
        if (random_.chance(10)) uplink.active.reset();
        put(uplink);
        active_ = uplink.active.value_or(0);
    }

    void random_port_change() {
        if (random_.chance(50) && ports_.size() > 4) {
            const std::size_t index = random_.number(static_cast<unsigned>(ports_.size()));
            const Port port = ports_[index];
            remove_port(port.name);
            reference_->remove(overlay::VmPortRow{port.id, port.tenant, port.name, {}});
            ports_.erase(ports_.begin() + static_cast<long>(index));
        } else {
            new_port(random_.one_of(tenants_).id);
        }
    }

    void random_frame() {
        if (random_.chance(5)) {
            const Octets octets = random_.underlay_frame();
            hypervisor().host().send(octets);
            reference_->from_host(octets);
        } else if (random_.chance(50)) {
            const Octets octets = random_.underlay_frame();
            const overlay::UplinkIndex uplink =
                random_.chance(95) ? active_ : static_cast<overlay::UplinkIndex>(1 - active_);
            hypervisor().uplink(uplink).send(octets);
            reference_->from_uplink(uplink, octets);
        } else {
            const Port& port = random_.one_of(ports_);
            const Octets octets = random_.vm_frame();
            hypervisor().vm_port(port.name).send(octets);
            reference_->from_vm(port.id, octets);
        }
    }

    /// As the reference names it.
    std::set<ReferenceSwitch::Learned> learned() {
        std::vector<overlay::LearnEvent> events;
        path().take_learned(events, 10'000);
        std::set<ReferenceSwitch::Learned> named_events;
        for (const overlay::LearnEvent& event : events) {
            std::string place;
            if (const auto* vtep = std::get_if<overlay::VtepRef>(&event.seen_at))
                place = vtep_rows_.at(vtep->id).address.to_string();
            for (const Port& port : ports_)
                if (event.seen_at == overlay::FdbTarget{overlay::VmPortRef{port.id}})
                    place = port.name;
            named_events.emplace(event.tenant, event.mac, place);
        }
        return named_events;
    }

    static std::map<std::string, std::vector<Octets>>
    sorted(std::map<std::string, std::vector<Octets>> frames) {
        for (auto& [port, list] : frames) {
            for (Octets& octets : list)
                octets = in_normal_form(octets);
            std::sort(list.begin(), list.end());
        }
        return frames;
    }

    void compare() {
        run();
        const ReferenceSwitch::Outcome expected = reference_->take();
        EXPECT_EQ(drops(), expected.drops);
        EXPECT_EQ(sorted(sent()), sorted(expected.sent));
        reset_counters();
        const auto events = learned();
        for (const auto& event : events)
            EXPECT_TRUE(expected.learned.contains(event)) << std::get<1>(event).to_string();
        // What is missing was told before, within the second.
        for (const auto& event : expected.learned)
            EXPECT_TRUE(events.contains(event) || reported_.contains(place_only(event)))
                << std::get<1>(event).to_string();
        for (const auto& event : events)
            reported_.insert(place_only(event));
    }
    /// The software path knows a vtep by the number of its tunnel, which another may get.
    static ReferenceSwitch::Learned place_only(ReferenceSwitch::Learned event) {
        if (!std::get<2>(event).starts_with("vm")) std::get<2>(event) = "any vtep";
        return event;
    }

    struct Port {
        overlay::VmPortId id;
        overlay::TenantId tenant;
        std::string name;
    };
    RandomTraffic random_;
    std::optional<ReferenceSwitch> reference_;
    std::vector<overlay::TenantRow> tenants_;
    std::map<IpFamily, std::vector<overlay::VtepId>> vteps_;
    std::map<overlay::VtepId, overlay::VtepRow> vtep_rows_;
    std::vector<Port> ports_;
    std::vector<FdbRow> fdb_;
    std::set<ReferenceSwitch::Learned> reported_;
    overlay::UplinkIndex active_ = 0;
    unsigned next_name_ = 0;
};

TEST_P(DifferentialTest, SameRowsAndFramesSameOutcome) {
    for (unsigned round = 0; round < 80; ++round) {
        for (unsigned changes = random_.number(6); changes > 0; --changes)
            random_fdb_change();
        if (random_.chance(15)) random_tenant_change();
        if (random_.chance(10)) random_underlay_change();
        if (random_.chance(10)) random_port_change();
        for (unsigned frames = 1 + random_.number(80); frames > 0; --frames)
            random_frame();
        compare();
        if (HasFailure()) {
            ADD_FAILURE() << "round " << round << " of seed " << GetParam();
            return;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Seed, DifferentialTest, ::testing::Range(1U, 17U));

} // namespace
} // namespace sallyport::testing
