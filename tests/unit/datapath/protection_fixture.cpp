// SPDX-License-Identifier: BSD-3-Clause
#include "protection_fixture.h"

namespace sallyport::testing {

void ProtectionTest::begin() {
    change_tenant([](overlay::TenantRow& tenant) { tenant.is_protected = true; });
    put_local(blue, 1, "a");
    put_local(blue, 2, "b");
    put_remote(blue, 9, vtep2);
    put_remote(blue, 8, vtep3);
}

void ProtectionTest::send_by(const std::vector<SaPlan>& plans, overlay::VtepId vtep) {
    std::vector<std::shared_ptr<ipsec::SaSession>> sessions;
    for (const SaPlan& plan : plans)
        sessions.push_back(session_of(plan, Direction::outbound, true));
    const auto done = path().set_outbound_sas(blue, vtep, sessions);
    EXPECT_TRUE(done) << done.error().message();
}

std::shared_ptr<ipsec::SaSession> ProtectionTest::take_by(const SaPlan& plan, overlay::VtepId vtep,
                                                          std::optional<std::uint16_t> worker) {
    auto session = session_of(plan, Direction::inbound, true);
    const auto done = path().add_inbound_sa(blue, vtep, session, worker);
    EXPECT_TRUE(done) << done.error().message();
    return session;
}

Octets ProtectionTest::through(ipsec::SaSession& peer, const Octets& octets) {
    return testing::through(peer, octets, path().buffer_pool());
}

void ProtectionTest::expect_nothing_but(DropReason reason, std::uint64_t count) {
    EXPECT_TRUE(sent().empty()) << name(reason);
    EXPECT_EQ(drops(), one(reason, count));
    reset_counters();
}

} // namespace sallyport::testing
