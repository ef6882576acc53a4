// SPDX-License-Identifier: BSD-3-Clause
#include "eal.h"

#include <filesystem>
#include <fstream>
#include <utility>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <sched.h>
#include <spdlog/spdlog.h>

namespace sallyport {

namespace {

/// EAL takes pages through a hugetlbfs mount: free ones alone are of no use to it.
bool hugetlbfs_mounted() {
    std::ifstream mounts("/proc/self/mounts");
    std::string device, folder, type, rest;
    while (mounts >> device >> folder >> type && std::getline(mounts, rest))
        if (type == "hugetlbfs") return true;
    return false;
}

bool hugepages_usable() {
    std::error_code error;
    for (const auto& size :
         std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
        std::ifstream file(size.path() / "free_hugepages");
        unsigned long count = 0;
        if (file >> count && count > 0) return hugetlbfs_mounted();
    }
    return false;
}

std::vector<int> usable_cpus() {
    std::vector<int> cpus;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof(set), &set) == 0)
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
            if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    if (cpus.empty()) cpus.push_back(0);
    return cpus;
}

/// Ports of a card that has been removed are left as they are (datapath::Port); EAL would close
/// them.
bool has_removed_port() {
    std::uint16_t port = 0;
    RTE_ETH_FOREACH_DEV(port) {
        if (rte_eth_dev_is_removed(port) == 1) return true;
    }
    return false;
}

} // namespace

std::vector<std::string> default_eal_arguments() {
    std::vector<int> cpus = usable_cpus();
    int control = cpus.front();
    int worker = cpus.size() > 1 ? cpus[1] : control;
    std::vector<std::string> arguments{"--file-prefix", "sallyport", "--lcores",
                                       "0@" + std::to_string(control) + ",1@"
                                           + std::to_string(worker)};
    if (!hugepages_usable()) {
        spdlog::warn(
            "no hugepages are free and mounted: using ordinary memory, which is slower and "
            "of no use to most NICs");
        arguments.insert(arguments.end(), {"--no-huge", "-m", "1024"});
    }
    return arguments;
}

Expected<Eal> Eal::init(const std::string& program, std::vector<std::string> arguments) {
    if (arguments.empty()) arguments = default_eal_arguments();
    arguments.insert(arguments.begin(), program);
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& argument : arguments)
        argv.push_back(argument.data());
    argv.push_back(nullptr);
    if (rte_eal_init(static_cast<int>(arguments.size()), argv.data()) < 0)
        return failure(std::string("DPDK's EAL cannot be initialised: ") + rte_strerror(rte_errno),
                       "EAL options",
                       "see the log lines above; it needs root, and hugepages or '--no-huge -m "
                       "1024'");
    Eal eal;
    eal.initialised_ = true;
    if (rte_lcore_count() < 2)
        return failure("there is no worker lcore", "EAL options",
                       "give at least two lcores, as in --lcores '0@0,1@1'");
    return eal;
}

Eal::Eal(Eal&& other) noexcept : initialised_(std::exchange(other.initialised_, false)) {}

Eal::~Eal() {
    if (!initialised_) return;
    left_running_ = has_removed_port();
    if (!left_running_) rte_eal_cleanup();
}

bool Eal::left_running_ = false;

} // namespace sallyport
