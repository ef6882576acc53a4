// SPDX-License-Identifier: BSD-3-Clause
// Who tells of the kernel's network interfaces as they come, change and go.
#pragma once

#include <functional>
#include <string>

namespace mlx5sim {

class LinkWatch {
  public:
    /// From now on no change is lost. Ends the process where the kernel does not let us listen.
    LinkWatch();
    LinkWatch(const LinkWatch&) = delete;
    LinkWatch& operator=(const LinkWatch&) = delete;

    /// Starts a thread, which lives as long as the process. It calls @p changed with an interface's
    /// name; with an empty one if messages were lost, and any may have changed.
    void start(std::function<void(const std::string& interface)> changed);

  private:
    int socket_;
};

/// Whether the interface is up and has a carrier; false where there is none.
bool has_carrier(const std::string& interface);

} // namespace mlx5sim
