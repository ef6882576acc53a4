// SPDX-License-Identifier: BSD-3-Clause
// The controller with eswitch = mlx5, on a card that is played.
#include "controller_fixture.h"
#include "played_card.h"
#include "support/forwarding_flow_api.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

namespace sallyport::control::fakes {
namespace {

using Fate = eswitch::ModelVerdict::Fate;

/// Counts how often the card is asked for a UDP source port, and answers with an errno value if it
/// is told to.
class AskedFlow final : public testing::ForwardingFlowApi {
  public:
    AskedFlow(eswitch::FlowApi& next, std::atomic<unsigned>& asked, int code)
        : ForwardingFlowApi(next), asked_(asked), code_(code) {}

    int calculate_encap_hash(std::uint16_t port, const rte_flow_item* items,
                             std::array<std::uint8_t, 2>& hash, rte_flow_error& error) override {
        ++asked_;
        if (code_ != 0) return code_;
        return ForwardingFlowApi::calculate_encap_hash(port, items, hash, error);
    }

  private:
    std::atomic<unsigned>& asked_;
    int code_;
};

/// Makes and updates no rule while it is told not to.
class RefusingFlow final : public testing::ForwardingFlowApi {
  public:
    RefusingFlow(eswitch::FlowApi& next, const bool& refuses)
        : ForwardingFlowApi(next), refuses_(refuses) {}

    rte_flow* create(std::uint16_t port, std::uint32_t queue, bool postpone,
                     rte_flow_template_table* table, const rte_flow_item* items,
                     std::uint8_t pattern, const rte_flow_action* actions,
                     std::uint8_t actions_template, void* user_data,
                     rte_flow_error& error) override {
        if (refuses_) {
            rte_flow_error_set(&error, ENOMEM, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, nullptr, "no room");
            return nullptr;
        }
        return ForwardingFlowApi::create(port, queue, postpone, table, items, pattern, actions,
                                         actions_template, user_data, error);
    }
    int update(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
               const rte_flow_action* actions, std::uint8_t actions_template, void* user_data,
               rte_flow_error& error) override {
        if (refuses_)
            return rte_flow_error_set(&error, ENOMEM, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, nullptr,
                                      "no room");
        return ForwardingFlowApi::update(port, queue, postpone, rule, actions, actions_template,
                                         user_data, error);
    }

  private:
    const bool& refuses_;
};

/// Whose flow queue dies when it is told to.
class DyingFlow final : public testing::ForwardingFlowApi {
  public:
    DyingFlow(eswitch::FlowApi& next, const bool& dead) : ForwardingFlowApi(next), dead_(dead) {}

    int push(std::uint16_t port, std::uint32_t queue, rte_flow_error& error) override {
        if (dead_)
            return rte_flow_error_set(&error, EIO, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, nullptr,
                                      "it is on fire");
        return ForwardingFlowApi::push(port, queue, error);
    }

