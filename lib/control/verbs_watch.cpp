// SPDX-License-Identifier: BSD-3-Clause
#include "control/verbs_watch.h"

#include "base/errno_text.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <infiniband/verbs.h>
#include <spdlog/spdlog.h>

namespace sallyport::control {

namespace {

struct CloseDevice {
    void operator()(ibv_context* context) const noexcept { ibv_close_device(context); }
};
using ContextHandle = std::unique_ptr<ibv_context, CloseDevice>;

struct FreeList {
    void operator()(ibv_device** list) const noexcept { ibv_free_device_list(list); }
};

Expected<ContextHandle> open_context(const std::string& name) {
    const std::unique_ptr<ibv_device*, FreeList> list(ibv_get_device_list(nullptr));
    if (!list) return failure("cannot list RDMA devices: " + base::errno_text(), name);
    ibv_device** device = list.get();
    while (*device != nullptr && name != ibv_get_device_name(*device))
        ++device;
    if (*device == nullptr)
        return failure("libibverbs does not know the RDMA device", name,
                       "install its provider (ibverbs-providers)");
    ContextHandle context(ibv_open_device(*device));
    if (!context)
        return failure("cannot open the RDMA device: " + base::errno_text(), name,
                       "grant access to /dev/infiniband");
    return context;
}

Expected<void> make_non_blocking(int fd, const std::string& name) {
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return failure("cannot wait for the RDMA device's events: " + base::errno_text(), name);
    return {};
}

} // namespace

/// An open device, watched in the loop until it is gone.
class VerbsWatch::Device {
  public:
    Device(VerbsWatch& owner, std::string name, ContextHandle context)
        : owner_(owner), name_(std::move(name)), context_(std::move(context)) {}
    ~Device() { ignore(); }
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    Expected<void> start() {
        if (auto set = make_non_blocking(context_->async_fd, name_); !set) return set;
        auto watched = owner_.loop_.watch_first(context_->async_fd, [this] { take_events(); });
        watched_ = watched.has_value();
        return watched;
    }

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] bool is_watched() const { return watched_; }
    [[nodiscard]] std::optional<bool> active(std::uint32_t port) const {
        ibv_port_attr attributes{};
        if (ibv_query_port(context_.get(), static_cast<std::uint8_t>(port), &attributes) != 0)
            return std::nullopt;
        return attributes.state == IBV_PORT_ACTIVE;
    }

  private:
    void take_events() {
        while (watched_) {
            ibv_async_event event{};
            errno = 0;
            if (ibv_get_async_event(context_.get(), &event) != 0) {
                // The kernel's side of the device is gone, and the descriptor readable for ever.
                if (errno != EAGAIN && errno != EINTR) gone();
                return;
            }
            // What the event is about could not be closed before that.
            ibv_ack_async_event(&event);
            take(event);
        }
    }

    void take(const ibv_async_event& event) {
        switch (event.event_type) {
        case IBV_EVENT_PORT_ACTIVE:
        case IBV_EVENT_PORT_ERR:
            return owner_.port_event(*this, static_cast<std::uint32_t>(event.element.port_num),
                                     event.event_type == IBV_EVENT_PORT_ACTIVE);
        case IBV_EVENT_DEVICE_FATAL:
            return gone();
        default: // GIDs and the like; newer libraries have more than this one knows
            spdlog::debug("RDMA device {}: event {} is of no interest", name_,
                          static_cast<int>(event.event_type));
        }
    }

    void gone() {
        ignore();
        owner_.device_gone(*this);
    }

    void ignore() {
        if (std::exchange(watched_, false)) owner_.loop_.unwatch(context_->async_fd);
    }

    VerbsWatch& owner_;
    std::string name_;
    ContextHandle context_;
    bool watched_ = false;
};

VerbsWatch::VerbsWatch(EventLoop& loop, Callbacks callbacks)
    : loop_(loop), callbacks_(std::move(callbacks)) {}

VerbsWatch::~VerbsWatch() = default;

Expected<void> VerbsWatch::watch(overlay::UplinkIndex uplink, const underlay::RdmaPort& port) {
    const auto device = open(port.device);
    if (!device) return tl::unexpected(device.error());
    watched_[uplink] = {*device, port.port};
    return {};
}

Expected<VerbsWatch::Device*> VerbsWatch::open(const std::string& name) {
    const auto present = std::find_if(devices_.begin(), devices_.end(),
                                      [&](const auto& device) { return device->name() == name; });
    if (present != devices_.end()) return present->get();
    auto context = open_context(name);
    if (!context) return tl::unexpected(context.error());
    auto device = std::make_unique<Device>(*this, name, std::move(*context));
    if (auto started = device->start(); !started) return tl::unexpected(started.error());
    return devices_.emplace_back(std::move(device)).get();
}

std::optional<underlay::RdmaPort> VerbsWatch::port(overlay::UplinkIndex uplink) const {
    const Watched& watched = watched_[uplink];
    if (watched.device == nullptr || !watched.device->is_watched()) return std::nullopt;
    return underlay::RdmaPort{watched.device->name(), watched.port};
}

std::optional<bool> VerbsWatch::active(overlay::UplinkIndex uplink) const {
    const Watched& watched = watched_[uplink];
    if (watched.device == nullptr || !watched.device->is_watched()) return std::nullopt;
    return watched.device->active(watched.port);
}

void VerbsWatch::port_event(const Device& device, std::uint32_t port, bool up) {
    const auto seen = failover::Clock::now();
    for (const overlay::UplinkIndex uplink : overlay::all_uplinks)
        if (watched_[uplink].device == &device && watched_[uplink].port == port)
            callbacks_.link(uplink, up, seen);
}

void VerbsWatch::device_gone(const Device& device) {
    spdlog::error("RDMA device {} is gone", device.name());
    const auto seen = failover::Clock::now();
    for (const overlay::UplinkIndex uplink : overlay::all_uplinks)
        if (watched_[uplink].device == &device) callbacks_.removed(uplink, seen);
}

} // namespace sallyport::control
