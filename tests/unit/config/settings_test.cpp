// SPDX-License-Identifier: BSD-3-Clause
// Good files become the settings that they describe, and settings become files that load again.
#include "helpers.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::config::test {

namespace {

using namespace std::chrono_literals;

net::IpAddress ip(const std::string& text) {
    return *net::IpAddress::parse(text);
}
net::MacAddress mac(const std::string& text) {
    return *net::MacAddress::parse(text);
}

/// Every key, none at its default.
const std::string full_main = R"(
[node]
name = hypervisor-1.example
[log]
level = debug
format = json
file = /var/log/sallyport.log
[underlay]
mtu = 9216
host_port = under0
address = 192.0.2.1/24
address = 2001:db8::1/64
mac = 02:00:00:00:00:aa
ttl = 32
dscp = 46
df = off
udp_checksum = computed
udp6_zero_checksum = accept
source_ports = 1024-2047
nexthop = 192.0.2.254 02:00:00:00:00:fe
nexthop = 2001:db8::fe 02:00:00:00:00:fe p1
nexthop = 2001:db8::fe 02:00:00:00:00:fd p0
[uplink.p0]
device = 0000:03:00.0,dv_flow_en=2
interface = enp3s0f0
bfd_peer = 2001:db8:1::2
bfd_local = 2001:db8:1::1
[uplink.p1]
device = 0000:03:00.1
[failover]
primary = p1
preempt = always
updelay_ms = 100
downdelay_ms = 20
hold_down_ms = 2000
hold_down_limit_ms = 32000
hold_down_quiet_ms = 90000
real_time = off
poll_interval_ms = 5
announce_count = 7
announce_interval_ms = 250
probe_port = 4711
neighbour_target = nexthops
neighbour_target = 192.0.2.253
neighbour_target = 2001:db8::fd
neighbour_interval_ms = 50
neighbour_missed_max = 2
neighbour_needed = all
bfd_interval_ms = 20
bfd_multiplier = 5
[workers]
idle = spin
max_sleep_us = 50
[ipsec]
offload = lookaside
state_file = /var/lib/numbers
new_state_file = on
trace = keys-to-file /tmp/esp sa
rekey_grace = 30
[shell]
socket = none
[limits]
tenants = 16
fdb_entries = 1000
tunnels = 2000
buffers = 4096
)";

const std::string full_tenant = R"(
name = blue
vni = 16777215
local_vtep = 2001:db8::1
udp_port = 8472
mtu = 9000
learning = off
flooding = off
inner_vlan = pass
protection = ipsec
ageing_time = 0
max_learned = 12
remote_vtep = 2001:db8::3
remote_vtep = 2001:db8::2
fdb = 02:00:00:00:00:09 vtep 2001:db8::2
fdb = 02:00:00:00:00:0a port blue1
[vm_port.blue1]
device = net_tap0,iface=blue1
mac = 02:00:00:00:00:02
mac = 02:00:00:00:00:01
[vm_port.blue2]
device = net_vhost0,iface=/run/vm/blue2.sock
mac = any
rate = 20M
burst = 100k
[sa.out-1]
direction = out
remote_vtep = 2001:db8::2
spi = 0x1001
algorithm = aes256gcm16
key_file = keys/out-1
mode = tunnel
esn = off
udp_encapsulation = on
lifetime_seconds = 3600
lifetime_bytes = 1000000
lifetime_packets = 1001
soft_lifetime_seconds = 600
[sa.in-1]
direction = in
remote_vtep = 2001:db8::2
spi = 4294967295
key_file = /etc/sallyport/keys/in-1
replay_window = 4096
)";

Settings parsed(const std::string& main, const std::vector<std::string>& tenants) {
    std::vector<FileText> files;
    files.reserve(tenants.size());
    for (const std::string& text : tenants)
        files.push_back({"tenant" + std::to_string(files.size()) + ".conf", text});
    auto settings = parse({"main.conf", main}, files);
    if (settings) return *settings;
    for (const std::string& message : messages(settings.error()))
        ADD_FAILURE() << message;
    return {};
}

