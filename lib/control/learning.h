// SPDX-License-Identifier: BSD-3-Clause
// Drives MAC learning and ageing from the event loop.
#pragma once

#include "base/error.h"
#include "control/event_loop.h"
#include "overlay/fdb_ageing.h"
#include "overlay/fdb_learning.h"
#include "overlay/forwarding_state.h"

namespace sallyport::control {

/// Owned by the control thread; every call comes from there.
class Learning {
  public:
    /// Both must outlive the object.
    Learning(EventLoop& loop, overlay::ForwardingState& state);
    ~Learning();
    Learning(const Learning&) = delete;
    Learning& operator=(const Learning&) = delete;

    /// @param learned_fd readable when a path may have learn events; unwatched with the object
    Expected<void> start(int learned_fd);
    /// Judges every event that waits. To be called before ids of removed tenants can come back.
    void drain();

  private:
    void process_some();
    /// @return how many events there were
    std::size_t process_once();
    void age();

    EventLoop& loop_;
    overlay::FdbLearning learning_;
    overlay::FdbAgeing ageing_;
    int fd_ = -1;
    EventLoop::TimerId ageing_timer_ = 0;
    EventLoop::TimerId again_timer_ = 0;
};

} // namespace sallyport::control
