// SPDX-License-Identifier: BSD-3-Clause
// Which worker polls and sends by which queue of which port, and how that changes under traffic.
// Control thread only.
#pragma once

#include "base/error.h"
#include "datapath/port.h"
#include "datapath/row_writer.h"
#include "datapath/worker.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace sallyport::datapath {

class PortSet {
  public:
    PortSet(Tables& tables, RcuDomain& domain, RowWriter& rows,
            std::vector<std::unique_ptr<Worker>>& workers)
        : tables_(tables), domain_(domain), rows_(rows), workers_(workers) {}
    ~PortSet();

    Expected<void> attach_uplink(overlay::UplinkIndex index, const Port& port);
    Expected<void> attach_host(const Port& port);
    Expected<void> attach_vm_port(overlay::VmPortId id, const Port& port);
    /// @param running workers walk their graphs: wait for them
    void detach(const Port& port, bool running);

    /// A metered port is polled by one worker, which so has the meter to itself.
    void set_metered(overlay::VmPortId id, bool metered);

    Expected<void> inject(overlay::UplinkIndex uplink, std::span<const std::uint8_t> frame,
                          rte_mempool* pool);

    /// Until the workers, which must be running, have taken what waits in the handover rings now.
    void wait_for_handover() const;
    /// Frees what waits in the handover rings. Workers must have stopped.
    void drain_handover();

  private:
    struct Attached {
        std::uint16_t id = 0;
        PortView view;
        std::uint16_t queues = 0;
        bool metered = false;
    };
    Expected<void> attach(const Port& port, PortView view);
    /// @param but not those of this one
    void publish_rx_queues(const Attached* but = nullptr);

    Tables& tables_;
    RcuDomain& domain_;
    RowWriter& rows_;
    std::vector<std::unique_ptr<Worker>>& workers_;
    std::vector<Attached> attached_;
    /// Spreads single-queue ports over the workers.
    std::uint16_t next_worker_ = 0;
};

} // namespace sallyport::datapath
