// SPDX-License-Identifier: BSD-3-Clause
// A control thread without ports: known answers, and a record of what was asked of it.
#pragma once

#include "control/controller.h"

#include <string>
#include <vector>

namespace sallyport::shell_test {

inline net::MacAddress mac(const char* text) {
    return net::MacAddress::parse(text).value();
}
inline net::IpAddress address(const char* text) {
    return net::IpAddress::parse(text).value();
}

class FakeController final : public control::Controller {
  public:
    FakeController() {
        settings_.node = "hv1";
        settings_.uplinks = {{"p0", "net_null0", ""}, {"p1", "net_null1", "eth1"}};
        config::TenantSettings blue;
        blue.name = "blue";
        blue.vni = 100;
        blue.local_vtep = address("192.0.2.1");
        blue.remote_vteps = {address("192.0.2.2"), address("192.0.2.3")};
        blue.vm_ports = {{"blue1", "net_tap0,iface=blue1", {mac("52:54:00:00:00:01")}}};
        config::TenantSettings red = blue;
        blue.is_protected = true;
        config::SaSettings out;
        out.name = "out-1";
        out.remote_vtep = address("192.0.2.2");
        out.spi = 0x1001;
        out.key_file = "/etc/sallyport/keys/out-1";
        out.hard.packets = 1000;
        out.soft.packets = 900;
        config::SaSettings in = out;
        in.name = "in-1";
        in.direction = ipsec::Direction::inbound;
        in.spi = 0xfedcba98;
        blue.sas = {out, in};
        red.name = "red";
        red.vni = 200;
        red.vm_ports = {{"red1", "net_tap1", {}}};
        settings_.tenants = {blue, red};
    }

    Expected<void> add_tenant(const std::filesystem::path& file) override {
        return record("add_tenant " + file.string());
    }
    Expected<void> remove_tenant(const std::string& name) override {
        return record("remove_tenant " + name);
    }
    Expected<std::vector<control::TenantReload>>
    reload_tenants(const std::string& tenant) override {
        if (auto done = record("reload_tenants " + tenant); !done)
            return tl::unexpected(done.error());
        control::TenantReload reload{.tenant = "blue", .settings = {"mtu", "learning"}};
        reload.fdb = {3, 1, 2};
        reload.sas = {4, 0, 4};
        return std::vector{reload, control::TenantReload{.tenant = "red"}};
    }
    Expected<void> rekey(const std::string& tenant) override { return record("rekey " + tenant); }
    Expected<void> add_fdb(const std::string& tenant, const config::FdbSettings& entry) override {
        return record("add_fdb " + tenant + " " + entry.mac.to_string() + " "
                      + (entry.vtep ? entry.vtep->to_string() : entry.vm_port));
    }
    Expected<void> remove_fdb(const std::string& tenant, const net::MacAddress& mac) override {
        return record("remove_fdb " + tenant + " " + mac.to_string());
    }
    Expected<void> set_uplink(const std::string& uplink, bool up) override {
        return record("set_uplink " + uplink + (up ? " up" : " down"));
    }
    Expected<failover::Switch> switch_uplink() override {
        if (auto done = record("switch_uplink"); !done) return tl::unexpected(done.error());
        return failover::Switch{0, 1, failover::Reason::requested};
    }
    Expected<void> start_probe(const net::IpAddress& vtep, std::uint32_t rate) override {
        return record("start_probe " + vtep.to_string() + " " + std::to_string(rate));
    }
    Expected<void> stop_probe() override { return record("stop_probe"); }
    Expected<void> start_drill(const net::IpAddress& vtep, std::uint32_t rate) override {
        return record("start_drill " + vtep.to_string() + " " + std::to_string(rate));
    }
    void clear_counters() override { static_cast<void>(record("clear_counters")); }

