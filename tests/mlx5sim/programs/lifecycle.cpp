// SPDX-License-Identifier: BSD-3-Clause
// Probes the card, starts and stops its ports in the order that the driver wants, and closes them:
// the least that a program does. Prints what it found, a line for each port.
//
//   lifecycle EAL-ARGUMENTS...
//
// Exit status 77 where DPDK has no mlx5 driver.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <link.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_version.h>

namespace {

void check(int code, const char* what, unsigned port) {
    if (code >= 0) return;
    std::fprintf(stderr, "port %u: %s: %s\n", port, what, rte_strerror(-code));
    std::exit(1);
}

void configure(std::uint16_t port, rte_mempool* pool) {
    rte_eth_conf conf{};
    conf.intr_conf.lsc = 1;
    check(rte_eth_dev_configure(port, 1, 1, &conf), "configure", port);
    check(rte_eth_rx_queue_setup(port, 0, 256, SOCKET_ID_ANY, nullptr, pool), "Rx queue", port);
    check(rte_eth_tx_queue_setup(port, 0, 256, SOCKET_ID_ANY, nullptr), "Tx queue", port);
    rte_flow_port_attr attributes{};
    attributes.nb_counters = 1024;
    rte_flow_queue_attr queue{};
    queue.size = 64;
    const rte_flow_queue_attr* queues = &queue;
    rte_flow_error error{};
    check(rte_flow_configure(port, &attributes, 1, &queues, &error), "flow engine", port);
}

void print(std::uint16_t port) {
    char name[RTE_ETH_NAME_MAX_LEN];
    rte_eth_dev_info info{};
    rte_eth_link link{};
    check(rte_eth_dev_get_name_by_port(port, name), "name", port);
    check(rte_eth_dev_info_get(port, &info), "info", port);
    check(rte_eth_link_get_nowait(port, &link), "link", port);
    std::printf("%s domain %u link %s\n", name, info.switch_info.domain_id,
                link.link_status != 0 ? "up" : "down");
}

// Drivers are plugins: who has DPDK need not have this one.
bool has_driver() {
    const auto is_it = [](dl_phdr_info* library, std::size_t, void*) {
        return std::strstr(library->dlpi_name, "librte_net_mlx5") != nullptr ? 1 : 0;
    };
    return dl_iterate_phdr(is_it, nullptr) != 0;
}

} // namespace

int main(int count, char** arguments) {
    if (rte_eal_init(count, arguments) < 0) return 1;
    std::printf("%s\n", rte_version());
    if (!has_driver()) {
        std::printf("skipped: DPDK has no mlx5 driver here\n");
        return 77;
    }
    rte_mempool* const pool =
        rte_pktmbuf_pool_create("packets", 8191, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    std::vector<std::uint16_t> ports;
    std::uint16_t port = 0;
    RTE_ETH_FOREACH_DEV(port) ports.push_back(port);
    if (ports.empty()) {
        std::fprintf(stderr, "the driver made no port\n");
        return 1;
    }
    for (const std::uint16_t each : ports)
        configure(each, pool);
    for (const std::uint16_t each : ports)
        check(rte_eth_dev_start(each), "start", each);
    for (const std::uint16_t each : ports)
        print(each);
    // The first is the transfer proxy, which goes last.
    for (auto each = ports.rbegin(); each != ports.rend(); ++each)
        check(rte_eth_dev_stop(*each), "stop", *each);
    for (auto each = ports.rbegin(); each != ports.rend(); ++each)
        check(rte_eth_dev_close(*each), "close", *each);
    return rte_eal_cleanup() == 0 ? 0 : 1;
}