  private:
    const bool& dead_;
};

class CardTest : public ControllerTest {
  protected:
    static config::Settings settings() {
        config::Settings settings = two_uplinks();
        settings.eswitch = {config::Eswitch::mlx5, "0000:08:00.0", 256};
        settings.uplinks[0].device = "pf0";
        settings.uplinks[1].device = "pf1";
        config::TenantSettings& blue = settings.tenants[0];
        blue.vm_ports[0].device = "pf0vf0";
        blue.vm_ports[1].device = "pf0vf1";
        for (config::VmPortSettings& port : blue.vm_ports)
            port.macs.clear();
        blue.fdb = {{station(1), "blue1", {}},
                    {station(2), "blue2", {}},
                    {station(9), "", blue.remote_vteps[0]}};
        return settings;
    }
    static net::MacAddress station(std::uint8_t n) {
        return net::MacAddress::from_u64(0x020000001000 | n);
    }
    void start_with_card(const config::Settings& settings, unsigned vfs = 4) {
        auto started = Controller::start(settings, *loop, card.backend(vfs));
        ASSERT_TRUE(started) << started.error().message();
        controller = std::move(*started);
    }
    /// Ethernet and the shortest IPv4 packet.
    static std::vector<std::uint8_t> frame(std::uint8_t source, std::uint8_t destination) {
        std::vector<std::uint8_t> octets;
        for (const std::uint8_t n : {destination, source}) {
            const auto mac = station(n).octets;
            octets.insert(octets.end(), mac.begin(), mac.end());
        }
        // The checksum is that of zero addresses and protocol.
        octets.insert(octets.end(), {0x08, 0x00, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 0, 0x7a, 0xeb});
        octets.resize(34);
        return octets;
    }
    /// The same with a flow API in front of the card's.
    template<class Flow>
    void start_with_card_behind(const bool& told) {
        NicBackend backend = card.backend(4);
        backend.flow = std::make_unique<Flow>(card.model(), told);
        auto started = Controller::start(settings(), *loop, std::move(backend));
        ASSERT_TRUE(started) << started.error().message();
        controller = std::move(*started);
    }
    /// Of the rules and gaps that the filter lets through, those in the table; each as "state:
    /// reason".
    std::vector<std::string> states(const std::string& table, const FlowFilter& filter = {}) {
        std::vector<std::string> states;
        const auto flows = controller->flows(filter);
        for (const FlowReport& flow : flows.value_or(std::vector<FlowReport>{}))
            if (flow.table == table)
                states.push_back(flow.state + ": " + flow.match + ": " + flow.reason);
        return states;
    }
    /// @param code what the card answers when it is asked for a UDP source port
    void start_with_asked_card(int code = 0) {
        NicBackend backend = card.backend(4);
        backend.flow = std::make_unique<AskedFlow>(card.model(), asked, code);
        auto started = Controller::start(settings(), *loop, std::move(backend));
        ASSERT_TRUE(started) << started.error().message();
        controller = std::move(*started);
    }
    /// What the card did not keep and hands to the representor.
    void receive(const std::string& function, const std::vector<std::uint8_t>& octets) {
        rte_mempool* const pool =
            rte_pktmbuf_pool_create("representor", 63, 0, 0, 2048, SOCKET_ID_ANY);
        ASSERT_NE(pool, nullptr);
        rte_mbuf* packet = rte_pktmbuf_alloc(pool);
        std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(octets.size())),
                    octets.data(), octets.size());
        // The other end of an in-memory port is itself.
        ASSERT_EQ(rte_eth_tx_burst(card.port(function), 0, &packet, 1), 1);
    }
    eswitch::ModelVerdict send(const std::string& function,
                               const std::vector<std::uint8_t>& octets) {
        return card.model().run(card.port(function), octets);
    }

    std::atomic<unsigned> asked{0};
    PlayedCard card;
};

TEST_F(CardTest, TrafficOfTheConfiguredStationsStaysInTheCard) {
    start_with_card(settings());
    const auto local = send("pf0vf0", frame(1, 2));
    EXPECT_EQ(local.fate, Fate::port);
    EXPECT_EQ(local.port, card.port("pf0vf1"));
    const auto remote = send("pf0vf0", frame(1, 9));
    EXPECT_EQ(remote.fate, Fate::port);
    EXPECT_EQ(remote.port, card.port("pf0"));
    EXPECT_EQ(send("pf0vf0", frame(3, 2)).fate, Fate::cpu);
}

TEST_F(CardTest, AfterTheLastControllerNothingIsLeftInTheCard) {
    start_with_card(settings());
    EXPECT_GT(card.model().rules(), 0U);
    controller.reset();
    EXPECT_EQ(card.model().rules(), 0U);
}

TEST_F(CardTest, FailoverMovesTheCardsTraffic) {
    start_with_card(settings());
    ASSERT_TRUE(controller->switch_uplink());
    EXPECT_EQ(send("pf0vf0", frame(1, 9)).port, card.port("pf1"));
    ASSERT_TRUE(controller->switch_uplink());
    EXPECT_EQ(send("pf0vf0", frame(1, 9)).port, card.port("pf0"));
}

