// SPDX-License-Identifier: BSD-3-Clause
// Start and end: the order in which the parts come up, and go down again.
#include "control/controller.h"

#include "control/path_settings.h"
#include "control/running_controller.h"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace sallyport::control {
namespace {

constexpr std::chrono::seconds retry_interval{1};
// More than the queue holds: whoever floods it must not make us judge before all was heard.
constexpr std::size_t most_detector_frames = 1024;

} // namespace

Expected<std::unique_ptr<Controller>> Controller::start(const config::Settings& settings,
                                                        EventLoop& loop) {
    return start(settings, loop, dpdk_nic_backend());
}

Expected<std::unique_ptr<Controller>> Controller::start(const config::Settings& settings,
                                                        EventLoop& loop, NicBackend nic_backend) {
    if (settings.uplinks.size() != overlay::uplink_count)
        return failure(fmt::format("{} uplinks configured", settings.uplinks.size()),
                       settings.file.string(),
                       "configure exactly two, [uplink.NAME] with a device");
    auto controller = std::make_unique<RunningController>(settings, loop, std::move(nic_backend));
    if (auto up = controller->bring_up(); !up) return tl::unexpected(up.error());
    return controller;
}

RunningController::RunningController(const config::Settings& settings, EventLoop& loop,
                                     NicBackend nic_backend)
    : settings_(settings), loop_(loop), nic_backend_(std::move(nic_backend)) {}

RunningController::~RunningController() {
    alive_.reset();
    drilling_.reset();
    probing_.reset();
    responder_.reset();
    announcer_.reset();
    if (workers_run_) {
        detectors_->stop();
        path_->stop();
    }
    learning_.reset();
    driver_events_.clear();
    verbs_.reset();
    links_.reset();
    detectors_.reset();
    failover_.reset();
    // The kernel's callbacks reach into the parts that go next.
    for (const EventLoop::TimerId timer : {retry_timer_, hardware_retry_timer_})
        if (timer != 0) loop_.cancel(timer);
    if (kernel_ != nullptr)
        for (const int fd : {kernel_->links_fd(), kernel_->fd()})
            loop_.unwatch(fd);
    protection_.reset();
    tenants_.reset();
    next_hops_.reset();
    // Representors stop before the uplinks, and the rules go in between.
    if (ports_ != nullptr) ports_->close_vm_ports();
    kernel_.reset();
    state_.reset();
    if (nic_ != nullptr) nic_->end_path();
    ports_.reset();
    nic_.reset();
    path_.reset();
}

Expected<void> RunningController::bring_up() {
    using Step = Expected<void> (RunningController::*)();
    constexpr std::array<Step, 10> steps = {
        &RunningController::make_software_path,     &RunningController::open_card,
        &RunningController::open_uplinks,           &RunningController::make_hardware_path,
        &RunningController::watch_kernel,           &RunningController::open_underlay,
        &RunningController::add_configured_tenants, &RunningController::watch_links,
        &RunningController::make_detectors,         &RunningController::run_workers,
    };
    for (Step step : steps)
        if (auto done = (this->*step)(); !done) return done;
    auto took = std::chrono::duration_cast<std::chrono::milliseconds>(uptime());
    spdlog::info("{}: {} tenants up in {} ms", settings_.node, settings_.tenants.size(),
                 took.count());
    return {};
}

Expected<void> RunningController::make_software_path() {
    auto lcores = worker_lcores();
    if (!lcores) return tl::unexpected(lcores.error());
    auto path = datapath::SoftwarePath::create(path_settings(settings_, std::move(*lcores)));
    if (!path) return tl::unexpected(path.error());
    path_ = std::move(*path);
    return {};
}

Expected<void> RunningController::open_card() {
    if (settings_.eswitch.kind == config::Eswitch::none) return {};
    auto nic = Nic::open(settings_, std::move(nic_backend_));
    if (!nic) return tl::unexpected(nic.error());
    nic_ = std::move(*nic);
    return {};
}

Expected<void> RunningController::open_uplinks() {
    ports_ =
        std::make_unique<PortSet>(*path_, nic_.get(), worker_count(), needed_data_room(settings_));
    return ports_->open_uplinks(settings_);
}

