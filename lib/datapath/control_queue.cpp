// SPDX-License-Identifier: BSD-3-Clause
// clang-format off: before any header that brings one of DPDK's
#include "datapath/ring_create_elem.h"
// clang-format on
#include "datapath/control_queue.h"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <rte_errno.h>
#include <rte_memory.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace sallyport::datapath {

ControlQueueBase::~ControlQueueBase() {
    if (event_fd_ >= 0) close(event_fd_);
}

Expected<void> ControlQueueBase::create(const std::string& name, unsigned record_size,
                                        unsigned records) {
    ring_.reset(
        rte_ring_create_elem(name.c_str(), record_size, records, SOCKET_ID_ANY, RING_F_SC_DEQ));
    if (!ring_)
        return failure("cannot create the queue " + name + ": " + rte_strerror(rte_errno),
                       "software path", "give EAL more memory (-m, or more hugepages)");
    event_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (event_fd_ < 0)
        return failure(std::string("eventfd: ") + std::strerror(errno), "software path");
    return {};
}

void ControlQueueBase::signal() {
    if (signalled_.exchange(true, std::memory_order_acq_rel)) return;
    const std::uint64_t one = 1;
    // The counter can not overflow: it is read before it is signalled again.
    [[maybe_unused]] const auto written = write(event_fd_, &one, sizeof one);
}

void ControlQueueBase::reset_signal() {
    std::uint64_t signals = 0;
    [[maybe_unused]] const auto count = read(event_fd_, &signals, sizeof signals);
    signalled_.store(false, std::memory_order_release);
}

} // namespace sallyport::datapath