TEST_F(CardTest, WhatTheCardRefusesInAFailoverIsOnRecordAndHealsInTime) {
    bool refuses = false;
    start_with_card_behind<RefusingFlow>(refuses);
    ASSERT_TRUE(controller->switch_uplink());
    const failover::RuleCounts well = controller->failover_history().back().hardware_rules;
    EXPECT_EQ(well.changed, 3U) << "the next hop, and what comes from either uplink";
    EXPECT_EQ(well.refused, 0U);
    refuses = true;
    ASSERT_TRUE(controller->switch_uplink());
    EXPECT_EQ(controller->failover_history().back().hardware_rules.refused, 2U);
    EXPECT_EQ(controller->eswitch().refused, 2U);
    EXPECT_EQ(send("pf0vf0", frame(1, 9)).fate, Fate::cpu) << "which knows the new uplink";
    const auto flows = controller->flows({});
    ASSERT_TRUE(flows);
    for (const FlowReport& flow : *flows)
        if (flow.table == "uplink" || flow.table == "from-uplink") {
            EXPECT_EQ(flow.state, "refused");
            EXPECT_NE(flow.reason.find("no room"), std::string::npos) << flow.reason;
        }
    refuses = false;
    ASSERT_TRUE(run_until([&] { return send("pf0vf0", frame(1, 9)).fate == Fate::port; }));
    EXPECT_EQ(send("pf0vf0", frame(1, 9)).port, card.port("pf0"));
    controller.reset();
}

TEST_F(CardTest, WhatTheCardDropsWithoutAnUplinkIsCounted) {
    start_with_card(settings());
    ASSERT_TRUE(controller->set_uplink("p0", false));
    ASSERT_TRUE(controller->set_uplink("p1", false));
    EXPECT_EQ(send("pf0vf0", frame(1, 9)).fate, Fate::drop);
    EXPECT_EQ(controller->eswitch().dropped_no_active_uplink, 1U);
    ASSERT_TRUE(controller->set_uplink("p1", true));
    EXPECT_EQ(controller->eswitch().dropped_no_active_uplink, 1U);
    EXPECT_EQ(controller->eswitch().dropped_next_hop_unresolved, 0U);
    controller->clear_counters();
    EXPECT_EQ(controller->eswitch().dropped_no_active_uplink, 0U);
}

TEST_F(CardTest, FdbCommandsReachTheCard) {
    start_with_card(settings());
    ASSERT_TRUE(controller->remove_fdb("blue", station(2)));
    EXPECT_EQ(send("pf0vf0", frame(1, 2)).fate, Fate::cpu);
    ASSERT_TRUE(controller->add_fdb("blue", {station(2), "blue2", {}}));
    EXPECT_EQ(send("pf0vf0", frame(1, 2)).fate, Fate::port);
}

TEST_F(CardTest, ATenantComesAndGoesWithItsVf) {
    start_with_card(settings());
    const auto file = tenant_file("red.conf", "name = red\nvni = 200\nlocal_vtep = 192.0.2.1\n"
                                              "fdb = 02:00:00:00:10:05 port red1\n"
                                              "fdb = 02:00:00:00:10:06 port red2\n"
                                              "[vm_port.red1]\ndevice = pf0vf2\nmac = any\n"
                                              "[vm_port.red2]\ndevice = pf0vf3\nmac = any\n");
    const auto added = controller->add_tenant(file);
    ASSERT_TRUE(added) << added.error().message();
    EXPECT_EQ(send("pf0vf2", frame(5, 6)).port, card.port("pf0vf3"));
    EXPECT_EQ(send("pf0vf2", frame(5, 2)).fate, Fate::cpu) << "a station of blue";
    const std::size_t rules = card.model().rules();
    ASSERT_TRUE(controller->remove_tenant("red"));
    EXPECT_LT(card.model().rules(), rules);
}

TEST_F(CardTest, AVfThatTheCardDoesNotHaveIsNamed) {
    auto started = Controller::start(settings(), *loop, card.backend(1));
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().message().find("pf0vf1"), std::string::npos)
        << started.error().message();
    EXPECT_EQ(card.model().rules(), 0U);
}

TEST_F(CardTest, VmPortsThatAreNotTheCardsStayInSoftware) {
    auto mixed = settings();
    mixed.tenants[0].vm_ports[1].device = "net_null_blue2,no-rx=1";
    start_with_card(mixed);
    const auto fdb = controller->fdb("blue");
    ASSERT_TRUE(fdb);
    EXPECT_EQ((*fdb)[0].in_hardware, true);
    EXPECT_EQ((*fdb)[1].in_hardware, false);
    EXPECT_EQ((*fdb)[1].why_in_software, "no representor is attached to the vm port");
    EXPECT_EQ(send("pf0vf0", frame(1, 2)).fate, Fate::cpu);
    EXPECT_EQ(send("pf0vf0", frame(1, 9)).fate, Fate::port);
}

