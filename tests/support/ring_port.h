// SPDX-License-Identifier: BSD-3-Clause
// An in-memory port: what a test puts on the wire the software path receives, and the other way
// round.
#pragma once

#include "datapath/port.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <rte_mbuf.h>
#include <rte_ring.h>

namespace sallyport::testing {

using Octets = std::vector<std::uint8_t>;

/// A net_ring device with the test at the far ends of its rings. Nobody has opened it.
class RingDevice {
  public:
    /// @param pool for the frames a test sends
    RingDevice(const std::string& name, rte_mempool* pool, std::uint16_t queues = 1,
               unsigned ring_size = 1024);
    /// Whoever opened it has closed it.
    ~RingDevice();
    RingDevice(const RingDevice&) = delete;
    RingDevice& operator=(const RingDevice&) = delete;

    /// For datapath::PortSettings.
    [[nodiscard]] const std::string& device() const { return device_; }

    void send(std::span<const std::uint8_t> frame, std::uint16_t queue = 0);
    /// Hands over mbufs as they are; those that do not fit are freed.
    void send_bulk(rte_mbuf** packets, unsigned count, std::uint16_t queue = 0);
    /// A buffer with the frame in it.
    rte_mbuf* make_packet(std::span<const std::uint8_t> frame);

    /// All frames sent by the port since the last call.
    std::vector<Octets> receive();
    /// Takes up to @p most mbufs, without looking at them.
    unsigned receive_bulk(rte_mbuf** packets, unsigned most);

  private:
    rte_mempool* pool_;
    std::string device_;
    std::vector<rte_ring*> to_path_;
    std::vector<rte_ring*> from_path_;
};

/// The same, open.
class RingPort : public RingDevice {
  public:
    /// @param pool the port's own too
    RingPort(const std::string& name, datapath::PortRole role, std::uint16_t mtu, rte_mempool* pool,
             std::uint16_t queues = 1, unsigned ring_size = 1024);

    [[nodiscard]] const datapath::Port& port() const { return *port_; }

  private:
    std::unique_ptr<datapath::Port> port_;
};

/// Starts EAL once a process. Later calls do nothing.
/// @param arguments of EAL; none: no hugepages, no devices, no files
void start_eal(const std::vector<std::string>& arguments = {});

} // namespace sallyport::testing
