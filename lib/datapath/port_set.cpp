// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/port_set.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include <rte_mbuf.h>

namespace sallyport::datapath {

PortSet::~PortSet() {
    drain_handover();
    for (auto& worker : workers_)
        delete worker->rx_queues.exchange(nullptr);
}

Expected<void> PortSet::attach(const Port& port, PortView view) {
    const auto count = static_cast<std::uint16_t>(workers_.size());
    view.role = port.role();
    view.max_frame = port.max_frame();
    view.sends_segments = port.sends_segments();
    view.tx_queue.fill(no_queue);
    view.tx_worker = static_cast<std::uint16_t>(next_worker_++ % count);
    for (std::uint16_t queue = 0; queue < std::min(port.tx_queues(), count); ++queue)
        view.tx_queue[(view.tx_worker + queue) % count] = queue;
    const bool metered = view.role == PortRole::vm_port && rows_.is_metered(view.vm_port);
    attached_.push_back({port.id(), view, port.rx_queues(), metered});
    tables_.ports.publish(port.id(), std::make_unique<const PortView>(view));
    publish_rx_queues();
    return {};
}

Expected<void> PortSet::attach_uplink(overlay::UplinkIndex index, const Port& port) {
    PortView view;
    view.uplink = index;
    if (auto done = attach(port, view); !done) return done;
    tables_.uplink_ports[index] = port.id();
    return {};
}

Expected<void> PortSet::attach_host(const Port& port) {
    if (auto done = attach(port, {}); !done) return done;
    tables_.host_port = port.id();
    return {};
}

Expected<void> PortSet::attach_vm_port(overlay::VmPortId id, const Port& port) {
    PortView view;
    view.vm_port = id;
    if (auto done = attach(port, view); !done) return done;
    rows_.bind_vm_port(id, port.id());
    return {};
}

void PortSet::detach(const Port& port, bool running) {
    const auto found = std::find_if(attached_.begin(), attached_.end(),
                                    [&](const auto& one) { return one.id == port.id(); });
    if (found == attached_.end()) return;
    const PortView view = found->view;
    attached_.erase(found);
    publish_rx_queues();
    switch (view.role) {
    case PortRole::uplink:
        tables_.uplink_ports[view.uplink] = no_queue;
        break;
    case PortRole::host:
        tables_.host_port = no_queue;
        break;
    case PortRole::vm_port:
        rows_.bind_vm_port(view.vm_port, no_queue);
        break;
    }
    tables_.ports.publish(port.id(), nullptr);
    domain_.synchronize();
    // Packets for the port may still wait for the worker that sends for it. The port's number may
    // next be given to another tenant's, so they must be gone before this returns.
    // Twice, since a packet may go from one ring into another: to its SA's worker, then to its
    // port's.
    for (int i = 0; i < 2; ++i) {
        if (running)
            wait_for_handover();
        else
            drain_handover();
        domain_.synchronize();
    }
}

void PortSet::set_metered(overlay::VmPortId id, bool metered) {
    for (Attached& port : attached_) {
        if (port.view.role != PortRole::vm_port || port.view.vm_port != id
            || port.metered == metered)
            continue;
        port.metered = metered;
        // Nobody may take over a queue, or the meter, before its last worker has let go of it.
        publish_rx_queues(&port);
        domain_.synchronize();
        publish_rx_queues();
    }
}

void PortSet::publish_rx_queues(const Attached* but) {
    const std::size_t count = workers_.size();
    std::vector<std::unique_ptr<RxQueues>> lists(count);
    for (auto& list : lists)
        list = std::make_unique<RxQueues>();
    for (const Attached& port : attached_) {
        if (&port == but) continue;
        for (std::uint16_t queue = 0; queue < port.queues; ++queue) {
            const std::size_t spread = port.metered ? 0 : queue;
            lists[(port.view.tx_worker + spread) % count]->queues.push_back(
                {port.id, queue, port.view.role});
        }
    }
    for (std::size_t i = 0; i < count; ++i) {
        const RxQueues* const old =
            workers_[i]->rx_queues.exchange(lists[i].release(), std::memory_order_acq_rel);
        domain_.retire(std::unique_ptr<const RxQueues>(old));
    }
}

void PortSet::wait_for_handover() const {
    for (const auto& worker : workers_) {
        const rte_ring* const ring = worker->handover;
        const std::uint32_t until = __atomic_load_n(&ring->prod.tail, __ATOMIC_ACQUIRE);
        while (
            static_cast<std::int32_t>(__atomic_load_n(&ring->cons.tail, __ATOMIC_ACQUIRE) - until)
            < 0)
            std::this_thread::yield();
    }
}

void PortSet::drain_handover() {
    for (auto& worker : workers_) {
        void* packet = nullptr;
        while (rte_ring_sc_dequeue(worker->handover, &packet) == 0)
            rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
    }
}

Expected<void> PortSet::inject(overlay::UplinkIndex uplink, std::span<const std::uint8_t> frame,
                               rte_mempool* pool) {
    const std::string where = "uplink " + std::to_string(uplink);
    const std::uint16_t port = tables_.uplink_ports[uplink];
    const PortView* const view = tables_.ports.get(port);
    if (view == nullptr) return failure("the port is not attached", where);
    rte_mbuf* const packet = rte_pktmbuf_alloc(pool);
    if (packet == nullptr) return failure("out of packet buffers", where, "raise limits.buffers");
    char* const room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
    if (room == nullptr) {
        rte_pktmbuf_free(packet);
        return failure("frame of " + std::to_string(frame.size()) + " octets fits no buffer",
                       where);
    }
    std::memcpy(room, frame.data(), frame.size());
    packet->port = RTE_MBUF_PORT_INVALID;
    meta(packet) = PacketMeta{};
    meta(packet).tenant = no_tenant;
    meta(packet).out_port = port;
    if (rte_ring_mp_enqueue(workers_[view->tx_worker]->handover, packet) != 0) {
        rte_pktmbuf_free(packet);
        return failure("the queue to the worker is full", where);
    }
    return {};
}

} // namespace sallyport::datapath
