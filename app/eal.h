// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment abstraction layer (EAL), held by RAII.
#pragma once

#include "base/error.h"

#include <string>
#include <vector>

namespace sallyport {

class Eal {
  public:
    /// Makes the calling thread the main lcore. Threads that EAL creates inherit the caller's
    /// signal mask.
    /// @param arguments EAL options; none: default_eal_arguments()
    static Expected<Eal> init(const std::string& program, std::vector<std::string> arguments);
    ~Eal();
    Eal(Eal&& other) noexcept;
    Eal& operator=(Eal&&) = delete;

    /// After the end of the object: EAL was not cleaned up, since that would close ports of a card
    /// that has been removed, and threads of its driver still run.
    static bool left_running() { return left_running_; }

  private:
    Eal() = default;
    bool initialised_ = false;
    static bool left_running_;
};

/// File prefix "sallyport"; one main and one worker lcore on the first two CPUs that the process
/// may use (on the same one if there is only one); memory without hugepages where none can be used.
std::vector<std::string> default_eal_arguments();

/// From here on DPDK's log goes to spdlog's default logger. Call it before Eal::init().
void route_dpdk_log();

} // namespace sallyport