Expected<void> RunningController::make_hardware_path() {
    // Of the two, only the software path can refuse a row, so that it is asked first.
    std::vector<overlay::Path*> paths{path_.get()};
    if (nic_ != nullptr) {
        if (auto started = nic_->start_path(); !started) return started;
        if (const auto& entropy = nic_->encap_entropy()) path_->set_encap_entropy(&*entropy);
        if (auto attached = ports_->attach_uplinks_to_hardware(); !attached) return attached;
        paths.push_back(nic_->path());
        hardware_retry_timer_ = loop_.every(retry_interval, [this] { retry_refused_rules(); });
    }
    state_ = std::make_unique<overlay::ForwardingState>(state_limits(settings_), std::move(paths));
    return {};
}

void RunningController::retry_refused_rules() {
    const auto retried = nic_->path()->retry();
    if (retried) return;
    spdlog::error("{}", retried.error().message());
    loop_.cancel(std::exchange(hardware_retry_timer_, 0));
}

Expected<void> RunningController::watch_kernel() {
    underlay::KernelWatch::Callbacks callbacks;
    callbacks.resolution = [this](const auto& destination, const auto& resolution) {
        if (next_hops_ != nullptr) next_hops_->resolved(destination, resolution);
    };
    callbacks.carrier = [this](const auto& interface, bool up, auto seen) {
        if (links_ != nullptr) links_->carrier(interface, up, seen);
    };
    callbacks.removed = [this](const auto& interface, underlay::Removal how, auto seen) {
        if (links_ != nullptr) links_->interface_removed(interface, how, seen);
    };
    auto kernel = underlay::KernelWatch::open(std::move(callbacks), settings_.failover.real_time);
    if (!kernel) return tl::unexpected(kernel.error());
    kernel_ = std::move(*kernel);
    auto watched = loop_.watch_first(kernel_->links_fd(), [this] { kernel_->process_links(); });
    if (watched) watched = loop_.watch(kernel_->fd(), [this] { kernel_->process(); });
    return watched;
}

Expected<void> RunningController::open_underlay() {
    const auto& underlay = settings_.underlay;
    bool has_host_port = !underlay.host_port.empty();
    if (has_host_port) {
        if (auto opened = ports_->open_host_port(underlay); !opened) return opened;
        if (auto used = kernel_->use_host_interface(underlay.host_port); !used) return used;
        retry_timer_ = loop_.every(retry_interval, [this] { kernel_->retry_unresolved(); });
    }
    next_hops_ = std::make_unique<NextHops>(*state_, has_host_port ? kernel_.get() : nullptr,
                                            ports_->underlay_mac());
    return next_hops_->set_static(
        static_links(underlay.next_hops, settings_.uplinks, ports_->underlay_mac()));
}

Expected<void> RunningController::add_configured_tenants() {
    tenants_ =
        std::make_unique<Tenants>(*state_, *ports_, *next_hops_, [this] { loop_.run_first(); });
    std::vector<std::unique_ptr<ipsec::SecurityPort>> uplinks;
    for (const overlay::UplinkIndex index : overlay::all_uplinks) {
        if (const AttachedPort* const uplink = ports_->uplink(index))
            uplinks.push_back(
                ipsec::make_security_port(uplink->port().id(), uplink->port().name()));
    }
    protection_ = std::make_unique<Protection>(loop_, *path_, *state_, settings_.ipsec,
                                               std::move(uplinks), worker_count());
    for (const auto& tenant : settings_.tenants)
        if (auto added = bring_in(tenant); !added) return added;
    learning_ = std::make_unique<Learning>(loop_, *state_);
    return learning_->start(path_->learned_fd());
}

