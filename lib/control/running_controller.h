// SPDX-License-Identifier: BSD-3-Clause
// The controller's parts, put together.
#pragma once

#include "control/announcer.h"
#include "control/controller.h"
#include "control/detector_control.h"
#include "control/driver_event.h"
#include "control/event_loop.h"
#include "control/failover_control.h"
#include "control/failover_drill.h"
#include "control/failover_probe.h"
#include "control/hardware_view.h"
#include "control/learning.h"
#include "control/link_watch.h"
#include "control/next_hops.h"
#include "control/nic.h"
#include "control/port_set.h"
#include "control/probe_responder.h"
#include "control/protection.h"
#include "control/tenants.h"
#include "control/verbs_watch.h"
#include "overlay/forwarding_state.h"
#include "underlay/kernel_watch.h"

#include <memory>
#include <string>
#include <vector>

namespace sallyport::control {

class RunningController final : public Controller {
  public:
    RunningController(const config::Settings& settings, EventLoop& loop, NicBackend nic_backend);
    ~RunningController() override;
    RunningController(const RunningController&) = delete;
    RunningController& operator=(const RunningController&) = delete;

    /// Once; when it fails the object is to be destroyed, which undoes what was done.
    Expected<void> bring_up();

    Expected<void> add_tenant(const std::filesystem::path& file) override;
    Expected<void> remove_tenant(const std::string& name) override;
    Expected<std::vector<TenantReload>> reload_tenants(const std::string& tenant) override;
    Expected<void> rekey(const std::string& tenant) override;
    Expected<void> add_fdb(const std::string& tenant, const config::FdbSettings& entry) override;
    Expected<void> remove_fdb(const std::string& tenant, const net::MacAddress& mac) override;
    Expected<void> set_uplink(const std::string& uplink, bool administratively_up) override;
    Expected<failover::Switch> switch_uplink() override;
    Expected<void> start_probe(const net::IpAddress& vtep,
                               std::uint32_t packets_per_second) override;
    Expected<void> stop_probe() override;
    Expected<void> start_drill(const net::IpAddress& vtep,
                               std::uint32_t packets_per_second) override;
    void clear_counters() override;

    [[nodiscard]] const config::Settings& settings() const override { return settings_; }
    [[nodiscard]] std::vector<PortReport> ports() const override;
    [[nodiscard]] FailoverReport failover() const override;
    [[nodiscard]] std::vector<DetectorReport> detectors() const override;
    [[nodiscard]] std::vector<failover::FailoverRecord> failover_history() const override;
    [[nodiscard]] std::optional<ProbeStatus> probe() const override;
    [[nodiscard]] std::optional<DrillStatus> drill() const override;
    [[nodiscard]] std::vector<NextHopReport> next_hops() const override;
    [[nodiscard]] std::vector<VtepReport> vteps() const override;
    [[nodiscard]] Expected<std::vector<FdbReport>> fdb(const std::string& tenant) const override;
    [[nodiscard]] std::vector<TenantReport> tenants() const override;
    [[nodiscard]] Expected<std::vector<FlowReport>> flows(const FlowFilter& filter) const override;
    [[nodiscard]] EswitchReport eswitch() const override;
    [[nodiscard]] Expected<std::string> testpmd_program() const override;
    [[nodiscard]] Expected<ExplainReport>
    explain(const std::string& port, std::span<const std::uint8_t> packet) const override;
    [[nodiscard]] IpsecReport ipsec() const override;
    [[nodiscard]] datapath::DropCounts drops() const override;
    [[nodiscard]] std::vector<datapath::NodeCounters> node_counters() const override;
    [[nodiscard]] std::vector<datapath::WorkerCounters> worker_counters() const override;
    [[nodiscard]] std::chrono::steady_clock::duration uptime() const override;

  private:
    Expected<void> make_software_path();
    Expected<void> open_card();
    Expected<void> open_uplinks();
    Expected<void> make_hardware_path();
    void retry_refused_rules();
    Expected<void> watch_kernel();
    Expected<void> open_underlay();
    Expected<void> add_configured_tenants();
    Expected<void> bring_in(const config::TenantSettings& tenant);
    Expected<void> watch_links();
    /// As it is known before LinkWatch is.
    [[nodiscard]] UplinkLink uplink_link(overlay::UplinkIndex index);
    Expected<void> watch_driver(overlay::UplinkIndex index);
    /// Those behind uplinks, where there are any.
    void watch_rdma_devices();
    void watch_rdma_device(overlay::UplinkIndex index);
    void link_changed(const LinkChange& change);
    Expected<void> make_detectors();
    Expected<void> run_workers();

    [[nodiscard]] Expected<ProbePlan> probe_plan(const net::IpAddress& vtep,
                                                 std::uint32_t packets_per_second) const;
    void switched(std::optional<failover::UplinkIndex> active);
    void announce_from(failover::UplinkIndex uplink);
    [[nodiscard]] std::vector<net::IpAddress> announced_addresses() const;
    [[nodiscard]] HardwareView hardware() const {
        return {settings_, *state_, *ports_, nic_.get()};
    }
    /// @return the files' settings, in the order in which the tenants run
    [[nodiscard]] Expected<std::vector<config::TenantSettings>>
    load_again(const std::string& tenant) const;
    Expected<TenantReload> reload(config::TenantSettings& running, config::TenantSettings wanted);
    config::TenantSettings* find_tenant_settings(const std::string& name);
    [[nodiscard]] Error unknown_tenant(const std::string& name) const;
    [[nodiscard]] std::vector<std::string> tenant_names() const;

    config::Settings settings_;
    EventLoop& loop_;
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();

    NicBackend nic_backend_;
    // In the order of the start; the end is in reverse.
    std::unique_ptr<datapath::SoftwarePath> path_;
    /// Null: there is no card.
    std::unique_ptr<Nic> nic_;
    std::unique_ptr<PortSet> ports_;
    std::unique_ptr<overlay::ForwardingState> state_;
    std::unique_ptr<underlay::KernelWatch> kernel_;
    EventLoop::TimerId retry_timer_ = 0;
    EventLoop::TimerId hardware_retry_timer_ = 0;
    std::unique_ptr<NextHops> next_hops_;
    std::unique_ptr<Tenants> tenants_;
    std::unique_ptr<Protection> protection_;
    std::unique_ptr<FailoverControl> failover_;
    std::unique_ptr<LinkWatch> links_;
    std::unique_ptr<DetectorControl> detectors_;
    std::vector<DriverEvent> driver_events_;
    std::unique_ptr<VerbsWatch> verbs_;
    std::unique_ptr<Learning> learning_;
    bool workers_run_ = false;
    std::unique_ptr<Announcer> announcer_;
    std::unique_ptr<ProbeResponder> responder_;
    struct Probing {
        ProbePlan plan;
        std::unique_ptr<FailoverProbe> stream;
    };
    std::optional<Probing> probing_;
    struct Drilling {
        ProbePlan plan;
        std::unique_ptr<FailoverDrill> drill;
    };
    std::optional<Drilling> drilling_;
    /// What other threads post looks here whether the object still is.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace sallyport::control
