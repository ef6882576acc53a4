// SPDX-License-Identifier: BSD-3-Clause
#include "played_verbs.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace sallyport::control::fakes {

namespace {

std::vector<PlayedRdmaDevice*>& devices() {
    static std::vector<PlayedRdmaDevice*> all;
    return all;
}

template<class Matches>
PlayedRdmaDevice& find(Matches matches) {
    return **std::find_if(devices().begin(), devices().end(), matches);
}
PlayedRdmaDevice& of(const ibv_context* context) {
    return find([&](const auto* one) { return &one->context == context; });
}

} // namespace

PlayedRdmaDevice::PlayedRdmaDevice(const std::string& name) {
    std::copy_n(name.c_str(), name.size() + 1, static_cast<char*>(device.name));
    context.device = &device;
    // Blocking, as the kernel's is.
    context.async_fd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
    devices().push_back(this);
}

PlayedRdmaDevice::~PlayedRdmaDevice() {
    EXPECT_EQ(opened, closed) << "left open";
    EXPECT_EQ(taken, acknowledged) << "each event is to be acknowledged";
    close(context.async_fd);
    std::erase(devices(), this);
}

void PlayedRdmaDevice::raise(ibv_event_type type, int port) {
    ibv_async_event event{};
    event.event_type = type;
    event.element.port_num = port;
    events.push_back(event);
    EXPECT_EQ(eventfd_write(context.async_fd, 1), 0);
}

void PlayedRdmaDevice::disassociate() {
    gone = true;
    EXPECT_EQ(eventfd_write(context.async_fd, 1), 0);
}

} // namespace sallyport::control::fakes

using sallyport::control::fakes::devices;
using sallyport::control::fakes::find;
using sallyport::control::fakes::of;
using sallyport::control::fakes::PlayedRdmaDevice;

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
#undef ibv_query_port
extern "C" {

ibv_device** __wrap_ibv_get_device_list(int* count);
void __wrap_ibv_free_device_list(ibv_device** list);
const char* __wrap_ibv_get_device_name(ibv_device* device);
ibv_context* __wrap_ibv_open_device(ibv_device* device);
int __wrap_ibv_close_device(ibv_context* context);
int __wrap_ibv_query_port(ibv_context* context, std::uint8_t port, ibv_port_attr* attributes);
int __wrap_ibv_get_async_event(ibv_context* context, ibv_async_event* event);
void __wrap_ibv_ack_async_event(ibv_async_event* event);

ibv_device** __wrap_ibv_get_device_list(int* count) {
    auto** const list = new ibv_device*[devices().size() + 1];
    std::transform(devices().begin(), devices().end(), list,
                   [](PlayedRdmaDevice* one) { return &one->device; });
    list[devices().size()] = nullptr;
    if (count != nullptr) *count = static_cast<int>(devices().size());
    return list;
}

void __wrap_ibv_free_device_list(ibv_device** list) {
    delete[] list;
}

const char* __wrap_ibv_get_device_name(ibv_device* device) {
    return static_cast<const char*>(device->name);
}

ibv_context* __wrap_ibv_open_device(ibv_device* device) {
    PlayedRdmaDevice& played = find([&](const auto* one) { return &one->device == device; });
    if (played.refuses_to_open) {
        errno = EACCES;
        return nullptr;
    }
    ++played.opened;
    return &played.context;
}

int __wrap_ibv_close_device(ibv_context* context) {
    ++of(context).closed;
    return 0;
}

int __wrap_ibv_query_port(ibv_context* context, std::uint8_t port, ibv_port_attr* attributes) {
    const PlayedRdmaDevice& played = of(context);
    const auto state = played.ports.find(port);
    if (state == played.ports.end()) return EINVAL;
    attributes->state = state->second;
    return 0;
}

int __wrap_ibv_get_async_event(ibv_context* context, ibv_async_event* event) {
    PlayedRdmaDevice& played = of(context);
    EXPECT_GT(played.opened, played.closed) << "closed already";
    if (played.gone) {
        errno = EIO;
        return -1;
    }
    EXPECT_NE(fcntl(context->async_fd, F_GETFL) & O_NONBLOCK, 0) << "this would wait for ever";
    eventfd_t one = 0;
    if (played.events.empty()) {
        errno = EAGAIN;
        return -1;
    }
    EXPECT_EQ(eventfd_read(context->async_fd, &one), 0);
    ++played.taken;
    *event = played.events.front();
    played.events.pop_front();
    return 0;
}

void __wrap_ibv_ack_async_event(ibv_async_event*) {
    // The event does not tell whose it is.
    for (PlayedRdmaDevice* const played : devices())
        if (played->acknowledged < played->taken) {
            ++played->acknowledged;
            return;
        }
    ADD_FAILURE() << "acknowledged twice";
}

} // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
