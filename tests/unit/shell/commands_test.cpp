// SPDX-License-Identifier: BSD-3-Clause
// Every command of docs/commands.md against a controller with known answers.
#include "commands_fixture.h"

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::commands {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(CommandsTest, ChangesReachTheController) {
    run("fdb add blue 52:54:00:00:00:09 vtep 192.0.2.2");
    run("fdb add blue 52:54:00:00:00:09 port blue1");
    run("fdb del blue 52:54:00:00:00:09");
    run("tenant add green.conf");
    run("tenant del red");
    run("set uplink p0 down");
    run("set uplink p0 up");
    run("clear stats");
    run("failover probe 192.0.2.2");
    run("failover probe 2001:db8::2 rate 100000");
    run("failover probe stop");
    run("failover drill 192.0.2.2 rate 1");
    EXPECT_EQ(run("failover switch"), "active uplink: p1 (was p0)\n");
    EXPECT_THAT(controller.record_of_calls,
                ElementsAre("add_fdb blue 52:54:00:00:00:09 192.0.2.2",
                            "add_fdb blue 52:54:00:00:00:09 blue1",
                            "remove_fdb blue 52:54:00:00:00:09", "add_tenant /folder/green.conf",
                            "remove_tenant red", "set_uplink p0 down", "set_uplink p0 up",
                            "clear_counters", "start_probe 192.0.2.2 1000",
                            "start_probe 2001:db8::2 100000", "stop_probe",
                            "start_drill 192.0.2.2 1", "switch_uplink"));
}

TEST_F(CommandsTest, RatesAreNumbersOfPackets) {
    for (const std::string rate : {"0", "100001", "-1", "1k", "1.5", "99999999999999999999"})
        EXPECT_EQ(fail("failover probe 192.0.2.2 rate " + rate),
                  "error: '" + rate + "' is no rate; packets per second, 1 to 100000\n");
    EXPECT_THAT(controller.record_of_calls, ElementsAre());
}

TEST_F(CommandsTest, HistoryOfSwitches) {
    EXPECT_EQ(run("show failover history"), "the active uplink has not changed since the start\n");
    failover::FailoverRecord record;
    record.number = 7;
    record.what = {0, std::nullopt, failover::Reason::all_down};
    record.source = failover::EventSource::kernel;
    record.seen = failover::TimePoint(std::chrono::seconds(1));
    record.reached[0] = record.seen + std::chrono::microseconds(40);
    controller.failover_records = {record};
    const auto json = nlohmann::json::parse(run("show failover history json"));
    ASSERT_EQ(json.size(), 1U);
    EXPECT_EQ(json[0]["from"], "p0");
    EXPECT_TRUE(json[0]["to"].is_null());
    EXPECT_EQ(json[0]["reason"], "all uplinks down");
    EXPECT_EQ(json[0]["seen_by"], "kernel carrier");
    EXPECT_EQ(json[0]["decided_us"], 40);
    EXPECT_TRUE(json[0]["announced_us"].is_null());
    EXPECT_TRUE(json[0]["hardware_rules"].is_null());
    EXPECT_THAT(run("show failover history"), HasSubstr("kernel carrier"));
}

TEST_F(CommandsTest, ProbesAndDrills) {
    EXPECT_EQ(run("show failover probe"), "no probe was started\n");
    EXPECT_EQ(run("show failover drill"), "no drill was started\n");
    failover::ProbeReport report;
    report.sent = 10;
    report.received = 8;
    report.lost_back = 2;
    report.gap_back = {std::chrono::microseconds(1234), 3, 6};
    controller.probe_status =
        control::ProbeStatus{*net::IpAddress::parse("192.0.2.2"), 100, true, report};
    const std::string text = run("show failover probe");
    EXPECT_THAT(text, HasSubstr("100 a second to 192.0.2.2, running\n"));
    EXPECT_THAT(text, HasSubstr("1234 us, between packets 3 and 6"));
    control::DrillReport drill{control::DrillReport::State::failed,
                               "it broke",
                               {{{0, 1, failover::Reason::requested}, report}}};
    controller.drill_status = control::DrillStatus{*net::IpAddress::parse("192.0.2.2"), 100, drill};
    EXPECT_THAT(run("show failover drill"), HasSubstr("p0 -> p1\n"));
    const auto json = nlohmann::json::parse(run("show failover drill json"));
    EXPECT_EQ(json["state"], "failed");
    EXPECT_EQ(json["failure"], "it broke");
    EXPECT_EQ(json["switches"][0]["lost_back"], 2);
}

TEST_F(CommandsTest, ErrorsOfTheControllerAreShown) {
    for (const char* line : {"fdb add blue 52:54:00:00:00:09 vtep 192.0.2.2",
                             "fdb del blue 52:54:00:00:00:09", "tenant add x", "tenant del x",
                             "tenant reload blue", "set uplink p9 up", "failover switch"}) {
        controller.next_error = Error{"it broke", "here", "mend it"};
        EXPECT_EQ(fail(line), "error: here: it broke; mend it\n");
    }
}

TEST_F(CommandsTest, Flows) {
    EXPECT_THAT(run("show flow"), HasSubstr("tenant 0, destination 52:54:00:00:00:01"));
    EXPECT_EQ(json("show flow tenant blue")[0].at("table"), "fdb");
    EXPECT_EQ(json("show flow port blue1")[0].at("vm_port"), "blue1");
    EXPECT_EQ(run("show flow all"), run("show flow"));
    EXPECT_EQ(json("show flow all")[0].at("group"), 7);
    run("show flow port p1");
    EXPECT_EQ(controller.asked_filter.port, "p1");
    const auto gap = json("show flow")[1];
    EXPECT_EQ(gap.at("state"), "software");
    EXPECT_EQ(gap.at("reason"), "no representor is attached");
    for (const char* const key : {"group", "table", "actions"})
        EXPECT_TRUE(gap.at(key).is_null()) << key;
    EXPECT_EQ(run("show flow testpmd"), "flow configure 0 queues_number 1\n");
}

TEST_F(CommandsTest, WhatTheNicKept) {
    EXPECT_THAT(run("show tenant blue"), HasSubstr("NIC: among vm ports     7 packets, 700 bytes"));
    EXPECT_THAT(run("show tenant red"), Not(HasSubstr("NIC")));
    EXPECT_EQ(json("show tenant blue").at("nic").at("switched_packets"), 7);
    EXPECT_TRUE(json("show tenant red").at("nic").is_null());
    EXPECT_EQ(json("show port stats blue1").at("nic").at("tx_packets"), 8);
    EXPECT_TRUE(json("show port stats p0").at("nic").is_null());
}

TEST_F(CommandsTest, Eswitch) {
    EXPECT_THAT(run("show eswitch"), AllOf(HasSubstr("transfer proxy   p0"),
                                           HasSubstr("in hardware      12"), HasSubstr("fdb")));
    EXPECT_EQ(json("show eswitch").at("tables")[0].at("rules"), 12);
}

TEST_F(CommandsTest, PortsQueuesAndCountersOfTheEswitch) {
    EXPECT_THAT(run("show eswitch"),
                AllOf(HasSubstr("flow queues      1 of 1024 operations, 3 in flight"),
                      HasSubstr("counters left    4988"),
                      ::testing::ContainsRegex("p0 +uplink +pf0 +0 +yes +0000:08:00.0\n"),
                      ::testing::ContainsRegex("blue1 +vf +pf0vf3 +2 +no +0000:08:00.0_rep")));
    const auto shown = json("show eswitch");
    EXPECT_EQ(shown.at("queues"), 1);
    EXPECT_EQ(shown.at("in_flight"), 3);
    EXPECT_EQ(shown.at("counters_left"), 4988);
    EXPECT_EQ(shown.at("ports").dump(),
              R"([{"name":"p0","role":"uplink","function":"pf0","device":"0000:08:00.0",)"
              R"("dpdk_id":0,"proxy":true},{"name":"blue1","role":"vf","function":"pf0vf3",)"
              R"("device":"0000:08:00.0_representor_vf3","dpdk_id":2,"proxy":false}])");
}

TEST_F(CommandsTest, UdpSourcePortsAgreedWithTheNic) {
    EXPECT_THAT(run("show eswitch"), HasSubstr("udp source port  the software path's own\n"));
    EXPECT_EQ(json("show eswitch").at("udp_source_port"), "software");
    EXPECT_TRUE(json("show eswitch").at("why_own_source_port").is_null());
    controller.why_own_source_port = "it is old";
    EXPECT_THAT(run("show eswitch"),
                HasSubstr("udp source port  the software path's own: it is old\n"));
    EXPECT_EQ(json("show eswitch").at("why_own_source_port"), "it is old");
    controller.source_port_agreed = true;
    EXPECT_THAT(run("show eswitch"), HasSubstr("udp source port  agreed with the NIC\n"));
    EXPECT_EQ(json("show eswitch").at("udp_source_port"), "nic");
}

TEST_F(CommandsTest, Explain) {
    const std::string frame = "525400000001525400000002080000";
    EXPECT_EQ(run("explain port p0 packet " + frame),
              "group 0 from-vm: from port 3 -> group 3\n"
              "group 3 no rule matches\n"
              "the CPU gets it: a station that is new\n"
              "the software path:\n  learns it\n  drops it under same-port: because\n");
    EXPECT_EQ(run("explain port p0 packet " + frame + "FF"), "the NIC sends it by p0\nas 0011\n");
    EXPECT_EQ(run("explain port p0 packet " + frame + "ee"), "the NIC drops and counts it\n");
    EXPECT_EQ(run("explain port p0 packet " + frame + "dd"), "the NIC sends it by p0\nas 0011\n"
                                                             "the card differs: no room\n"
                                                             "the software path:\n");
    const auto told = json("explain port p0 packet " + frame);
    EXPECT_EQ(told.at("fate"), "cpu");
    EXPECT_EQ(told.at("cpu_gets_it"), true);
    EXPECT_EQ(told.at("software").at(0), "learns it");
    EXPECT_EQ(told.at("software_drop"), "same-port");
    run("explain port blue1 from 52:54:00:00:00:01 to 52:54:00:00:00:02");
    EXPECT_EQ(controller.record_of_calls.back(), "explain blue1 34");
    for (const char* const wrong : {"52540000000152540000000208", "5254000000015254000000020800f",
                                    "zz5400000001525400000002080000"})
        EXPECT_THAT(fail(std::string("explain port p0 packet ") + wrong),
                    HasSubstr("no Ethernet frame in hexadecimal"));
}

TEST_F(CommandsTest, ExplainByFields) {
    const std::string stations = "from 52:54:00:00:00:01 to 52:54:00:00:00:02";
    const std::string from_vm = "explain port blue1 " + stations;
    run(from_vm + " ip 10.0.0.1 10.0.0.2 udp 1000 53  length 100");
    EXPECT_EQ(controller.explained.size(), 114U);
    EXPECT_EQ(json(from_vm + " vlan 7 tcp 1 2 ip fd00::1 fd00::2").at("fate"), "cpu");
    EXPECT_EQ(controller.explained.size(), 14U + 4 + 40 + 20);
    run("explain port p0 " + stations + " vni 100 vtep 192.0.2.2 # and a comment");
    EXPECT_EQ(controller.record_of_calls.back(), "explain p0 84");
    const std::vector<std::uint8_t> underlay(controller.explained.begin(),
                                             controller.explained.begin() + 6);
    EXPECT_THAT(underlay, ElementsAre(2, 0, 0, 0, 0, 1));
    EXPECT_THAT(fail(from_vm + " vni 100 vtep 192.0.2.2"), HasSubstr("from an uplink"));
    EXPECT_THAT(fail("explain port p0 " + stations + " vni 100 vtep 2001:db8::2"),
                HasSubstr("not of the family"));
    EXPECT_THAT(fail(from_vm + " colour red"), HasSubstr("no such field"));
}

TEST_F(CommandsTest, PortInfo) {
    std::string all = run("show port info all");
    EXPECT_THAT(all, HasSubstr("02:00:00:00:00:01"));
    EXPECT_THAT(all, HasSubstr("up 25 Gb/s"));
    EXPECT_THAT(run("show port info blue1"), HasSubstr("VM may send from  52:54:00:00:00:01"));
    EXPECT_THAT(fail("show port info nobody"), HasSubstr("there are: all, p0, blue1"));
    Json ports = json("show port info all");
    ASSERT_EQ(ports.size(), 2U);
    EXPECT_EQ(ports[0].at("role"), "uplink");
    EXPECT_TRUE(ports[0].at("tenant").is_null());
    EXPECT_EQ(json("show port info blue1").at("tenant"), "blue");
}

TEST_F(CommandsTest, PortStats) {
    std::string all = run("show port stats all");
    EXPECT_THAT(all, HasSubstr("18446744073709551615"));
    EXPECT_THAT(all, HasSubstr("p0    vni-unknown        7"));
    EXPECT_THAT(all, Not(HasSubstr("vlan")));
    Json port = json("show port stats p0");
    EXPECT_EQ(port.at("rx_packets").get<std::uint64_t>(), 18446744073709551615U);
    EXPECT_EQ(port.at("drops").at("vni-unknown"), 7);
    EXPECT_EQ(port.at("drops").size(), datapath::drop_reason_count);
    EXPECT_THAT(run("show port stats blue1"), Not(HasSubstr("DROPPED")));
}

TEST_F(CommandsTest, Uplink) {
    std::string text = run("show uplink");
    EXPECT_THAT(text, HasSubstr("active uplink  p0\n"));
    EXPECT_THAT(text, HasSubstr("carrier of eth1"));
    Json data = json("show uplink");
    EXPECT_EQ(data.at("active"), "p0");
    EXPECT_EQ(data.at("uplinks")[0].at("last_change"), "2001-09-09T01:46:40Z");
    EXPECT_TRUE(data.at("uplinks")[1].at("last_change").is_null());
}

TEST_F(CommandsTest, Tenant) {
    std::string all = run("show tenant all");
    EXPECT_THAT(all, HasSubstr("blue    100"));
    EXPECT_THAT(all, HasSubstr("blue    frame-too-short        1"));
    EXPECT_THAT(run("show tenant red"), HasSubstr("from vm ports      3 packets, 0 bytes"));
    EXPECT_THAT(fail("show tenant green"), HasSubstr("there are: blue, red"));
    Json blue = json("show tenant blue");
    EXPECT_EQ(blue.at("vni"), 100);
    EXPECT_EQ(blue.at("counters").at("rx_packets"), 3);
    EXPECT_EQ(blue.at("drops").at("frame-too-short"), 1);
    EXPECT_EQ(json("show tenant all").size(), 2U);
}

TEST_F(CommandsTest, ReloadedTenants) {
    EXPECT_EQ(run("tenant reload all"),
              "TENANT  REMOTE VTEPS  VM PORTS  FDB       SAS    SETTINGS\n"
              "blue    -             -         +3 -2 ~1  +4 -4  mtu, learning\n"
              "red     -             -         -         -      -\n");
    EXPECT_EQ(json("tenant reload blue")[0].at("fdb"),
              (Json{{"added", 3}, {"changed", 1}, {"removed", 2}}));
    EXPECT_THAT(controller.record_of_calls, ElementsAre("reload_tenants ", "reload_tenants blue"));
}

TEST_F(CommandsTest, Fdb) {
    std::string all = run("show fdb");
    EXPECT_THAT(
        all, HasSubstr("blue    52:54:00:00:00:01  port blue1      configured     -  hardware\n"));
    EXPECT_THAT(all, HasSubstr("blue    52:54:00:00:00:02  vtep 192.0.2.2  learned     12 s  "
                               "software: no route leads to the vtep\n"));
    EXPECT_EQ(json("show fdb")[0].at("in_hardware"), true);
    EXPECT_EQ(json("show fdb")[1].at("why_in_software"), "no route leads to the vtep");
    EXPECT_EQ(run("show fdb blue"), all);
    EXPECT_THAT(fail("show fdb green"), HasSubstr("no such tenant"));
    Json entries = json("show fdb");
    EXPECT_EQ(entries[0].at("vm_port"), "blue1");
    EXPECT_TRUE(entries[0].at("vtep").is_null());
    EXPECT_EQ(entries[1].at("idle_seconds"), 12);
    controller.fdb_entries.clear();
    EXPECT_EQ(run("show fdb"), "no fdb entries\n");
    EXPECT_EQ(json("show fdb"), Json::array());
}

TEST_F(CommandsTest, VtepAndNextHop) {
    EXPECT_THAT(run("show vtep"), HasSubstr("2001:db8::2  remote  fe80::1   yes       blue\n"));
    EXPECT_EQ(json("show vtep")[0].at("tenants"), (Json{"blue", "red"}));
    std::string next_hops = run("show nexthop");
    EXPECT_THAT(next_hops, HasSubstr("192.0.2.254  config  p0      02:00:00:00:00:01"));
    EXPECT_THAT(next_hops, HasSubstr("p1      -                  unresolved"));
    EXPECT_TRUE(json("show nexthop")[0].at("links")[1].at("destination").is_null());
}

TEST_F(CommandsTest, DropShowsWhatWasDroppedAndJsonAll) {
    std::string text = run("show drop");
    EXPECT_THAT(text, HasSubstr("source-mac-spoofed       42  source MAC is not one of"));
    EXPECT_THAT(text, Not(HasSubstr("vni-unknown")));
    Json drops = json("show drop");
    EXPECT_EQ(drops.size(), datapath::drop_reason_count);
    EXPECT_EQ(drops.at("source-mac-spoofed"), 42);
    EXPECT_EQ(drops.at("vni-unknown"), 0);
}

TEST_F(CommandsTest, GraphStats) {
    std::string text = run("show graph stats");
    EXPECT_THAT(text,
                HasSubstr("vxlan-encap     10      320   32000          32.0          100.0"));
    EXPECT_THAT(text,
                HasSubstr("flood            0        0       0             -              -"));
    EXPECT_THAT(text, HasSubstr("25.0"));
    EXPECT_EQ(json("show graph stats").at("workers")[0].at("idle_loops"), 250);
}

TEST_F(CommandsTest, ConfigAndVersion) {
    EXPECT_THAT(run("show config"), HasSubstr("blue"));
    Json config = json("show config");
    EXPECT_EQ(config.at("node").at("name"), "hv1");
    EXPECT_EQ(config.at("tenants")[1].at("vm_ports")[0].at("mac"), "any");
    EXPECT_EQ(config.at("underlay").at("source_ports"), "49152-65535");
    EXPECT_THAT(run("show version"), HasSubstr("up for     1 d 01:01:01"));
    EXPECT_EQ(json("show version").at("uptime_seconds"), 90061);
}

TEST_F(CommandsTest, ProcessCommands) {
    EXPECT_EQ(run("log level debug"), "");
    EXPECT_THAT(fail("log level loud"), HasSubstr("(trace|debug|info|warning|error)"));
    run("log level info");
    EXPECT_EQ(commands.run("exit", "").then, shell::Then::end_session);
    EXPECT_EQ(commands.run("quit", "").then, shell::Then::stop_process);
    EXPECT_THAT(run("help"), HasSubstr("failover switch"));
}

/// "port (info\\|stats)" of a Markdown table becomes "port stats".
std::string last_alternatives(std::string text) {
    std::erase_if(text, [](char c) { return c == '\\' || c == ')'; });
    for (auto bar = text.find('|'); bar != std::string::npos; bar = text.find('|')) {
        const auto before = text.find_last_of(" (", bar);
        const auto start = before == std::string::npos ? 0 : before + (text[before] == ' ' ? 1 : 0);
        text.erase(start, bar + 1 - start);
    }
    return text;
}

/// What a row of the manual's table says of a command must be what the shell takes.
TEST_F(CommandsTest, Detectors) {
    const std::string text = run("show detector");
    for (const char* part : {"uplink p0, as 06:00:00:00:00:01", "192.0.2.254   yes",
                             "2001:db8::fe  no", "Up from 192.0.2.5 to 192.0.2.251", "300000 us",
                             "900000 us", "2 ttl", "uplink p1: its link only"})
        EXPECT_THAT(text, HasSubstr(part));
    const auto uplinks = json("show detector");
    EXPECT_EQ(uplinks.at(0).at("bfd").at("state"), "Up");
    EXPECT_EQ(uplinks.at(0).at("bfd").at("discarded").dump(), R"({"ttl":2})");
    EXPECT_EQ(uplinks.at(0).at("neighbours").at("targets").at(1).at("answers"), false);
    EXPECT_TRUE(uplinks.at(1).at("bfd").is_null());
    EXPECT_TRUE(uplinks.at(1).at("neighbours").is_null());
}

TEST_F(CommandsTest, ManualAndShellKnowTheSameCommands) {
    std::ifstream file(SALLYPORT_COMMANDS_MANUAL);
    ASSERT_TRUE(file);
    std::vector<std::string> manual;
    std::string line;
    while (std::getline(file, line)) {
        if (line.rfind("| `", 0) != 0) continue;
        std::string cell = line.substr(0, line.find(" | "));
        if (cell.find("`/") != std::string::npos) continue;
        // Every other piece between backquotes is a command.
        std::istringstream pieces(cell);
        bool quoted = false;
        for (std::string piece; std::getline(pieces, piece, '`'); quoted = !quoted)
            if (quoted) manual.push_back(piece);
    }
    ASSERT_GT(manual.size(), 20U);
    std::map<std::string, std::string> values{{"NAME", "blue"},
                                              {"TENANT", "blue"},
                                              {"MAC", "52:54:00:00:00:09"},
                                              {"ADDRESS", "192.0.2.2"},
                                              {"FILE", "x.conf"},
                                              {"LEVEL", "info"},
                                              {"rate N", "rate 1000"},
                                              {"HEX", "525400000001525400000002080000"}};
    for (std::string text : manual) {
        if (text.rfind("show port", 0) == 0) text.replace(text.find("NAME"), 4, "p0");
        if (text.find("port NAME") != std::string::npos)
            text.replace(text.find("port NAME"), 9, "port blue1");
        for (const auto& [word, value] : values)
            for (auto at = text.find(word); at != std::string::npos; at = text.find(word))
                text.replace(at, word.size(), value);
        text = last_alternatives(text);
        run(text);
        if (text.rfind("show ", 0) == 0 || text.rfind("explain ", 0) == 0) json(text);
    }
}

} // namespace
} // namespace sallyport::commands
