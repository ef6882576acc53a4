// SPDX-License-Identifier: BSD-3-Clause
// Records on their way from the workers to the control thread, which sleeps until there are some.
#pragma once

#include "base/error.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include <rte_ring.h>

namespace sallyport::datapath {

/// What does not depend on the records' type.
class ControlQueueBase {
  public:
    ControlQueueBase() = default;
    ~ControlQueueBase();
    ControlQueueBase(const ControlQueueBase&) = delete;
    ControlQueueBase& operator=(const ControlQueueBase&) = delete;

    /// Control thread: readable when take() may have something; reset by it. Owned by the object.
    [[nodiscard]] int fd() const { return event_fd_; }

  protected:
    Expected<void> create(const std::string& name, unsigned record_size, unsigned records);
    void signal();
    /// To be called before records are taken, so that what comes meanwhile signals again.
    void reset_signal();

    struct FreeRing {
        void operator()(rte_ring* ring) const { rte_ring_free(ring); }
    };
    std::unique_ptr<rte_ring, FreeRing> ring_;

  private:
    /// Set while the eventfd has been written and not yet been read: one write per batch.
    std::atomic<bool> signalled_{false};
    int event_fd_ = -1;
};

/// Many workers in, the control thread out; no lock, and no more than one system call a batch.
/// @tparam Record trivially copyable, of whole 32-bit words
template<class Record>
class ControlQueue final : public ControlQueueBase {
  public:
    /// @param name unique in the process
    /// @param records a power of two; one less is what fits
    Expected<void> create(const std::string& name, unsigned records) {
        return ControlQueueBase::create(name, sizeof(Record), records);
    }

    /// Workers. @return false: it is full
    bool tell(Record record) {
        const bool taken = rte_ring_mp_enqueue_elem(ring_.get(), &record, sizeof record) == 0;
        signal();
        return taken;
    }

    /// Control thread: gives @p each what waits, at most @p most records; more signal again.
    template<class Each>
    void take(std::size_t most, Each&& each) {
        reset_signal();
        std::size_t taken = 0;
        for (Record record; taken < most && dequeue(record); ++taken)
            each(record);
        // Let the loop do other work first.
        if (taken == most) signal();
    }

    /// Control thread: those that @p is_unwanted says true of are gone when it returns, but for
    /// those that workers add meanwhile.
    template<class Predicate>
    void forget(Predicate&& is_unwanted) {
        Record record;
        for (unsigned left = rte_ring_count(ring_.get()); left > 0 && dequeue(record); --left)
            // Workers may fill the place meanwhile; then it is told again later.
            if (!is_unwanted(record))
                static_cast<void>(rte_ring_mp_enqueue_elem(ring_.get(), &record, sizeof record));
    }

  private:
    bool dequeue(Record& record) {
        return rte_ring_sc_dequeue_elem(ring_.get(), &record, sizeof record) == 0;
    }
};

} // namespace sallyport::datapath