/// Takes apart what "show config" prints: a comment line in front of each file names it.
Settings parsed_again(const std::string& text) {
    std::vector<FileText> files;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with("# "))
            files.push_back({line.substr(2), ""});
        else if (!files.empty())
            files.back().text += line + "\n";
    if (files.empty()) return {};
    auto settings = parse(files.front(), std::span(files).subspan(1));
    if (settings) return *settings;
    for (const std::string& message : messages(settings.error()))
        ADD_FAILURE() << message;
    return {};
}

TEST(GoodMain, EveryKey) {
    const Settings settings = parsed(full_main, {});
    EXPECT_EQ(settings.file, "main.conf");
    EXPECT_EQ(settings.node, "hypervisor-1.example");
    EXPECT_EQ(settings.log, (LogSettings{"debug", LogFormat::json, "/var/log/sallyport.log"}));

    UnderlaySettings underlay;
    underlay.mtu = 9216;
    underlay.host_port = "under0";
    underlay.addresses = {{ip("192.0.2.1"), 24}, {ip("2001:db8::1"), 64}};
    underlay.mac = mac("02:00:00:00:00:aa");
    underlay.ttl = 32;
    underlay.dscp = 46;
    underlay.dont_fragment = false;
    underlay.udp_checksum = UdpChecksum::computed;
    underlay.accept_udp6_zero_checksum = true;
    underlay.source_port_first = 1024;
    underlay.source_port_last = 2047;
    underlay.next_hops = {{ip("192.0.2.254"), mac("02:00:00:00:00:fe"), ""},
                          {ip("2001:db8::fe"), mac("02:00:00:00:00:fe"), "p1"},
                          {ip("2001:db8::fe"), mac("02:00:00:00:00:fd"), "p0"}};
    EXPECT_EQ(settings.underlay, underlay);

    const std::vector<UplinkSettings> expected_uplinks{
        {"p0", "0000:03:00.0,dv_flow_en=2", "enp3s0f0",
         failover::BfdEnds{ip("2001:db8:1::1"), ip("2001:db8:1::2")}},
        {"p1", "0000:03:00.1", ""}};
    EXPECT_EQ(settings.uplinks, expected_uplinks);
    EXPECT_EQ(settings.failover,
              (FailoverSettings{{.primary = failover::UplinkIndex{1},
                                 .preempt = failover::Preempt::always,
                                 .updelay = 100ms,
                                 .downdelay = 20ms,
                                 .hold_down_base = 2s,
                                 .hold_down_limit = 32s,
                                 .hold_down_quiet = 90s},
                                false,
                                5ms,
                                7,
                                250ms,
                                4711,
                                {.next_hops = true,
                                 .targets = {ip("192.0.2.253"), ip("2001:db8::fd")},
                                 .reachability = {50ms, 2, true}},
                                {20ms, 20ms, 5}}));
    EXPECT_EQ(settings.workers, (WorkerSettings{WorkerIdle::spin, 50us}));
    EXPECT_EQ(settings.limits, (LimitSettings{16, 1000, 2000, 4096}));
    EXPECT_EQ(settings.ipsec, (IpsecSettings{ipsec::Engine::lookaside, "/var/lib/numbers", true,
                                             "/tmp/esp sa", 30s}));
    EXPECT_EQ(settings.shell_socket, "");
    EXPECT_EQ(settings.tenants_directory, "");
}

TEST(GoodMain, Defaults) {
    Settings defaults;
    defaults.file = "main.conf";
    defaults.uplinks = {{"p0", "net_af_packet0,iface=up0", "up0"},
                        {"p1", "net_af_packet1,iface=up1", "up1"}};
    const Settings settings = parsed(std::string(uplinks), {});
    EXPECT_NE(settings.node, "");
    defaults.node = settings.node;
    EXPECT_EQ(settings, defaults);
}