    [[nodiscard]] const config::Settings& settings() const override { return settings_; }
    [[nodiscard]] std::vector<control::PortReport> ports() const override {
        control::PortReport uplink;
        uplink.name = "p0";
        uplink.role = datapath::PortRole::uplink;
        uplink.mac = mac("02:00:00:00:00:01");
        uplink.link_up = true;
        uplink.link_speed_mbps = 25000;
        uplink.counters.rx_packets = 18446744073709551615U;
        uplink.drops[static_cast<std::size_t>(datapath::DropReason::vni_unknown)] = 7;
        control::PortReport vm;
        vm.name = "blue1";
        vm.tenant = "blue";
        vm.allowed_macs = {mac("52:54:00:00:00:01")};
        vm.nic = control::NicPortCounters{{9, 900}, {8, 800}, {1, 100}};
        return {uplink, vm};
    }
    [[nodiscard]] std::optional<control::ProbeStatus> probe() const override {
        return probe_status;
    }
    [[nodiscard]] std::optional<control::DrillStatus> drill() const override {
        return drill_status;
    }
    [[nodiscard]] std::vector<failover::FailoverRecord> failover_history() const override {
        return failover_records;
    }
    [[nodiscard]] std::vector<control::DetectorReport> detectors() const override {
        control::DetectorReport active, backup;
        active.uplink = "p0";
        active.mac = mac("06:00:00:00:00:01");
        backup.uplink = "p1";
        backup.mac = mac("0a:00:00:00:00:01");
        active.neighbours = {
            .failed = false,
            .targets = {{address("192.0.2.254"), false, 0}, {address("2001:db8::fe"), true, 7}}};
        active.bfd.emplace(
            control::DetectorReport::Bfd{.ends = {address("192.0.2.5"), address("192.0.2.251")},
                                         .peer_mac = mac("02:00:00:00:00:fb"),
                                         .state = net::BfdState::up,
                                         .remote_state = net::BfdState::up,
                                         .transmit_interval = std::chrono::milliseconds(300),
                                         .detection_time = std::chrono::milliseconds(900),
                                         .sent = 12,
                                         .received = 11});
        active.bfd->discarded[static_cast<std::size_t>(net::BfdDiscard::ttl)] = 2;
        return {active, backup};
    }
    [[nodiscard]] control::FailoverReport failover() const override {
        control::UplinkReport active{"p0", 0, true, true, true, "", "polling", 1, {}};
        active.last_change = std::chrono::system_clock::from_time_t(1000000000);
        control::UplinkReport backup{"p1", 1, false, false, true, "link down", "carrier of eth1",
                                     0,    {}};
        return {"p0", "start", 1, {active, backup}};
    }
    [[nodiscard]] std::vector<control::NextHopReport> next_hops() const override {
        return {{address("192.0.2.254"),
                 true,
                 {{"p0", mac("02:00:00:00:00:01"), mac("02:00:00:00:00:fe")}, {"p1", {}, {}}}}};
    }
    [[nodiscard]] std::vector<control::VtepReport> vteps() const override {
        return {{address("192.0.2.1"), true, {}, false, {"blue", "red"}},
                {address("2001:db8::2"), false, address("fe80::1"), true, {"blue"}}};
    }
    [[nodiscard]] Expected<std::vector<control::FdbReport>>
    fdb(const std::string& tenant) const override {
        if (!tenant.empty() && tenant != "blue" && tenant != "json")
            return failure("no such tenant", "tenant " + tenant, "there are: blue, red");
        return fdb_entries;
    }
    [[nodiscard]] std::vector<control::TenantReport> tenants() const override {
        std::vector<control::TenantReport> reports;
        for (const config::TenantSettings& tenant : settings_.tenants) {
            control::TenantReport report;
            report.settings = tenant;
            report.counters.rx_packets = 3;
            if (tenant.name == "blue") report.nic = control::NicTenantCounters{{7, 700}, {}, {}};
            report.counters.drops[0] = tenant.name == "blue" ? 1 : 0;
            reports.push_back(report);
        }
        return reports;
    }
    [[nodiscard]] Expected<std::vector<control::FlowReport>>
    flows(const control::FlowFilter& filter) const override {
        if (filter.tenant == "nobody") return failure("no such tenant", "tenant nobody");
        asked_filter = filter;
        return std::vector<control::FlowReport>{
            {"fdb", 7, "blue", "blue1", "tenant 0, destination 52:54:00:00:00:01",
             "count, to port 3", "hardware", "", 5, 500, ""},
            {"", 0, "blue", "blue2", "packets from vm port blue2", "", "software",
             "no representor is attached", 0, 0, ""}};
    }
    [[nodiscard]] control::EswitchReport eswitch() const override {
        control::EswitchReport report;
        report.kind = "mlx5";
        report.proxy = "p0";
        report.ports = {{"p0", true, "pf0", "0000:08:00.0", 0, true},
                        {"blue1", false, "pf0vf3", "0000:08:00.0_representor_vf3", 2, false}};
        report.queues = 1;
        report.queue_size = 1024;
        report.in_flight = 3;
        report.counters = 5000;
        report.counters_used = 12;
        report.tables = {{"fdb", 7, 12, 1000}};
        report.entries = 13;
        report.entries_in_hardware = 12;
        report.source_port_agreed = source_port_agreed;
        report.why_own_source_port = why_own_source_port;
        return report;
    }
    [[nodiscard]] Expected<std::string> testpmd_program() const override {
        return std::string("flow configure 0 queues_number 1");
    }
    [[nodiscard]] Expected<control::ExplainReport>
    explain(const std::string& port, std::span<const std::uint8_t> packet) const override {
        if (port == "nobody") return failure("no such uplink or vm port", "port nobody");
        static_cast<void>(record("explain " + port + " " + std::to_string(packet.size())));
        explained.assign(packet.begin(), packet.end());
        using Fate = control::ExplainReport::Fate;
        control::ExplainReport report{{{0, "from-vm", "from port 3", "group 3"}, {3, {}, {}, {}}},
                                      Fate::cpu,
                                      {},
                                      "0011",
                                      "a station that is new"};
        report.cpu_gets_it = true;
        report.software = {"learns it", "drops it under same-port: because"};
        report.software_drop = "same-port";
        if (packet.back() == 0xff) report = {{}, Fate::port, "p0", "0011", {}};
        if (packet.back() == 0xee) report = {{}, Fate::drop, {}, "0011", {}};
        if (packet.back() == 0xdd) report = {{}, Fate::port, "p0", "0011", {}, {"no room"}, true};
        return report;
    }
    [[nodiscard]] control::IpsecReport ipsec() const override {
        control::IpsecReport report;
        control::SaReport out;
        out.tenant = "blue";
        out.settings = settings_.tenants[0].sas.at(0);
        out.choice = {
            ipsec::Engine::cpu, "crypto_aesni_mb0", {"inline-crypto: there is no uplink"}};
        out.sequence = 18446744073709551614U;
        out.totals.packets = 5;
        out.totals.octets = 500;
        out.lifetime = ipsec::Lifetime::soft;
        control::SaReport in = out;
        in.settings = settings_.tenants[0].sas.at(1);
        in.totals.faults[static_cast<std::size_t>(ipsec::PacketFault::bad_icv)] = 3;
        in.totals.faults[static_cast<std::size_t>(ipsec::PacketFault::selector_mismatch)] = 4;
        in.lifetime = ipsec::Lifetime::fresh;
        control::SaReport old = in;
        old.settings.name = "in-0";
        old.state = control::SaState::retiring;
        report.sas = {out, in, old};
        report.outbound = out.totals;
        report.inbound = in.totals;
        report.devices = {"crypto_aesni_mb0: on the CPU aes128gcm16"};
        return report;
    }
    [[nodiscard]] datapath::DropCounts drops() const override {
        datapath::DropCounts drops{};
        const auto at = [&drops](datapath::DropReason reason) -> std::uint64_t& {
            return drops[static_cast<std::size_t>(reason)];
        };
        at(datapath::DropReason::source_mac_spoofed) = 42;
        at(datapath::DropReason::no_sa) = 7;
        at(datapath::DropReason::clear_text) = 8;
        at(datapath::DropReason::unknown_spi) = 9;
        return drops;
    }
    [[nodiscard]] std::vector<datapath::NodeCounters> node_counters() const override {
        return {{"vxlan-encap", 10, 320, 32000}, {"flood", 0, 0, 0}};
    }
    [[nodiscard]] std::vector<datapath::WorkerCounters> worker_counters() const override {
        return {{1, 1000, 250, 3}};
    }
    [[nodiscard]] std::chrono::steady_clock::duration uptime() const override {
        return std::chrono::seconds(90061);
    }

