// SPDX-License-Identifier: BSD-3-Clause
// The software path and the reference switch get the same rows and the same random frames, and must
// send, drop and learn the same.
#include "encapsulated.h"
#include "fixture.h"
#include "random_rows.h"
#include "reference_switch.h"

#include <algorithm>

namespace sallyport::testing {
namespace {

class DifferentialTest : public RandomRowsTest, public ::testing::WithParamInterface<unsigned> {
  protected:
    DifferentialTest() : RandomRowsTest(GetParam()) {
        datapath::SoftwarePathSettings settings = Hypervisor::small_settings();
        if (random_.chance(50)) settings.dscp = static_cast<std::uint8_t>(random_.number(64));
        settings.ttl = static_cast<std::uint8_t>(1 + random_.number(255));
        settings.dont_fragment = random_.chance(50);
        settings.accept_udp6_zero_checksum = random_.chance(50);
        settings.udp_checksum = static_cast<datapath::UdpChecksum>(random_.number(3));
        if (random_.chance(50)) settings.worker_lcores = {0, 0};
        restart(settings);
        reference_.emplace(settings, underlay_mac, settings.underlay_mtu + 18);
    }
    void SetUp() override { build(); }

    void put_elsewhere(const overlay::Row& row) override { reference_->put(row); }
    void remove_elsewhere(const overlay::Row& row) override { reference_->remove(row); }

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

    void compare() {
        run();
        const ReferenceSwitch::Outcome expected = reference_->take();
        EXPECT_EQ(drops(), expected.drops);
        EXPECT_EQ(in_normal_form(sent()), in_normal_form(expected.sent));
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

    std::optional<ReferenceSwitch> reference_;
    std::set<ReferenceSwitch::Learned> reported_;
};

TEST_P(DifferentialTest, SameRowsAndFramesSameOutcome) {
    for (unsigned round = 0; round < 80; ++round) {
        random_changes();
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