TEST(GoodMain, UplinksKeepTheOrderOfTheFile) {
    const Settings settings = parsed("[uplink.z]\ndevice = d1\n[uplink.a]\ndevice = d2\n", {});
    ASSERT_EQ(settings.uplinks.size(), 2U);
    EXPECT_EQ(settings.uplinks[0].name, "z");
    EXPECT_EQ(settings.uplinks[1].name, "a");
}

TEST(GoodMain, RelativePathsAreRelativeToTheMainFile) {
    auto settings =
        parse({"/etc/sallyport/main.conf", "[log]\nfile = a.log\n[shell]\nsocket = ../b.sock\n"
                                           "[tenants]\ndirectory = t\n"
                                               + std::string(uplinks)},
              {});
    ASSERT_TRUE(settings);
    EXPECT_EQ(settings->log.file, "/etc/sallyport/a.log");
    EXPECT_EQ(settings->shell_socket, "/etc/b.sock");
    EXPECT_EQ(settings->tenants_directory, "/etc/sallyport/t");
}

TEST(GoodTenant, EveryKey) {
    const Settings settings = parsed(full_main, {full_tenant});
    ASSERT_EQ(settings.tenants.size(), 1U);
    TenantSettings blue;
    blue.file = "tenant0.conf";
    blue.name = "blue";
    blue.vni = 16777215;
    blue.local_vtep = ip("2001:db8::1");
    blue.udp_port = 8472;
    blue.mtu = 9000;
    blue.learning = false;
    blue.flooding = false;
    blue.pass_inner_vlan = true;
    blue.is_protected = true;
    blue.ageing_time = 0s;
    blue.max_learned = 12;
    blue.remote_vteps = {ip("2001:db8::3"), ip("2001:db8::2")};
    blue.fdb = {{mac("02:00:00:00:00:09"), "", ip("2001:db8::2")},
                {mac("02:00:00:00:00:0a"), "blue1", std::nullopt}};
    blue.vm_ports = {
        {"blue1", "net_tap0,iface=blue1", {mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02")}},
        {"blue2",
         "net_vhost0,iface=/run/vm/blue2.sock",
         {},
         net::RateLimit{.octets_per_second = 2'500'000, .burst_octets = 100'000}}};
    SaSettings out;
    out.name = "out-1";
    out.remote_vtep = ip("2001:db8::2");
    out.spi = 0x1001;
    out.algorithm = ipsec::Algorithm::aes_256_gcm;
    out.key_file = std::filesystem::absolute("keys/out-1");
    out.mode = ipsec::Mode::tunnel;
    out.esn = false;
    out.udp_encapsulation = true;
    out.hard = {.seconds = 3600, .octets = 1000000, .packets = 1001};
    out.soft = {.seconds = 600, .octets = 900000, .packets = 901};
    SaSettings in;
    in.name = "in-1";
    in.direction = ipsec::Direction::inbound;
    in.remote_vtep = ip("2001:db8::2");
    in.spi = 0xffffffff;
    in.key_file = "/etc/sallyport/keys/in-1";
    in.replay_window = 4096;
    blue.sas = {out, in};
    EXPECT_EQ(settings.tenants[0], blue);
}

TEST(GoodTenant, Defaults) {
    const Settings settings = parsed(std::string(uplinks), {std::string(identity)});
    TenantSettings blue;
    blue.file = "tenant0.conf";
    blue.name = "blue";
    blue.vni = 100;
    blue.local_vtep = ip("192.0.2.1");
    ASSERT_EQ(settings.tenants.size(), 1U);
    EXPECT_EQ(settings.tenants[0], blue);
}

TEST(GoodTenant, MtuDefaultsToWhatFits) {
    const std::string small = "[underlay]\nmtu = 1500\n" + std::string(uplinks);
    EXPECT_EQ(parsed(small, {std::string(identity)}).tenants.at(0).mtu, 1450);
    EXPECT_EQ(parsed(small, {"name = b\nvni = 1\nlocal_vtep = 2001:db8::1\n"}).tenants.at(0).mtu,
              1430);
}

TEST(ConfigText, LoadsAgainToEqualSettings) {
    const Settings settings = parsed(full_main, {full_tenant, "name = red\nvni = 7\n"
                                                              "local_vtep = 192.0.2.1\n"});
    EXPECT_EQ(parsed_again(to_config_text(settings)), settings);
}

TEST(ConfigText, DefaultsLoadAgainToEqualSettings) {
    const Settings settings = parsed(std::string(uplinks), {std::string(identity)});
    EXPECT_EQ(parsed_again(to_config_text(settings)), settings);
}

TEST(ConfigText, NamesEveryKeyOfTheDocumentation) {
    // Keys that have no value where there is nothing to say are given one here.
    const Settings settings = parsed(full_main, {full_tenant});
    const std::string text = to_config_text(settings);
    for (const char* key : {"name",
                            "level",
                            "format",
                            "file",
                            "mtu",
                            "host_port",
                            "address",
                            "mac",
                            "ttl",
                            "dscp",
                            "df",
                            "udp_checksum",
                            "udp6_zero_checksum",
                            "source_ports",
                            "nexthop",
                            "device",
                            "interface",
                            "primary",
                            "real_time",
                            "poll_interval_ms",
                            "announce_count",
                            "announce_interval_ms",
                            "probe_port",
                            "neighbour_target",
                            "neighbour_interval_ms",
                            "neighbour_missed_max",
                            "neighbour_needed",
                            "bfd_interval_ms",
                            "bfd_multiplier",
                            "bfd_peer",
                            "bfd_local",
                            "idle",
                            "max_sleep_us",
                            "socket",
                            "tenants",
                            "fdb_entries",
                            "tunnels",
                            "buffers",
                            "offload",
                            "state_file",
                            "new_state_file",
                            "trace",
                            "rekey_grace",
                            "protection",
                            "direction",
                            "spi",
                            "algorithm",
                            "key_file",
                            "mode",
                            "esn",
                            "replay_window",
                            "udp_encapsulation",
                            "lifetime_seconds",
                            "lifetime_bytes",
                            "lifetime_packets",
                            "soft_lifetime_seconds",
                            "soft_lifetime_bytes",
                            "soft_lifetime_packets",
                            "directory",
                            "vni",
                            "local_vtep",
                            "udp_port",
                            "learning",
                            "flooding",
                            "inner_vlan",
                            "ageing_time",
                            "max_learned",
                            "remote_vtep",
                            "fdb"})
        EXPECT_THAT(text, testing::HasSubstr("\n" + std::string(key) + " = "));
}

/// Main files below config/, by path.
std::vector<std::filesystem::path> example_main_files() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(EXAMPLES_DIRECTORY))
        if (entry.path().filename() == "sallyport.conf") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

TEST(Examples, LoadWithTheirTenants) {
    const auto files = example_main_files();
    ASSERT_GE(files.size(), 2U);
    for (const auto& file : files) {
        SCOPED_TRACE(file.string());
        const auto settings = load(file, {});
        if (!settings) {
            ADD_FAILURE() << testing::PrintToString(messages(settings.error()));
            continue;
        }
        EXPECT_EQ(settings->tenants.size(), 2U);
        EXPECT_FALSE(settings->underlay.host_port.empty());
        for (const TenantSettings& tenant : settings->tenants)
            EXPECT_FALSE(tenant.vm_ports.empty()) << tenant.name;
        EXPECT_EQ(parsed_again(to_config_text(*settings)), *settings);
    }
}

TEST(Examples, EveryConfFileBelongsToOne) {
    std::vector<std::filesystem::path> loaded;
    for (const auto& file : example_main_files()) {
        loaded.push_back(file);
        const auto settings = load(file, {});
        ASSERT_TRUE(settings);
        for (const TenantSettings& tenant : settings->tenants)
            loaded.push_back(tenant.file);
    }
    std::vector<std::filesystem::path> shipped;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(EXAMPLES_DIRECTORY))
        if (entry.path().extension() == ".conf") shipped.push_back(entry.path());
    EXPECT_THAT(loaded, testing::UnorderedElementsAreArray(shipped));
}

} // namespace

} // namespace sallyport::config::test