TEST_F(CardTest, FlowsTellWhatTheCardHas) {
    start_with_card(settings());
    const auto flows = controller->flows({"blue", "blue1"});
    ASSERT_TRUE(flows);
    EXPECT_EQ(std::count_if(flows->begin(), flows->end(),
                            [](const FlowReport& flow) { return flow.table == "vm-station"; }),
              1);
    for (const FlowReport& flow : *flows)
        EXPECT_EQ(flow.state, "hardware") << flow.match;
    send("pf0vf0", frame(1, 2));
    for (const FlowReport& flow : *flows)
        EXPECT_EQ(flow.reason, "") << flow.match;
    const auto counted = controller->flows({"", "blue2"});
    ASSERT_TRUE(counted);
    EXPECT_TRUE(std::any_of(counted->begin(), counted->end(), [](const FlowReport& flow) {
        return flow.table == "fdb" && flow.packets == 1 && flow.bytes == 34;
    }));
    EXPECT_EQ(controller->tenants().at(0).nic->switched.packets, 1U);
    EXPECT_EQ(port("blue1").nic->sent.packets, 1U);
    EXPECT_EQ(port("blue2").nic->delivered.packets, 1U);
    EXPECT_FALSE(port("p0").nic);
    controller->clear_counters();
    EXPECT_EQ(port("blue2").nic->delivered.packets, 0U);
    const EswitchReport eswitch = controller->eswitch();
    EXPECT_EQ(eswitch.kind, "mlx5");
    EXPECT_EQ(eswitch.entries_in_hardware, 3U);
    EXPECT_EQ(eswitch.entries, 3U);
    EXPECT_EQ(eswitch.closed, "");
}

TEST_F(CardTest, TheEswitchTellsItsPortsQueuesAndCounters) {
    config::Settings mixed = settings();
    mixed.tenants[0].vm_ports[1].device = "net_null_blue2,no-rx=1";
    start_with_card(mixed);
    const EswitchReport eswitch = controller->eswitch();
    const auto told = [](const EswitchReport::Port& port) {
        return port.name + (port.is_uplink ? " uplink " : " vf ") + port.function
               + (port.is_proxy ? " proxy" : "");
    };
    std::vector<std::string> ports;
    std::transform(eswitch.ports.begin(), eswitch.ports.end(), std::back_inserter(ports), told);
    EXPECT_EQ(ports, (std::vector<std::string>{"p0 uplink pf0 proxy", "p1 uplink pf1",
                                               "blue1 vf pf0vf0"}));
    EXPECT_EQ(eswitch.ports[2].dpdk_id, card.port("pf0vf0"));
    EXPECT_EQ(eswitch.queues, 1U);
    EXPECT_EQ(eswitch.queue_size, 256U);
    EXPECT_EQ(eswitch.in_flight, 0U);
    EXPECT_GT(eswitch.counters_used, 0U);
    EXPECT_EQ(eswitch.counters_left(), eswitch.counters - eswitch.counters_used);
}

TEST_F(CardTest, AnUplinkHasFlowsOfItsOwn) {
    start_with_card(settings());
    EXPECT_EQ(states("from-uplink", {"", "p0"}).size(), 1U);
    EXPECT_EQ(states("uplink", {"", "p0"}).size(), 1U);
    EXPECT_EQ(states("vm-station", {"", "p0"}).size(), 0U);
    EXPECT_EQ(controller->flows({"", "p1"})->size(), 0U) << "the backup uplink has none";
    ASSERT_TRUE(controller->switch_uplink());
    EXPECT_EQ(controller->flows({"", "p0"})->size(), 0U);
    EXPECT_EQ(controller->flows({"", "p1"})->size(), 2U);
}

TEST_F(CardTest, WhatNoCardCouldTakeIsInSoftwareAndSaysWhy) {
    auto mixed = settings();
    mixed.tenants[0].vm_ports[1].device = "net_null_blue2,no-rx=1";
    start_with_card(mixed);
    EXPECT_EQ(states("", {"blue", "blue2"}),
              (std::vector<std::string>{
                  "software: packets from vm port blue2: no representor is attached",
                  "software: station 02:00:00:00:10:02: no representor is attached to the vm "
                  "port"}));
    EXPECT_EQ(states("", {"blue", "blue1"}), std::vector<std::string>{});
}

