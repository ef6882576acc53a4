// SPDX-License-Identifier: BSD-3-Clause
#include "controller_fixture.h"

#include "fakes.h"

#include <chrono>
#include <csignal>
#include <fstream>

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <unistd.h>

namespace sallyport::control::fakes {
namespace {

using namespace std::chrono_literals;

class Eal : public ::testing::Environment {
  public:
    void SetUp() override {
        // Both lcores on one CPU: the test runs wherever there is one.
        std::vector<std::string> words = {
            "control_eal_test",
            "--no-huge",
            "-m512",
            "--no-pci",
            "--no-shconf",
            "--no-telemetry",
            "--lcores=0@0,1@0",
            "--log-level=error",
            fmt::format("--file-prefix=sallyport-control-test-{}", ::getpid())};
        std::vector<char*> arguments;
        for (auto& word : words)
            arguments.push_back(word.data());
        // As the process does: virtio-user writes to a vhost end that is gone.
        ::signal(SIGPIPE, SIG_IGN);
        ASSERT_GE(rte_eal_init(static_cast<int>(arguments.size()), arguments.data()), 0);
    }
    void TearDown() override {
        const std::filesystem::path folder = rte_eal_get_runtime_dir();
        rte_eal_cleanup();
        std::filesystem::remove_all(folder);
    }
};
const auto* const eal = ::testing::AddGlobalTestEnvironment(new Eal);

config::TenantSettings blue() {
    config::TenantSettings tenant;
    tenant.name = "blue";
    tenant.vni = 100;
    tenant.local_vtep = ip("192.0.2.1");
    tenant.remote_vteps = {ip("192.0.2.2"), ip("192.0.2.3")};
    tenant.vm_ports = {{"blue1", "net_null_blue1,no-rx=1", {mac("02:00:00:00:01:01")}},
                       {"blue2", "net_null_blue2,no-rx=1", {}}};
    tenant.fdb = {{mac("02:00:00:00:02:01"), "", ip("192.0.2.2")}};
    return tenant;
}

} // namespace

config::Settings two_uplinks() {
    config::Settings settings;
    settings.node = "test";
    settings.underlay.host_port.clear();
    settings.underlay.mac = mac("02:00:00:00:00:01");
    settings.underlay.next_hops = {{ip("192.0.2.2"), mac("02:00:00:00:00:02"), ""}};
    // The driver of these has a link that can be set down, and does not tell when it goes.
    // Rings outlive their ports, with what is in them: each start has rings of its own.
    static unsigned starts = 0;
    ++starts;
    settings.uplinks = {{"p0", fmt::format("net_ring_{}a", starts), ""},
                        {"p1", fmt::format("net_ring_{}b", starts), ""}};
    settings.failover.poll_interval = 2ms;
    settings.failover.announce_interval = 2ms;
    settings.limits = {64, 4096, 1024, 4096};
    settings.tenants = {blue()};
    return settings;
}

const std::string red_text = "name = red\n"
                             "vni = 200\n"
                             "local_vtep = 192.0.2.1\n"
                             "remote_vtep = 192.0.2.2\n"
                             "[vm_port.red1]\n"
                             "device = net_null_red1,no-rx=1\n"
                             "mac = any\n";

void ControllerTest::SetUp() {
    auto made = EventLoop::create();
    ASSERT_TRUE(made) << made.error().message();
    loop = std::move(*made);
    folder = std::filesystem::temp_directory_path()
             / fmt::format("sallyport-control-test-{}", ::getpid());
    std::filesystem::create_directories(folder);
}

void ControllerTest::TearDown() {
    controller.reset();
    std::filesystem::remove_all(folder);
    EXPECT_EQ(rte_eth_dev_count_avail(), 0) << "every port is closed";
}

void ControllerTest::start(const config::Settings& settings) {
    auto started = Controller::start(settings, *loop);
    ASSERT_TRUE(started) << started.error().message();
    controller = std::move(*started);
}

bool ControllerTest::run_until(const std::function<bool()>& done) {
    bool reached = false;
    auto poll = loop->every(1ms, [&] {
        if ((reached = done())) loop->stop();
    });
    auto deadline = loop->after(10s, [&] { loop->stop(); });
    loop->run();
    loop->cancel(poll);
    loop->cancel(deadline);
    return reached;
}

std::filesystem::path ControllerTest::tenant_file(const std::string& name,
                                                  const std::string& text) {
    auto path = folder / name;
    std::ofstream(path) << text;
    return path;
}

std::vector<std::string> ControllerTest::port_names() {
    std::vector<std::string> names;
    for (const auto& port : controller->ports())
        names.push_back(port.name);
    return names;
}

PortReport ControllerTest::port(const std::string& name) {
    for (const auto& report : controller->ports())
        if (report.name == name) return report;
    ADD_FAILURE() << "no port " << name;
    return {};
}

} // namespace sallyport::control::fakes