Expected<void> RunningController::watch_links() {
    FailoverControl::Names names;
    LinkWatch::UplinkLinks links;
    watch_rdma_devices();
    for (const overlay::UplinkIndex i : overlay::all_uplinks) {
        names[i] = settings_.uplinks[i].name;
        links[i] = uplink_link(i);
    }
    FailoverControl::Environment environment{
        .first_packets = [this] { return path_->first_packets(); },
        .drain = [this](auto uplink) { path_->drain(uplink); }};
    if (nic_ != nullptr) {
        environment.hardware = nic_->path();
        environment.rules = [this]() -> failover::RuleCounts {
            const auto& counts = nic_->path()->rule_counts();
            return {counts.created + counts.updated + counts.destroyed, counts.refused};
        };
    }
    failover_ = std::make_unique<FailoverControl>(
        loop_, names, settings_.failover.policy, *state_, [this](auto active) { switched(active); },
        std::move(environment));
    links_ = std::make_unique<LinkWatch>(
        loop_, *kernel_, links, [this](const LinkChange& change) { link_changed(change); });
    for (const overlay::UplinkIndex i : overlay::all_uplinks)
        if (auto watched = watch_driver(i); !watched) return watched;
    if (auto started = links_->start(settings_.failover.poll_interval); !started) return started;
    return failover_->start({links_->up(0), links_->up(1)},
                            {ports_->uplink(0) != nullptr, ports_->uplink(1) != nullptr});
}

Expected<void> RunningController::make_detectors() {
    DetectorControl::Environment environment{
        .send = [this](auto uplink, auto frame) { return path_->inject(uplink, frame); },
        .take_frames =
            [this](const auto& each) { path_->take_detector_frames(most_detector_frames, each); },
        .next_hops =
            [this] {
                std::vector<net::IpAddress> addresses;
                for (const auto* row : state_->next_hops())
                    addresses.push_back(row->address);
                return addresses;
            },
        .told = [this](auto uplink, auto detector,
                       bool failed) { failover_->detected(uplink, detector, failed); },
        .random = [device = std::make_shared<std::random_device>()] { return (*device)(); }};
    detectors_ = std::make_unique<DetectorControl>(loop_, settings_, ports_->underlay_mac(),
                                                   std::move(environment));
    for (const overlay::UplinkIndex i : overlay::all_uplinks) {
        const AttachedPort* const attached = ports_->uplink(i);
        if (attached == nullptr) continue;
        auto station = detectors_->uplink(i).station();
        if (!station.mac.is_zero()) attached->port().receive_also(station.mac);
        path_->set_detectors(i, std::move(station));
    }
    return detectors_->start(path_->detector_fd(), {links_->up(0), links_->up(1)});
}

Expected<void> RunningController::run_workers() {
    if (auto running = path_->start(); !running) return running;
    workers_run_ = true;
    Announcer::Schedule schedule{settings_.failover.announce_count,
                                 settings_.failover.announce_interval};
    announcer_ = std::make_unique<Announcer>(
        loop_, schedule, [this](auto uplink, auto frame) { return path_->inject(uplink, frame); });
    if (auto active = failover_->machine().active()) announce_from(*active);
    if (settings_.failover.probe_port == 0 || settings_.underlay.host_port.empty()) return {};
    responder_ = std::make_unique<ProbeResponder>(loop_);
    return responder_->start(settings_.failover.probe_port, settings_.underlay.host_port);
}

void RunningController::switched(std::optional<failover::UplinkIndex> active) {
    const failover::TimePoint now = failover::Clock::now();
    // They need no move: each has a session on every port that it may leave by.
    if (protection_->has_sas()) failover_->reach(failover::Milestone::sas_moved, now);
    if (announcer_ == nullptr) return;
    if (active)
        announce_from(*active);
    else
        announcer_->stop();
}

void RunningController::announce_from(failover::UplinkIndex uplink) {
    if (announcer_->announce(uplink, announced_addresses(), ports_->underlay_mac()) != 0)
        failover_->reach(failover::Milestone::announced, failover::Clock::now());
}

std::vector<net::IpAddress> RunningController::announced_addresses() const {
    auto addresses = tenants_->local_vteps();
    // Linux speaks from these (BGP, IKE), which need the new uplink no less.
    for (const auto& prefix : settings_.underlay.addresses)
        addresses.push_back(prefix.address);
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    return addresses;
}

} // namespace sallyport::control