TEST_F(CardTest, ExplainTellsWhatTheCardLacksOfTheWay) {
    bool refuses = false;
    start_with_card_behind<RefusingFlow>(refuses);
    const auto explain = [&](std::uint8_t from, std::uint8_t to) {
        const auto report = controller->explain("blue1", frame(from, to));
        EXPECT_TRUE(report);
        return report.value_or(ExplainReport{});
    };
    EXPECT_EQ(explain(1, 2).fate, ExplainReport::Fate::port);
    EXPECT_FALSE(explain(1, 2).cpu_gets_it);
    refuses = true;
    ASSERT_TRUE(controller->add_fdb("blue", {station(3), "blue2", {}}));
    EXPECT_FALSE(explain(1, 2).cpu_gets_it) << "the other stations are as they were";
    const ExplainReport refused = explain(1, 3);
    EXPECT_EQ(refused.fate, ExplainReport::Fate::port) << "by the rows";
    EXPECT_TRUE(refused.cpu_gets_it);
    ASSERT_EQ(refused.differences.size(), 1U);
    EXPECT_NE(refused.differences[0].find("fdb: "), std::string::npos) << refused.differences[0];
    EXPECT_NE(refused.differences[0].find("refused: "), std::string::npos);
    EXPECT_NE(refused.differences[0].find("no room"), std::string::npos);
    EXPECT_EQ(refused.software.back(), "sends it by vm port blue2");
    const ExplainReport unknown = explain(1, 7);
    EXPECT_EQ(unknown.fate, ExplainReport::Fate::cpu);
    EXPECT_EQ(unknown.differences, std::vector<std::string>{});
    EXPECT_NE(unknown.software.front().find("floods it to 1 vm ports and 2 vteps"),
              std::string::npos)
        << unknown.software.front();
    controller.reset();
}

TEST_F(CardTest, ExplainTellsOfADeadQueueAndOfPortsThatAreNotTheCards) {
    bool dead = false;
    start_with_card_behind<DyingFlow>(dead);
    dead = true;
    static_cast<void>(controller->add_fdb("blue", {station(3), "blue2", {}}));
    const auto report = controller->explain("blue1", frame(1, 2));
    ASSERT_TRUE(report);
    ASSERT_EQ(report->differences.size(), 1U);
    EXPECT_NE(report->differences[0].find("it is on fire"), std::string::npos);
    EXPECT_FALSE(report->cpu_gets_it) << "these rules are there";
    controller.reset();

    auto mixed = settings();
    mixed.tenants[0].vm_ports[1].device = "net_null_blue2,no-rx=1";
    start_with_card(mixed);
    const auto from_other = controller->explain("blue2", frame(2, 1));
    ASSERT_TRUE(from_other);
    EXPECT_TRUE(from_other->cpu_gets_it);
    EXPECT_NE(from_other->cpu.find("none of the card's"), std::string::npos);
    EXPECT_EQ(from_other->software.back(), "sends it by vm port blue1");
}

TEST_F(CardTest, TheSoftwarePathAsksTheCardForUdpSourcePorts) {
    start_with_asked_card();
    EXPECT_EQ(asked.load(), 1U) << "at the start";
    EXPECT_TRUE(controller->eswitch().source_port_agreed);
    EXPECT_EQ(controller->eswitch().why_own_source_port, "");
    receive("pf0vf0", frame(1, 9));
    EXPECT_TRUE(run_until([&] { return asked > 1; }));
    controller.reset();
    rte_mempool_free(rte_mempool_lookup("representor"));
}

TEST_F(CardTest, ACardThatCannotBeAskedLeavesTheSoftwarePathItsOwn) {
    start_with_asked_card(-ENOTSUP);
    EXPECT_FALSE(controller->eswitch().source_port_agreed);
    EXPECT_EQ(controller->eswitch().why_own_source_port, "Operation not supported");
    receive("pf0vf0", frame(1, 9));
    EXPECT_TRUE(run_until([&] { return controller->tenants().at(0).counters.encap_packets == 1; }));
    EXPECT_EQ(asked.load(), 1U);
    controller.reset();
    rte_mempool_free(rte_mempool_lookup("representor"));
}

} // namespace
} // namespace sallyport::control::fakes
