// SPDX-License-Identifier: BSD-3-Clause
// RDMA devices that are played: where our code calls libibverbs, the linker puts these answers in
// between (--wrap). Without one, there is no RDMA device.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include <infiniband/verbs.h>

namespace sallyport::control::fakes {

/// To outlive whoever opened it.
class PlayedRdmaDevice {
  public:
    explicit PlayedRdmaDevice(const std::string& name);
    ~PlayedRdmaDevice();
    PlayedRdmaDevice(const PlayedRdmaDevice&) = delete;
    PlayedRdmaDevice& operator=(const PlayedRdmaDevice&) = delete;

    /// Makes the descriptor readable.
    /// @param port of port events only
    void raise(ibv_event_type type, int port = 0);
    /// The kernel's side goes: the descriptor is readable for ever, and reading it fails.
    void disassociate();

    /// States that ports are in; others do not answer.
    std::map<std::uint8_t, ibv_port_state> ports;
    bool refuses_to_open = false;
    unsigned opened = 0;
    unsigned closed = 0;
    unsigned taken = 0;
    unsigned acknowledged = 0;

    // For the answers.
    ibv_device device{};
    ibv_context context{};
    std::deque<ibv_async_event> events;
    bool gone = false;
};

} // namespace sallyport::control::fakes
