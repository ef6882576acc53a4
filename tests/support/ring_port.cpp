// SPDX-License-Identifier: BSD-3-Clause
#include "support/ring_port.h"

#include <cstring>
#include <stdexcept>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <sched.h>

namespace sallyport::testing {

namespace {

rte_ring* make_ring(const std::string& name, unsigned size) {
    rte_ring* const ring = rte_ring_create(name.c_str(), size, SOCKET_ID_ANY, 0);
    if (ring == nullptr) throw std::runtime_error("rte_ring_create: " + name);
    return ring;
}

/// Two for workers, on CPUs of their own where there are two.
std::string lcores() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    int last = 0;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
            if (CPU_ISSET(cpu, &allowed)) last = cpu;
    return "0@0,1@0,2@" + std::to_string(last);
}

} // namespace

RingDevice::RingDevice(const std::string& name, rte_mempool* pool, std::uint16_t queues,
                       unsigned ring_size)
    : pool_(pool) {
    // DPDK keeps names for the whole process; the dash parts "vm1" and 23 from "vm12" and 3.
    static unsigned instances = 0;
    const std::string unique = name + "-" + std::to_string(instances++);
    for (std::uint16_t queue = 0; queue < queues; ++queue) {
        const std::string suffix = unique + "q" + std::to_string(queue);
        to_path_.push_back(make_ring("rx" + suffix, ring_size));
        from_path_.push_back(make_ring("tx" + suffix, ring_size));
    }
    if (rte_eth_from_rings(unique.c_str(), to_path_.data(), queues, from_path_.data(), queues,
                           SOCKET_ID_ANY)
        < 0)
        throw std::runtime_error(std::string("rte_eth_from_rings: ") + rte_strerror(rte_errno));
    device_ = "net_ring_" + unique;
}

RingDevice::~RingDevice() {
    receive();
    for (rte_ring* ring : to_path_) {
        void* packet = nullptr;
        while (rte_ring_dequeue(ring, &packet) == 0)
            rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
    }
    for (auto* rings : {&to_path_, &from_path_})
        for (rte_ring* ring : *rings)
            rte_ring_free(ring);
}

RingPort::RingPort(const std::string& name, datapath::PortRole role, std::uint16_t mtu,
                   rte_mempool* pool, std::uint16_t queues, unsigned ring_size)
    : RingDevice(name, pool, queues, ring_size) {
    datapath::PortSettings settings;
    settings.name = name;
    settings.device = device();
    settings.role = role;
    settings.mtu = mtu;
    settings.workers = queues;
    auto port = datapath::Port::open(settings, pool);
    if (!port) throw std::runtime_error(port.error().message());
    port_ = std::move(*port);
}

void RingDevice::send(std::span<const std::uint8_t> frame, std::uint16_t queue) {
    rte_mbuf* packet = make_packet(frame);
    send_bulk(&packet, 1, queue);
}

rte_mbuf* RingDevice::make_packet(std::span<const std::uint8_t> frame) {
    rte_mbuf* const packet = rte_pktmbuf_alloc(pool_);
    if (packet == nullptr) throw std::runtime_error("out of test buffers");
    char* const room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
    if (room == nullptr) throw std::runtime_error("frame does not fit a buffer");
    std::memcpy(room, frame.data(), frame.size());
    return packet;
}

void RingDevice::send_bulk(rte_mbuf** packets, unsigned count, std::uint16_t queue) {
    const unsigned sent =
        rte_ring_enqueue_burst(to_path_[queue], reinterpret_cast<void**>(packets), count, nullptr);
    if (sent < count) rte_pktmbuf_free_bulk(packets + sent, count - sent);
}

unsigned RingDevice::receive_bulk(rte_mbuf** packets, unsigned most) {
    unsigned received = 0;
    for (rte_ring* ring : from_path_)
        received += rte_ring_dequeue_burst(ring, reinterpret_cast<void**>(packets + received),
                                           most - received, nullptr);
    return received;
}

std::vector<Octets> RingDevice::receive() {
    std::vector<Octets> frames;
    rte_mbuf* packet = nullptr;
    while (receive_bulk(&packet, 1) == 1) {
        Octets frame(packet->pkt_len);
        if (const void* data = rte_pktmbuf_read(packet, 0, packet->pkt_len, frame.data());
            data != frame.data())
            std::memcpy(frame.data(), data, frame.size());
        frames.push_back(std::move(frame));
        rte_pktmbuf_free(packet);
    }
    return frames;
}

void start_eal(const std::vector<std::string>& arguments) {
    static bool started = false;
    if (started) return;
    const std::vector<std::string> otherwise{"--no-huge",           "--no-shconf", "--no-pci",
                                             "--no-telemetry",      "-m",          "768",
                                             "--log-level=warning", "--lcores",    lcores()};
    std::vector<std::string> all = arguments.empty() ? otherwise : arguments;
    all.insert(all.begin(), "sallyport-test");
    std::vector<char*> pointers;
    for (std::string& argument : all)
        pointers.push_back(argument.data());
    if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0)
        throw std::runtime_error(std::string("rte_eal_init: ") + rte_strerror(rte_errno));
    started = true;
}

} // namespace sallyport::testing