    /// What was asked, in order.
    mutable std::vector<std::string> record_of_calls;
    /// The latest packet that was to be explained.
    mutable std::vector<std::uint8_t> explained;
    /// Of the latest question for flows.
    mutable control::FlowFilter asked_filter;
    /// Set: the next change fails with this.
    mutable std::optional<Error> next_error;
    bool source_port_agreed = false;
    std::string why_own_source_port;
    std::vector<control::FdbReport> fdb_entries{
        {"blue",
         mac("52:54:00:00:00:01"),
         "blue1",
         {},
         overlay::FdbOrigin::configured,
         {},
         true,
         {}},
        {"blue", mac("52:54:00:00:00:02"), "", address("192.0.2.2"), overlay::FdbOrigin::learned,
         std::chrono::seconds(12), false, "no route leads to the vtep"}};
    config::Settings settings_;

    std::vector<failover::FailoverRecord> failover_records;
    std::optional<control::ProbeStatus> probe_status;
    std::optional<control::DrillStatus> drill_status;

  private:
    Expected<void> record(std::string call) const {
        record_of_calls.push_back(std::move(call));
        if (!next_error) return {};
        Error error = *next_error;
        next_error.reset();
        return tl::unexpected(error);
    }
};

} // namespace sallyport::shell_test
